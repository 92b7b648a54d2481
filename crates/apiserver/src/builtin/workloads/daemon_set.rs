//! DaemonSet.

use serde_json::{Value, json};

use super::deployment::not_decremented;
use super::fields::{self, default, present, text, vacant};
use super::selector::Selector;
use super::validation::number::{amount, count_or_percent, nonnegative};
use super::{defaults, lifecycle, validation, warnings};
use crate::builtin::{Part, Strategy};
use crate::{field, names};

/// Rules of daemon sets.
pub(super) struct DaemonSet;

/// Where `apps/v1` keeps the template's own generation, which the API has no field for.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

impl Strategy for DaemonSet {
    fn default(&self, object: &mut Value) {
        let Some(spec) = fields::object(object, "spec") else {
            return;
        };
        if let Some(strategy) = fields::object(spec, "updateStrategy") {
            default(strategy, "type", "RollingUpdate");
            if text(strategy, "type") == "RollingUpdate"
                && let Some(rolling) = fields::object(strategy, "rollingUpdate")
            {
                default(rolling, "maxUnavailable", 1);
                default(rolling, "maxSurge", 0);
            }
        }
        default(spec, "revisionHistoryLimit", 10);
        defaults::template(spec, "template");
    }

    fn prepare_create(&self, object: &mut Value) {
        defaults::drop_disabled(object, "/spec/template/spec", None);
        let status = json!({
            "currentNumberScheduled": 0, "numberMisscheduled": 0,
            "desiredNumberScheduled": 0, "numberReady": 0,
        });
        lifecycle::create(object, status);
        let generation = template_generation(object).max(1);
        set_template_generation(object, generation);
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        let generation = template_generation(stored);
        if part == Part::Sub("status") {
            lifecycle::update_status(object, stored);
            set_template_generation(object, generation);
            return;
        }
        defaults::drop_disabled(object, "/spec/template/spec", Some(stored));
        lifecycle::update(object, stored, "spec");
        let changed = object["spec"]["template"] != stored["spec"]["template"];
        set_template_generation(object, generation + i64::from(changed));
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        spec(&object["spec"], &mut errors);
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

fn template_generation(object: &Value) -> i64 {
    let text = text(&object["metadata"]["annotations"], TEMPLATE_GENERATION);
    text.parse().unwrap_or_default()
}

fn set_template_generation(object: &mut Value, generation: i64) {
    if let Some(metadata) = fields::object(object, "metadata")
        && let Some(annotations) = fields::object(metadata, "annotations")
    {
        let text = generation.to_string();
        fields::set(annotations, TEMPLATE_GENERATION, text.into());
    }
}

fn spec(spec: &Value, errors: &mut field::Errors) {
    let selector = &spec["selector"];
    validation::selector(selector, "spec.selector", errors);
    let empty = selector.is_object()
        && vacant(selector, "matchLabels")
        && vacant(selector, "matchExpressions");
    if empty {
        let words = "empty selector is invalid for daemonset";
        errors.push(field::Error::invalid("spec.selector", selector, words));
    }
    if let Some(selector) = Selector::of(selector) {
        let template = &spec["template"];
        let path = "spec.template";
        validation::template_for("DaemonSet", template, &selector, path, errors);
    }
    nonnegative(spec, &["minReadySeconds"], "spec", errors);
    update_strategy(&spec["updateStrategy"], errors);
    nonnegative(spec, &["revisionHistoryLimit"], "spec", errors);
}

fn update_strategy(of: &Value, errors: &mut field::Errors) {
    let path = "spec.updateStrategy.rollingUpdate";
    match text(of, "type") {
        "OnDelete" => {}
        "RollingUpdate" if !present(of, "rollingUpdate") => {
            errors.push(field::Error::required(path, ""));
        }
        "RollingUpdate" => rolling(&of["rollingUpdate"], path, errors),
        other => errors.push(field::Error::not_supported(
            "spec.updateStrategy.type",
            &Value::from(other),
            &["RollingUpdate", "OnDelete"],
        )),
    }
}

fn rolling(of: &Value, path: &str, errors: &mut field::Errors) {
    count_or_percent(of, "maxUnavailable", true, path, errors);
    count_or_percent(of, "maxSurge", true, path, errors);
    match (amount(of, "maxUnavailable") != 0, amount(of, "maxSurge") != 0) {
        (true, true) => errors.push(field::Error::invalid(
            field::child(path, "maxSurge"),
            &of["maxSurge"],
            "may not be set when maxUnavailable is non-zero",
        )),
        (false, false) => errors.push(field::Error::required(
            field::child(path, "maxUnavailable"),
            "cannot be 0 when maxSurge is 0",
        )),
        _ => {}
    }
}

fn status(object: &Value, stored: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let status = &object["status"];
    let counts = [
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ];
    nonnegative(status, &counts, "status", &mut errors);
    not_decremented(status, &stored["status"], "collisionCount", &mut errors);
    errors
}
