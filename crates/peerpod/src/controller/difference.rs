//! What is not as it was applied.

use kube::core::DynamicObject;
use serde_json::Value;

/// Something that is not as wanted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    /// Where: a JSON pointer.
    pub(super) path: String,
    /// What is there instead.
    pub(super) live: Value,
}

/// All that is in `wanted` and not so in `live`. What only `live` has (defaults, status, what
/// others own) does not matter.
pub(super) fn differences(wanted: &Value, live: &DynamicObject) -> Vec<Difference> {
    let mut found = Vec::new();
    for (field, wanted) in wanted.as_object().into_iter().flatten() {
        let path = format!("/{field}");
        match field.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                // Serialising metadata cannot fail: its keys are texts.
                let live = serde_json::to_value(&live.metadata).unwrap_or_default();
                compare(&live, wanted, path, &mut found);
            }
            _ => {
                compare(live.data.get(field).unwrap_or(&Value::Null), wanted, path, &mut found);
            }
        }
    }
    found
}

/// An empty list or object is as good as none: the API server leaves some of them out.
fn compare(live: &Value, wanted: &Value, path: String, found: &mut Vec<Difference>) {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            for (field, wanted) in wanted {
                let path = format!("{path}/{}", escaped(field));
                compare(live.get(field).unwrap_or(&Value::Null), wanted, path, found);
            }
        }
        (Value::Array(live), Value::Array(wanted)) if live.len() == wanted.len() => {
            for (index, (live, wanted)) in live.iter().zip(wanted).enumerate() {
                compare(live, wanted, format!("{path}/{index}"), found);
            }
        }
        (live, wanted) if live == wanted || (live.is_null() && is_nothing(wanted)) => {}
        _ => found.push(Difference { path, live: live.clone() }),
    }
}

/// A key as part of a JSON pointer (RFC 6901): `~` first.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(data: Value) -> DynamicObject {
        serde_json::from_value(data).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_others_add_is_no_difference() {
        let live = live(json!({
            "metadata": {"name": "a", "labels": {"x": "1", "y": "2"}, "uid": "u"},
            "spec": {"list": [{"a": 1, "default": true}], "extra": 1}, "status": {"ready": 1},
        }));
        let wanted = json!({
            "apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "labels": {"x": "1"}},
            "spec": {"list": [{"a": 1}], "none": [], "empty": {"also": {}}, "type": ""},
        });
        assert_eq!(differences(&wanted, &live), []);
    }

    #[test]
    fn drift_is_a_difference() {
        let live = live(json!({"metadata": {"name": "a"}, "spec": {"list": [1, 2], "n": 1}}));
        let cases = [
            (json!({"list": [1]}), "/spec/list", json!([1, 2])),
            (json!({"list": [2, 2]}), "/spec/list/0", json!(1)),
            (json!({"n": 2}), "/spec/n", json!(1)),
            (json!({"m": 0}), "/spec/m", Value::Null),
            (json!({"m": {"a/b~c": 0}}), "/spec/m", Value::Null),
        ];
        for (spec, path, now) in cases {
            let found = differences(&json!({"spec": spec}), &live);
            assert_eq!(found, [Difference { path: path.to_owned(), live: now }], "{spec}");
        }
        let labels = json!({"metadata": {"labels": {"x": "1"}}});
        assert_eq!(differences(&labels, &live).len(), 1);
    }

    #[test]
    fn keys_are_escaped_in_pointers() {
        assert_eq!(escaped("kata.peerpods.io/vm"), "kata.peerpods.io~1vm");
        assert_eq!(escaped("a~b/c~1d"), "a~0b~1c~01d");
    }
}
