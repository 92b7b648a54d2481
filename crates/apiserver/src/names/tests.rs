#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

type Check = fn(&str) -> Vec<String>;

#[test]
fn what_is_fine_and_what_is_not() {
    let table: [(&str, Check, &[&str], &[&str]); 10] = [
        ("label", dns_label, &["a", "a-b", "0"], &["", "A", "-a", "a-", "a.b", "a_b"]),
        ("subdomain", dns_subdomain, &["a", "a.b-c.0"], &["", ".", "a..b", "A", "a/b", "sp ace"]),
        ("1035", dns_1035_label, &["a", "a-1"], &["", "1a", "a.b", "A"]),
        (
            "qualified",
            qualified_name,
            &["a", "A_b.C", "x.y/Z"],
            &["", "/a", "a/", "X/y", "a/b/c", "-a"],
        ),
        ("value", label_value, &["", "a", "a_b.c-D"], &["bad value!", "-a", "a-"]),
        (
            "config key",
            config_key,
            &[".a", "A_b-c.d", "...a".get(2..).unwrap()],
            &["", "bad key", ".", "..", "..a"],
        ),
        ("environment", environment_name, &["A", "_x", "a.b-c"], &["", "1a", "a=b", "a b"]),
        (
            "port name",
            port_name,
            &["http", "a-1"],
            &["", "80", "A", "a--b", "-a", "sixteen-letters-x"],
        ),
        ("address", ip, &["1.2.3.4", "::1"], &["", "1.2.3", "1.2.3.256", "host"]),
        (
            "range",
            cidr,
            &["10.0.0.0/8", "fd00::/64"],
            &["10.0.0.0", "10.0.0.0/33", "x/8", "1.2.3.4/+8"],
        ),
    ];
    for (name, check, fine, wrong) in table {
        for text in fine {
            assert_eq!(check(text), Vec::<String>::new(), "{name}: {text}");
        }
        for text in wrong {
            assert_ne!(check(text), Vec::<String>::new(), "{name}: {text}");
        }
    }
}

#[test]
fn lengths_are_limited() {
    assert_eq!(dns_subdomain(&"x".repeat(253)), Vec::<String>::new());
    assert_eq!(dns_subdomain(&"x".repeat(254)), ["must be no more than 253 characters"]);
    assert_eq!(dns_label(&"x".repeat(64)), ["must be no more than 63 characters"]);
    assert_eq!(label_value(&"x".repeat(64)), ["must be no more than 63 characters"]);
}

#[test]
fn complaints_read_as_those_of_the_real_server() {
    assert_eq!(
        dns_subdomain("UPPER"),
        [
            r"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ]
    );
    assert_eq!(
        qualified_name("bad key"),
        [
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        ]
    );
    assert_eq!(config_key(".."), ["must not be '..'"]);
}

#[test]
fn generated_names_may_end_with_a_dash() {
    assert_eq!(object_subdomain("a-", true), Vec::<String>::new());
    assert_ne!(object_subdomain("a-", false), Vec::<String>::new());
    assert_ne!(object_subdomain("A_b-", true), Vec::<String>::new());
    assert_eq!(path_segment("system:node", false), Vec::<String>::new());
    assert_eq!(path_segment("a/b", false), ["may not contain '/'"]);
}

#[test]
fn selectors_check_operators_keys_and_values() {
    let selector = json!({
        "matchLabels": {"a": "bad value!"},
        "matchExpressions": [
            {"key": "k", "operator": "In"},
            {"key": "k", "operator": "Exists", "values": ["x"]},
            {"key": "bad key", "operator": "Odd", "values": ["y"]},
            {"key": "k", "operator": "In", "values": ["-"]},
        ],
    });
    let found: Vec<_> = validate_label_selector(Some(&selector), "spec.selector", true)
        .into_iter()
        .map(|error| (error.field.clone(), error.reason()))
        .collect();
    let wanted = [
        ("spec.selector.matchLabels", "FieldValueInvalid"),
        ("spec.selector.matchExpressions[0].values", "FieldValueRequired"),
        ("spec.selector.matchExpressions[1].values", "FieldValueForbidden"),
        ("spec.selector.matchExpressions[2].operator", "FieldValueInvalid"),
        ("spec.selector.matchExpressions[2].key", "FieldValueInvalid"),
        ("spec.selector.matchExpressions[3].values[0]", "FieldValueInvalid"),
    ];
    let wanted: Vec<_> =
        wanted.iter().map(|(field, reason)| ((*field).to_owned(), *reason)).collect();
    assert_eq!(found, wanted);
}
