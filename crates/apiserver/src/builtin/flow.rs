//! FlowSchema and PriorityLevelConfiguration, which are stored but have no effect.

use serde_json::{Value, json};

use super::part::{default_to, keep, raise_generation, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::{meta, names};

fn prepare(part: Part<'_>, object: &mut Value, stored: &Value) {
    match part {
        Part::Sub("status") => keep(object, stored, "spec"),
        _ => {
            keep(object, stored, "status");
            raise_generation(object, stored, &["spec"]);
        }
    }
}

fn create(object: &mut Value) {
    meta::set_generation(object, 1);
    object["status"] = json!({});
}

/// Rules of FlowSchemas.
pub struct Schema;

impl Strategy for Schema {
    fn default(&self, object: &mut Value) {
        let spec = &mut object["spec"];
        if spec["matchingPrecedence"].as_i64().unwrap_or_default() == 0 {
            spec["matchingPrecedence"] = json!(1000);
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        create(object);
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        prepare(part, object, stored);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let precedence = object["spec"]["matchingPrecedence"].as_i64().unwrap_or_default();
        if !(1..=10_000).contains(&precedence) {
            let detail = "must be between 1 and 10000, inclusive";
            errors.push(Error::invalid("spec.matchingPrecedence", &precedence.into(), detail));
        }
        if text(object, "/spec/priorityLevelConfiguration/name").is_empty() {
            let detail = "must reference a priority level";
            errors.push(Error::required("spec.priorityLevelConfiguration.name", detail));
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}

/// Rules of PriorityLevelConfigurations.
pub struct PriorityLevel;

impl Strategy for PriorityLevel {
    fn default(&self, object: &mut Value) {
        let spec = &mut object["spec"];
        if spec["limited"].is_object() {
            let limited = &mut spec["limited"];
            if limited["nominalConcurrencyShares"].as_i64().unwrap_or_default() == 0 {
                limited["nominalConcurrencyShares"] = json!(30);
            }
            default_to(limited, "lendablePercent", 0);
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        create(object);
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        prepare(part, object, stored);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let kinds = ["Exempt", "Limited"];
        let kind = text(object, "/spec/type");
        if kinds.contains(&kind) {
            return Vec::new();
        }
        vec![Error::not_supported("spec.type", &kind.into(), &kinds)]
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}
