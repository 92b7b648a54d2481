//! Namespace: its name label, its finalizers and its phase.

use serde_json::{Value, json};

use super::part::{keep, list, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::{meta, names};

/// Label that carries the name, so that selectors can ask for it.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Rules of Namespaces. Deletion (phase `Terminating`, removal of `spec.finalizers`)
/// is the business of the namespace controller.
pub struct Namespace;

impl Namespace {
    fn label(object: &mut Value) {
        let name = meta::name(object).to_owned();
        if !name.is_empty() {
            meta::set_label(object, NAME_LABEL, &name);
        }
    }
}

impl Strategy for Namespace {
    fn default(&self, object: &mut Value) {
        Self::label(object);
    }

    fn prepare_create(&self, object: &mut Value) {
        // The name may have been generated since.
        Self::label(object);
        let mut finalizers = list(object, "/spec/finalizers").to_vec();
        if !finalizers.contains(&json!("kubernetes")) {
            finalizers.push(json!("kubernetes"));
        }
        object["spec"] = json!({"finalizers": finalizers});
        object["status"] = json!({"phase": "Active"});
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        if part != Part::Sub("finalize") {
            keep(object, stored, "spec");
        }
        if part != Part::Sub("status") {
            keep(object, stored, "status");
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        for (at, finalizer) in list(object, "/spec/finalizers").iter().enumerate() {
            let path = field::index("spec.finalizers", at);
            let text = finalizer.as_str().unwrap_or_default();
            for complaint in names::qualified_name(text) {
                errors.push(Error::invalid(path.clone(), finalizer, complaint));
            }
            if !text.contains('/') && text != "kubernetes" {
                let detail = "name is neither a standard finalizer name nor is it fully qualified";
                errors.push(Error::invalid(path, finalizer, detail));
            }
        }
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        match part {
            Part::Sub("finalize") => self.validate_create(object),
            Part::Sub("status") => {
                let phase = text(object, "/status/phase");
                let detail = match (meta::is_terminating(object), phase) {
                    (false, "Active") | (true, "Terminating") => return Vec::new(),
                    (false, _) => "may only be 'Active' if `deletionTimestamp` is empty",
                    (true, _) => "may only be 'Terminating' if `deletionTimestamp` is not empty",
                };
                vec![Error::invalid("status.phase", &phase.into(), detail)]
            }
            _ => Vec::new(),
        }
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_label(name, prefix)
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![
            ("status.phase", text(object, "/status/phase").to_owned()),
            ("name", meta::name(object).to_owned()),
        ]
    }
}
