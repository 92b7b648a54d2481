//! Strategic merge patch: a merge patch that knows which lists are keyed, and has
//! directives of its own.
//!
//! | directive | meaning |
//! |---|---|
//! | `$patch: replace` | the object or list is replaced by what stands beside it |
//! | `$patch: delete` | the object is emptied; in a list, the item with this key goes |
//! | `$retainKeys: [...]` | all other keys of the object go |
//! | `$setElementOrder/name: [...]` | order of the list `name` after the merge |
//! | `$deleteFromPrimitiveList/name: [...]` | scalars that leave the list `name` |
//!
//! The semantics are those of `k8s.io/apimachinery/pkg/util/strategicpatch`, described in
//! [the design](https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md).
//! Custom resources have no such patch: the caller refuses it with 415.

mod list;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::schema::{Patch, Schema, Shape};
use crate::{Error, Result};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";

/// The document with the patch merged into it.
///
/// # Errors
/// 400 for a patch that is no object or a directive that contradicts its neighbours, 422
/// for lists of lists, 500 (as the real server) for unknown directives, items without
/// their merge key, and an order that does not fit the list.
pub fn apply(doc: &Value, patch: &Value, schema: &Schema) -> Result<Value> {
    let Value::Object(patch) = patch else {
        return Err(Error::bad_request(format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            super::go_kind(patch)
        )));
    };
    let doc = doc.as_object().cloned().unwrap_or_default();
    merge_object(doc, patch.clone(), schema.resolve()).map(Value::Object)
}

fn merge_object(
    mut doc: Map<String, Value>,
    mut patch: Map<String, Value>,
    schema: &Schema,
) -> Result<Map<String, Value>> {
    if let Some(directive) = patch.get(PATCH) {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(PATCH);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(unknown_directive(&patch)),
        };
    }
    retain_keys(&mut doc, &mut patch)?;
    list::order_elements(&mut doc, &mut patch, schema)?;

    for (name, said) in patch {
        let deleted = name.strip_prefix(DELETE_FROM_PRIMITIVE_LIST).map(str::to_owned);
        let deletes = deleted.is_some();
        let name = deleted.unwrap_or(name);
        if said.is_null() {
            doc.remove(&name);
            continue;
        }
        let merged = match (doc.remove(&name), said) {
            (Some(Value::Object(old)), Value::Object(said)) => {
                let field = field(schema, &name)?;
                if field.patch.replace {
                    Value::Object(said)
                } else {
                    merge_object(old, said, field.schema).map(Value::Object)?
                }
            }
            (Some(Value::Array(old)), Value::Array(said)) => {
                let field = field(schema, &name)?;
                if deletes {
                    list::delete_scalars(old, &said)?
                } else if field.patch.merge {
                    list::merge(old, said, &field)?
                } else {
                    Value::Array(said)
                }
            }
            (Some(old), _) if deletes => old,
            (None, _) if deletes => continue,
            (Some(old), said) if same_scalar_type(&old, &said) => said,
            (_, said) => match plain(said) {
                Some(said) => said,
                None => continue,
            },
        };
        doc.insert(name, merged);
    }
    Ok(doc)
}

fn same_scalar_type(old: &Value, new: &Value) -> bool {
    !old.is_object()
        && !old.is_array()
        && std::mem::discriminant(old) == std::mem::discriminant(new)
}

/// Removes the keys that `$retainKeys` does not list.
fn retain_keys(doc: &mut Map<String, Value>, patch: &mut Map<String, Value>) -> Result<()> {
    let Some(listed) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let bad = || Error::bad_request("invalid patch format of retainKeys");
    let Value::Array(listed) = listed else {
        return Err(bad());
    };
    let keeps = |name: &str| listed.iter().any(|key| key.as_str() == Some(name));
    let contradicts = patch.iter().any(|(name, value)| {
        !value.is_null()
            && !name.starts_with(DELETE_FROM_PRIMITIVE_LIST)
            && !name.starts_with(SET_ELEMENT_ORDER)
            && !keeps(name)
    });
    if contradicts {
        return Err(bad());
    }
    doc.retain(|name, _| keeps(name));
    Ok(())
}

/// Schema and patch facts of a field.
struct Field<'a> {
    /// Of the value, resolved.
    schema: &'a Schema,
    patch: &'a Patch,
}

fn field<'a>(schema: &'a Schema, name: &str) -> Result<Field<'a>> {
    let raw = match &schema.shape {
        Shape::Struct(object) => object.fields.get(name).ok_or_else(|| {
            Error::unclassified(format!(
                "unable to find api field in struct for the json field {name:?}"
            ))
        })?,
        Shape::Map { values, .. } => values,
        // Free JSON: objects merge, lists are replaced.
        _ => schema,
    };
    Ok(Field { schema: raw.resolve(), patch: &raw.patch })
}

fn unknown_directive(patch: &Map<String, Value>) -> Error {
    let directive = match patch.get(PATCH) {
        Some(Value::String(text)) => text.clone(),
        other => go_print(other.unwrap_or(&Value::Null)),
    };
    let map = go_print(&Value::Object(patch.clone()));
    Error::unclassified(format!("unknown patch type: {directive} in map: {map}"))
}

/// What a patch means where there is nothing to merge with: without nulls and
/// directives. `None` when it is only a directive.
fn plain(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) => {
            if map.contains_key(PATCH) {
                return None;
            }
            let kept = map.into_iter().filter_map(|(name, value)| {
                let directive = name == RETAIN_KEYS
                    || name.starts_with(SET_ELEMENT_ORDER)
                    || name.starts_with(DELETE_FROM_PRIMITIVE_LIST);
                if directive || value.is_null() {
                    None
                } else {
                    plain(value).map(|value| (name, value))
                }
            });
            Some(Value::Object(kept.collect()))
        }
        Value::Array(list) => Some(list.into_iter().filter_map(plain).collect()),
        scalar => Some(scalar),
    }
}

/// A value as Go's `%v` prints it, for messages.
fn go_print(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let items: Vec<_> = list.iter().map(go_print).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(map) => {
            let fields: Vec<_> =
                map.iter().map(|(name, value)| format!("{name}:{}", go_print(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
        scalar => scalar.to_string(),
    }
}
