//! Deployment.

use serde_json::{Value, json};

use super::fields::{self, default, number, present, text};
use super::replica_set::{not_above, required_selector};
use super::validation::number::{amount, count_or_percent, nonnegative};
use super::{defaults, lifecycle, validation, warnings};
use crate::builtin::{Part, Strategy};
use crate::{field, names};

/// Rules of deployments.
pub(super) struct Deployment;

impl Strategy for Deployment {
    fn default(&self, object: &mut Value) {
        let Some(spec) = fields::object(object, "spec") else {
            return;
        };
        default(spec, "replicas", 1);
        if let Some(strategy) = fields::object(spec, "strategy") {
            default(strategy, "type", "RollingUpdate");
            if text(strategy, "type") == "RollingUpdate"
                && let Some(rolling) = fields::object(strategy, "rollingUpdate")
            {
                default(rolling, "maxUnavailable", "25%");
                default(rolling, "maxSurge", "25%");
            }
        }
        default(spec, "revisionHistoryLimit", 10);
        default(spec, "progressDeadlineSeconds", 600);
        defaults::template(spec, "template");
    }

    fn prepare_create(&self, object: &mut Value) {
        defaults::drop_disabled(object, "/spec/template/spec", None);
        lifecycle::create(object, json!({}));
    }

    /// Annotations count as well: the deployment controller copies them to its sets.
    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        if part == Part::Sub("status") {
            lifecycle::update_status(object, stored);
            fields::carry_metadata(object, stored, "labels");
            return;
        }
        defaults::drop_disabled(object, "/spec/template/spec", Some(stored));
        lifecycle::update(object, stored, "spec");
        let annotations = |object: &Value| {
            let annotations = object["metadata"].get("annotations").cloned();
            annotations.filter(|map| map.as_object().is_some_and(|map| !map.is_empty()))
        };
        let changed =
            object["spec"] != stored["spec"] || annotations(object) != annotations(stored);
        lifecycle::follow(object, stored, changed);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let spec = &object["spec"];
        nonnegative(spec, &["replicas"], "spec", &mut errors);
        if let Some(selector) = required_selector(spec, "deployment", &mut errors) {
            let template = &spec["template"];
            let path = "spec.template";
            validation::template_for("ReplicaSet", template, &selector, path, &mut errors);
        }
        strategy(&spec["strategy"], &mut errors);
        let numbers = ["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"];
        nonnegative(spec, &numbers, "spec", &mut errors);
        let deadline = number(spec, "progressDeadlineSeconds");
        let ready = number(spec, "minReadySeconds").unwrap_or_default();
        if deadline.is_some_and(|deadline| deadline <= ready) {
            errors.push(field::Error::invalid(
                "spec.progressDeadlineSeconds",
                &spec["progressDeadlineSeconds"],
                "must be greater than minReadySeconds",
            ));
        }
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        if part == Part::Sub("status") {
            return status(object, stored);
        }
        let mut errors = self.validate_create(object);
        let (now, before) = (&object["spec"], &stored["spec"]);
        validation::immutable(now, before, "selector", "spec", &mut errors);
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        warnings::owner_of_pods(object)
    }
}

fn strategy(of: &Value, errors: &mut field::Errors) {
    let path = "spec.strategy.rollingUpdate";
    match text(of, "type") {
        "Recreate" if present(of, "rollingUpdate") => errors.push(field::Error::forbidden(
            path,
            "may not be specified when strategy `type` is 'Recreate'",
        )),
        "Recreate" => {}
        "RollingUpdate" if !present(of, "rollingUpdate") => {
            errors.push(field::Error::required(path, "this should be defaulted and never be nil"))
        }
        "RollingUpdate" => rolling(&of["rollingUpdate"], path, errors),
        other => errors.push(field::Error::not_supported(
            "spec.strategy.type",
            &Value::from(other),
            &["Recreate", "RollingUpdate"],
        )),
    }
}

fn rolling(of: &Value, path: &str, errors: &mut field::Errors) {
    count_or_percent(of, "maxUnavailable", true, path, errors);
    count_or_percent(of, "maxSurge", false, path, errors);
    if amount(of, "maxUnavailable") == 0 && amount(of, "maxSurge") == 0 {
        let path = field::child(path, "maxUnavailable");
        let words = "may not be 0 when `maxSurge` is 0";
        errors.push(field::Error::invalid(path, &of["maxUnavailable"], words));
    }
}

fn status(object: &Value, stored: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let status = &object["status"];
    let counts = [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "collisionCount",
    ];
    nonnegative(status, &counts, "status", &mut errors);
    not_above(status, &counts[2..5], "replicas", &mut errors);
    not_above(status, &["availableReplicas"], "readyReplicas", &mut errors);
    not_decremented(status, &stored["status"], "collisionCount", &mut errors);
    errors
}

/// A counter that only rises.
pub(super) fn not_decremented(now: &Value, before: &Value, name: &str, errors: &mut field::Errors) {
    let count = number(now, name).unwrap_or_default();
    if number(before, name).is_some_and(|before| count < before) {
        let path = field::child("status", name);
        errors.push(field::Error::invalid(path, &Value::from(count), "cannot be decremented"));
    }
}
