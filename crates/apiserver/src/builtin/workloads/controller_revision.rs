//! ControllerRevision.

use serde_json::Value;

use super::fields;
use super::validation::{immutable, number::nonnegative};
use crate::builtin::{Part, Strategy};
use crate::{field, names};

/// Rules of controller revisions: their data never changes.
pub(super) struct ControllerRevision;

impl Strategy for ControllerRevision {
    fn default(&self, object: &mut Value) {
        fields::default(object, "revision", 0);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        nonnegative(object, &["revision"], "", &mut errors);
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let mut errors = self.validate_create(object);
        immutable(object, stored, "data", "", &mut errors);
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}
