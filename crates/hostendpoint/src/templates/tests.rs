#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::labels::Interner;

fn compiled(spec: Value) -> Template {
    let template = serde_json::from_value(json!({
        "apiVersion": "kubewright.io/v1alpha1", "kind": "HostEndpointTemplate",
        "metadata": {"name": "t"}, "spec": spec,
    }))
    .unwrap();
    compile(&template, &mut Interner::default())
}

fn errors(spec: Value) -> Vec<String> {
    compiled(spec).compiled.unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn impossible_regex_in_a_template_is_a_clear_error() {
    let errors = errors(json!({"interfaces": [{"pattern": "eth[0-9"}]}));
    assert_eq!(
        errors,
        [
            "spec.interfaces[0].pattern: \"eth[0-9\" is not a regular expression: unclosed character class"
        ]
    );
}

#[test]
fn a_regex_that_eats_memory_is_refused() {
    let errors = errors(json!({"interfaces": [{"pattern": "(.{1000}){1000}"}]}));
    assert!(errors[0].contains("size limit"), "{errors:?}");
}

#[test]
fn a_pattern_cannot_break_out_of_its_anchors() {
    let errors = errors(json!({"interfaces": [{"pattern": "eth0)|(.*"}]}));
    assert!(errors[0].contains("is not a regular expression"), "{errors:?}");
    let template = compiled(json!({"interfaces": [{"pattern": "eth|bond"}]}));
    let Rule::Pattern(regex) = &template.compiled.as_ref().unwrap().rules[0] else {
        panic!("not a pattern");
    };
    assert!(regex.is_match("bond") && !regex.is_match("bond0") && !regex.is_match("xeth"));
}

#[test]
fn interface_name_of_40_characters_is_a_clear_error() {
    let errors = errors(json!({"interfaces": [{"name": "e".repeat(40)}]}));
    assert!(
        errors[0].contains("spec.interfaces[0].name") && errors[0].contains("has 40 characters"),
        "{errors:?}"
    );
}

#[test]
fn all_errors_are_reported_at_once() {
    let errors = errors(json!({
        "nodeSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]},
        "interfaces": [{}, {"name": "a", "all": true}, {"cidrs": ["10.0.0.0/33"]}],
        "endpointName": "{node}",
        "labels": {"a b": "c", "app.kubernetes.io/managed-by": "me"},
        "ports": [{"name": "a", "protocol": "TCP", "port": 0}],
        "preCreation": {"certificates": {"namePattern": "("}, "machines": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
    }));
    for wanted in [
        "spec.nodeSelector: ",
        "spec.interfaces[0]: exactly one",
        "spec.interfaces[1]: exactly one",
        "spec.interfaces[2].cidrs: \"10.0.0.0/33\"",
        "spec.labels: \"a b\"",
        "spec.labels: app.kubernetes.io/managed-by is set by the controller",
        "spec.ports[0].port",
        "spec.preCreation.certificates.namePattern: ",
        "spec.preCreation.machines.selector: ",
    ] {
        assert!(errors.iter().any(|error| error.starts_with(wanted)), "{wanted}: {errors:#?}");
    }
}

#[test]
fn globs_match_whole_keys() {
    for (pattern, text, wanted) in [
        ("*", "anything", true),
        ("a", "a", true),
        ("a", "ab", false),
        ("topology.kubernetes.io/*", "topology.kubernetes.io/zone", true),
        ("*/zone", "topology.kubernetes.io/zone", true),
        ("a*b*c", "aXbYbc", true),
        ("a*b*c", "aXc", false),
        ("ab*ba", "aba", false),
        ("", "", true),
        ("", "a", false),
    ] {
        assert_eq!(Glob::new(pattern).matches(text), wanted, "{pattern} {text}");
    }
}

#[test]
fn cidrs_contain_their_addresses() {
    for (cidr, address, wanted) in [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("0.0.0.0/0", "1.2.3.4", true),
        ("1.2.3.4/32", "1.2.3.4", true),
        ("1.2.3.4/32", "1.2.3.5", false),
        ("fd00::/8", "fd12::1", true),
        ("::/0", "fd12::1", true),
        ("::/0", "1.2.3.4", false),
    ] {
        let cidr: Cidr = cidr.parse().unwrap();
        assert_eq!(cidr.contains(address.parse().unwrap()), wanted, "{cidr:?} {address}");
    }
}

#[test]
fn confirmations_are_true_or_a_number() {
    assert!(Confirmation::parse(Some("true")).allows(1_000_000));
    assert!(Confirmation::parse(Some("12")).allows(12));
    assert!(!Confirmation::parse(Some("12")).allows(13));
    assert!(!Confirmation::parse(Some("yes")).allows(0));
    assert!(!Confirmation::parse(None).allows(0));
}
