//! StatefulSet.

use serde_json::{Value, json};

use super::deployment::not_decremented;
use super::fields::{self, carry, default, list_mut, present, text};
use super::replica_set::{not_above, required_selector};
use super::validation::enumeration;
use super::validation::number::nonnegative;
use super::{defaults, lifecycle, validation, warnings};
use crate::builtin::{Part, Strategy};
use crate::{field, names};

/// Rules of stateful sets.
pub(super) struct StatefulSet;

/// Fields of the spec that may change.
const CHANGEABLE: &[&str] = &[
    "replicas",
    "template",
    "updateStrategy",
    "minReadySeconds",
    "ordinals",
    "persistentVolumeClaimRetentionPolicy",
];

impl Strategy for StatefulSet {
    fn default(&self, object: &mut Value) {
        let Some(spec) = fields::object(object, "spec") else {
            return;
        };
        default(spec, "podManagementPolicy", "OrderedReady");
        if let Some(strategy) = fields::object(spec, "updateStrategy") {
            if text(strategy, "type").is_empty() {
                default(strategy, "type", "RollingUpdate");
                default(strategy, "rollingUpdate", json!({}));
            }
            if text(strategy, "type") == "RollingUpdate"
                && let Some(rolling) = strategy.get_mut("rollingUpdate")
            {
                default(rolling, "partition", 0);
            }
        }
        if let Some(policy) = fields::object(spec, "persistentVolumeClaimRetentionPolicy") {
            default(policy, "whenDeleted", "Retain");
            default(policy, "whenScaled", "Retain");
        }
        default(spec, "replicas", 1);
        default(spec, "revisionHistoryLimit", 10);
        default(spec, "serviceName", "");
        defaults::template(spec, "template");
        for claim in list_mut(spec, "volumeClaimTemplates") {
            defaults::claim_template(claim);
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        drop_disabled(object, None);
        lifecycle::create(object, json!({"replicas": 0, "availableReplicas": 0}));
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        if part == Part::Sub("status") {
            lifecycle::update_status(object, stored);
        } else {
            drop_disabled(object, Some(stored));
            lifecycle::update(object, stored, "spec");
        }
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
        let mut masked = object["spec"].clone();
        for name in CHANGEABLE {
            carry(&mut masked, &stored["spec"], name);
        }
        if masked != stored["spec"] {
            errors.push(field::Error::forbidden(
                "spec",
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
            ));
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        warnings::owner_of_pods(object)
    }
}

fn drop_disabled(object: &mut Value, stored: Option<&Value>) {
    defaults::drop_disabled(object, "/spec/template/spec", stored);
    if let Some(rolling) = object.pointer_mut("/spec/updateStrategy/rollingUpdate") {
        fields::remove(rolling, "maxUnavailable");
    }
}

fn spec(spec: &Value, errors: &mut field::Errors) {
    match text(spec, "podManagementPolicy") {
        "" => errors.push(field::Error::required("spec.podManagementPolicy", "")),
        "OrderedReady" | "Parallel" => {}
        _ => errors.push(field::Error::invalid(
            "spec.podManagementPolicy",
            &spec["podManagementPolicy"],
            "must be 'OrderedReady' or 'Parallel'",
        )),
    }
    update_strategy(&spec["updateStrategy"], errors);
    let policy = &spec["persistentVolumeClaimRetentionPolicy"];
    let path = "spec.persistentVolumeClaimRetentionPolicy";
    for name in ["whenDeleted", "whenScaled"] {
        enumeration::optional(policy, name, &["Retain", "Delete"], path, errors);
    }
    nonnegative(spec, &["replicas", "minReadySeconds"], "spec", errors);
    nonnegative(&spec["ordinals"], &["start"], "spec.ordinals", errors);
    if let Some(selector) = required_selector(spec, "statefulset", errors) {
        let template = &spec["template"];
        let path = "spec.template";
        validation::template_for("StatefulSet", template, &selector, path, errors);
    }
}

fn update_strategy(of: &Value, errors: &mut field::Errors) {
    let path = "spec.updateStrategy.rollingUpdate";
    match text(of, "type") {
        "" => errors.push(field::Error::required("spec.updateStrategy", "")),
        "OnDelete" if present(of, "rollingUpdate") => errors.push(field::Error::invalid(
            path,
            &of["rollingUpdate"],
            "only allowed for updateStrategy 'RollingUpdate'",
        )),
        "OnDelete" => {}
        "RollingUpdate" => nonnegative(&of["rollingUpdate"], &["partition"], path, errors),
        _ => errors.push(field::Error::invalid(
            "spec.updateStrategy",
            of,
            "must be 'RollingUpdate' or 'OnDelete'",
        )),
    }
}

fn status(object: &Value, stored: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let status = &object["status"];
    let counts = [
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ];
    nonnegative(status, &counts, "status", &mut errors);
    not_above(status, &counts[1..5], "replicas", &mut errors);
    not_above(status, &["availableReplicas"], "readyReplicas", &mut errors);
    not_decremented(status, &stored["status"], "collisionCount", &mut errors);
    errors
}
