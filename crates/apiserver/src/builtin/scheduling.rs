//! PriorityClass and RuntimeClass.

use serde_json::Value;

use super::part::{default_to, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::{meta, names};

/// Highest value of a class that users make.
const PRIORITY_MAX: i64 = 1_000_000_000;

/// Rules of PriorityClasses.
pub struct PriorityClass;

impl Strategy for PriorityClass {
    fn default(&self, object: &mut Value) {
        default_to(object, "preemptionPolicy", "PreemptLowerPriority");
    }

    fn prepare_create(&self, object: &mut Value) {
        meta::set_generation(object, 1);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let value = object["value"].as_i64().unwrap_or_default();
        if meta::name(object).starts_with("system-") {
            let known = [
                ("system-node-critical", 2_000_001_000),
                ("system-cluster-critical", 2_000_000_000),
            ];
            if !known.contains(&(meta::name(object), value)) {
                let detail = "priority class names with 'system-' prefix are reserved for system use only. error: ";
                errors.push(Error::forbidden("metadata.name", detail.trim_end()));
            }
        } else if value > PRIORITY_MAX {
            let detail =
                format!("maximum allowed value of a user defined priority is {PRIORITY_MAX}");
            errors.push(Error::forbidden("value", detail));
        }
        let policies = ["Never", "PreemptLowerPriority"];
        if !policies.contains(&text(object, "/preemptionPolicy")) {
            let shown = &object["preemptionPolicy"];
            errors.push(Error::not_supported("preemptionPolicy", shown, &policies));
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let mut errors = Vec::new();
        if object["value"] != stored["value"] {
            errors.push(Error::forbidden("value", "may not be changed in an update."));
        }
        if object["preemptionPolicy"] != stored["preemptionPolicy"] {
            let shown = &object["preemptionPolicy"];
            errors.push(Error::invalid("preemptionPolicy", shown, "field is immutable"));
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}

/// Rules of RuntimeClasses.
pub struct RuntimeClass;

impl Strategy for RuntimeClass {
    fn validate_create(&self, object: &Value) -> field::Errors {
        let handler = &object["handler"];
        names::dns_label(handler.as_str().unwrap_or_default())
            .into_iter()
            .map(|complaint| Error::invalid("handler", handler, complaint))
            .collect()
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        if object["handler"] == stored["handler"] {
            return Vec::new();
        }
        vec![Error::invalid("handler", &object["handler"], "field is immutable")]
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
