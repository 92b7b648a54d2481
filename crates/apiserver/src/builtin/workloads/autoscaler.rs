//! HorizontalPodAutoscaler, in its versions v1 and v2.

mod behavior;
mod metric;
mod version;

use serde_json::{Value, json};

use super::fields::{self, default, number, present, text, vacant};
use super::lifecycle;
use super::validation::enumeration;
use super::validation::number::nonnegative;
use crate::builtin::{Part, Strategy};
use crate::{field, names};

pub use version::convert;

/// Rules of autoscalers. The object's `apiVersion` tells the version.
pub(super) struct HorizontalPodAutoscaler;

/// Share of the requested cpu to aim at when nothing is said.
const CPU_PERCENT: i64 = 80;

/// Where v1 keeps the metrics that it has no fields for.
const METRICS_ANNOTATION: &str = "autoscaling.alpha.kubernetes.io/metrics";

fn is_v1(object: &Value) -> bool {
    text(object, "apiVersion") == "autoscaling/v1"
}

impl Strategy for HorizontalPodAutoscaler {
    fn default(&self, object: &mut Value) {
        let v1 = is_v1(object);
        let annotated = present(&object["metadata"]["annotations"], METRICS_ANNOTATION);
        if let Some(spec) = fields::object(object, "spec") {
            default(spec, "minReplicas", 1);
            if !v1 {
                if vacant(spec, "metrics") {
                    let target = json!({"type": "Utilization", "averageUtilization": CPU_PERCENT});
                    let metric = json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
                    fields::set(spec, "metrics", metric);
                }
                if let Some(behavior) = spec.get_mut("behavior") {
                    behavior::default(behavior);
                }
            } else if !annotated {
                default(spec, "targetCPUUtilizationPercentage", CPU_PERCENT);
            }
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        let status = if is_v1(object) {
            json!({"currentReplicas": 0, "desiredReplicas": 0})
        } else {
            json!({"desiredReplicas": 0, "currentMetrics": null})
        };
        // Autoscalers have no generation.
        fields::set(object, "status", status);
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match part {
            Part::Sub("status") => lifecycle::update_status(object, stored),
            _ => {
                fields::carry(object, stored, "status");
                lifecycle::follow(object, stored, false);
            }
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let spec = &object["spec"];
        replicas(spec, &mut errors);
        target(&spec["scaleTargetRef"], "spec.scaleTargetRef", &mut errors);
        if is_v1(object) {
            let name = "targetCPUUtilizationPercentage";
            if number(spec, name).is_some_and(|percent| percent < 1) {
                let words = "must be greater than 0";
                errors.push(field::Error::invalid(field::child("spec", name), &spec[name], words));
            }
        } else {
            metric::validate(spec, &mut errors);
            behavior::validate(&spec["behavior"], "spec.behavior", &mut errors);
        }
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        if part != Part::Sub("status") {
            return self.validate_create(object);
        }
        let mut errors = Vec::new();
        let counts = ["currentReplicas", "desiredReplicas"];
        nonnegative(&object["status"], &counts, "status", &mut errors);
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}

fn replicas(spec: &Value, errors: &mut field::Errors) {
    let least = number(spec, "minReplicas");
    let most = number(spec, "maxReplicas").unwrap_or_default();
    // Scaling to zero is a feature that is off in 1.28.
    if least.is_some_and(|least| least < 1) {
        let words = "must be greater than or equal to 1";
        errors.push(field::Error::invalid("spec.minReplicas", &spec["minReplicas"], words));
    }
    let path = "spec.maxReplicas";
    let value = Value::from(most);
    if most < 1 {
        errors.push(field::Error::invalid(path, &value, "must be greater than 0"));
    }
    if least.is_some_and(|least| most < least) {
        let words = "must be greater than or equal to `minReplicas`";
        errors.push(field::Error::invalid(path, &value, words));
    }
}

/// A reference to the object that is scaled, or that a metric describes.
fn target(of: &Value, path: &str, errors: &mut field::Errors) {
    let check = |name: &str| names::path_segment(name, false);
    enumeration::named(of, "kind", check, path, errors);
    enumeration::named(of, "name", check, path, errors);
    let version = text(of, "apiVersion");
    if version.split('/').count() > 2 {
        let words = format!("unexpected GroupVersion string: {version}");
        let path = field::child(path, "apiVersion");
        errors.push(field::Error::invalid(path, &of["apiVersion"], words));
    }
}

#[cfg(test)]
mod tests;
