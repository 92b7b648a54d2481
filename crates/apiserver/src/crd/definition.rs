//! The `CustomResourceDefinition` object itself.

mod accepted;
mod conversion;
mod defaults;
mod list;
mod openapi;
mod rules;
mod spec;
mod structural;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::schema::{flag, items, text};
use crate::builtin::{Part, Strategy};
use crate::field::{self, Error};
use crate::names;

pub use accepted::{CLEANUP, establish, is_established, terminating};

/// Rules of `customresourcedefinitions.apiextensions.k8s.io`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CustomResourceDefinitions;

impl Strategy for CustomResourceDefinitions {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec").filter(|spec| spec.is_object()) else {
            return;
        };
        if let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) {
            default_names(names);
        }
        if spec.get("conversion").is_none_or(Value::is_null) {
            spec["conversion"] = json!({"strategy": "None"});
        }
        if let Some(service) = spec
            .pointer_mut("/conversion/webhook/clientConfig/service")
            .and_then(Value::as_object_mut)
        {
            service.entry("port").or_insert(json!(443));
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        object["metadata"]["generation"] = json!(1);
        object["status"] = json!({
            "conditions": null,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": null,
        });
        store_version(object);
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        let generation = stored["metadata"]["generation"].clone();
        if part == Part::Sub("status") {
            object["spec"] = stored["spec"].clone();
            object["metadata"]["generation"] = generation;
            return;
        }
        object["status"] = stored["status"].clone();
        let changed = i64::from(object["spec"] != stored["spec"]);
        object["metadata"]["generation"] = json!(generation.as_i64().unwrap_or(1) + changed);
        store_version(object);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let names = &object["spec"]["names"];
        let plural = text(names, "plural").unwrap_or_default();
        let group = text(&object["spec"], "group").unwrap_or_default();
        if name != format!("{plural}.{group}") {
            let detail = r#"must be spec.names.plural+"."+spec.group"#;
            errors.push(Error::invalid("metadata.name", &Value::from(name), detail));
        }
        errors.extend(spec::validate(&object["spec"]));
        errors.extend(validate_status(object, true));
        errors.extend(approval(object, None));
        errors.extend(preserve_unknown(object, None));
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        if part == Part::Sub("status") {
            return validate_status(object, false);
        }
        let mut errors = spec::validate(&object["spec"]);
        errors.extend(immutable(object, stored));
        errors.extend(validate_status(object, true));
        errors.extend(approval(object, Some(stored)));
        errors.extend(preserve_unknown(object, Some(stored)));
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn delete_returns_object(&self) -> bool {
        true
    }
}

fn default_names(names: &mut Map<String, Value>) {
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default();
    if kind.is_empty() {
        return;
    }
    let (singular, list_kind) = (kind.to_lowercase(), format!("{kind}List"));
    for (name, default) in [("singular", singular), ("listKind", list_kind)] {
        let own = names.get(name).and_then(Value::as_str).unwrap_or_default();
        if own.is_empty() {
            names.insert(name.to_owned(), Value::from(default));
        }
    }
}

/// Remembers that objects may be stored in the storage version from now on.
fn store_version(object: &mut Value) {
    let storage = items(&object["spec"], "versions").find(|version| flag(version, "storage"));
    let Some(name) = storage.and_then(|version| text(version, "name")) else {
        return;
    };
    let name = Value::from(name);
    let stored = &mut object["status"]["storedVersions"];
    match stored.as_array_mut() {
        Some(list) if list.contains(&name) => {}
        Some(list) => list.push(name),
        None => *stored = json!([name]),
    }
}

fn immutable(object: &Value, stored: &Value) -> field::Errors {
    let mut paths = vec!["/group", "/names/plural"];
    if is_established(stored) {
        paths.splice(0..0, ["/scope", "/names/kind"]);
    }
    let changed = paths.into_iter().filter_map(|path| {
        let (new, old) = (object["spec"].pointer(path), stored["spec"].pointer(path));
        (new != old).then(|| {
            let field = format!("spec{}", path.replace('/', "."));
            Error::invalid(field, new.unwrap_or(&Value::Null), "field is immutable")
        })
    });
    changed.collect()
}

fn validate_status(object: &Value, with_versions: bool) -> field::Errors {
    let status = &object["status"];
    let mut errors = spec::validate_names(&status["acceptedNames"], "status.acceptedNames");
    if with_versions {
        errors.extend(validate_stored(object));
    }
    errors
}

fn validate_stored(object: &Value) -> field::Errors {
    const PATH: &str = "status.storedVersions";
    let stored: Vec<_> =
        items(&object["status"], "storedVersions").filter_map(Value::as_str).collect();
    if stored.is_empty() {
        let detail = "must have at least one stored version";
        return vec![Error::invalid_go(PATH, "[]string(nil)", detail)];
    }
    let mut errors = Vec::new();
    let versions: Vec<_> = items(&object["spec"], "versions").collect();
    for version in &versions {
        let name = text(version, "name").unwrap_or_default();
        if flag(version, "storage") && !stored.contains(&name) {
            let quoted: Vec<_> = stored.iter().map(|it| format!("{it:?}")).collect();
            let value = format!("[]string{{{}}}", quoted.join(", "));
            let detail = format!("must have the storage version {name}");
            errors.push(Error::invalid_go(PATH, value, detail));
        }
    }
    for (at, name) in stored.iter().enumerate() {
        if !versions.iter().any(|version| text(version, "name") == Some(name)) {
            let detail = "must appear in spec.versions";
            errors.push(Error::invalid(field::index(PATH, at), &Value::from(*name), detail));
        }
    }
    errors
}

const APPROVED: &str = "api-approved.kubernetes.io";

#[derive(PartialEq)]
enum Approval {
    Missing,
    Invalid,
    Given,
    Bypassed,
}

fn approval_of(object: &Value) -> Approval {
    let value = object["metadata"]["annotations"][APPROVED].as_str().unwrap_or_default();
    let has_host = |(scheme, rest): (&str, &str)| {
        !scheme.is_empty() && !rest.split('/').next().unwrap_or_default().is_empty()
    };
    match value {
        "" => Approval::Missing,
        value if value.starts_with("unapproved") => Approval::Bypassed,
        value if value.split_once("://").is_some_and(has_host) => Approval::Given,
        _ => Approval::Invalid,
    }
}

/// Groups of the Kubernetes community need a word of approval.
fn approval(object: &Value, stored: Option<&Value>) -> Option<Error> {
    let group = text(&object["spec"], "group").unwrap_or_default();
    let protected = ["k8s.io", "kubernetes.io"].iter().any(|domain| {
        let before = group.strip_suffix(domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    let state = approval_of(object);
    if !protected || stored.is_some_and(|stored| approval_of(stored) == state) {
        return None;
    }
    let path = field::key("metadata.annotations", APPROVED);
    let see = "see https://github.com/kubernetes/enhancements/pull/1111";
    match state {
        Approval::Missing => Some(Error::required(
            path,
            format!("protected groups must have approval annotation {APPROVED:?}, {see}"),
        )),
        Approval::Invalid => {
            let value = &object["metadata"]["annotations"][APPROVED];
            let detail = format!(
                "protected groups must have approval annotation {APPROVED:?} with either a URL or a reason starting with \"unapproved\", {see}"
            );
            Some(Error::invalid(path, value, detail))
        }
        Approval::Given | Approval::Bypassed => None,
    }
}

fn preserve_unknown(object: &Value, stored: Option<&Value>) -> Option<Error> {
    let set = |object: &Value| flag(&object["spec"], "preserveUnknownFields");
    if !set(object) || stored.is_some_and(set) {
        return None;
    }
    let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
    Some(Error::invalid("spec.preserveUnknownFields", &Value::Bool(true), detail))
}
