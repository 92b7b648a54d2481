#![allow(clippy::unwrap_used)]

mod property;

use serde_json::{Value, json};

use super::{Format, Schema};
use crate::field;

fn schema(raw: Value) -> Schema {
    Schema::compile(&raw).unwrap()
}

/// Reason without its prefix, and field, of every finding.
fn causes(errors: &field::Errors) -> Vec<(&str, &str)> {
    let pair = |error| {
        let error: &field::Error = error;
        (error.reason().trim_start_matches("FieldValue"), error.field.as_str())
    };
    errors.iter().map(pair).collect()
}

fn spec(properties: Value) -> Schema {
    schema(
        json!({"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}),
    )
}

fn found(properties: Value, value: Value) -> field::Errors {
    spec(properties).validate_values(&json!({"spec": value}))
}

#[test]
fn unknown_fields_go_and_are_named_in_order() {
    let schema = spec(json!({
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"typed": {"type": "object", "properties": {"k": {"type": "string"}}}}},
        "m": {"type": "object", "additionalProperties": {"type": "object", "properties": {"k": {"type": "string"}}}},
        "l": {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}}}},
        "any": {"type": "object", "additionalProperties": true},
        "loose": {"type": "array", "x-kubernetes-preserve-unknown-fields": true, "items": {"type": "object"}},
        "emb": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
    }));
    let mut object = json!({
        "apiVersion": "g/v1", "kind": "K", "top": 1,
        "metadata": {"name": "a", "odd": 1, "labels": {}, "creationTimestamp": null},
        "spec": {
            "free": {"x": {"y": 1}, "typed": {"k": "v", "gone": 1}},
            "m": {"a": {"k": "v", "gone": 1}}, "l": [{"gone": 1}, {"k": "v"}],
            "any": {"a": 1, "b": {"gone": 1}}, "loose": [{"x": 1}],
            "emb": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "odd": 1}, "z": 1},
        },
    });
    let unknown = schema.prune(&mut object);
    let expected = [
        "metadata.odd",
        "spec.any.b.gone",
        "spec.free.typed.gone",
        "spec.l[0].gone",
        "spec.m.a.gone",
        "top",
        "spec.emb.metadata.odd",
    ];
    assert_eq!(unknown, expected);
    let expected = json!({
        "apiVersion": "g/v1", "kind": "K", "metadata": {"name": "a"},
        "spec": {
            "free": {"x": {"y": 1}, "typed": {"k": "v"}}, "m": {"a": {"k": "v"}}, "l": [{}, {"k": "v"}],
            "any": {"a": 1, "b": {}}, "loose": [{"x": 1}],
            "emb": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "z": 1},
        },
    });
    assert_eq!(object, expected);
}

#[test]
fn nulls_go_or_become_defaults_unless_they_may_stand() {
    let schema = spec(json!({
        "n": {"type": "string", "nullable": true}, "nn": {"type": "string"},
        "nd": {"type": "string", "nullable": true, "default": "D"}, "d": {"type": "string", "default": "D"},
        "l": {"type": "array", "items": {"type": "string", "default": "I"}},
        "m": {"type": "object", "additionalProperties": {"type": "string", "default": "V"}},
        "free": {"x-kubernetes-preserve-unknown-fields": true},
    }));
    let mut object = json!({"spec": {
        "n": null, "nn": null, "nd": null, "d": null, "l": [null], "m": {"k": null}, "free": {"x": null},
    }});
    schema.prune(&mut object);
    schema.default(&mut object);
    let expected = json!({
        "n": null, "nd": null, "d": "D", "l": ["I"], "m": {"k": "V"}, "free": {"x": null},
    });
    assert_eq!(object["spec"], expected);
}

#[test]
fn defaults_reach_into_defaults_but_not_into_what_is_absent() {
    let schema = spec(json!({
        "o": {"type": "object", "default": {"x": 1}, "properties": {
            "x": {"type": "integer"}, "y": {"type": "integer", "default": 7}}},
        "p": {"type": "object", "properties": {"z": {"type": "boolean", "default": true}}},
    }));
    let mut object = json!({"spec": {}});
    schema.default(&mut object);
    assert_eq!(object, json!({"spec": {"o": {"x": 1, "y": 7}}}));
    let mut absent = json!({});
    schema.default(&mut absent);
    assert_eq!(absent, json!({}));
}

#[test]
fn types_with_all_that_they_allow() {
    let properties = json!({
        "s": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"},
        "b": {"type": "boolean"}, "e": {"x-kubernetes-int-or-string": true},
        "l": {"type": "array", "items": {"type": "string"}}, "color": {"type": "string", "enum": ["red"]},
    });
    let fine = json!({"s": "", "i": 2.0, "n": 3, "b": true, "e": "5%", "l": [], "color": "red"});
    assert_eq!(causes(&found(properties.clone(), fine)), []);
    let wrong =
        json!({"s": 1, "i": 1.5, "n": "x", "b": "yes", "e": 1.5, "l": ["a", null], "color": 5});
    let errors = found(properties.clone(), wrong);
    let expected = [
        ("TypeInvalid", "spec.b"),
        ("TypeInvalid", "spec.color"),
        ("NotSupported", "spec.color"),
        ("TypeInvalid", "spec.e"),
        ("TypeInvalid", "spec.i"),
        ("TypeInvalid", "spec.l[1]"),
        ("TypeInvalid", "spec.n"),
        ("TypeInvalid", "spec.s"),
    ];
    assert_eq!(causes(&errors), expected);
    assert_eq!(
        errors[3].body(),
        r#"Invalid value: "number": spec.e in body must be of type integer,string: "number""#
    );
    assert_eq!(
        causes(&spec(properties).validate_values(&json!({"spec": "x"}))),
        [("TypeInvalid", "spec")]
    );
}

#[test]
fn bounds_of_texts_numbers_lists_and_objects() {
    let bounded = json!({
        "p": {"type": "string", "pattern": "^[a-z]+$"}, "t": {"type": "string", "minLength": 2, "maxLength": 4},
        "i": {"type": "integer", "minimum": 1, "maximum": 10, "multipleOf": 3},
        "x": {"type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 5, "exclusiveMaximum": true},
        "l": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "integer"}},
        "m": {"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": {"type": "integer"}},
    });
    let fine = json!({"p": "abc", "t": "äöüß", "i": 9, "x": 4.9, "l": [1], "m": {"a": 1}});
    assert_eq!(causes(&found(bounded.clone(), fine)), []);
    let low = json!({"p": "A", "t": "a", "i": 0, "x": 0, "l": [], "m": {}});
    let expected =
        ["spec.i", "spec.l", "spec.m", "spec.p", "spec.t", "spec.x"].map(|it| ("Invalid", it));
    assert_eq!(causes(&found(bounded.clone(), low)), expected);
    let high =
        json!({"t": "abcde", "i": 11, "x": 5, "l": [1, 2, 3], "m": {"a": 1, "b": 2, "c": 3}});
    let errors = found(bounded, high);
    let expected = [
        ("Invalid", "spec.i"),
        ("Invalid", "spec.i"),
        ("TooMany", "spec.l"),
        ("TooMany", "spec.m"),
        ("TooLong", "spec.t"),
        ("Invalid", "spec.x"),
    ];
    assert_eq!(causes(&errors), expected);
    assert_eq!(
        causes(&found(json!({"f": {"type": "number", "multipleOf": 0.1}}), json!({"f": 0.3}))),
        []
    );
}

#[test]
fn required_fields_at_every_level() {
    let schema = schema(json!({"type": "object", "required": ["spec"], "properties": {"spec": {
        "type": "object", "additionalProperties": {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}}}}}));
    assert_eq!(causes(&schema.validate_values(&json!({}))), [("Required", "spec")]);
    let errors = schema.validate_values(&json!({"spec": {"a": {}}}));
    assert_eq!(causes(&errors), [("Required", "spec.a.k")]);
}

#[test]
fn combinators_fail_at_nil_and_show_the_best_alternative() {
    let alternatives =
        json!([{"required": ["a"]}, {"required": ["b"], "properties": {"b": {"minimum": 3}}}]);
    let spec = |name: &str| {
        let mut inner = json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}});
        inner[name] = alternatives.clone();
        schema(json!({"type": "object", "properties": {"spec": inner}}))
    };
    let any = spec("anyOf");
    assert_eq!(causes(&any.validate_values(&json!({"spec": {"b": 3}}))), []);
    let errors = any.validate_values(&json!({"spec": {"b": 1}}));
    assert_eq!(causes(&errors), [("Invalid", "<nil>"), ("Invalid", "spec.b")]);
    let one = spec("oneOf");
    assert_eq!(causes(&one.validate_values(&json!({"spec": {"a": 1}}))), []);
    let errors = one.validate_values(&json!({"spec": {"a": 1, "b": 3}}));
    assert_eq!(causes(&errors), [("Invalid", "<nil>")]);
    assert!(errors[0].detail.ends_with("Found 2 valid alternatives"));
    let errors = one.validate_values(&json!({"spec": {}}));
    assert_eq!(causes(&errors), [("Invalid", "<nil>"), ("Required", "spec.a")]);
    let all = spec("allOf").validate_values(&json!({"spec": {"a": 1}}));
    assert_eq!(causes(&all), [("Required", "spec.b"), ("Invalid", "<nil>")]);
    let not = found(json!({"x": {"type": "integer", "not": {"enum": [1]}}}), json!({"x": 1}));
    assert_eq!(causes(&not), [("Invalid", "<nil>")]);
}

#[test]
fn lists_hold_nothing_twice() {
    let schema = spec(json!({
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "map": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k", "p"],
            "items": {"type": "object", "properties": {"k": {"type": "string"}, "p": {"type": "integer"}}}},
    }));
    let object = json!({"spec": {
        "set": ["a", "b", "a"], "map": [{"k": "x", "p": 1}, {"k": "x", "p": 2}, {"p": 1, "k": "x", "v": 3}],
    }});
    let errors = schema.validate_lists(&object);
    assert_eq!(causes(&errors), [("Duplicate", "spec.map[2]"), ("Duplicate", "spec.set[2]")]);
}

#[test]
fn embedded_resources_have_type_and_sound_metadata() {
    let schema = spec(json!({"emb": {"type": "object", "x-kubernetes-embedded-resource": true,
        "x-kubernetes-preserve-unknown-fields": true}}));
    let check = |emb: Value| schema.validate_embedded(&json!({"spec": {"emb": emb}}));
    let fine = json!({"apiVersion": "apps/v1", "kind": "Pod", "metadata": {"name": "x", "labels": {"a/b": "c"}}});
    assert_eq!(causes(&check(fine)), []);
    assert_eq!(causes(&check(json!({"kind": "Pod"}))), [("Required", "spec.emb.apiVersion")]);
    let odd = json!({"apiVersion": "a/b/c", "kind": "-", "metadata": {"name": "a/b", "labels": {"k": "-"}}});
    let expected = ["apiVersion", "kind", "metadata.name", "metadata.labels"]
        .map(|it| format!("spec.emb.{it}"));
    let fields: Vec<_> = check(odd).into_iter().map(|it| it.field).collect();
    assert_eq!(fields, expected);
    let mistyped = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"k": 1}}});
    assert_eq!(causes(&check(mistyped)), [("Invalid", "spec.emb.metadata")]);
}

#[test]
fn formats_as_go_sees_them() {
    let cases = [
        (
            "date-time",
            vec!["2024-01-01T00:00:00Z", "2024-02-29t10:20:30.5+02:00"],
            vec!["2024-01-01", "2024-02-30T00:00:00Z", "2024-01-01T24:00:00Z"],
        ),
        ("date", vec!["2024-02-29"], vec!["2023-02-29", "24-1-1"]),
        ("email", vec!["a@example.com", "A B <a@b.c>"], vec!["a", "a@", "@b"]),
        ("hostname", vec!["a.example.com", "x"], vec!["-a", "a..b", ""]),
        ("ipv4", vec!["1.2.3.4"], vec!["1.2.3", "::1"]),
        ("ipv6", vec!["::1", "fe80::1"], vec!["1.2.3.4", ":"]),
        ("cidr", vec!["10.0.0.0/8", "::/0"], vec!["10.0.0.0", "10.0.0.0/33"]),
        ("mac", vec!["01:02:03:04:05:06", "0102.0304.0506"], vec!["01:02:03", "0g:02:03:04:05:06"]),
        (
            "uuid",
            vec!["11111111-2222-3333-4444-555555555555", "11111111222233334444555555555555"],
            vec!["1111"],
        ),
        (
            "uuid4",
            vec!["11111111-2222-4333-8444-555555555555"],
            vec!["11111111-2222-3333-4444-555555555555"],
        ),
        ("uri", vec!["http://x/", "/a/b", "urn:x:y"], vec!["x", "://", "http://a b/"]),
        ("byte", vec!["aGk="], vec!["aGk", "@@@@", ""]),
        ("duration", vec!["1h", "1h30m", "2 days", "0"], vec!["1", "h", "1 fortnight"]),
        ("isbn", vec!["0-306-40615-2", "978-0-306-40615-7"], vec!["0-306-40615-3"]),
        ("creditcard", vec!["4111 1111 1111 1111"], vec!["4111 1111 1111 1112"]),
        ("ssn", vec!["111-11-1111", "111111111"], vec!["111-11-111"]),
        ("hexcolor", vec!["#fff", "00ff00"], vec!["#ff"]),
        ("rgbcolor", vec!["rgb(0, 1,255)"], vec!["rgb(0,1,256)"]),
        ("bsonobjectid", vec!["507f1f77bcf86cd799439011"], vec!["507f"]),
    ];
    for (name, fine, wrong) in cases {
        let format = Format::named(name).unwrap();
        fine.iter().for_each(|text| assert!(format.fits(text), "{name} {text}"));
        wrong.iter().for_each(|text| assert!(!format.fits(text), "{name} {text}"));
    }
    assert_eq!(Format::named("int32"), None);
    let errors = found(json!({"d": {"type": "string", "format": "date-time"}}), json!({"d": "x"}));
    assert_eq!(causes(&errors), [("TypeInvalid", "spec.d")]);
}
