//! Validation of pods and of what is made of them, in the order in which
//! Kubernetes 1.28 reports its findings.
//!
//! Objects are defaulted and their types are right. Every check appends to a list of
//! findings; a path says where in the object it looks.

mod container;
pub(super) mod enumeration;
mod environment;
mod mount;
mod network;
pub(super) mod number;
mod pod;
mod port;
mod probe;
pub(super) mod resources;
mod scheduling;
mod security;
mod status;
mod template;
mod update;
mod volume;

use serde_json::Value;

use crate::{field, names};

pub(super) use pod::pod_create;
pub(super) use status::pod_status_update;
pub(super) use template::{labels_match, pod_template, template_for};
pub(super) use update::{ephemeral_update, pod_update};

/// A label selector; an absent one is fine.
pub(super) fn selector(selector: &Value, path: &str, errors: &mut field::Errors) {
    errors.extend(names::validate_label_selector(Some(selector), path, true));
}

/// A field that stays as it was stored.
pub(super) fn immutable(
    object: &Value,
    stored: &Value,
    name: &str,
    path: &str,
    errors: &mut field::Errors,
) {
    let nothing = Value::Null;
    let now = object.get(name).unwrap_or(&nothing);
    if now != stored.get(name).unwrap_or(&nothing) {
        errors.push(field::Error::invalid(field::child(path, name), now, "field is immutable"));
    }
}

#[cfg(test)]
mod tests;
