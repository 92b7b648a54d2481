//! ReplicaSet and its older form, ReplicationController.

use serde_json::{Value, json};

use super::fields::{self, default, number, present, vacant};
use super::selector::Selector;
use super::validation::number::nonnegative;
use super::{defaults, lifecycle, validation, warnings};
use crate::builtin::{Part, Strategy};
use crate::{field, names};

/// Rules of replica sets.
pub(super) struct ReplicaSet;

/// Rules of replication controllers.
pub(super) struct ReplicationController;

impl Strategy for ReplicaSet {
    fn default(&self, object: &mut Value) {
        if let Some(spec) = fields::object(object, "spec") {
            default(spec, "replicas", 1);
            defaults::template(spec, "template");
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        defaults::drop_disabled(object, "/spec/template/spec", None);
        lifecycle::create(object, json!({"replicas": 0}));
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match part {
            Part::Sub("status") => lifecycle::update_status(object, stored),
            _ => {
                defaults::drop_disabled(object, "/spec/template/spec", Some(stored));
                lifecycle::update(object, stored, "spec");
            }
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let spec = &object["spec"];
        nonnegative(spec, &["replicas", "minReadySeconds"], "spec", &mut errors);
        let selector = required_selector(spec, "deployment", &mut errors);
        if let Some(selector) = selector {
            let template = &spec["template"];
            let path = "spec.template";
            validation::template_for("ReplicaSet", template, &selector, path, &mut errors);
        }
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        if part == Part::Sub("status") {
            return replicas_status(object);
        }
        let mut errors = self.validate_create(object);
        let (now, before) = (&object["spec"], &stored["spec"]);
        validation::immutable(now, before, "selector", "spec", &mut errors);
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![replicas_field(object)]
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        warnings::owner_of_pods(object)
    }
}

impl Strategy for ReplicationController {
    fn default(&self, object: &mut Value) {
        let Some(spec) = fields::object(object, "spec") else {
            return;
        };
        default(spec, "replicas", 1);
        // A template is a pointer here; without one there is nothing to fill in.
        if !present(spec, "template") {
            return;
        }
        defaults::template(spec, "template");
        let labels = spec["template"]["metadata"]["labels"].clone();
        if !labels.is_object() {
            return;
        }
        if vacant(spec, "selector") {
            fields::set(spec, "selector", labels.clone());
        }
        if let Some(metadata) = fields::object(object, "metadata")
            && vacant(metadata, "labels")
        {
            fields::set(metadata, "labels", labels);
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        defaults::drop_disabled(object, "/spec/template/spec", None);
        lifecycle::create(object, json!({"replicas": 0}));
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match part {
            Part::Sub("status") => lifecycle::update_status(object, stored),
            _ => {
                defaults::drop_disabled(object, "/spec/template/spec", Some(stored));
                lifecycle::update(object, stored, "spec");
            }
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let spec = &object["spec"];
        nonnegative(spec, &["minReadySeconds"], "spec", &mut errors);
        if vacant(spec, "selector") {
            errors.push(field::Error::required("spec.selector", ""));
        }
        nonnegative(spec, &["replicas"], "spec", &mut errors);
        if present(spec, "template") {
            let selector = Selector::of_map(&spec["selector"]);
            let owner = "ReplicationController";
            let template = &spec["template"];
            let path = "spec.template";
            validation::template_for(owner, template, &selector, path, &mut errors);
        } else {
            errors.push(field::Error::required("spec.template", ""));
        }
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        if part == Part::Sub("status") {
            replicas_status(object)
        } else {
            self.validate_create(object)
        }
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![replicas_field(object)]
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        warnings::owner_of_pods(object)
    }
}

fn replicas_field(object: &Value) -> (&'static str, String) {
    let replicas = number(&object["status"], "replicas").unwrap_or_default();
    ("status.replicas", replicas.to_string())
}

/// A selector that must be there, demand something and make sense. `None` when it does not.
pub(super) fn required_selector(
    spec: &Value,
    owner: &str,
    errors: &mut field::Errors,
) -> Option<Selector> {
    let path = "spec.selector";
    let value = &spec["selector"];
    if !value.is_object() {
        errors.push(field::Error::required(path, ""));
    } else {
        validation::selector(value, path, errors);
        if vacant(value, "matchLabels") && vacant(value, "matchExpressions") {
            let words = format!("empty selector is invalid for {owner}");
            errors.push(field::Error::invalid(path, value, words));
        }
    }
    let selector = Selector::of(value);
    if selector.is_none() {
        errors.push(field::Error::invalid(path, value, "invalid label selector"));
    }
    selector
}

/// Counts of pods in a status: none negative, none above the total.
fn replicas_status(object: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let status = &object["status"];
    let counts = [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
    ];
    nonnegative(status, &counts, "status", &mut errors);
    not_above(status, &counts[1..4], "replicas", &mut errors);
    not_above(status, &["availableReplicas"], "readyReplicas", &mut errors);
    errors
}

/// Counts that cannot be above another one.
pub(super) fn not_above(status: &Value, counts: &[&str], total: &str, errors: &mut field::Errors) {
    let most = number(status, total).unwrap_or_default();
    for name in counts {
        let count = number(status, name).unwrap_or_default();
        if count > most {
            let words = if total == "replicas" {
                "cannot be greater than status.replicas".to_owned()
            } else {
                format!("cannot be greater than {total}")
            };
            let path = field::child("status", name);
            errors.push(field::Error::invalid(path, &Value::from(count), words));
        }
    }
}
