//! Built-in types as OpenAPI schemas. `$ref`s are bare type names.

use serde_json::{Map, Value, json};

use super::{Format, ListKind, Schema, Shape, builtin};

/// The two forms in which schemas are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// `/openapi/v2`.
    V2,
    /// `/openapi/v3`.
    V3,
}

impl Edition {
    /// What stands before the name of a type in a `$ref`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::V2 => "#/definitions/",
            Self::V3 => "#/components/schemas/",
        }
    }
}

/// The published schema of a built-in type.
pub fn published(name: &str, edition: Edition) -> Value {
    let mut value = object(builtin::named(name));
    // Only version 3 can say that something is one of two types.
    let either = match (edition, &builtin::named(name).shape) {
        (Edition::V3, Shape::IntOrString) => ["integer", "string"],
        (Edition::V3, Shape::Quantity) => ["string", "number"],
        _ => ["", ""],
    };
    if !either[0].is_empty() {
        value.as_object_mut().map(|map| map.remove("type"));
        value["oneOf"] = json!([{ "type": either[0] }, { "type": either[1] }]);
    }
    let kinds: Vec<_> = builtin::kinds_of(name)
        .into_iter()
        .map(|(group, version, kind)| json!({ "group": group, "version": version, "kind": kind }))
        .collect();
    if !kinds.is_empty() {
        value["x-kubernetes-group-version-kind"] = json!(kinds);
    }
    value
}

fn object(schema: &Schema) -> Value {
    let mut value = match &schema.shape {
        Shape::Named(name) => json!({ "$ref": name }),
        Shape::Struct(object) => {
            let fields = object.fields.iter();
            let properties: Map<_, _> =
                fields.map(|(name, schema)| (name.clone(), self::object(schema))).collect();
            let mut value = json!({ "type": "object", "properties": properties });
            if !object.required.is_empty() {
                value["required"] = json!(object.required);
            }
            if object.atomic {
                value["x-kubernetes-map-type"] = json!("atomic");
            }
            value
        }
        Shape::Map { values, .. } => {
            json!({ "type": "object", "additionalProperties": object(values) })
        }
        Shape::List { items, kind } => {
            let mut value = json!({ "type": "array", "items": object(items) });
            let (name, keys) = match kind {
                ListKind::Atomic => ("atomic", None),
                ListKind::Set => ("set", None),
                ListKind::Map(keys) => ("map", Some(keys)),
            };
            value["x-kubernetes-list-type"] = json!(name);
            if let Some(keys) = keys {
                value["x-kubernetes-list-map-keys"] = json!(keys);
            }
            value
        }
        Shape::String(Format::Plain) | Shape::Quantity => json!({ "type": "string" }),
        Shape::String(Format::Byte) => json!({ "type": "string", "format": "byte" }),
        Shape::String(_) => json!({ "type": "string", "format": "date-time" }),
        Shape::Integer { bits } => json!({ "type": "integer", "format": format!("int{bits}") }),
        Shape::Number => json!({ "type": "number", "format": "double" }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::IntOrString => json!({ "type": "string", "format": "int-or-string" }),
        Shape::Any => json!({ "type": "object" }),
    };
    if let Some(default) = &schema.default {
        value["default"] = default.clone();
    }
    if schema.patch.merge {
        value["x-kubernetes-patch-strategy"] = json!("merge");
    }
    if let Some(key) = &schema.patch.merge_key {
        value["x-kubernetes-patch-merge-key"] = json!(key);
    }
    value
}
