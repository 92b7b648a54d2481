//! What may change in a pod that exists.

use serde_json::Value;

use super::{container, pod};
use crate::builtin::workloads::fields::{self, entries, list, number, present, text, vacant};
use crate::{field, names};

const ALLOWED: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Findings on an update of a pod itself: images, the deadline, further tolerations and
/// fewer scheduling gates are all that may change.
pub(in crate::builtin::workloads) fn pod_update(new: &Value, old: &Value) -> field::Errors {
    let mut errors = pod::pod_spec_of_pod(new);
    let (now, before) = (&new["spec"], &old["spec"]);
    for sort in ["containers", "initContainers"] {
        if list(now, sort).len() != list(before, sort).len() {
            let words = "pod updates may not add or remove containers";
            errors.push(field::Error::forbidden(format!("spec.{sort}"), words));
            return errors;
        }
        images(now, sort, &mut errors);
    }
    if let Some(error) = deadline(now, before) {
        errors.push(error);
        if present(now, "activeDeadlineSeconds") {
            return errors;
        }
    }
    if !only_added(list(now, "tolerations"), list(before, "tolerations")) {
        let words = "existing toleration can not be modified except its tolerationSeconds";
        errors.push(field::Error::forbidden("spec.tolerations", words));
    }
    gates(now, before, &mut errors);
    if masked(now, before) != *before {
        errors.push(field::Error::forbidden("spec", ALLOWED));
    }
    errors
}

fn images(spec: &Value, sort: &str, errors: &mut field::Errors) {
    for (at, item) in list(spec, sort).iter().enumerate() {
        let path = format!("spec.{sort}[{at}]");
        if text(item, "image").is_empty() {
            errors.push(field::Error::required(field::child(&path, "image"), ""));
        }
        container::image_without_spaces(item, &path, errors);
    }
}

/// A deadline may be set, and brought forward.
fn deadline(now: &Value, before: &Value) -> Option<field::Error> {
    let name = "activeDeadlineSeconds";
    let path = "spec.activeDeadlineSeconds";
    let words = match (number(now, name), number(before, name)) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            names::out_of_range(0, i64::from(i32::MAX))
        }
        (Some(new), Some(old)) if new > old => {
            "must be less than or equal to previous value".to_owned()
        }
        (None, Some(_)) => "must not update from a positive integer to nil value".to_owned(),
        _ => return None,
    };
    let value = now.get(name).cloned().unwrap_or_default();
    Some(field::Error::invalid(path, &value, words))
}

/// Every old toleration is still there, but for its seconds.
fn only_added(now: &[Value], before: &[Value]) -> bool {
    let timeless = |toleration: &Value| {
        let mut toleration = toleration.clone();
        fields::remove(&mut toleration, "tolerationSeconds");
        toleration
    };
    before.iter().map(timeless).all(|old| now.iter().any(|new| timeless(new) == old))
}

/// Scheduling gates only go.
fn gates(now: &Value, before: &Value, errors: &mut field::Errors) {
    for gate in list(now, "schedulingGates") {
        if !list(before, "schedulingGates").contains(gate) {
            errors.push(field::Error::forbidden(
                "spec.schedulingGates",
                format!(
                    "only deletion is allowed, but found new scheduling gate '{}'",
                    text(gate, "name")
                ),
            ));
        }
    }
}

/// The new spec with all that may change taken from the old one.
fn masked(now: &Value, before: &Value) -> Value {
    let mut spec = now.clone();
    for sort in ["containers", "initContainers"] {
        for (item, old) in fields::list_mut(&mut spec, sort).iter_mut().zip(list(before, sort)) {
            fields::carry(item, old, "image");
        }
    }
    let changeable = ["activeDeadlineSeconds", "tolerations", "schedulingGates"];
    for name in changeable {
        fields::carry(&mut spec, before, name);
    }
    let grace = "terminationGracePeriodSeconds";
    let was_negative = number(before, grace).is_some_and(|seconds| seconds < 0);
    if was_negative && number(now, grace) == Some(1) {
        fields::carry(&mut spec, before, grace);
    }
    // A gated pod has not been scheduled: its node selector may become narrower.
    let gated = !vacant(before, "schedulingGates");
    let narrower = entries(before, "nodeSelector")
        .all(|(key, value)| now["nodeSelector"].get(key) == Some(value));
    if gated && narrower {
        fields::carry(&mut spec, before, "nodeSelector");
    }
    spec
}

/// Findings on an update through `ephemeralcontainers`: they are only added.
pub(in crate::builtin::workloads) fn ephemeral_update(new: &Value, old: &Value) -> field::Errors {
    let mut errors = pod::pod_spec_of_pod(new);
    if present(&new["metadata"]["annotations"], "kubernetes.io/config.mirror") {
        let words = "static pods do not support ephemeral containers";
        errors.push(field::Error::forbidden("", words));
        return errors;
    }
    let now = list(&new["spec"], "ephemeralContainers");
    for before in list(&old["spec"], "ephemeralContainers") {
        let name = text(before, "name");
        let what = match now.iter().find(|item| text(item, "name") == name) {
            None => "removed",
            Some(item) if item != before => "changed",
            Some(_) => continue,
        };
        errors.push(field::Error::forbidden(
            "spec.ephemeralContainers",
            format!("existing ephemeral containers {name:?} may not be {what}\n"),
        ));
    }
    errors
}
