//! Services, endpoints, ingresses and network policies.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    AGE, NAME, Printer, joined, labels, name, number, or, or_none, selector, shown, since_creation,
    wide,
};
use crate::builtin::part::{at, list, text};

/// How many endpoints are listed before the rest is only counted.
const LISTED: usize = 3;

pub(super) fn printer(group: &str, resource: &str) -> Option<Printer> {
    Some(match (group, resource) {
        ("", "services") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Type"),
                    shown("Cluster-IP"),
                    shown("External-IP"),
                    shown("Port(s)"),
                    AGE,
                    wide("Selector"),
                ]
            },
            row: service,
        },
        ("", "endpoints") => Printer {
            columns: const { &[NAME, shown("Endpoints"), AGE] },
            row: |object, now| vec![name(object), endpoints(object), since_creation(object, now)],
        },
        ("discovery.k8s.io", "endpointslices") => Printer {
            columns: const { &[NAME, shown("AddressType"), shown("Ports"), shown("Endpoints"), AGE] },
            row: slice,
        },
        ("networking.k8s.io", "ingresses") => Printer {
            columns: const {
                &[NAME, shown("Class"), shown("Hosts"), shown("Address"), shown("Ports"), AGE]
            },
            row: ingress,
        },
        ("networking.k8s.io", "ingressclasses") => Printer {
            columns: const { &[NAME, shown("Controller"), shown("Parameters"), AGE] },
            row: ingress_class,
        },
        ("networking.k8s.io", "networkpolicies") => Printer {
            columns: const { &[NAME, shown("Pod-Selector"), AGE] },
            row: |object, now| {
                let pods = json!(selector(&object["spec"]["podSelector"]));
                vec![name(object), pods, since_creation(object, now)]
            },
        },
        _ => return None,
    })
}

/// Addresses of a load balancer.
fn balancer(object: &Value) -> Vec<String> {
    list(object, "/status/loadBalancer/ingress")
        .iter()
        .map(|ingress| match text(ingress, "/ip") {
            "" => text(ingress, "/hostname").to_owned(),
            ip => ip.to_owned(),
        })
        .filter(|address| !address.is_empty())
        .collect()
}

fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let kind = text(object, "/spec/type");
    let external = joined(list(object, "/spec/externalIPs"), ",");
    let external = match kind {
        "LoadBalancer" => {
            let mut addresses = balancer(object);
            addresses.extend((!external.is_empty()).then_some(external));
            or(&addresses.join(","), "<pending>")
        }
        "ExternalName" => json!(text(object, "/spec/externalName")),
        _ => or_none(&external),
    };
    let ip = list(object, "/spec/clusterIPs").first().and_then(Value::as_str);
    let ports: Vec<_> = list(object, "/spec/ports")
        .iter()
        .map(|port| {
            let (number_, node) = (number(port, "/port"), number(port, "/nodePort"));
            let protocol = text(port, "/protocol");
            match node {
                0 => format!("{number_}/{protocol}"),
                node => format!("{number_}:{node}/{protocol}"),
            }
        })
        .collect();
    vec![
        name(object),
        json!(kind),
        or_none(ip.unwrap_or_default()),
        external,
        or_none(&ports.join(",")),
        since_creation(object, now),
        json!(labels(&object["spec"]["selector"])),
    ]
}

/// The first few, and how many more there are.
fn shortened(all: &[String]) -> Value {
    let first = all.iter().take(LISTED).cloned().collect::<Vec<_>>().join(",");
    match all.len().saturating_sub(LISTED) {
        0 => or_none(&first),
        more => json!(format!("{first} + {more} more...")),
    }
}

fn endpoints(object: &Value) -> Value {
    let mut all = Vec::new();
    for subset in list(object, "/subsets") {
        let addresses = list(subset, "/addresses").iter().map(|address| text(address, "/ip"));
        let ports = list(subset, "/ports");
        for ip in addresses {
            let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
            if ports.is_empty() {
                all.push(host.clone());
            }
            all.extend(ports.iter().map(|port| format!("{host}:{}", number(port, "/port"))));
        }
    }
    shortened(&all)
}

fn slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports: Vec<_> = list(object, "/ports")
        .iter()
        .map(|port| match at(port, "/port").and_then(Value::as_i64) {
            Some(number) => number.to_string(),
            None => "*".to_owned(),
        })
        .collect();
    let ports = if ports.is_empty() { json!("<unset>") } else { shortened(&ports) };
    let addresses: Vec<_> = list(object, "/endpoints")
        .iter()
        .flat_map(|endpoint| list(endpoint, "/addresses"))
        .filter_map(|address| address.as_str().map(str::to_owned))
        .collect();
    let addresses = if addresses.is_empty() { json!("<unset>") } else { shortened(&addresses) };
    let kind = json!(text(object, "/addressType"));
    vec![name(object), kind, ports, addresses, since_creation(object, now)]
}

fn ingress(object: &Value, now: Timestamp) -> Vec<Value> {
    let hosts: Vec<_> = list(object, "/spec/rules")
        .iter()
        .map(|rule| text(rule, "/host"))
        .filter(|host| !host.is_empty())
        .map(str::to_owned)
        .collect();
    let hosts = if hosts.is_empty() { json!("*") } else { shortened(&hosts) };
    let ports = if list(object, "/spec/tls").is_empty() { "80" } else { "80, 443" };
    vec![
        name(object),
        or_none(text(object, "/spec/ingressClassName")),
        hosts,
        json!(balancer(object).join(",")),
        json!(ports),
        since_creation(object, now),
    ]
}

fn ingress_class(object: &Value, now: Timestamp) -> Vec<Value> {
    let parameters = match at(object, "/spec/parameters") {
        Some(parameters) => {
            let mut kind = text(parameters, "/kind").to_owned();
            let group = text(parameters, "/apiGroup");
            if !group.is_empty() {
                kind = format!("{kind}.{group}");
            }
            format!("{kind}/{}", text(parameters, "/name"))
        }
        None => "<none>".to_owned(),
    };
    vec![
        name(object),
        json!(text(object, "/spec/controller")),
        json!(parameters),
        since_creation(object, now),
    ]
}
