//! `metadata` of resources and of embedded resources: implicit in every schema.

use serde_json::{Map, Value};

use super::Schema as Structural;
use crate::crd::path::Path;
use crate::field;
use crate::names;
use crate::schema::{Schema, Shape, named};

/// Full name of the built-in type of `metadata`.
pub(crate) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Brings `metadata` of the object at `path` into the form in which it is stored:
/// unknown fields go, and fields without a value too.
pub(super) fn clean(object: &mut Value, path: &Path<'_>, unknown: &mut Vec<String>) {
    let Some(meta) = object.get_mut("metadata") else {
        return;
    };
    let path = path.field("metadata");
    let own = unknown.len();
    known(meta, named(OBJECT_META), &path, unknown);
    unknown[own..].sort();
    if let Value::Object(map) = meta {
        map.retain(|_, value| !empty(value));
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(_) => false,
    }
}

fn known(value: &mut Value, schema: &Schema, path: &Path<'_>, unknown: &mut Vec<String>) {
    match (value, &schema.resolve().shape) {
        (Value::Object(map), Shape::Struct(_)) => map.retain(|name, value| {
            let path = path.field(name);
            match schema.field(name) {
                Some(below) => {
                    known(value, below, &path, unknown);
                    !value.is_null()
                }
                None => {
                    unknown.push(path.to_string());
                    false
                }
            }
        }),
        (Value::Array(list), Shape::List { items, .. }) => {
            for (at, value) in list.iter_mut().enumerate() {
                known(value, items, &path.index(at), unknown);
            }
        }
        _ => {}
    }
}

/// Findings on the type and metadata of embedded resources, wherever they stand.
pub(super) fn validate(
    value: &Value,
    schema: &Structural,
    path: &Path<'_>,
    out: &mut field::Errors,
) {
    if !schema.embeds {
        return;
    }
    match value {
        Value::Object(map) => {
            if schema.embedded {
                validate_resource(map, path, out);
            }
            for (name, value) in map {
                if let Some(below) = schema.properties.get(name) {
                    validate(value, below, &path.field(name), out);
                } else if let Some(below) = schema.additional_schema() {
                    validate(value, below, &path.key(name), out);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            for (at, value) in list.iter().enumerate() {
                validate(value, items, &path.index(at), out);
            }
        }
        _ => {}
    }
}

fn validate_resource(map: &Map<String, Value>, path: &Path<'_>, out: &mut field::Errors) {
    for name in ["apiVersion", "kind"] {
        let path = path.field(name).to_string();
        match map.get(name) {
            None => out.push(field::Error::required(path, "must not be empty")),
            Some(Value::String(text)) if text.is_empty() => {
                out.push(field::Error::invalid(path, &Value::from(""), "must not be empty"));
            }
            Some(value @ Value::String(text)) => {
                if name == "kind" {
                    if let Some(complaint) = mixed_case_label(text) {
                        out.push(field::Error::invalid(&path, value, complaint));
                    }
                } else if name == "apiVersion" && text.matches('/').count() > 1 {
                    let detail = format!("unexpected GroupVersion string: {text}");
                    out.push(field::Error::invalid(path, value, detail));
                }
            }
            Some(value) => out.push(field::Error::invalid(path, value, "must be a string")),
        }
    }
    if let Some(meta) = map.get("metadata") {
        let path = path.field("metadata");
        if let Some(detail) = mistyped(meta, named(OBJECT_META), &path) {
            out.push(field::Error::invalid(path.to_string(), meta, detail));
        } else {
            validate_meta(meta, &path, out);
        }
    }
}

/// The first place in `metadata` whose JSON type is wrong.
fn mistyped(value: &Value, schema: &Schema, path: &Path<'_>) -> Option<String> {
    let schema = schema.resolve();
    let fits = match (&schema.shape, value) {
        (_, Value::Null) | (Shape::Any | Shape::IntOrString | Shape::Quantity, _) => true,
        (Shape::Struct(_), Value::Object(map)) => {
            return map
                .iter()
                .find_map(|(name, value)| mistyped(value, schema.field(name)?, &path.field(name)));
        }
        (Shape::Map { values, .. }, Value::Object(map)) => {
            return map.iter().find_map(|(name, value)| mistyped(value, values, &path.key(name)));
        }
        (Shape::List { items, .. }, Value::Array(list)) => {
            return list
                .iter()
                .enumerate()
                .find_map(|(at, value)| mistyped(value, items, &path.index(at)));
        }
        (Shape::String(_), Value::String(_)) | (Shape::Boolean, Value::Bool(_)) => true,
        (Shape::Integer { .. }, Value::Number(number)) => number.is_i64(),
        (Shape::Number, Value::Number(_)) => true,
        _ => false,
    };
    (!fits).then(|| format!("{path} has the wrong type"))
}

/// Complaints about a kind, which is a label but for its capitals.
pub(crate) fn mixed_case_label(text: &str) -> Option<String> {
    let complaints = names::dns_1035_label(&text.to_lowercase());
    let words = "may have mixed case, but should otherwise match: ";
    (!complaints.is_empty()).then(|| format!("{words}{}", complaints.join(",")))
}

fn validate_meta(meta: &Value, path: &Path<'_>, out: &mut field::Errors) {
    for (part, prefix) in [("generateName", true), ("name", false)] {
        let text = meta.get(part).and_then(Value::as_str).unwrap_or_default();
        let at = path.field(part).to_string();
        for complaint in names::path_segment(text, prefix) {
            out.push(field::Error::invalid(&at, &Value::from(text), complaint));
        }
    }
    let labels = path.field("labels").to_string();
    out.extend(names::validate_labels(meta.get("labels"), &labels));
    let annotations = path.field("annotations").to_string();
    let keys = meta.get("annotations").and_then(Value::as_object);
    for key in keys.into_iter().flat_map(Map::keys) {
        out.extend(names::validate_label_name(&key.to_lowercase(), &annotations));
    }
}
