//! Defaults in a schema: each must be what the schema at its place allows.

use serde_json::Value;

use super::structural::fields;
use crate::crd::path::Path;
use crate::crd::schema::Schema;
use crate::field::{self, Error};

/// Findings on all defaults. `raw` and `schema` are the same schema.
pub(super) fn validate(raw: &Value, schema: &Schema, path: &Path<'_>) -> field::Errors {
    let mut errors = Vec::new();
    walk(raw, schema, path, true, &mut errors);
    errors
}

fn walk(raw: &Value, schema: &Schema, path: &Path<'_>, root: bool, out: &mut field::Errors) {
    if let Some(default) = &schema.default {
        check(raw, schema, default, &path.field("default").to_string(), out);
    }
    if let (Some(below), Some(items)) = (raw.get("items"), &schema.items) {
        walk(below, items, &path.field("items"), false, out);
    }
    if let (Some(below), Some(values)) =
        (raw.get("additionalProperties"), schema.additional_schema())
    {
        walk(below, values, &path.field("additionalProperties"), false, out);
    }
    let properties = path.field("properties");
    for (name, below) in fields(raw) {
        // Those of a resource's own type and metadata are forbidden altogether.
        if root && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        if let Some(schema) = schema.properties.get(name) {
            walk(below, schema, &properties.key(name), false, out);
        }
    }
}

fn check(raw: &Value, schema: &Schema, default: &Value, path: &str, out: &mut field::Errors) {
    if !schema.prune_value(&mut default.clone()) {
        out.push(Error::invalid(path, default, "must not have unknown fields"));
    }
    let mut findings: Vec<_> = schema
        .validate_embedded(default)
        .into_iter()
        .map(|error| {
            Error::invalid(path, default, format!("must result in valid metadata: {error}"))
        })
        .collect();
    if findings.is_empty() {
        findings = schema.validate_values_at(default, path);
    }
    if findings.is_empty()
        && let Ok(full) = Schema::compile(raw)
    {
        let below = |error: Error| Error {
            field: match error.field.as_str() {
                "<nil>" => path.to_owned(),
                inside => format!("{path}.{inside}"),
            },
            ..error
        };
        findings = full.validate_rules(default, Some(default)).into_iter().map(below).collect();
    }
    out.extend(findings);
}
