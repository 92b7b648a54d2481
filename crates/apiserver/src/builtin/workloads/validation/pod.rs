//! The spec of a pod, alone or in a template.

use serde_json::Value;

use super::{container, enumeration, network, port, resources, scheduling, security, volume};
use crate::builtin::workloads::fields::{flag, list, number, present, text, vacant};
use crate::{field, names};

/// Findings on a pod that is created.
pub(in crate::builtin::workloads) fn pod_create(pod: &Value) -> field::Errors {
    let mut errors = pod_spec_of_pod(pod);
    let spec = &pod["spec"];
    if !vacant(spec, "ephemeralContainers") {
        let words = "cannot be set on create";
        errors.push(field::Error::forbidden("spec.ephemeralContainers", words));
    }
    if !vacant(spec, "nodeName") && !vacant(spec, "schedulingGates") {
        let words = "cannot be set until all schedulingGates have been cleared";
        errors.push(field::Error::forbidden("spec.nodeName", words));
    }
    errors
}

/// Findings on the spec of a pod, which is held to more than a template's.
pub(super) fn pod_spec_of_pod(pod: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let spec = &pod["spec"];
    pod_spec(spec, true, "spec", &mut errors);
    if text(spec, "serviceAccountName").is_empty() {
        for (at, volume) in list(spec, "volumes").iter().enumerate() {
            let sources = list(&volume["projected"], "sources");
            for (source_at, source) in sources.iter().enumerate() {
                if present(source, "serviceAccountToken") {
                    errors.push(field::Error::forbidden(
                        format!(
                            "spec.volumes[{at}].projected.sources[{source_at}].serviceAccountToken"
                        ),
                        "must not be specified when serviceAccountName is not set",
                    ));
                }
            }
        }
    }
    for sort in ["containers", "initContainers"] {
        for (at, container) in list(spec, sort).iter().enumerate() {
            let path = format!("spec.{sort}[{at}]");
            container::image_without_spaces(container, &path, &mut errors);
        }
    }
    errors
}

/// A `PodSpec`; `is_pod`: not one in a template.
pub(super) fn pod_spec(spec: &Value, is_pod: bool, path: &str, errors: &mut field::Errors) {
    let volumes = volume::volumes(spec, path, errors);
    container::containers(spec, &volumes, path, errors);
    let policies = ["Always", "OnFailure", "Never"];
    enumeration::required(spec, "restartPolicy", &policies, path, errors);
    network::policy(spec, path, errors);
    let selector_path = field::child(path, "nodeSelector");
    errors.extend(names::validate_labels(spec.get("nodeSelector"), &selector_path));
    if flag(spec, "hostNetwork") {
        for sort in ["containers", "initContainers"] {
            port::host_network(list(spec, sort), is_pod, &field::child(path, sort), errors);
        }
    }
    security::pod(spec, path, errors);
    scheduling::affinity(spec, path, errors);
    network::config(spec, path, errors);
    readiness_gates(spec, path, errors);
    scheduling_gates(spec, path, errors);
    scheduling::spread(spec, path, errors);
    identity(spec, path, errors);
    scheduling::tolerations(spec, path, errors);
    network::host_aliases(spec, path, errors);
    enumeration::checked(spec, "priorityClassName", names::dns_subdomain, path, errors);
    enumeration::checked(spec, "runtimeClassName", names::dns_subdomain, path, errors);
    let policies = ["Never", "PreemptLowerPriority"];
    enumeration::optional(spec, "preemptionPolicy", &policies, path, errors);
    resources::amounts(spec, "overhead", path, errors);
    if present(spec, "os") {
        let path = field::child(path, "os");
        enumeration::required(&spec["os"], "name", &["linux", "windows"], &path, errors);
    }
}

/// Names of the pod in the cluster and its life time.
fn identity(spec: &Value, path: &str, errors: &mut field::Errors) {
    enumeration::checked(spec, "serviceAccountName", names::dns_subdomain, path, errors);
    enumeration::checked(spec, "nodeName", names::dns_subdomain, path, errors);
    let deadline = "activeDeadlineSeconds";
    let longest = i64::from(i32::MAX);
    if number(spec, deadline).is_some_and(|seconds| !(1..=longest).contains(&seconds)) {
        let words = names::out_of_range(1, longest);
        errors.push(field::Error::invalid(field::child(path, deadline), &spec[deadline], words));
    }
    enumeration::checked(spec, "hostname", names::dns_label, path, errors);
    enumeration::checked(spec, "subdomain", names::dns_label, path, errors);
}

fn readiness_gates(spec: &Value, path: &str, errors: &mut field::Errors) {
    for (at, gate) in list(spec, "readinessGates").iter().enumerate() {
        let path = format!("{path}.readinessGates[{at}].conditionType");
        let kind = text(gate, "conditionType");
        for complaint in names::qualified_name(kind) {
            errors.push(field::Error::invalid(&path, &Value::from(kind), complaint));
        }
    }
}

fn scheduling_gates(spec: &Value, path: &str, errors: &mut field::Errors) {
    let mut seen = std::collections::BTreeSet::new();
    for (at, gate) in list(spec, "schedulingGates").iter().enumerate() {
        let path = format!("{path}.schedulingGates[{at}]");
        let name = text(gate, "name");
        let value = Value::from(name);
        for complaint in names::qualified_name(name) {
            errors.push(field::Error::invalid(&path, &value, complaint));
        }
        if !seen.insert(name) {
            errors.push(field::Error::duplicate(&path, &value));
        }
    }
}
