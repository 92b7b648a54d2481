//! PodTemplate.

use serde_json::Value;

use super::{defaults, fields, lifecycle, validation, warnings};
use crate::builtin::{Part, Strategy};
use crate::{field, names};

/// Rules of pod templates that stand alone.
pub(super) struct PodTemplate;

impl Strategy for PodTemplate {
    fn default(&self, object: &mut Value) {
        defaults::template(object, "template");
    }

    fn prepare_create(&self, object: &mut Value) {
        defaults::drop_disabled(object, "/template/spec", None);
        lifecycle::create(object, Value::Null);
    }

    fn prepare_update(&self, _part: Part<'_>, object: &mut Value, stored: &Value) {
        defaults::drop_disabled(object, "/template/spec", Some(stored));
        lifecycle::update(object, stored, "template");
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        validation::pod_template(&object["template"], "template", &mut errors);
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        self.validate_create(object)
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        let mut warnings = Vec::new();
        if fields::present(object, "template") {
            warnings::template(&object["template"], "template", &mut warnings);
        }
        warnings
    }
}
