//! PodDisruptionBudget.

use serde_json::{Value, json};

use super::fields::present;
use super::lifecycle;
use super::validation::number::{count_or_percent, nonnegative};
use super::validation::{self, enumeration};
use crate::builtin::{Part, Strategy};
use crate::{field, names};

/// Rules of disruption budgets.
pub(super) struct PodDisruptionBudget;

impl Strategy for PodDisruptionBudget {
    fn prepare_create(&self, object: &mut Value) {
        let status = json!({
            "disruptionsAllowed": 0, "currentHealthy": 0,
            "desiredHealthy": 0, "expectedPods": 0,
        });
        lifecycle::create(object, status);
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match part {
            Part::Sub("status") => lifecycle::update_status(object, stored),
            _ => lifecycle::update(object, stored, "spec"),
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let spec = &object["spec"];
        if present(spec, "minAvailable") && present(spec, "maxUnavailable") {
            let words = "minAvailable and maxUnavailable cannot be both set";
            errors.push(field::Error::invalid("spec", spec, words));
        }
        count_or_percent(spec, "minAvailable", true, "spec", &mut errors);
        count_or_percent(spec, "maxUnavailable", true, "spec", &mut errors);
        validation::selector(&spec["selector"], "spec.selector", &mut errors);
        let policies = ["AlwaysAllow", "IfHealthyBudget"];
        let policy = "unhealthyPodEvictionPolicy";
        enumeration::optional(spec, policy, &policies, "spec", &mut errors);
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        if part != Part::Sub("status") {
            return self.validate_create(object);
        }
        let mut errors = Vec::new();
        let status = &object["status"];
        let counts = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
        nonnegative(status, &counts, "status", &mut errors);
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::path_segment(name, prefix)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
