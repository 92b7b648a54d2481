//! The labels that a kubelet may give its own node: not those that say which nodes are
//! trusted with something.

use serde_json::Value;

/// Labels in Kubernetes' own domains that kubelets set.
const KUBELET: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Domains whose labels belong to kubelets.
const KUBELET_DOMAINS: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/// Domain of the labels that only administrators set.
const RESTRICTED: &str = "node-restriction.kubernetes.io";

/// The labels set, changed or removed that are not the kubelet's to touch, sorted.
pub(super) fn forbidden(object: &Value, live: Option<&Value>) -> Vec<String> {
    let labels =
        |object: &Value| object["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    let (new, old) = (labels(object), live.map(labels).unwrap_or_default());
    let names: std::collections::BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    let changed = names.into_iter().filter(|name| new.get(*name) != old.get(*name));
    changed.filter(|name| !is_allowed(name)).cloned().collect()
}

fn is_allowed(label: &str) -> bool {
    let domain = label.split_once('/').map(|(domain, _)| domain).unwrap_or_default();
    let within =
        |of: &str| domain == of || domain.strip_suffix(of).is_some_and(|d| d.ends_with('.'));
    if within(RESTRICTED) {
        return false;
    }
    let official = within("kubernetes.io") || within("k8s.io");
    !official || KUBELET.contains(&label) || KUBELET_DOMAINS.iter().any(|of| within(of))
}
