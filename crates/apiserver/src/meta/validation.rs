//! Checks of `metadata`, in the order of `k8s.io/apimachinery/pkg/api/validation`.

use serde_json::Value;

use super::{FOREGROUND, ORPHAN, namespace, owner_references, resource_version};
use super::{annotations, deletion_timestamp, finalizers, generate_name, generation, get, name};
use crate::field::{self, Error};
use crate::names;

/// Most bytes that keys and values of all annotations may have together.
const ANNOTATIONS_MAX: usize = 256 * 1024;
/// Longest name of a field manager.
const MANAGER_MAX: usize = 128;

/// How a kind wants its metadata checked.
pub struct Checks<'a> {
    /// Objects live in namespaces.
    pub namespaced: bool,
    /// Built-in kinds want finalizers with a domain; custom resources do not.
    pub builtin: bool,
    /// Checks a name; true for `generateName`.
    pub name: &'a dyn Fn(&str, bool) -> Vec<String>,
}

/// Findings on the metadata of a new object, whose name has been generated already.
pub fn validate_create(object: &Value, checks: &Checks<'_>) -> field::Errors {
    let mut errors = Vec::new();
    let prefix = generate_name(object);
    if !prefix.is_empty() {
        for complaint in (checks.name)(prefix, true) {
            errors.push(invalid("metadata.generateName", prefix, complaint));
        }
    }
    match name(object) {
        "" => errors.push(Error::required("metadata.name", "name or generateName is required")),
        name => {
            for complaint in (checks.name)(name, false) {
                errors.push(invalid("metadata.name", name, complaint));
            }
        }
    }
    match (checks.namespaced, namespace(object)) {
        (true, "") => errors.push(Error::required("metadata.namespace", "")),
        (true, namespace) => {
            for complaint in names::object_label(namespace, false) {
                errors.push(invalid("metadata.namespace", namespace, complaint));
            }
        }
        (false, "") => {}
        (false, _) => {
            errors.push(Error::forbidden("metadata.namespace", "not allowed on this type"));
        }
    }
    if generation(object) < 0 {
        errors.push(Error::invalid(
            "metadata.generation",
            &generation(object).into(),
            "must be greater than or equal to 0",
        ));
    }
    errors.extend(shared(object));
    errors.extend(validate_finalizers(object, checks.builtin));
    errors
}

/// Findings on the metadata of an update, after [`super::prepare_update`].
///
/// A real server reports them twice for built-in kinds: once for every kind and once
/// by the kind's own validation.
pub fn validate_update(object: &Value, stored: &Value, checks: &Checks<'_>) -> field::Errors {
    let mut errors = Vec::new();
    if deletion_timestamp(stored).is_some() {
        let before = finalizers(stored);
        let mut added = finalizers(object);
        added.retain(|finalizer| !before.contains(finalizer));
        if !added.is_empty() {
            added.sort_unstable();
            added.dedup();
            errors.push(Error::forbidden(
                "metadata.finalizers",
                format!(
                    "no new finalizers can be added if the object is being deleted, found new finalizers {}",
                    go_strings(&added)
                ),
            ));
        }
    }
    if resource_version(object).is_empty() {
        errors.push(invalid("metadata.resourceVersion", "", "must be specified for an update"));
    }
    if generation(object) < generation(stored) {
        errors.push(Error::invalid(
            "metadata.generation",
            &generation(object).into(),
            "must not be decremented",
        ));
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        if get(object, field) != get(stored, field) {
            let value = get(object, field).cloned().unwrap_or_default();
            let path = field::child("metadata", field);
            errors.push(Error::invalid(path, &value, "field is immutable"));
        }
    }
    errors.extend(shared(object));
    errors.extend(validate_finalizers(object, checks.builtin));
    errors
}

/// What create and update check alike.
fn shared(object: &Value) -> field::Errors {
    let mut errors = names::validate_labels(get(object, "labels"), "metadata.labels");
    errors.extend(validate_annotations(object));
    errors.extend(validate_owners(object));
    errors.extend(validate_managed_fields(object));
    errors
}

fn invalid(path: &str, value: &str, complaint: impl Into<String>) -> Error {
    Error::invalid(path, &Value::from(value), complaint)
}

/// `[]string{"a", "b"}`.
fn go_strings(list: &[&str]) -> String {
    let items: Vec<_> = list.iter().map(|item| format!("{item:?}")).collect();
    format!("[]string{{{}}}", items.join(", "))
}

fn validate_annotations(object: &Value) -> field::Errors {
    let path = "metadata.annotations";
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, value) in annotations(object) {
        for complaint in names::qualified_name(&key.to_lowercase()) {
            errors.push(invalid(path, key, complaint));
        }
        size += key.len() + value.len();
    }
    if size > ANNOTATIONS_MAX {
        errors.push(Error::too_long(path, ANNOTATIONS_MAX));
    }
    errors
}

fn validate_finalizers(object: &Value, builtin: bool) -> field::Errors {
    let path = "metadata.finalizers";
    let mut errors = Vec::new();
    let list = finalizers(object);
    for finalizer in &list {
        for complaint in names::qualified_name(finalizer) {
            errors.push(invalid(path, finalizer, complaint));
        }
    }
    if list.contains(&ORPHAN) && list.contains(&FOREGROUND) {
        errors.push(Error::invalid_go(
            path,
            go_strings(&list),
            format!("finalizers {ORPHAN} and {FOREGROUND} cannot be both set"),
        ));
    }
    for (at, finalizer) in list.iter().enumerate().filter(|_| builtin) {
        if !finalizer.contains('/') && !["kubernetes", ORPHAN, FOREGROUND].contains(finalizer) {
            errors.push(invalid(
                &field::index(path, at),
                finalizer,
                "name is neither a standard finalizer name nor is it fully qualified",
            ));
        }
    }
    errors
}

/// An owner reference as Go prints it.
fn go_owner(owner: &Value) -> String {
    let text = |key: &str| owner.get(key).and_then(Value::as_str).unwrap_or_default();
    let flag = |key: &str| match owner.get(key) {
        Some(Value::Bool(_)) => "(*bool)(0xc000000000)",
        _ => "(*bool)(nil)",
    };
    format!(
        "v1.OwnerReference{{APIVersion:{:?}, Kind:{:?}, Name:{:?}, UID:{:?}, Controller:{}, BlockOwnerDeletion:{}}}",
        text("apiVersion"),
        text("kind"),
        text("name"),
        text("uid"),
        flag("controller"),
        flag("blockOwnerDeletion")
    )
}

fn validate_owners(object: &Value) -> field::Errors {
    let path = "metadata.ownerReferences";
    let mut errors = Vec::new();
    let owners = owner_references(object);
    let mut controller: Option<&Value> = None;
    for owner in owners {
        let text = |key: &str| owner.get(key).and_then(Value::as_str).unwrap_or_default();
        let version = text("apiVersion").rsplit('/').next().unwrap_or_default();
        if version.is_empty() {
            errors.push(invalid(
                &field::child(path, "apiVersion"),
                text("apiVersion"),
                "version must not be empty",
            ));
        }
        for (key, complaint) in [
            ("kind", "kind must not be empty"),
            ("name", "name must not be empty"),
            ("uid", "uid must not be empty"),
        ] {
            if text(key).is_empty() {
                errors.push(invalid(&field::child(path, key), "", complaint));
            }
        }
        if text("apiVersion") == "v1" && text("kind") == "Event" {
            errors.push(Error::invalid_go(
                path,
                go_owner(owner),
                "/v1, Kind=Event is disallowed from being an owner",
            ));
        }
        if owner["controller"] == Value::Bool(true) {
            if let Some(first) = controller {
                let all: Vec<_> = owners.iter().map(go_owner).collect();
                let words = |owner: &Value| {
                    let part = |key: &str| owner[key].as_str().unwrap_or_default().to_owned();
                    format!("{}/{}", part("kind"), part("name"))
                };
                errors.push(Error::invalid_go(
                    path,
                    format!("[]v1.OwnerReference{{{}}}", all.join(", ")),
                    format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {} and {}",
                        words(first),
                        words(owner)
                    ),
                ));
            } else {
                controller = Some(owner);
            }
        }
    }
    errors
}

fn validate_managed_fields(object: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let entries = get(object, "managedFields").and_then(Value::as_array);
    for (at, entry) in entries.into_iter().flatten().enumerate() {
        let path = field::index("metadata.managedFields", at);
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        if !["Apply", "Update"].contains(&text("operation")) {
            errors.push(invalid(
                &field::child(&path, "operation"),
                text("operation"),
                "must be `Apply` or `Update`",
            ));
        }
        if !["", "FieldsV1"].contains(&text("fieldsType")) {
            errors.push(invalid(
                &field::child(&path, "fieldsType"),
                text("fieldsType"),
                "must be `FieldsV1`",
            ));
        }
        let manager = text("manager");
        if manager.len() > MANAGER_MAX {
            errors.push(Error::too_long(field::child(&path, "fieldManager"), MANAGER_MAX));
        }
        if manager.chars().any(char::is_control) {
            errors.push(invalid(
                &field::child(&path, "fieldManager"),
                manager,
                "should only contain printable characters",
            ));
        }
        if text("subresource").len() > 256 {
            errors.push(Error::too_long(field::child(&path, "subresource"), 256));
        }
    }
    errors
}
