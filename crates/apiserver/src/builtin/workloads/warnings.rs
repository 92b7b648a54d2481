//! What a server says to a client beside the answer: fields that do no good.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fields::{entries, list, number, present, text};
use crate::names;
use crate::quantity::Quantity;

/// Labels of nodes that have newer names, with the version that replaced them.
const NODE_LABELS: &[(&str, &str, &str)] = &[
    ("beta.kubernetes.io/arch", "v1.14", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "v1.14", "kubernetes.io/os"),
    ("failure-domain.beta.kubernetes.io/region", "v1.17", "topology.kubernetes.io/region"),
    ("failure-domain.beta.kubernetes.io/zone", "v1.17", "topology.kubernetes.io/zone"),
    ("beta.kubernetes.io/instance-type", "v1.17", "node.kubernetes.io/instance-type"),
];

/// Volumes that went or are going.
const VOLUMES: &[(&str, &str)] = &[
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "deprecated in v1.11"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// Warnings for a pod.
pub(super) fn pod(pod: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let complaints = names::dns_label(text(&pod["metadata"], "name"));
    if !complaints.is_empty() && !text(&pod["metadata"], "name").is_empty() {
        warnings.push(format!(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: {}",
            go_list(&complaints)
        ));
    }
    spec(&pod["spec"], "spec", &mut warnings);
    warnings
}

/// Warnings for a pod template.
pub(super) fn template(template: &Value, path: &str, warnings: &mut Vec<String>) {
    spec(&template["spec"], &format!("{path}.spec"), warnings);
}

/// Warnings for a controller with `spec.template`.
pub(super) fn owner_of_pods(object: &Value) -> Vec<String> {
    let mut warnings = owner_name(object);
    template(&object["spec"]["template"], "spec.template", &mut warnings);
    warnings
}

/// Pods and hosts are named after their controller.
pub(super) fn owner_name(object: &Value) -> Vec<String> {
    let name = text(&object["metadata"], "name");
    let complaints = names::dns_label(name);
    if name.is_empty() || complaints.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: {}",
        go_list(&complaints)
    )]
}

/// Texts as Go prints a list of them.
fn go_list(complaints: &[String]) -> String {
    format!("[{}]", complaints.join(" "))
}

fn spec(spec: &Value, path: &str, warnings: &mut Vec<String>) {
    for (key, _) in entries(spec, "nodeSelector") {
        if let Some(words) = deprecated_label(key) {
            warnings.push(format!("{path}.nodeSelector[{key}]: {words}"));
        }
    }
    for (at, constraint) in list(spec, "topologySpreadConstraints").iter().enumerate() {
        let path = format!("{path}.topologySpreadConstraints[{at}]");
        let key = text(constraint, "topologyKey");
        if let Some(words) = deprecated_label(key) {
            warnings.push(format!("{path}.topologyKey: {key} is {words}"));
        }
        without_selector(constraint, &path, warnings);
    }
    for (at, secret) in list(spec, "imagePullSecrets").iter().enumerate() {
        if text(secret, "name").is_empty() {
            let path = format!("{path}.imagePullSecrets[{at}].name");
            warnings.push(format!("{path}: invalid empty name \"\""));
        }
    }
    for (at, volume) in list(spec, "volumes").iter().enumerate() {
        for (kind, since) in VOLUMES {
            if volume.get(kind).is_some() {
                // The one field whose name is written otherwise here.
                let kind = if *kind == "storageos" { "storageOS" } else { kind };
                warnings.push(format!("{path}.volumes[{at}].{kind}: {since}"));
            }
        }
    }
    let mut seen = BTreeSet::new();
    for (at, alias) in list(spec, "hostAliases").iter().enumerate() {
        let ip = text(alias, "ip");
        if !seen.insert(ip) {
            warnings.push(format!("{path}.hostAliases[{at}].ip: duplicate ip {ip:?}"));
        }
    }
    for sort in ["initContainers", "containers"] {
        for (at, item) in list(spec, sort).iter().enumerate() {
            container(item, &format!("{path}.{sort}[{at}]"), warnings);
        }
    }
    ports(spec, path, warnings);
    if number(spec, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        warnings.push(format!(
            "{path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
        ));
    }
    affinity(spec, path, warnings);
}

fn deprecated_label(key: &str) -> Option<String> {
    let (_, since, instead) = NODE_LABELS.iter().find(|(old, ..)| *old == key)?;
    Some(format!("deprecated since {since}; use {instead:?} instead"))
}

/// A term that looks for pods, but says of none what it looks for.
fn without_selector(term: &Value, path: &str, warnings: &mut Vec<String>) {
    if !present(term, "labelSelector") {
        warnings
            .push(format!("{path}.labelSelector: a null labelSelector results in matching no pod"));
    }
}

fn affinity(spec: &Value, path: &str, warnings: &mut Vec<String>) {
    for kind in ["podAffinity", "podAntiAffinity"] {
        let affinity = &spec["affinity"][kind];
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        for (at, term) in list(affinity, required).iter().enumerate() {
            let path = format!("{path}.affinity.{kind}.{required}[{at}]");
            without_selector(term, &path, warnings);
        }
        let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
        for (at, term) in list(affinity, preferred).iter().enumerate() {
            let path = format!("{path}.affinity.{kind}.{preferred}[{at}].podAffinityTerm");
            without_selector(&term["podAffinityTerm"], &path, warnings);
        }
    }
}

/// Ports of one number and protocol, in any container of a pod.
fn ports(spec: &Value, path: &str, warnings: &mut Vec<String>) {
    let mut seen: Vec<(String, &Value)> = Vec::new();
    for sort in ["initContainers", "containers"] {
        for (at, container) in list(spec, sort).iter().enumerate() {
            for (port_at, port) in list(container, "ports").iter().enumerate() {
                let place = format!("{path}.{sort}[{at}].ports[{port_at}]");
                for (other_place, other) in &seen {
                    if let Some(how) = overlap(port, other) {
                        let words = format!("{how} port definition with {other_place}");
                        warnings.push(format!("{place}: {words}"));
                    }
                }
                seen.push((place, port));
            }
        }
    }
}

fn overlap(port: &Value, other: &Value) -> Option<&'static str> {
    let count = |port: &Value, name: &str| number(port, name).unwrap_or_default();
    let same = |name: &str| count(port, name) == count(other, name);
    if !same("containerPort") || text(port, "protocol") != text(other, "protocol") {
        return None;
    }
    let (ip, other_ip) = (text(port, "hostIP"), text(other, "hostIP"));
    if same("hostPort") && ip == other_ip {
        Some("duplicate")
    } else if count(port, "hostPort") == 0 || count(other, "hostPort") == 0 {
        Some("overlapping")
    } else if same("hostPort") && ip.is_empty() != other_ip.is_empty() {
        Some("dangerously ambiguous")
    } else {
        None
    }
}

fn container(of: &Value, path: &str, warnings: &mut Vec<String>) {
    for list in ["limits", "requests"] {
        for (name, amount) in entries(&of["resources"], list) {
            let fraction = Quantity::of(amount).is_ok_and(|amount| !amount.is_whole());
            if fraction && matches!(name.as_str(), "memory" | "ephemeral-storage") {
                warnings.push(format!(
                    "{path}.resources.{list}[{name}]: fractional byte value {amount} is invalid, must be an integer"
                ));
            }
        }
    }
    let mut seen = BTreeSet::new();
    for (at, variable) in list(of, "env").iter().enumerate() {
        let name = text(variable, "name");
        // Later variables may be built from earlier ones of the same name.
        let reference = format!("$({name})");
        let value = text(variable, "value");
        let extends = value.contains(&reference) && value != reference;
        if !seen.insert(name) && !extends {
            warnings.push(format!(
                "{path}.env[{at}]: hides previous definition of {name:?}, which may be dropped when using apply"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{owner_of_pods, pod};

    #[test]
    fn a_usual_pod_has_no_warnings() {
        let usual = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}});
        assert!(pod(&usual).is_empty());
    }

    #[test]
    fn what_does_no_good_is_told() {
        let odd = json!({"metadata": {"name": "a.b"}, "spec": {
            "nodeSelector": {"beta.kubernetes.io/os": "linux"},
            "imagePullSecrets": [{}],
            "terminationGracePeriodSeconds": -1,
            "volumes": [{"name": "v", "gitRepo": {}}],
            "topologySpreadConstraints": [{"topologyKey": "beta.kubernetes.io/os"}],
            "containers": [{
                "ports": [{"containerPort": 80}, {"containerPort": 80},
                          {"containerPort": 80, "hostPort": 8}],
                "env": [{"name": "A"}, {"name": "A"}, {"name": "A", "value": "$(A)x"}],
                "resources": {"limits": {"memory": "100m"}},
            }],
        }});
        let warnings = pod(&odd);
        assert_eq!(warnings.len(), 12, "{warnings:#?}");
        assert_eq!(
            warnings[1],
            "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead"
        );
        let owner = json!({"metadata": {"name": "d"}, "spec": {"template": odd}});
        assert!(owner_of_pods(&owner)[0].starts_with("spec.template.spec.nodeSelector["));
    }
}
