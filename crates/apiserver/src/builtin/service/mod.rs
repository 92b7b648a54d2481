//! Service: defaults, what goes when its type changes, addresses and node ports.

mod allocation;
mod validation;

use serde_json::{Value, json};

use super::part::{at, default_to, keep, list, list_mut, remove, text};
use super::{Part, Strategy};
use crate::field;
use crate::names;

pub use allocation::{Allocator, Pool, allocate};

/// Rules of Services. [`allocate`] must run after the validation of a write.
pub struct Service;

/// `spec.type`.
fn kind(object: &Value) -> &str {
    text(object, "/spec/type")
}

fn needs_cluster_ip(object: &Value) -> bool {
    ["ClusterIP", "NodePort", "LoadBalancer"].contains(&kind(object))
}

fn needs_node_ports(object: &Value) -> bool {
    match kind(object) {
        "NodePort" => true,
        "LoadBalancer" => object["spec"]["allocateLoadBalancerNodePorts"] != json!(false),
        _ => false,
    }
}

fn is_external(object: &Value) -> bool {
    match kind(object) {
        "NodePort" | "LoadBalancer" => true,
        "ClusterIP" => !list(object, "/spec/externalIPs").is_empty(),
        _ => false,
    }
}

fn is_headless(object: &Value) -> bool {
    text(object, "/spec/clusterIP") == "None"
}

fn needs_health_port(object: &Value) -> bool {
    kind(object) == "LoadBalancer" && text(object, "/spec/externalTrafficPolicy") == "Local"
}

impl Strategy for Service {
    fn default(&self, object: &mut Value) {
        let spec = &mut object["spec"];
        default_to(spec, "sessionAffinity", "None");
        default_to(spec, "type", "ClusterIP");
        match text(spec, "/sessionAffinity") {
            "None" => remove(spec, "sessionAffinityConfig"),
            "ClientIP" if at(spec, "/sessionAffinityConfig/clientIP/timeoutSeconds").is_none() => {
                spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"] = json!(10800);
            }
            _ => {}
        }
        for port in list_mut(spec, "/ports") {
            default_to(port, "protocol", "TCP");
            let unset = [json!(0), json!(""), Value::Null].contains(&port["targetPort"]);
            if unset {
                port["targetPort"] = port["port"].clone();
            }
        }
        if is_external(object) {
            default_to(&mut object["spec"], "externalTrafficPolicy", "Cluster");
        }
        if needs_cluster_ip(object) {
            default_to(&mut object["spec"], "internalTrafficPolicy", "Cluster");
        }
        if kind(object) == "LoadBalancer" {
            default_to(&mut object["spec"], "allocateLoadBalancerNodePorts", true);
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        object["status"] = json!({"loadBalancer": {}});
        normalize_cluster_ips(object, None);
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        if part == Part::Sub("status") {
            return keep(object, stored, "spec");
        }
        keep(object, stored, "status");
        carry_allocated(object, stored);
        normalize_cluster_ips(object, Some(stored));
        drop_dependent(object, stored);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        validation::service(object)
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        match part {
            Part::Main => validation::update(object, stored),
            Part::Sub(_) => Vec::new(),
        }
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_1035_label(name, prefix)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn delete_returns_object(&self) -> bool {
        true
    }
}

/// A replace that leaves out what was allocated keeps it.
fn carry_allocated(object: &mut Value, stored: &Value) {
    if needs_cluster_ip(object) && needs_cluster_ip(stored) {
        let old = text(stored, "/spec/clusterIP").to_owned();
        if text(object, "/spec/clusterIP").is_empty() && !old.is_empty() {
            object["spec"]["clusterIP"] = json!(old);
        }
        if list(object, "/spec/clusterIPs").is_empty() && text(object, "/spec/clusterIP") == old {
            keep(&mut object["spec"], &stored["spec"], "clusterIPs");
        }
        for field in ["ipFamilies", "ipFamilyPolicy"] {
            if at(object, &format!("/spec/{field}")).is_none() {
                keep(&mut object["spec"], &stored["spec"], field);
            }
        }
    }
    if needs_node_ports(object) && needs_node_ports(stored) {
        let before = list(stored, "/spec/ports");
        let taken: Vec<Value> =
            list(object, "/spec/ports").iter().map(|port| port["nodePort"].clone()).collect();
        for port in list_mut(object, "/spec/ports") {
            let same =
                |old: &&Value| old["port"] == port["port"] && old["protocol"] == port["protocol"];
            let old = before.iter().find(same).map(|old| old["nodePort"].clone());
            let old = old.filter(|number| !number.is_null() && !taken.contains(number));
            if let (true, Some(number)) = (port["nodePort"].as_i64().is_none(), old) {
                port["nodePort"] = number;
            }
            if port["nodePort"].is_null() {
                remove(port, "nodePort");
            }
        }
    }
    if needs_health_port(object)
        && needs_health_port(stored)
        && at(object, "/spec/healthCheckNodePort").is_none()
    {
        keep(&mut object["spec"], &stored["spec"], "healthCheckNodePort");
    }
}

/// `clusterIP` and the first of `clusterIPs` are the same: whichever changed wins.
fn normalize_cluster_ips(object: &mut Value, stored: Option<&Value>) {
    let single = text(object, "/spec/clusterIP").to_owned();
    let many = list(object, "/spec/clusterIPs").to_vec();
    let Some(stored) = stored else {
        if !single.is_empty() && many.is_empty() {
            object["spec"]["clusterIPs"] = json!([single]);
        }
        return;
    };
    let same_single = single == text(stored, "/spec/clusterIP");
    let same_many = many == list(stored, "/spec/clusterIPs");
    if !same_single && same_many {
        if single.is_empty() {
            remove(&mut object["spec"], "clusterIPs");
        } else {
            // The other family, if there is one, stays.
            let mut ips = many;
            match ips.first_mut() {
                Some(first) => *first = json!(single),
                None => ips.push(json!(single)),
            }
            object["spec"]["clusterIPs"] = json!(ips);
        }
    }
}

/// When the type changes, fields that only made sense for the old one go, unless the
/// client changed them in the same write.
fn drop_dependent(object: &mut Value, stored: &Value) {
    let same = |object: &Value, field: &str| object["spec"].get(field) == stored["spec"].get(field);
    let drop = |object: &mut Value, fields: &[&str]| {
        for field in fields {
            if same(object, field) {
                remove(&mut object["spec"], field);
            }
        }
    };
    if needs_cluster_ip(stored) && !needs_cluster_ip(object) {
        drop(
            object,
            &["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"],
        );
    }
    if needs_node_ports(stored) && !needs_node_ports(object) {
        let before = list(stored, "/spec/ports");
        for port in list_mut(object, "/spec/ports") {
            if before.iter().any(|old| old["nodePort"] == port["nodePort"]) {
                remove(port, "nodePort");
            }
        }
    }
    if needs_health_port(stored) && !needs_health_port(object) {
        drop(object, &["healthCheckNodePort"]);
    }
    if kind(stored) == "LoadBalancer" && kind(object) != "LoadBalancer" {
        drop(object, &["allocateLoadBalancerNodePorts", "loadBalancerClass"]);
    }
    if kind(stored) == "ExternalName" && kind(object) != "ExternalName" {
        drop(object, &["externalName"]);
    }
    if is_external(stored) && !is_external(object) {
        drop(object, &["externalTrafficPolicy"]);
    }
}

#[cfg(test)]
mod tests;
