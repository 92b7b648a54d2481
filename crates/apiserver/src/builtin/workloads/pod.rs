//! Pod.

use serde_json::{Value, json};

use super::fields::{self, carry, carry_metadata, flag, list, number, text, vacant};
use super::{defaults, quality, validation, warnings};
use crate::builtin::{Part, Strategy};
use crate::{field, names};

/// Rules of pods.
pub(super) struct Pod;

/// Metadata that only a write to the pod itself may change. Managed fields are not
/// among it: they record the write to the subresource.
const RESERVED: &[&str] =
    &["deletionTimestamp", "generation", "labels", "annotations", "finalizers", "ownerReferences"];

impl Strategy for Pod {
    fn default(&self, object: &mut Value) {
        if let Some(spec) = fields::object(object, "spec") {
            defaults::pod_spec(spec);
            defaults::pod_only(spec);
        }
        if let Some(status) = fields::object(object, "status") {
            defaults::pod_status(status);
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        defaults::drop_disabled(object, "/spec", None);
        let mut status = json!({"phase": "Pending", "qosClass": quality::class(object)});
        if !vacant(&object["spec"], "schedulingGates") {
            status["conditions"] = json!([{
                "type": "PodScheduled", "status": "False",
                "lastProbeTime": null, "lastTransitionTime": null,
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }]);
        }
        fields::set(object, "status", status);
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match part {
            Part::Sub("status") => {
                carry(object, stored, "spec");
                carry_metadata(object, stored, "ownerReferences");
                carry_metadata(object, stored, "deletionTimestamp");
                if let Some(status) = object.get_mut("status") {
                    fields::remove(status, "hostIPs");
                    fields::remove(status, "resize");
                }
            }
            Part::Sub("ephemeralcontainers") => {
                let added = object["spec"].get("ephemeralContainers").cloned();
                carry(object, stored, "spec");
                carry(object, stored, "status");
                if let Some(spec) = fields::object(object, "spec") {
                    fields::set(spec, "ephemeralContainers", added.unwrap_or_default());
                }
                for name in RESERVED {
                    carry_metadata(object, stored, name);
                }
                defaults::drop_disabled(object, "/spec", Some(stored));
            }
            // A binding has been checked and carried out by `binding::bind`.
            Part::Sub(_) => {}
            Part::Main => {
                carry(object, stored, "status");
                defaults::drop_disabled(object, "/spec", Some(stored));
            }
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        validation::pod_create(object)
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        match part {
            Part::Main => validation::pod_update(object, stored),
            Part::Sub("status") => validation::pod_status_update(object, stored),
            Part::Sub("ephemeralcontainers") => validation::ephemeral_update(object, stored),
            Part::Sub(_) => Vec::new(),
        }
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn delete_returns_object(&self) -> bool {
        true
    }

    /// A pod that never ran, or has ended, goes at once: with 0 seconds.
    fn grace_period(&self, object: &Value, requested: Option<i64>) -> Option<i64> {
        let spec = &object["spec"];
        let own = number(spec, "terminationGracePeriodSeconds").unwrap_or_default();
        let ended = matches!(text(&object["status"], "phase"), "Failed" | "Succeeded");
        match requested.unwrap_or(own) {
            _ if ended || text(spec, "nodeName").is_empty() => Some(0),
            seconds if seconds < 0 => Some(1),
            seconds => Some(seconds),
        }
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        let (spec, status) = (&object["spec"], &object["status"]);
        let first_ip = list(status, "podIPs").first().map(|ip| text(ip, "ip"));
        let ip = first_ip.unwrap_or(text(status, "podIP"));
        vec![
            ("spec.nodeName", text(spec, "nodeName").to_owned()),
            ("spec.restartPolicy", text(spec, "restartPolicy").to_owned()),
            ("spec.schedulerName", text(spec, "schedulerName").to_owned()),
            ("spec.serviceAccountName", text(spec, "serviceAccountName").to_owned()),
            ("spec.hostNetwork", flag(spec, "hostNetwork").to_string()),
            ("status.phase", text(status, "phase").to_owned()),
            ("status.podIP", ip.to_owned()),
            ("status.podIPs", ip.to_owned()),
            ("status.nominatedNodeName", text(status, "nominatedNodeName").to_owned()),
        ]
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        warnings::pod(object)
    }
}

#[cfg(test)]
mod tests;
