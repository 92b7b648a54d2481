//! `x-kubernetes-list-type` and `x-kubernetes-map-type`: how apply merges, and what
//! that asks of the items.

use serde_json::Value;

use crate::crd::path::Path;
use crate::crd::schema::{flag, text, texts};
use crate::field::{self, Error};

/// Findings on the list and map type of one place.
pub(super) fn validate(schema: &Value, path: &Path<'_>, out: &mut field::Errors) {
    map_type(schema, path, out);
    list_type(schema, path, out);
}

/// The type that a keyword asks for.
fn typed(schema: &Value, wanted: &str, keyword: &str, path: &Path<'_>, out: &mut field::Errors) {
    let detail = format!("must be {wanted} if {keyword} is specified");
    let at = path.field("type").to_string();
    match text(schema, "type") {
        Some(kind) if kind == wanted => {}
        Some(kind) => out.push(Error::invalid(at, &Value::from(kind), detail)),
        None => out.push(Error::required(at, detail)),
    }
}

fn map_type(schema: &Value, path: &Path<'_>, out: &mut field::Errors) {
    const NAME: &str = "x-kubernetes-map-type";
    let Some(kind) = schema.get(NAME).filter(|it| !it.is_null()) else {
        return;
    };
    typed(schema, "object", NAME, path, out);
    if !matches!(kind.as_str(), Some("atomic" | "granular")) {
        let at = path.field(NAME).to_string();
        out.push(Error::not_supported(at, kind, &["atomic", "granular"]));
    }
}

fn list_type(schema: &Value, path: &Path<'_>, out: &mut field::Errors) {
    const NAME: &str = "x-kubernetes-list-type";
    const KEYS: &str = "x-kubernetes-list-map-keys";
    let given = schema.get(NAME).filter(|it| !it.is_null());
    let kind = given.and_then(Value::as_str);
    let at = |name: &str| path.field(name).to_string();
    if let Some(given) = given {
        typed(schema, "array", NAME, path, out);
        if !matches!(kind, Some("atomic" | "set" | "map")) {
            out.push(Error::not_supported(at(NAME), given, &["atomic", "set", "map"]));
        }
    }
    let keys = texts(schema, KEYS);
    if !keys.is_empty() && kind != Some("map") {
        let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
        out.push(match given {
            None => Error::required(at(NAME), detail),
            Some(given) => Error::invalid(at(NAME), given, detail),
        });
    }
    let inner = schema.get("items").filter(|it| it.is_object());
    match (kind, inner) {
        (Some("set"), Some(inner)) => set_items(inner, &path.field("items"), out),
        (Some("map"), inner) => {
            if keys.is_empty() {
                let detail = "must not be empty if x-kubernetes-list-type is map";
                out.push(Error::required(at(KEYS), detail));
            }
            match inner {
                None => {
                    let detail = "must have a schema if x-kubernetes-list-type is map";
                    out.push(Error::required(at("items"), detail));
                }
                Some(inner) => map_items(inner, &keys, path, out),
            }
        }
        _ => {}
    }
}

fn set_items(inner: &Value, path: &Path<'_>, out: &mut field::Errors) {
    let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
    if flag(inner, "nullable") {
        let at = path.field("nullable").to_string();
        out.push(Error::forbidden(at, "this is a set, so its items cannot be nullable"));
    }
    let (name, fits) = match text(inner, "type") {
        Some("array") => {
            let kind = text(inner, "x-kubernetes-list-type");
            ("x-kubernetes-list-type", matches!(kind, None | Some("atomic")))
        }
        Some("object") => {
            let kind = text(inner, "x-kubernetes-map-type");
            ("x-kubernetes-map-type", kind == Some("atomic"))
        }
        _ => return,
    };
    if !fits {
        let value = inner.get(name).unwrap_or(&Value::Null);
        out.push(Error::invalid(path.field(name).to_string(), value, detail));
    }
}

fn map_items(inner: &Value, keys: &[String], path: &Path<'_>, out: &mut field::Errors) {
    let item = path.field("items");
    let kind = text(inner, "type");
    if kind != Some("object") {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        let at = item.field("type").to_string();
        out.push(Error::invalid(at, &Value::from(kind.unwrap_or_default()), detail));
    }
    let required = texts(inner, "required");
    let listed = path.field("x-kubernetes-list-map-keys").to_string();
    let properties = item.field("properties");
    for (index, key) in keys.iter().enumerate() {
        let place = properties.key(key);
        match inner.get("properties").and_then(|it| it.get(key)) {
            None if kind == Some("object") => {
                let detail = "entries must all be names of item properties";
                out.push(Error::invalid(&listed, &Value::from(keys), detail));
            }
            None => {}
            Some(property) => {
                if let Some(kind) =
                    text(property, "type").filter(|it| matches!(*it, "array" | "object"))
                {
                    let detail =
                        "must be a scalar type if parent array's x-kubernetes-list-type is map";
                    let at = place.field("type").to_string();
                    out.push(Error::invalid(at, &Value::from(kind), detail));
                }
                let defaulted = property.get("default").is_some_and(|it| !it.is_null());
                if !required.contains(key) && !defaulted {
                    let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                    out.push(Error::required(place.field("default").to_string(), detail));
                }
                if flag(property, "nullable") {
                    let detail =
                        "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
                    out.push(Error::forbidden(place.field("nullable").to_string(), detail));
                }
            }
        }
        if keys[..index].contains(key) {
            let detail = "must not contain duplicate entries";
            out.push(Error::invalid(&listed, &Value::from(keys), detail));
        }
    }
}
