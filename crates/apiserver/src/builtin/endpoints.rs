//! Endpoints and EndpointSlice.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::part::{default_to, list, list_mut, raise_generation, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::{meta, names};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const FAMILIES: [&str; 3] = ["FQDN", "IPv4", "IPv6"];

/// Rules of Endpoints.
pub struct Endpoints;

impl Strategy for Endpoints {
    fn default(&self, object: &mut Value) {
        for subset in list_mut(object, "/subsets") {
            for port in list_mut(subset, "/ports") {
                default_to(port, "protocol", "TCP");
            }
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        for (at, subset) in list(object, "/subsets").iter().enumerate() {
            let path = field::index("subsets", at);
            let ready = list(subset, "/addresses");
            let waiting = list(subset, "/notReadyAddresses");
            if ready.is_empty() && waiting.is_empty() {
                let detail = "must specify `addresses` or `notReadyAddresses`";
                errors.push(Error::required(path.clone(), detail));
            }
            for (name, addresses) in [("addresses", ready), ("notReadyAddresses", waiting)] {
                for (at, address) in addresses.iter().enumerate() {
                    let path = field::index(&field::child(&path, name), at);
                    errors.extend(validate_address(address, &path));
                }
            }
            let ports = list(subset, "/ports");
            for (at, port) in ports.iter().enumerate() {
                let path = field::index(&field::child(&path, "ports"), at);
                errors.extend(validate_port(port, &path, ports.len() > 1));
            }
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        self.validate_create(object)
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}

fn validate_address(address: &Value, path: &str) -> field::Errors {
    let mut errors = Vec::new();
    for complaint in names::ip(text(address, "/ip")) {
        errors.push(Error::invalid(field::child(path, "ip"), &address["ip"], complaint));
    }
    let hostname = text(address, "/hostname");
    if !hostname.is_empty() {
        for complaint in names::dns_label(hostname) {
            errors.push(Error::invalid(
                field::child(path, "hostname"),
                &hostname.into(),
                complaint,
            ));
        }
    }
    let node = text(address, "/nodeName");
    if !node.is_empty() {
        for complaint in names::dns_subdomain(node) {
            errors.push(Error::invalid(field::child(path, "nodeName"), &node.into(), complaint));
        }
    }
    errors
}

fn validate_port(port: &Value, path: &str, named: bool) -> field::Errors {
    let mut errors = Vec::new();
    let name = text(port, "/name");
    if named && name.is_empty() {
        errors.push(Error::required(field::child(path, "name"), ""));
    } else if !name.is_empty() {
        for complaint in names::dns_label(name) {
            errors.push(Error::invalid(field::child(path, "name"), &name.into(), complaint));
        }
    }
    for complaint in names::port_number(port["port"].as_i64().unwrap_or_default()) {
        errors.push(Error::invalid(field::child(path, "port"), &port["port"], complaint));
    }
    errors.extend(validate_protocol(port, path));
    errors
}

fn validate_protocol(port: &Value, path: &str) -> field::Errors {
    let protocol = text(port, "/protocol");
    if protocol.is_empty() {
        vec![Error::required(field::child(path, "protocol"), "")]
    } else if !PROTOCOLS.contains(&protocol) {
        let path = field::child(path, "protocol");
        vec![Error::not_supported(path, &protocol.into(), &PROTOCOLS)]
    } else {
        Vec::new()
    }
}

/// Rules of EndpointSlices.
pub struct Slice;

impl Strategy for Slice {
    fn default(&self, object: &mut Value) {
        for port in list_mut(object, "/ports") {
            if port["name"].is_null() {
                port["name"] = json!("");
            }
            default_to(port, "protocol", "TCP");
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        meta::set_generation(object, 1);
    }

    fn prepare_update(&self, _part: Part<'_>, object: &mut Value, stored: &Value) {
        raise_generation(object, stored, &["addressType", "endpoints", "ports"]);
        // Labels say which service a slice belongs to, so they count too.
        let relabelled = meta::get(object, "labels") != meta::get(stored, "labels");
        if relabelled && meta::generation(object) == meta::generation(stored) {
            meta::set_generation(object, meta::generation(stored) + 1);
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let family = text(object, "/addressType");
        if family.is_empty() {
            errors.push(Error::required("addressType", ""));
        } else if !FAMILIES.contains(&family) {
            errors.push(Error::not_supported("addressType", &family.into(), &FAMILIES));
        }
        let endpoints = list(object, "/endpoints");
        if endpoints.len() > 1000 {
            errors.push(Error::too_many("endpoints", endpoints.len(), 1000));
        }
        for (at, endpoint) in endpoints.iter().enumerate() {
            let path = field::child(&field::index("endpoints", at), "addresses");
            let addresses = list(endpoint, "/addresses");
            if addresses.is_empty() {
                errors.push(Error::required(path, "must contain at least 1 address"));
                continue;
            }
            if addresses.len() > 100 {
                errors.push(Error::too_many(path.clone(), addresses.len(), 100));
            }
            for (at, address) in addresses.iter().enumerate() {
                let text = address.as_str().unwrap_or_default();
                let complaints = match family {
                    "IPv4" if text.parse::<std::net::Ipv4Addr>().is_err() => {
                        vec!["must be a valid IPv4 address".to_owned()]
                    }
                    "IPv6" if text.parse::<std::net::Ipv6Addr>().is_err() => {
                        vec!["must be a valid IPv6 address".to_owned()]
                    }
                    "FQDN" => names::dns_subdomain(text),
                    _ => Vec::new(),
                };
                for complaint in complaints {
                    errors.push(Error::invalid(field::index(&path, at), address, complaint));
                }
            }
        }
        errors.extend(validate_slice_ports(list(object, "/ports")));
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let mut errors = self.validate_create(object);
        if object["addressType"] != stored["addressType"] {
            errors.push(Error::invalid(
                "addressType",
                &object["addressType"],
                "field is immutable",
            ));
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}

fn validate_slice_ports(ports: &[Value]) -> field::Errors {
    let mut errors = Vec::new();
    if ports.len() > 100 {
        errors.push(Error::too_many("ports", ports.len(), 100));
    }
    let mut seen = HashSet::new();
    for (at, port) in ports.iter().enumerate() {
        let path = field::index("ports", at);
        let name = text(port, "/name");
        if !name.is_empty() {
            for complaint in names::dns_label(name) {
                errors.push(Error::invalid(field::child(&path, "name"), &name.into(), complaint));
            }
        }
        if !seen.insert(name) {
            errors.push(Error::duplicate(field::child(&path, "name"), &name.into()));
        }
        errors.extend(validate_protocol(port, &path));
    }
    errors
}
