//! Fields of an object, read as Go reads them: what is absent has the zero value.

use serde_json::{Map, Value};

/// A text; "" when absent.
pub(super) fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A pointer to a number.
pub(super) fn number(of: &Value, name: &str) -> Option<i64> {
    of.get(name).and_then(Value::as_i64)
}

/// A flag; false when absent.
pub(super) fn flag(of: &Value, name: &str) -> bool {
    of.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// A list; empty when absent.
pub(super) fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Entries of a map; none when absent.
pub(super) fn entries<'a>(
    of: &'a Value,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    of.get(name).and_then(Value::as_object).into_iter().flatten()
}

/// The field is there, whatever it holds: a pointer that is not nil.
pub(super) fn present(of: &Value, name: &str) -> bool {
    of.get(name).is_some_and(|value| !value.is_null())
}

/// Nothing, or a list or map without content: what Go's semantic equality takes for nil.
pub(super) fn vacant(of: &Value, name: &str) -> bool {
    match of.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

/// The items of a list, to change them.
pub(super) fn list_mut<'a>(of: &'a mut Value, name: &str) -> &'a mut [Value] {
    of.get_mut(name).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

/// Sets a field that is absent, null or "".
pub(super) fn default(of: &mut Value, name: &str, value: impl Into<Value>) {
    let Some(map) = of.as_object_mut() else {
        return;
    };
    let unset = match map.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    };
    if unset {
        map.insert(name.to_owned(), value.into());
    }
}

/// Sets a number that is absent or zero.
pub(super) fn default_number(of: &mut Value, name: &str, value: i64) {
    if number(of, name).unwrap_or_default() == 0 {
        set(of, name, value.into());
    }
}

/// The object in a field, made when it is absent; `None` when something else stands there.
pub(super) fn object<'a>(of: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    default(of, name, Map::new());
    of.get_mut(name).filter(|value| value.is_object())
}

/// Sets a field, or removes it for `null`.
pub(super) fn set(of: &mut Value, name: &str, value: Value) {
    if let Some(map) = of.as_object_mut() {
        if value.is_null() {
            map.remove(name);
        } else {
            map.insert(name.to_owned(), value);
        }
    }
}

/// Removes a field.
pub(super) fn remove(of: &mut Value, name: &str) {
    if let Some(map) = of.as_object_mut() {
        map.remove(name);
    }
}

/// Copies a field from another object; absent there means absent here.
pub(super) fn carry(into: &mut Value, from: &Value, name: &str) {
    set(into, name, from.get(name).cloned().unwrap_or_default());
}

/// Copies a field of `metadata`.
pub(super) fn carry_metadata(into: &mut Value, from: &Value, name: &str) {
    if let Some(metadata) = object(into, "metadata") {
        let value = from["metadata"].get(name).cloned().unwrap_or_default();
        set(metadata, name, value);
    }
}
