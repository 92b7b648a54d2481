//! Keeping the parts of an object apart: what a write may not change comes from the
//! stored object.

use serde_json::Value;

use crate::meta;

/// Takes a top-level field from the stored object, or removes it when that has none.
pub fn keep(object: &mut Value, stored: &Value, field: &str) {
    match (stored.get(field), object.as_object_mut()) {
        (Some(value), Some(map)) => {
            map.insert(field.to_owned(), value.clone());
        }
        (None, Some(map)) => {
            map.remove(field);
        }
        _ => {}
    }
}

/// Takes every top-level field from the stored object, except for these, `kind` and
/// `apiVersion`.
pub fn keep_all_but(object: &mut Value, stored: &Value, free: &[&str]) {
    let fields: Vec<String> = [&*object, stored]
        .iter()
        .filter_map(|value| value.as_object())
        .flat_map(|map| map.keys().cloned())
        .collect();
    for field in fields {
        let named = ["kind", "apiVersion"].contains(&field.as_str());
        if !named && !free.contains(&field.as_str()) {
            keep(object, stored, &field);
        }
    }
}

/// Raises `metadata.generation` above the stored one when one of these top-level fields
/// differs, and takes the stored one otherwise.
pub fn raise_generation(object: &mut Value, stored: &Value, fields: &[&str]) {
    let changed = fields.iter().any(|field| {
        let new = object.get(*field).filter(|value| !value.is_null());
        let old = stored.get(*field).filter(|value| !value.is_null());
        new != old
    });
    let generation = meta::generation(stored) + i64::from(changed);
    meta::set_generation(object, generation);
}

/// A text somewhere below; empty when it is missing.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list somewhere below; empty when it is missing.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What stands somewhere below; `None` when it is missing or `null`.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    value.pointer(pointer).filter(|value| !value.is_null())
}

/// A list field, to be changed in place; nothing when it is missing.
pub(super) fn list_mut<'a>(
    value: &'a mut Value,
    pointer: &str,
) -> impl Iterator<Item = &'a mut Value> {
    let list = value.pointer_mut(pointer).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

/// Sets a field that is missing, `null` or an empty text.
pub(super) fn default_to(object: &mut Value, field: &str, value: impl Into<Value>) {
    let missing = match object.get(field) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    };
    if missing && let Some(map) = object.as_object_mut() {
        map.insert(field.to_owned(), value.into());
    }
}

/// Removes a field.
pub(super) fn remove(object: &mut Value, field: &str) {
    if let Some(map) = object.as_object_mut() {
        map.remove(field);
    }
}
