//! `metadata` of an object, read from and written to its JSON form.
//!
//! Getters never fail: what is missing or of a wrong type reads as empty.

mod validation;

use serde_json::{Map, Value};

pub use validation::{Checks, validate_create, validate_update};

/// Finalizer of foreground deletion.
pub const FOREGROUND: &str = "foregroundDeletion";
/// Finalizer of deletion that orphans dependents.
pub const ORPHAN: &str = "orphan";

/// A field of `metadata`; `None` when it is missing or `null`.
pub fn get<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    object.get("metadata")?.get(field).filter(|value| !value.is_null())
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    get(object, field).and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.name`.
pub fn name(object: &Value) -> &str {
    text(object, "name")
}

/// `metadata.generateName`.
pub fn generate_name(object: &Value) -> &str {
    text(object, "generateName")
}

/// `metadata.namespace`.
pub fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

/// `metadata.uid`.
pub fn uid(object: &Value) -> &str {
    text(object, "uid")
}

/// `metadata.resourceVersion`.
pub fn resource_version(object: &Value) -> &str {
    text(object, "resourceVersion")
}

/// `metadata.creationTimestamp`, RFC 3339.
pub fn creation_timestamp(object: &Value) -> &str {
    text(object, "creationTimestamp")
}

/// `metadata.generation`; zero when there is none.
pub fn generation(object: &Value) -> i64 {
    get(object, "generation").and_then(Value::as_i64).unwrap_or_default()
}

/// `metadata.deletionTimestamp`, RFC 3339.
pub fn deletion_timestamp(object: &Value) -> Option<&str> {
    get(object, "deletionTimestamp").and_then(Value::as_str)
}

/// The object is being deleted.
pub fn is_terminating(object: &Value) -> bool {
    deletion_timestamp(object).is_some()
}

fn pairs<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let map = get(object, field).and_then(Value::as_object);
    map.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
}

/// Labels, sorted by key.
pub fn labels(object: &Value) -> impl Iterator<Item = (&str, &str)> {
    pairs(object, "labels")
}

/// Annotations, sorted by key.
pub fn annotations(object: &Value) -> impl Iterator<Item = (&str, &str)> {
    pairs(object, "annotations")
}

/// One label.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    get(object, "labels")?.get(key)?.as_str()
}

/// One annotation.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    get(object, "annotations")?.get(key)?.as_str()
}

/// Finalizers in their order.
pub fn finalizers(object: &Value) -> Vec<&str> {
    let list = get(object, "finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Owner references as they stand.
pub fn owner_references(object: &Value) -> &[Value] {
    get(object, "ownerReferences").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The owner reference that is marked as controller.
pub fn controller(object: &Value) -> Option<&Value> {
    owner_references(object).iter().find(|owner| owner["controller"] == Value::Bool(true))
}

/// `metadata`, made when it is missing.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    child_mut(object, "metadata")
}

/// An object-valued field of an object; anything else in its place is replaced.
pub fn child_mut<'a>(object: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let child = &mut object[field];
    if !child.is_object() {
        *child = Value::Object(Map::new());
    }
    child.as_object_mut().expect("it was just made an object")
}

/// Sets a field of `metadata`; an empty text, list or map and `null` remove it.
pub fn set(object: &mut Value, field: &str, value: impl Into<Value>) {
    let value = value.into();
    let empty = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let metadata = metadata_mut(object);
    if empty {
        metadata.remove(field);
    } else {
        metadata.insert(field.to_owned(), value);
    }
}

/// Sets `metadata.name`.
pub fn set_name(object: &mut Value, name: &str) {
    set(object, "name", name);
}

/// Sets `metadata.namespace`; empty removes it.
pub fn set_namespace(object: &mut Value, namespace: &str) {
    set(object, "namespace", namespace);
}

/// Sets `metadata.uid`.
pub fn set_uid(object: &mut Value, uid: &str) {
    set(object, "uid", uid);
}

/// Sets `metadata.resourceVersion`; empty removes it.
pub fn set_resource_version(object: &mut Value, version: &str) {
    set(object, "resourceVersion", version);
}

/// Sets `metadata.generation`; zero removes it.
pub fn set_generation(object: &mut Value, generation: i64) {
    let value = (generation != 0).then_some(generation);
    set(object, "generation", value.map_or(Value::Null, Value::from));
}

/// Sets one label.
pub fn set_label(object: &mut Value, key: &str, value: &str) {
    let metadata = object.as_object_mut().map(|map| map.entry("metadata"));
    if let Some(metadata) = metadata {
        let metadata = metadata.or_insert_with(|| Value::Object(Map::new()));
        child_mut(metadata, "labels").insert(key.to_owned(), value.into());
    }
}

/// Sets one annotation.
pub fn set_annotation(object: &mut Value, key: &str, value: &str) {
    let metadata = object.as_object_mut().map(|map| map.entry("metadata"));
    if let Some(metadata) = metadata {
        let metadata = metadata.or_insert_with(|| Value::Object(Map::new()));
        child_mut(metadata, "annotations").insert(key.to_owned(), value.into());
    }
}

/// Replaces the finalizers; none removes the field.
pub fn set_finalizers(object: &mut Value, finalizers: &[&str]) {
    set(object, "finalizers", finalizers.to_vec());
}

/// What creation does to the metadata of a client, except for the name: identity is
/// given, traces of deletion go. `now` is RFC 3339 with seconds.
pub fn prepare_create(object: &mut Value, uid: &str, now: &str) {
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        metadata_mut(object).remove(field);
    }
    set_uid(object, uid);
    set(object, "creationTimestamp", now);
}

/// What an update cannot change is taken from the stored object.
pub fn prepare_update(object: &mut Value, stored: &Value) {
    metadata_mut(object).remove("selfLink");
    if uid(object).is_empty() {
        let uid = uid(stored).to_owned();
        set_uid(object, &uid);
    }
    set(object, "creationTimestamp", creation_timestamp(stored));
    set_generation(object, generation(stored));
    if let Some(at) = deletion_timestamp(stored) {
        set(object, "deletionTimestamp", at);
    }
    if let Some(seconds) = get(stored, "deletionGracePeriodSeconds")
        && get(object, "deletionGracePeriodSeconds").is_none()
    {
        set(object, "deletionGracePeriodSeconds", seconds.clone());
    }
}

#[cfg(test)]
mod tests;
