//! What Calico 3.32 accepts as a HostEndpoint. Older Calico checks nothing
//! when the object is written and silently ignores it in Felix instead, so
//! the check has to be ours.
//!
//! Rules from <https://docs.tigera.io/calico/latest/reference/resources/hostendpoint>.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    api::{EndpointPort, HostEndpointSpec, PortProtocol},
    naming::is_subdomain,
};

/// A field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// Path of the field below `spec`.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

fn error(field: impl Into<String>, message: impl Into<String>) -> FieldError {
    FieldError { field: field.into(), message: message.into() }
}

/// Everything that is wrong with an endpoint's spec.
pub fn endpoint(spec: &HostEndpointSpec) -> Vec<FieldError> {
    let mut errors = target(&spec.node, &spec.interface_name, &spec.expected_ips);
    errors.extend(profiles(&spec.profiles));
    errors.extend(ports(&spec.ports));
    errors
}

/// Everything that is wrong with what an endpoint is for.
pub fn target(node: &str, interface: &str, expected_ips: &[String]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !is_subdomain(node) {
        errors.push(error("node", format!("{node:?} is not the name of a node")));
    }
    if interface.is_empty() {
        if expected_ips.is_empty() {
            errors.push(error(
                "interfaceName",
                "is empty and expectedIPs too, one of them is needed",
            ));
        }
    } else if interface != "*" {
        errors.extend(interface_name("interfaceName", interface).err());
    }
    for (index, address) in expected_ips.iter().enumerate() {
        if address.parse::<IpAddr>().is_err() {
            errors.push(error(
                format!("expectedIPs[{index}]"),
                format!("{address:?} is not an IP address"),
            ));
        }
    }
    errors
}

/// The name of one interface: 1 to 15 of `a-z A-Z 0-9 _ . -`.
pub fn interface_name(field: &str, name: &str) -> Result<(), FieldError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if name.is_empty() || name.len() > 15 {
        return Err(error(
            field,
            format!(
                "{name:?} has {} characters, an interface name has 1 to 15",
                name.chars().count()
            ),
        ));
    }
    if !name.bytes().all(allowed) {
        return Err(error(
            field,
            format!("{name:?} has characters other than a-z, A-Z, 0-9, _, . and -"),
        ));
    }
    Ok(())
}

/// Named ports: named, numbered from 1, a known protocol, no name twice.
pub fn ports(ports: &[EndpointPort]) -> impl Iterator<Item = FieldError> {
    let mut errors = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let field = format!("ports[{index}]");
        if port.name.is_empty() || port.name.len() > 128 {
            errors.push(error(format!("{field}.name"), "must have 1 to 128 characters"));
        }
        if port.port == 0 {
            errors.push(error(format!("{field}.port"), "must be 1 to 65535"));
        }
        let known = match &port.protocol {
            PortProtocol::Name(name) => {
                ["TCP", "UDP", "SCTP"].iter().any(|known| known.eq_ignore_ascii_case(name))
            }
            PortProtocol::Number(number) => [6, 17, 132].contains(number),
        };
        if !known {
            errors.push(error(
                format!("{field}.protocol"),
                "has no ports, only TCP, UDP and SCTP do",
            ));
        }
        if ports[..index].iter().any(|other| other.name == port.name) {
            errors.push(error(format!("{field}.name"), format!("{:?} is there twice", port.name)));
        }
    }
    errors.into_iter()
}

/// Names of profiles.
pub fn profiles(profiles: &[String]) -> impl Iterator<Item = FieldError> + '_ {
    // Profiles of namespaces and service accounts are called kns.… and ksa.…
    let odd = profiles.iter().enumerate().filter(|(_, name)| !is_subdomain(name));
    odd.map(|(index, name)| {
        error(format!("profiles[{index}]"), format!("{name:?} is not the name of a profile"))
    })
}

/// Labels that Kubernetes would refuse.
pub fn labels<'a>(
    field: &'a str,
    labels: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = FieldError> + 'a {
    labels.iter().filter_map(move |(key, value)| {
        if !is_qualified_name(key) {
            Some(error(field, format!("{key:?} is not a label key")))
        } else if !value.is_empty() && !is_label_name(value) {
            Some(error(field, format!("{value:?} is not a label value (key {key})")))
        } else {
            None
        }
    })
}

/// Annotations that Kubernetes would refuse.
pub fn annotations<'a>(
    field: &'a str,
    annotations: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = FieldError> + 'a {
    annotations
        .keys()
        .filter(|key| !is_qualified_name(key))
        .map(move |key| error(field, format!("{key:?} is not an annotation key")))
}

/// `[prefix/]name`, the prefix a DNS subdomain.
fn is_qualified_name(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_label_name(name),
        None => is_label_name(key),
    }
}

/// 1 to 63 of `a-z A-Z 0-9 _ . -`, letters or digits at both ends.
fn is_label_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    name.len() <= 63
        && matches!((bytes.first(), bytes.last()), (Some(first), Some(last))
            if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn errors(spec: serde_json::Value) -> Vec<String> {
        endpoint(&serde_json::from_value(spec).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn good_endpoints_pass() {
        for spec in [
            json!({"node": "n1", "interfaceName": "*"}),
            json!({"node": "n1", "interfaceName": "Eth_0.100-x"}),
            json!({"node": "n1", "expectedIPs": ["10.0.0.1", "fd00::1"]}),
            json!({"node": "n1", "interfaceName": "eth0", "profiles": ["projectcalico-default-allow", "kns.default"],
                   "ports": [{"name": "a", "protocol": "TCP", "port": 1}, {"name": "b", "protocol": 17, "port": 65535}]}),
        ] {
            assert_eq!(errors(spec), Vec::<String>::new());
        }
    }

    #[test]
    fn bad_endpoints_name_the_field() {
        let long = "x".repeat(40);
        for (spec, wanted) in [
            (json!({"interfaceName": "*"}), "node: \"\" is not"),
            (json!({"node": "N_1", "interfaceName": "*"}), "node: \"N_1\" is not"),
            (json!({"node": "n1"}), "interfaceName: is empty and expectedIPs too"),
            (
                json!({"node": "n1", "interfaceName": long}),
                "has 40 characters, an interface name has 1 to 15",
            ),
            (json!({"node": "n1", "interfaceName": "eth 0"}), "characters other than"),
            (json!({"node": "n1", "interfaceName": "*x"}), "characters other than"),
            (
                json!({"node": "n1", "expectedIPs": ["10.0.0.1/24"]}),
                "expectedIPs[0]: \"10.0.0.1/24\" is not an IP",
            ),
            (json!({"node": "n1", "interfaceName": "e", "profiles": ["a b"]}), "profiles[0]"),
            (
                json!({"node": "n1", "interfaceName": "e", "ports": [{"name": "a", "protocol": "ICMP", "port": 1}]}),
                "ports[0].protocol",
            ),
            (
                json!({"node": "n1", "interfaceName": "e", "ports": [{"name": "", "protocol": "TCP", "port": 0}]}),
                "ports[0].name",
            ),
            (
                json!({"node": "n1", "interfaceName": "e", "ports": [{"name": "a", "protocol": "TCP", "port": 1}, {"name": "a", "protocol": "UDP", "port": 1}]}),
                "\"a\" is there twice",
            ),
        ] {
            let errors = errors(spec.clone());
            assert!(errors.iter().any(|error| error.contains(wanted)), "{spec}: {errors:?}");
        }
    }

    #[test]
    fn labels_follow_kubernetes() {
        let check = |key: &str, value: &str| {
            let map = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            labels("labels", &map).count() == 0
        };
        assert!(check("a.b/c_d", ""));
        assert!(check("node-role", "x".repeat(63).as_str()));
        assert!(!check("a/b/c", "x"));
        assert!(!check("-a", "x"));
        assert!(!check("a", "x y"));
        assert!(!check("a", "x".repeat(64).as_str()));
    }
}
