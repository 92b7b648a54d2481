//! `spec` of a definition: names, versions, subresources, columns, conversion.

use serde_json::Value;

use super::{conversion, openapi};
use crate::crd::schema::metadata::mixed_case_label;
use crate::crd::schema::{flag, items, text};
use crate::field::{self, Error, child, index};
use crate::names::{dns_1035_label, dns_subdomain};

/// Findings on a whole spec.
///
/// Parts that all versions share are reported as Kubernetes holds them: once, at the
/// top (`spec.validation`, `spec.subresources`, `spec.additionalPrinterColumns`).
pub(super) fn validate(spec: &Value) -> field::Errors {
    let mut errors = Vec::new();
    group(spec, &mut errors);
    one_of(spec.get("scope"), &["Cluster", "Namespaced"], "spec.scope", &mut errors);
    let versions: Vec<_> = items(spec, "versions").collect();
    for (at, version) in versions.iter().enumerate() {
        if !version["schema"]["openAPIV3Schema"].is_object() {
            let path = format!("spec.versions[{at}].schema.openAPIV3Schema");
            errors.push(Error::required(path, "schemas are required"));
        }
    }
    let shared = |name: &str| {
        let first = versions.first().map(|version| version.get(name));
        versions.iter().all(|version| Some(version.get(name)) == first)
    };
    let shared = Shared {
        schema: shared("schema"),
        subresources: shared("subresources"),
        columns: shared("additionalPrinterColumns"),
    };
    for (at, version) in versions.iter().enumerate() {
        let path = index("spec.versions", at);
        let name = text(version, "name").unwrap_or_default();
        label(&version["name"], name, &child(&path, "name"), &mut errors);
        deprecation(version, &path, &mut errors);
        if !shared.schema {
            schema(version, status_enabled(version), &child(&path, "schema"), &mut errors);
        }
        if !shared.subresources {
            subresources(version, &child(&path, "subresources"), &mut errors);
        }
        if !shared.columns {
            columns(version, &child(&path, "additionalPrinterColumns"), &mut errors);
        }
    }
    counts(&versions, &mut errors);
    let names = &spec["names"];
    for name in ["plural", "singular", "kind", "listKind"] {
        if text(names, name).is_none() {
            errors.push(Error::required(child("spec.names", name), ""));
        }
    }
    errors.extend(validate_names(names, "spec.names"));
    if let Some(first) = versions.first() {
        if shared.schema {
            let status = versions.iter().any(|version| status_enabled(version));
            schema(first, status, "spec.validation", &mut errors);
        }
        if shared.subresources {
            subresources(first, "spec.subresources", &mut errors);
        }
        if shared.columns {
            columns(first, "spec.additionalPrinterColumns", &mut errors);
        }
    }
    conversion::validate(&spec["conversion"], &mut errors);
    errors
}

struct Shared {
    schema: bool,
    subresources: bool,
    columns: bool,
}

fn status_enabled(version: &Value) -> bool {
    version["subresources"]["status"].is_object()
}

fn group(spec: &Value, errors: &mut field::Errors) {
    let group = text(spec, "group").unwrap_or_default();
    if group.is_empty() {
        return errors.push(Error::required("spec.group", ""));
    }
    let mut complaints = dns_subdomain(group);
    if complaints.is_empty() && !group.contains('.') {
        complaints.push("should be a domain with at least one dot".to_owned());
    }
    if !complaints.is_empty() {
        let detail = complaints.join(",");
        errors.push(Error::invalid("spec.group", &Value::from(group), detail));
    }
}

/// A DNS-1035 label at `path`; `value` is what is reported.
pub(super) fn label(value: &Value, text: &str, path: &str, errors: &mut field::Errors) {
    let complaints = dns_1035_label(text);
    if !complaints.is_empty() {
        errors.push(Error::invalid(path, value, complaints.join(",")));
    }
}

/// A text that must be one of a few.
pub(super) fn one_of(
    value: Option<&Value>,
    allowed: &[&str],
    path: &str,
    errors: &mut field::Errors,
) {
    match value.and_then(Value::as_str) {
        None | Some("") => errors.push(Error::required(path, "")),
        Some(text) if allowed.contains(&text) => {}
        Some(text) => errors.push(Error::not_supported(path, &Value::from(text), allowed)),
    }
}

fn counts(versions: &[&Value], errors: &mut field::Errors) {
    let names: std::collections::HashSet<_> =
        versions.iter().map(|it| &it["name"]).map(Value::to_string).collect();
    let mut wrong = |detail: &str| {
        let listed: Vec<_> = versions.iter().map(|version| go_version(version)).collect();
        let value = match listed.as_slice() {
            [] => "[]apiextensions.CustomResourceDefinitionVersion{}".to_owned(),
            listed => {
                format!("[]apiextensions.CustomResourceDefinitionVersion{{{}}}", listed.join(", "))
            }
        };
        errors.push(Error::invalid_go("spec.versions", value, detail));
    };
    if names.len() != versions.len() {
        wrong("must contain unique version names");
    }
    if versions.iter().filter(|version| flag(version, "storage")).count() != 1 {
        wrong("must have exactly one version marked as storage version");
    }
}

fn go_version(version: &Value) -> String {
    format!(
        "apiextensions.CustomResourceDefinitionVersion{{Name:{:?}, Served:{}, Storage:{}}}",
        text(version, "name").unwrap_or_default(),
        flag(version, "served"),
        flag(version, "storage"),
    )
}

fn deprecation(version: &Value, path: &str, errors: &mut field::Errors) {
    let Some(warning) = version.get("deprecationWarning").and_then(Value::as_str) else {
        return;
    };
    let mut wrong = |detail: String| {
        let path = child(path, "deprecationWarning");
        errors.push(Error::invalid(path, &Value::from(warning), detail));
    };
    if !flag(version, "deprecated") {
        return wrong("can only be set for deprecated versions".to_owned());
    }
    if warning.len() > 256 {
        wrong("must be <= 256 characters long".to_owned());
    }
    if warning.is_empty() {
        wrong("must not be an empty string".to_owned());
    }
    if let Some((at, _)) = warning.char_indices().find(|(_, it)| it.is_control()) {
        wrong(format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {at}"
        ));
    }
}

fn schema(version: &Value, status: bool, path: &str, errors: &mut field::Errors) {
    let schema = &version["schema"]["openAPIV3Schema"];
    if schema.is_object() {
        errors.extend(openapi::validate(schema, status, &child(path, "openAPIV3Schema")));
    }
}

/// Findings on names, also on those that a status says were accepted.
pub(super) fn validate_names(names: &Value, path: &str) -> field::Errors {
    let mut errors = Vec::new();
    let parts = [("plural", false), ("singular", false), ("kind", true), ("listKind", true)];
    for (name, mixed) in parts {
        let Some(own) = text(names, name) else {
            continue;
        };
        let path = child(path, name);
        if !mixed {
            label(&names[name], own, &path, &mut errors);
        } else if let Some(detail) = mixed_case_label(own) {
            errors.push(Error::invalid(path, &names[name], detail));
        }
    }
    let list = |name: &str, errors: &mut field::Errors| {
        for (at, own) in items(names, name).enumerate() {
            let path = index(&child(path, name), at);
            label(own, own.as_str().unwrap_or_default(), &path, errors);
        }
    };
    list("shortNames", &mut errors);
    let kind = text(names, "kind");
    if kind.is_some() && kind == text(names, "listKind") {
        let detail = "kind and listKind may not be the same";
        errors.push(Error::invalid(child(path, "listKind"), &names["listKind"], detail));
    }
    list("categories", &mut errors);
    errors
}

/// A path in dots, as far as Kubernetes looks at it here.
fn simple_path(value: &str, path: &str, under: &[&str], words: &str, errors: &mut field::Errors) {
    let detail = if !value.starts_with('.') {
        "must be a simple json path starting with ."
    } else if !under.is_empty() && !under.iter().any(|prefix| value.starts_with(prefix)) {
        words
    } else {
        return;
    };
    errors.push(Error::invalid(path, &Value::from(value), detail));
}

fn subresources(version: &Value, path: &str, errors: &mut field::Errors) {
    let scale = &version["subresources"]["scale"];
    if !scale.is_object() {
        return;
    }
    let required = [
        ("specReplicasPath", ".spec.", "should be a json path under .spec"),
        ("statusReplicasPath", ".status.", "should be a json path under .status"),
    ];
    for (name, under, words) in required {
        let path = format!("{path}.scale.{name}");
        match text(scale, name) {
            None => errors.push(Error::required(path, "")),
            Some(value) => simple_path(value, &path, &[under], words, errors),
        }
    }
    if let Some(value) = text(scale, "labelSelectorPath") {
        let path = format!("{path}.scale.labelSelectorPath");
        let words = "should be a json path under either .spec or .status";
        simple_path(value, &path, &[".spec.", ".status."], words, errors);
    }
}

fn columns(version: &Value, path: &str, errors: &mut field::Errors) {
    const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
    const FORMATS: [&str; 8] =
        ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
    for (at, column) in items(version, "additionalPrinterColumns").enumerate() {
        let path = index(path, at);
        if text(column, "name").is_none() {
            errors.push(Error::required(child(&path, "name"), ""));
        }
        let kinds = format!("must be one of {}", TYPES.join(","));
        match text(column, "type") {
            None => errors.push(Error::required(child(&path, "type"), kinds)),
            Some(kind) if TYPES.contains(&kind) => {}
            Some(_) => errors.push(Error::invalid(child(&path, "type"), &column["type"], kinds)),
        }
        if text(column, "format").is_some_and(|format| !FORMATS.contains(&format)) {
            let words = format!("must be one of {}", FORMATS.join(","));
            errors.push(Error::invalid(child(&path, "format"), &column["format"], words));
        }
        let path = child(&path, "JSONPath");
        match text(column, "jsonPath") {
            None => errors.push(Error::required(path, "")),
            Some(value) => simple_path(value, &path, &[], "", errors),
        }
    }
}
