//! Findings on Services.

use std::collections::HashSet;

use serde_json::Value;

use super::{is_external, is_headless, kind, needs_cluster_ip};
use crate::builtin::part::{at, list, text};
use crate::field::{self, Error};
use crate::names;

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
/// Longest session affinity, in seconds: a day.
const AFFINITY_MAX: i64 = 86_400;

/// What create and update check alike.
pub(super) fn service(object: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let ports = list(object, "/spec/ports");
    let kind = kind(object);
    if ports.is_empty() && !is_headless(object) && kind != "ExternalName" {
        errors.push(Error::required("spec.ports", ""));
    }
    if kind == "ExternalName" {
        errors.extend(external_name(object));
    }
    let mut seen = HashSet::new();
    for (at, port) in ports.iter().enumerate() {
        let path = field::index("spec.ports", at);
        errors.extend(validate_port(port, &path, ports.len() > 1, &mut seen));
        if kind == "LoadBalancer" && port["port"] == 10250 {
            let detail = "may not expose port 10250 externally since it is used by kubelet";
            errors.push(Error::invalid(field::child(&path, "port"), &port["port"], detail));
        }
    }
    errors.extend(names::validate_labels(at(object, "/spec/selector"), "spec.selector"));
    errors.extend(affinity(object));
    errors.extend(cluster_ips(object));
    for (at, ip) in list(object, "/spec/externalIPs").iter().enumerate() {
        for complaint in names::ip(ip.as_str().unwrap_or_default()) {
            errors.push(Error::invalid(field::index("spec.externalIPs", at), ip, complaint));
        }
    }
    if !TYPES.contains(&kind) {
        errors.push(Error::not_supported("spec.type", &kind.into(), &TYPES));
    }
    errors.extend(duplicates(object, ports));
    errors.extend(load_balancer(object));
    errors.extend(traffic(object));
    errors
}

/// Findings on a changed Service.
pub(super) fn update(object: &Value, stored: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let before = list(stored, "/spec/clusterIPs");
    let after = list(object, "/spec/clusterIPs");
    let bound = needs_cluster_ip(object) && needs_cluster_ip(stored);
    if bound && !before.is_empty() && before.first() != after.first() {
        let shown: Vec<_> = after.iter().map(Value::to_string).collect();
        let shown = format!("[]string{{{}}}", shown.join(", "));
        let path = field::index("spec.clusterIPs", 0);
        errors.push(Error::invalid_go(path, shown, "may not change once set"));
    }
    let families = |object| list(object, "/spec/ipFamilies").first().cloned();
    if let (true, Some(old)) = (bound, families(stored))
        && families(object).is_some_and(|new| new != old)
    {
        let path = field::index("spec.ipFamilies", 0);
        let shown = families(object).unwrap_or_default();
        errors.push(Error::invalid(path, &shown, "may not change once set"));
    }
    let both_balance = kind(stored) == "LoadBalancer" && kind(object) == "LoadBalancer";
    let class = |object: &Value| at(object, "/spec/loadBalancerClass").cloned();
    if both_balance && class(object) != class(stored) {
        let shown = class(object).unwrap_or_default();
        errors.push(Error::invalid("spec.loadBalancerClass", &shown, "may not change once set"));
    }
    errors.extend(service(object));
    errors
}

fn external_name(object: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let detail = "may not be set when type is 'ExternalName'";
    for name in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if at(object, &format!("/spec/{name}")).is_some() {
            errors.push(Error::forbidden(field::child("spec", name), detail));
        }
    }
    let name = text(object, "/spec/externalName");
    let bare = name.strip_suffix('.').unwrap_or(name);
    if bare.is_empty() {
        errors.push(Error::required("spec.externalName", ""));
    } else {
        for complaint in names::dns_subdomain(bare) {
            errors.push(Error::invalid("spec.externalName", &name.into(), complaint));
        }
    }
    errors
}

fn validate_port<'a>(
    port: &'a Value,
    path: &str,
    named: bool,
    seen: &mut HashSet<&'a str>,
) -> field::Errors {
    let mut errors = Vec::new();
    let child = |name: &str| field::child(path, name);
    let name = text(port, "/name");
    if named && name.is_empty() {
        errors.push(Error::required(child("name"), ""));
    } else if !name.is_empty() {
        for complaint in names::dns_label(name) {
            errors.push(Error::invalid(child("name"), &name.into(), complaint));
        }
        if !seen.insert(name) {
            errors.push(Error::duplicate(child("name"), &name.into()));
        }
    }
    for complaint in names::port_number(port["port"].as_i64().unwrap_or_default()) {
        errors.push(Error::invalid(child("port"), &port["port"], complaint));
    }
    let protocol = text(port, "/protocol");
    if protocol.is_empty() {
        errors.push(Error::required(child("protocol"), ""));
    } else if !PROTOCOLS.contains(&protocol) {
        errors.push(Error::not_supported(child("protocol"), &protocol.into(), &PROTOCOLS));
    }
    let target = &port["targetPort"];
    let complaints = match target {
        Value::String(name) => names::port_name(name),
        _ => names::port_number(target.as_i64().unwrap_or_default()),
    };
    for complaint in complaints {
        errors.push(Error::invalid(child("targetPort"), target, complaint));
    }
    if let Some(application) = at(port, "/appProtocol").and_then(Value::as_str) {
        for complaint in names::qualified_name(application) {
            errors.push(Error::invalid(child("appProtocol"), &application.into(), complaint));
        }
    }
    errors
}

fn affinity(object: &Value) -> field::Errors {
    let affinities = ["ClientIP", "None"];
    let value = text(object, "/spec/sessionAffinity");
    if value.is_empty() {
        return vec![Error::required("spec.sessionAffinity", "")];
    }
    if !affinities.contains(&value) {
        return vec![Error::not_supported("spec.sessionAffinity", &value.into(), &affinities)];
    }
    let timeout = at(object, "/spec/sessionAffinityConfig/clientIP/timeoutSeconds");
    match timeout {
        Some(seconds) if !(1..=AFFINITY_MAX).contains(&seconds.as_i64().unwrap_or_default()) => {
            vec![Error::invalid(
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
                seconds,
                format!("must be greater than 0 and less than {AFFINITY_MAX}"),
            )]
        }
        _ => Vec::new(),
    }
}

fn cluster_ips(object: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let ips = list(object, "/spec/clusterIPs");
    let single = text(object, "/spec/clusterIP");
    if ips.len() > 2 {
        let detail = "may only hold up to 2 values";
        errors.push(Error::invalid("spec.clusterIPs", &ips.into(), detail));
    }
    if let Some(first) = ips.first().and_then(Value::as_str)
        && first != single
    {
        let path = if single.is_empty() { "spec.clusterIPs" } else { "spec.clusterIPs[0]" };
        let detail = if single.is_empty() {
            "must be empty when `clusterIP` is not specified"
        } else {
            "first value must match `clusterIP`"
        };
        errors.push(Error::invalid(path, &first.into(), detail));
    }
    for (at, ip) in ips.iter().enumerate() {
        let text = ip.as_str().unwrap_or_default();
        if at == 0 && text == "None" && ips.len() == 1 {
            continue;
        }
        for complaint in names::ip(text) {
            errors.push(Error::invalid(field::index("spec.clusterIPs", at), ip, complaint));
        }
    }
    errors
}

/// A port number stands once per protocol, and so does a node port.
fn duplicates(object: &Value, ports: &[Value]) -> field::Errors {
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    let mut nodes = HashSet::new();
    for (at, port) in ports.iter().enumerate() {
        let path = field::index("spec.ports", at);
        let protocol = text(port, "/protocol");
        if !seen.insert((protocol, port["port"].as_i64())) {
            errors.push(Error::duplicate(path.clone(), port));
        }
        let node = port["nodePort"].as_i64().unwrap_or_default();
        if node == 0 {
            continue;
        }
        let path = field::child(&path, "nodePort");
        if ["ClusterIP", "ExternalName"].contains(&kind(object)) {
            let detail = format!("may not be used when `type` is '{}'", kind(object));
            errors.push(Error::forbidden(path, detail));
        } else if !nodes.insert((protocol, node)) {
            errors.push(Error::duplicate(path, &node.into()));
        }
    }
    errors
}

fn load_balancer(object: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let balances = kind(object) == "LoadBalancer";
    let detail = "may only be used when `type` is 'LoadBalancer'";
    for name in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
        if !balances && at(object, &format!("/spec/{name}")).is_some() {
            errors.push(Error::forbidden(field::child("spec", name), detail));
        }
    }
    let ranges = list(object, "/spec/loadBalancerSourceRanges");
    if !balances && !ranges.is_empty() {
        errors.push(Error::forbidden("spec.LoadBalancerSourceRanges", detail));
    }
    for range in ranges {
        if !names::cidr(range.as_str().unwrap_or_default().trim()).is_empty() {
            let detail = "must be a list of IP ranges. For example, 10.240.0.0/24,10.250.0.0/24";
            errors.push(Error::invalid("spec.LoadBalancerSourceRanges", range, detail));
        }
    }
    errors
}

fn traffic(object: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let policies = ["Cluster", "Local"];
    for name in ["externalTrafficPolicy", "internalTrafficPolicy"] {
        let path = field::child("spec", name);
        let value = object["spec"][name].as_str().unwrap_or_default();
        if !value.is_empty() && !policies.contains(&value) {
            errors.push(Error::not_supported(path, &value.into(), &policies));
        } else if name.starts_with("external") && !value.is_empty() && !is_external(object) {
            let detail = "may only be set for externally-accessible services";
            errors.push(Error::invalid(path, &value.into(), detail));
        }
    }
    errors
}
