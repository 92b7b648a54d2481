//! `openAPIV3Schema` of a definition: which keywords it may use, and how.

use serde_json::Value;

use super::structural::{self, fields};
use super::{defaults, list, rules};
use crate::crd::path::Path;
use crate::crd::schema::{MAX_DEPTH, Schema, flag, items, text};
use crate::field::{self, Error};

/// Keywords at the root when status is written apart, so that the schema of the status
/// alone says all that there is to say about it.
const AT_ROOT: [&str; 22] = [
    "description",
    "type",
    "format",
    "title",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "required",
    "items",
    "properties",
    "externalDocs",
    "example",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

/// Findings on a schema. `status` says that the status is a subresource.
pub(super) fn validate(schema: &Value, status: bool, path: &str) -> field::Errors {
    let path = Path::Field(&Path::Root, path);
    if depth(schema) > MAX_DEPTH {
        let detail = format!("must not be nested deeper than {MAX_DEPTH} levels");
        return vec![Error::invalid(path.to_string(), &Value::from(""), detail)];
    }
    let mut errors = Vec::new();
    if status {
        root_keywords(schema, &path, &mut errors);
    }
    if flag(schema, "nullable") {
        let at = path.field("nullable").to_string();
        errors.push(Error::forbidden(at, "nullable cannot be true at the root"));
    }
    let mut compiled = None;
    let structure = structural::validate(schema, &path);
    if structure.is_empty() {
        compiled = Schema::compile_types(schema).ok();
        let findings = compiled
            .as_ref()
            .map(|compiled| defaults::validate(schema, compiled, &path))
            .unwrap_or_default();
        if !findings.is_empty() {
            compiled = None;
        }
        errors.extend(findings);
    } else {
        errors.extend(structure);
    }
    let mut keywords = Vec::new();
    walk(schema, &path, &Place::root(), &mut keywords);
    let sound = keywords.is_empty();
    errors.extend(keywords);
    if let Some(compiled) = compiled.filter(|_| sound) {
        errors.extend(rules::validate(schema, &compiled, &path));
    }
    // Both walks may say the same about a pattern.
    let mut seen = std::collections::HashSet::new();
    errors.retain(|error| seen.insert(error.to_string()));
    errors
}

fn depth(schema: &Value) -> usize {
    // Counts JSON levels; every level of a schema takes at most two of them.
    let mut most = 0;
    let mut open = vec![(schema, 0)];
    while let Some((value, level)) = open.pop() {
        most = most.max(level);
        match value {
            Value::Object(map) => open.extend(map.values().map(|below| (below, level + 1))),
            Value::Array(list) => open.extend(list.iter().map(|below| (below, level + 1))),
            _ => {}
        }
    }
    most / 2
}

fn root_keywords(schema: &Value, path: &Path<'_>, out: &mut field::Errors) {
    let Some(map) = schema.as_object() else {
        return;
    };
    let zero = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    for (name, value) in map.iter().filter(|(_, value)| !zero(value)) {
        if name == "type" && value != "object" {
            let detail = "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled";
            out.push(Error::invalid(path.field("type").to_string(), value, detail));
            break;
        }
        if !AT_ROOT.contains(&name.as_str()) {
            let detail = "only some fields are allowed at the root of the schema if the status subresource is enabled";
            out.push(Error::invalid(path.to_string(), schema, detail));
            break;
        }
    }
}

/// What holds where a schema stands.
#[derive(Clone, Default)]
struct Place {
    root: bool,
    inside_metadata: bool,
    /// Why defaults may not stand here.
    no_defaults: Option<String>,
}

impl Place {
    fn root() -> Self {
        Self { root: true, ..Self::default() }
    }

    fn below(&self) -> Self {
        Self { root: false, ..self.clone() }
    }

    fn property(&self, embedded: bool, name: &str) -> Self {
        let mut below = self.below();
        let top = || Some(format!("in top-level {name}"));
        if (self.root || embedded) && name == "metadata" {
            below.inside_metadata = true;
            if self.root {
                below.no_defaults = top();
            }
        } else if self.root && matches!(name, "apiVersion" | "kind") {
            below.no_defaults = top();
        }
        below
    }
}

fn walk(schema: &Value, path: &Path<'_>, place: &Place, out: &mut field::Errors) {
    if !schema.is_object() {
        return;
    }
    keywords(schema, path, place, out);
    let at = |name: &str| path.field(name).to_string();
    if flag(schema, "uniqueItems") {
        let detail =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        out.push(Error::forbidden(at("uniqueItems"), detail));
    }
    let embedded = flag(schema, "x-kubernetes-embedded-resource");
    if let Some(additional) = schema.get("additionalProperties").filter(|it| !it.is_null()) {
        if fields(schema).next().is_some() && additional != &Value::Bool(true) {
            let detail = "additionalProperties and properties are mutual exclusive";
            out.push(Error::forbidden(at("additionalProperties"), detail));
        }
        let mut below = place.below();
        if place.inside_metadata {
            let reason = "inside additionalProperties applying to object metadata";
            below.no_defaults = Some(reason.to_owned());
        }
        walk(additional, &path.field("additionalProperties"), &below, out);
    }
    let properties = path.field("properties");
    for (name, below) in fields(schema) {
        walk(below, &properties.key(name), &place.property(embedded, name), out);
    }
    let below = place.below();
    for name in ["not", "items"] {
        if let Some(schema) = schema.get(name) {
            walk(schema, &path.field(name), &below, out);
        }
    }
    for name in ["allOf", "oneOf", "anyOf"] {
        let listed = path.field(name);
        for (index, schema) in items(schema, name).enumerate() {
            walk(schema, &listed.index(index), &below, out);
        }
    }
    if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        let at = at("x-kubernetes-preserve-unknown-fields");
        out.push(Error::invalid(at, &Value::Bool(false), "must be true or undefined"));
    }
    list::validate(schema, path, out);
    rules::validate_form(schema, path, out);
}

fn keywords(schema: &Value, path: &Path<'_>, place: &Place, out: &mut field::Errors) {
    const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
    let at = |name: &str| path.field(name).to_string();
    match text(schema, "type") {
        Some(kind) if !TYPES.contains(&kind) => {
            let at = at("type");
            out.push(Error::not_supported(&at, &Value::from(kind), &TYPES));
            if kind == "null" {
                let detail = "type cannot be set to null, use nullable as an alternative";
                out.push(Error::forbidden(at, detail));
            }
        }
        _ => {}
    }
    let has = |name: &str| schema.get(name).is_some_and(|it| !it.is_null());
    if let Some(reason) = place.no_defaults.as_ref().filter(|_| has("default")) {
        out.push(Error::forbidden(at("default"), format!("must not be set {reason}")));
    }
    for name in
        ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"]
    {
        if has(name) {
            out.push(Error::forbidden(at(name), format!("{name} is not supported")));
        }
    }
    if schema.get("items").is_some_and(Value::is_array) {
        let detail = "items must be a schema object and not an array";
        out.push(Error::forbidden(at("items"), detail));
    }
    if place.inside_metadata && flag(schema, "x-kubernetes-embedded-resource") {
        let at = at("x-kubernetes-embedded-resource");
        out.push(Error::forbidden(at, "must not be used inside of resource meta"));
    }
}
