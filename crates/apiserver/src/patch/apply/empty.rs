//! The object that a create starts from.
//!
//! Kubernetes compares a created object with an empty one of its Go type. There the
//! fields that are structs by value are present from the start, so nobody comes to own
//! them: a created Lease gives `f:spec: {f:holderIdentity: {}}` without a dot, while
//! `data` of a ConfigMap, a map, is owned itself. The published schema does not tell the
//! two apart, so the names of such fields are listed here.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::place::Place;
use crate::schema::{Schema, Shape};

/// Struct fields by value on the way down from an object to its lists and maps.
const BY_VALUE: [&str; 15] = [
    "deprecatedSource",
    "jobTemplate",
    "loadBalancer",
    "metadata",
    "names",
    "podSelector",
    "priorityLevelConfiguration",
    "resources",
    "scaleTargetRef",
    "source",
    "spec",
    "status",
    "strategy",
    "template",
    "updateStrategy",
];

static NOTHING: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));

/// The empty object of a built-in type; custom resources start from nothing.
pub(super) fn object(schema: &Schema, built_in: bool, kind: &str) -> Value {
    if built_in {
        // The template of a replication controller is a pointer, unlike all others.
        let skip = (kind == "ReplicationController").then_some("template");
        structs(schema.resolve(), skip)
    } else {
        NOTHING.clone()
    }
}

fn structs(schema: &Schema, skip: Option<&str>) -> Value {
    let Shape::Struct(object) = &schema.shape else {
        return NOTHING.clone();
    };
    let mut out = Map::new();
    for (name, field) in &object.fields {
        let field = field.resolve();
        let by_value = BY_VALUE.contains(&name.as_str()) && Some(name.as_str()) != skip;
        if by_value && matches!(&field.shape, Shape::Struct(inner) if !inner.atomic) {
            out.insert(name.clone(), structs(field, skip));
        }
    }
    Value::Object(out)
}

/// The place of a whole object, and whether its type is one of Kubernetes itself.
pub(super) fn place<'a>(schema: &'a Schema, object: &Value) -> (Place<'a>, bool) {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    let built_in = crate::schema::by_kind(group, version, text("kind")).is_some();
    (Place::root(schema, built_in), built_in)
}
