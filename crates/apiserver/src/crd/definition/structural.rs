//! What makes a schema structural: every place has a type, and combinators judge
//! values only.

use serde_json::{Map, Value, json};

use crate::crd::path::Path;
use crate::crd::schema::{compile_pattern, flag, items, text, texts};
use crate::field::{self, Error};

/// Where a place stands.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Findings on a schema, in the order of their words.
pub(super) fn validate(schema: &Value, path: &Path<'_>) -> field::Errors {
    let mut errors = Vec::new();
    invariants(schema, Level::Root, path, &mut errors);
    complete(schema, Some(schema), path, path, &mut errors);
    errors.sort_by_cached_key(ToString::to_string);
    errors
}

/// The fields of `properties`.
pub(super) fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let map = schema.get("properties").and_then(Value::as_object);
    map.into_iter().flatten()
}

fn invariants(schema: &Value, level: Level, path: &Path<'_>, out: &mut field::Errors) {
    let kind = text(schema, "type").unwrap_or_default();
    let at = |name: &str| path.field(name).to_string();
    let items_schema = schema.get("items").filter(|it| it.is_object());
    match items_schema {
        Some(below) => invariants(below, Level::Item, &path.field("items"), out),
        None if kind == "array" => out.push(Error::required(at("items"), "must be specified")),
        None => {}
    }
    let properties = path.field("properties");
    for (name, below) in fields(schema) {
        invariants(below, Level::Field, &properties.key(name), out);
    }
    let additional = schema.get("additionalProperties").filter(|it| !it.is_null());
    if let Some(below) = additional {
        if level == Level::Root {
            out.push(Error::forbidden(at("additionalProperties"), "must not be used at the root"));
        }
        if below.is_object() {
            invariants(below, Level::Field, &path.field("additionalProperties"), out);
        }
    }
    let either = flag(schema, "x-kubernetes-int-or-string");
    let preserve = flag(schema, "x-kubernetes-preserve-unknown-fields");
    let embedded = flag(schema, "x-kubernetes-embedded-resource");
    for (set, name) in [
        (preserve, "x-kubernetes-preserve-unknown-fields"),
        (embedded, "x-kubernetes-embedded-resource"),
    ] {
        if either && set {
            let detail = "must be false if x-kubernetes-int-or-string is true";
            out.push(Error::invalid(at(name), &Value::Bool(true), detail));
        }
    }
    combined(schema, either, path, out);
    if embedded && kind != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        out.push(match kind {
            "" => Error::required(at("type"), detail),
            kind => Error::invalid(at("type"), &Value::from(kind), detail),
        });
    } else if kind.is_empty() && !either && !preserve {
        let place = match level {
            Level::Root => "at the root",
            Level::Item => "for specified array items",
            Level::Field => "for specified object fields",
        };
        out.push(Error::required(at("type"), format!("must not be empty {place}")));
    }
    if embedded && additional.is_some() {
        let detail = "must not be used if x-kubernetes-embedded-resource is set";
        out.push(Error::forbidden(at("additionalProperties"), detail));
    }
    if level == Level::Root && !matches!(kind, "" | "object") {
        let detail = "must be object at the root";
        out.push(Error::invalid(at("type"), &Value::from(kind), detail));
    }
    if level == Level::Root || embedded {
        resource(schema, level, path, out);
    }
    if embedded && !preserve && fields(schema).next().is_none() {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        out.push(Error::required(at("properties"), detail));
    }
}

/// `apiVersion`, `kind` and `metadata` may be declared, but not otherwise than they are.
fn resource(schema: &Value, level: Level, path: &Path<'_>, out: &mut field::Errors) {
    let properties = path.field("properties");
    for (name, wanted) in [("kind", "string"), ("apiVersion", "string"), ("metadata", "object")] {
        let Some(declared) = schema.get("properties").and_then(|it| it.get(name)) else {
            continue;
        };
        let place = properties.key(name);
        let kind = text(declared, "type").unwrap_or_default();
        if kind != wanted {
            let detail = format!("must be {wanted}");
            let at = place.field("type").to_string();
            out.push(Error::invalid(at, &Value::from(kind), detail));
        }
        if name == "metadata" && level == Level::Root {
            let known = ["name", "generateName"];
            let names_only = fields(declared).all(|(name, _)| known.contains(&name.as_str()));
            let nothing_else = declared.as_object().is_none_or(|map| {
                map.keys().all(|key| matches!(key.as_str(), "type" | "properties" | "default"))
            });
            if !names_only || !nothing_else {
                let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
                out.push(Error::forbidden(place.to_string(), detail));
            }
        }
    }
}

/// Checks `anyOf`, `allOf`, `oneOf`, `not` and the pattern of a place.
fn combined(schema: &Value, either: bool, path: &Path<'_>, out: &mut field::Errors) {
    let int_or_string = |schema: &Value| {
        schema.get("anyOf") == Some(&json!([{"type": "integer"}, {"type": "string"}]))
    };
    let skip_any = either && int_or_string(schema);
    let skip_first =
        either && !skip_any && items(schema, "allOf").next().is_some_and(int_or_string);
    for name in ["anyOf", "allOf", "oneOf"] {
        let place = path.field(name);
        for (at, below) in items(schema, name).enumerate() {
            if !(skip_any && name == "anyOf") {
                let skip = skip_first && name == "allOf" && at == 0;
                nested(below, skip, &place.index(at), out);
            }
        }
    }
    if let Some(below) = schema.get("not").filter(|it| it.is_object()) {
        nested(below, false, &path.field("not"), out);
    }
    if let Some(pattern) = text(schema, "pattern")
        && let Err(error) = compile_pattern(pattern)
    {
        let detail = format!("must be a valid regular expression, but isn't: {error}");
        let at = path.field("pattern").to_string();
        out.push(Error::invalid(at, &Value::from(pattern), detail));
    }
}

/// Below a combinator nothing may be said but about values.
fn nested(schema: &Value, skip_any: bool, path: &Path<'_>, out: &mut field::Errors) {
    if skip_any {
        let mut without = schema.clone();
        without.as_object_mut().and_then(|map| map.remove("anyOf"));
        combined(&without, false, path, out);
    } else {
        combined(schema, false, path, out);
    }
    if let Some(below) = schema.get("items").filter(|it| it.is_object()) {
        nested(below, false, &path.field("items"), out);
    }
    let properties = path.field("properties");
    for (name, below) in fields(schema) {
        nested(below, false, &properties.key(name), out);
    }
    let empty = Map::new();
    let map = schema.as_object().unwrap_or(&empty);
    let mut forbid = |set: bool, name: &str, state: &str| {
        if set {
            let detail = format!("must be {state} to be structural");
            out.push(Error::forbidden(path.field(name).to_string(), detail));
        }
    };
    for name in ["type", "title", "description"] {
        forbid(text(schema, name).is_some(), name, "empty");
    }
    for name in [
        "additionalProperties",
        "default",
        "externalDocs",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
    ] {
        forbid(map.get(name).is_some_and(|it| !it.is_null()), name, "undefined");
    }
    for name in [
        "nullable",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
    ] {
        forbid(flag(schema, name), name, "false");
    }
    forbid(
        !texts(schema, "x-kubernetes-list-map-keys").is_empty(),
        "x-kubernetes-list-map-keys",
        "empty",
    );
    let ruled = items(schema, "x-kubernetes-validations").next().is_some();
    forbid(ruled, "x-kubernetes-validations", "empty");
    if fields(schema).any(|(name, _)| name == "metadata") {
        let at = properties.key("metadata").to_string();
        out.push(Error::forbidden(at, "must not be specified in a nested context"));
    }
}

/// What the combinators at the root speak about must be declared outside of them too.
/// Kubernetes does not look at those further down, though its documentation says so.
fn complete(
    values: &Value,
    schema: Option<&Value>,
    path: &Path<'_>,
    from: &Path<'_>,
    out: &mut field::Errors,
) {
    let Some(schema) = schema else {
        let detail = format!("because it is defined in {from}");
        return out.push(Error::required(path.to_string(), detail));
    };
    let each = |name: &str, out: &mut field::Errors| {
        let place = from.field(name);
        for (at, below) in items(values, name).enumerate() {
            complete_nested(below, schema, path, &place.index(at), out);
        }
    };
    if let Some(below) = values.get("not").filter(|it| it.is_object()) {
        complete_nested(below, schema, path, &from.field("not"), out);
    }
    each("allOf", out);
    each("anyOf", out);
    each("oneOf", out);
}

fn complete_nested(
    values: &Value,
    schema: &Value,
    path: &Path<'_>,
    from: &Path<'_>,
    out: &mut field::Errors,
) {
    complete(values, Some(schema), path, from, out);
    let missing = |path: &Path<'_>, from: &Path<'_>| {
        Error::required(path.to_string(), format!("because it is defined in {from}"))
    };
    if let Some(below) = values.get("items").filter(|it| it.is_object()) {
        let (path, from) = (path.field("items"), from.field("items"));
        match schema.get("items") {
            Some(schema) => complete_nested(below, schema, &path, &from, out),
            None => out.push(missing(&path, &from)),
        }
    }
    let (path, from) = (path.field("properties"), from.field("properties"));
    for (name, below) in fields(values) {
        let (path, from) = (path.key(name), from.key(name));
        match schema.get("properties").and_then(|it| it.get(name)) {
            Some(schema) => complete_nested(below, schema, &path, &from, out),
            None => out.push(missing(&path, &from)),
        }
    }
}
