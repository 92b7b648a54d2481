//! Uniqueness in lists of the types `set` and `map`.

use serde_json::{Map, Value};

use super::{ListType, Schema};
use crate::crd::path::Path;
use crate::field;

/// Findings on items that stand twice, wherever such lists are.
pub(super) fn validate(value: &Value, schema: &Schema, path: &Path<'_>, out: &mut field::Errors) {
    if !schema.unique {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if let Some(below) = schema.properties.get(name) {
                    validate(value, below, &path.field(name), out);
                } else if let Some(below) = schema.additional_schema() {
                    validate(value, below, &path.key(name), out);
                }
            }
        }
        Value::Array(list) => {
            match schema.list_type {
                Some(ListType::Set) => twice(list.iter().cloned(), path, out),
                Some(ListType::Map) => {
                    twice(list.iter().map(|item| key(item, schema)), path, out);
                }
                _ => {}
            }
            let Some(items) = &schema.items else { return };
            for (at, value) in list.iter().enumerate() {
                validate(value, items, &path.index(at), out);
            }
        }
        _ => {}
    }
}

fn twice(keys: impl Iterator<Item = Value>, path: &Path<'_>, out: &mut field::Errors) {
    let mut seen = std::collections::HashSet::new();
    for (at, key) in keys.enumerate() {
        // Objects are kept in the order of their keys, so equal values print alike.
        if !seen.insert(key.to_string()) {
            out.push(field::Error::duplicate(path.index(at).to_string(), &key));
        }
    }
}

/// What tells an item of a `map` list apart, as an object of its keys.
pub(super) fn key(item: &Value, schema: &Schema) -> Value {
    let keys = schema.list_map_keys.iter();
    let pairs = keys.filter_map(|name| Some((name.clone(), item.get(name)?.clone())));
    Value::Object(pairs.collect::<Map<_, _>>())
}
