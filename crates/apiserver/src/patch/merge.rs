//! JSON merge patch (RFC 7386).

use serde_json::{Map, Value};

use crate::{Error, Result};

/// The document with the patch laid over it: `null` removes, objects merge, anything
/// else replaces.
///
/// # Errors
/// 400 when the patch is no object: an API object cannot be replaced by something else.
pub fn apply(doc: &Value, patch: &Value) -> Result<Value> {
    match patch {
        Value::Object(patch) => {
            let mut out = doc.clone();
            lay(&mut out, patch);
            Ok(out)
        }
        Value::Null => Err(Error::bad_request("Invalid JSON Patch")),
        other => Err(Error::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            super::go_kind(other)
        ))),
    }
}

fn lay(doc: &mut Value, patch: &Map<String, Value>) {
    if !doc.is_object() {
        *doc = Value::Object(Map::new());
    }
    let Value::Object(doc) = doc else { return };
    for (name, said) in patch {
        match said {
            Value::Null => {
                doc.remove(name);
            }
            Value::Object(inner) => lay(doc.entry(name.as_str()).or_insert(Value::Null), inner),
            other => {
                doc.insert(name.clone(), other.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    /// The examples of RFC 7386, appendix A, as far as the patch is an object.
    #[test]
    fn examples_of_the_rfc() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!({"a": "b"}), json!({"a": "b"})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (doc, patch, expected) in cases {
            assert_eq!(apply(&doc, &patch).unwrap(), expected, "{doc} + {patch}");
        }
    }

    #[test]
    fn a_patch_that_is_no_object_is_refused() {
        for patch in [json!([]), json!("x"), json!(1), json!(true), Value::Null] {
            let error = apply(&json!({"a": 1}), &patch).unwrap_err();
            assert_eq!(error.code.as_u16(), 400, "{patch}");
        }
    }
}
