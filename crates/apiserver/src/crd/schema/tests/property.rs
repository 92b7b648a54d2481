//! What holds for every schema and every object.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::Schema;

const NAMES: [&str; 4] = ["a", "b", "metadata", "x-y"];

/// Pieces of rules.
const WORDS: [&str; 32] = [
    "self",
    ".a",
    ".b",
    "[0]",
    "[",
    "]",
    "(",
    ")",
    " + ",
    " - ",
    " / ",
    " == ",
    " < ",
    " in ",
    "? ",
    ": ",
    " && ",
    "!",
    "'x'",
    "1",
    "9223372036854775807",
    "-1",
    "1.5",
    "null",
    "{",
    "}",
    ".all(x, ",
    "x",
    ".map(x, ",
    "has(",
    ".size()",
    ", ",
];

fn object_of(fields: Vec<(&'static str, Value)>) -> Value {
    let pairs = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..12).prop_map(Value::from),
        (-1.0_f64..3.0).prop_map(Value::from),
        "[a-c0-9:. ]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(&NAMES[..]), inner), 0..4)
                .prop_map(object_of),
        ]
    })
}

/// Small schemas, also such as validation would refuse.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"x-kubernetes-int-or-string": true})),
        Just(json!({"type": "integer", "minimum": 0, "multipleOf": 2})),
        Just(json!({"type": "number", "maximum": 2, "exclusiveMaximum": true})),
        Just(json!({"type": "boolean", "nullable": true})),
        Just(json!({"type": "string", "minLength": 1, "pattern": "^[a-c]", "default": "a"})),
        Just(json!({"type": "string", "format": "duration", "enum": ["1", "2"]})),
        Just(json!({"type": "string", "format": "ipv6", "nullable": true, "default": "::"})),
        Just(json!({"x-kubernetes-preserve-unknown-fields": true})),
        Just(
            json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self / oldSelf > 1 || self > 3"}]})
        ),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let fields = prop::collection::vec((prop::sample::select(&NAMES[..]), inner.clone()), 0..3);
        let object = (fields, any::<[bool; 3]>()).prop_map(|(fields, [preserve, embedded, default])| {
            let mut schema = json!({"type": "object", "required": ["a"]});
            schema["properties"] = object_of(fields);
            schema["x-kubernetes-preserve-unknown-fields"] = Value::from(preserve);
            schema["x-kubernetes-embedded-resource"] = Value::from(embedded);
            if default {
                schema["default"] = json!({});
            }
            schema
        });
        let list = (inner.clone(), prop::sample::select(&["atomic", "set", "map"][..])).prop_map(|(items, kind)| {
            json!({"type": "array", "items": items, "maxItems": 2, "x-kubernetes-list-type": kind,
                "x-kubernetes-list-map-keys": ["a"]})
        });
        let map = inner.clone().prop_map(|values| json!({"type": "object", "additionalProperties": values, "minProperties": 1}));
        let either = (inner.clone(), inner).prop_map(|(left, right)| {
            json!({"type": "object", "anyOf": [left.clone(), right.clone()], "not": left, "oneOf": [right]})
        });
        prop_oneof![object, list, map, either]
    })
}

proptest! {
    #[test]
    fn pruning_twice_changes_nothing(raw in schemas(), mut object in values()) {
        let schema = Schema::compile(&raw).unwrap();
        schema.prune(&mut object);
        let once = object.clone();
        prop_assert_eq!(schema.prune(&mut object), Vec::<String>::new());
        prop_assert_eq!(object, once);
    }

    #[test]
    fn defaulting_twice_changes_nothing(raw in schemas(), mut object in values()) {
        let schema = Schema::compile(&raw).unwrap();
        schema.default(&mut object);
        let once = object.clone();
        schema.default(&mut object);
        prop_assert_eq!(object, once);
    }

    #[test]
    fn validation_always_ends(raw in schemas(), object in values(), old in values()) {
        let schema = Schema::compile(&raw).unwrap();
        let errors = [
            schema.validate_values(&object),
            schema.validate_embedded(&object),
            schema.validate_lists(&object),
            schema.validate_rules(&object, Some(&old)),
        ];
        for error in errors.iter().flatten() {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_json_is_a_schema_or_an_error(raw in values()) {
        if let Ok(schema) = Schema::compile(&raw) {
            schema.validate_values(&raw);
        }
    }

    #[test]
    fn any_pattern_is_compiled_or_refused(pattern in "[a-z\\[\\](){}*+?|^$.,0-9\\\\&~:-]{0,24}") {
        if let Ok(compiled) = crate::crd::schema::compile_pattern(&pattern) {
            prop_assert_eq!(compiled.is_match(&pattern), compiled.find(&pattern).is_some());
        }
    }

    #[test]
    fn any_rule_is_judged_and_run_or_refused(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..9), object in values()) {
        let rule = words.concat();
        let raw = json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
            "x-kubernetes-validations": [{"rule": rule, "messageExpression": rule}]});
        if let Ok(schema) = Schema::compile(&raw) {
            let expression = crate::crd::cel::parse(rule.trim());
            if let Ok(expression) = expression {
                let judged = crate::crd::cel::check::judge(&expression, &schema, true, false);
                prop_assert!(judged.is_ok() || judged.is_err_and(|why| !why.is_empty()));
            }
            schema.validate_rules(&object, Some(&object));
        }
    }
}
