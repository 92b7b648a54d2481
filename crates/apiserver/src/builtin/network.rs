//! Ingress, IngressClass and NetworkPolicy.

use serde_json::{Value, json};

use super::part::{at, default_to, keep, list, list_mut, raise_generation, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::{meta, names};

/// Rules of Ingresses.
pub struct Ingress;

impl Strategy for Ingress {
    fn prepare_create(&self, object: &mut Value) {
        meta::set_generation(object, 1);
        object["status"] = json!({"loadBalancer": {}});
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match part {
            Part::Sub("status") => keep(object, stored, "spec"),
            _ => {
                keep(object, stored, "status");
                raise_generation(object, stored, &["spec"]);
            }
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let rules = list(object, "/spec/rules");
        match at(object, "/spec/defaultBackend") {
            Some(backend) => errors.extend(validate_backend(backend, "spec.defaultBackend")),
            None if rules.is_empty() => errors.push(Error::invalid(
                "spec",
                &object["spec"],
                "either `defaultBackend` or `rules` must be specified",
            )),
            None => {}
        }
        for (at, rule) in rules.iter().enumerate() {
            errors.extend(validate_rule(rule, &field::index("spec.rules", at)));
        }
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        match part {
            Part::Main => self.validate_create(object),
            Part::Sub(_) => Vec::new(),
        }
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}

fn validate_rule(rule: &Value, path: &str) -> field::Errors {
    let mut errors = Vec::new();
    let host = text(rule, "/host");
    if !host.is_empty() {
        let complaints = if host.contains('*') {
            names::wildcard_subdomain(host)
        } else {
            names::dns_subdomain(host)
        };
        for complaint in complaints {
            errors.push(Error::invalid(field::child(path, "host"), &host.into(), complaint));
        }
    }
    if at(rule, "/http").is_none() {
        return errors;
    }
    let paths = list(rule, "/http/paths");
    let place = field::child(path, "http.paths");
    if paths.is_empty() {
        errors.push(Error::required(place.clone(), ""));
    }
    for (at, item) in paths.iter().enumerate() {
        let path = field::index(&place, at);
        let kinds = ["Exact", "ImplementationSpecific", "Prefix"];
        let kind = text(item, "/pathType");
        let place = field::child(&path, "pathType");
        if kind.is_empty() {
            errors.push(Error::required(place, "pathType must be specified"));
        } else if !kinds.contains(&kind) {
            errors.push(Error::not_supported(place, &kind.into(), &kinds));
        } else {
            let value = text(item, "/path");
            let free = kind == "ImplementationSpecific" && value.is_empty();
            if !free && !value.starts_with('/') {
                let place = field::child(&path, "path");
                errors.push(Error::invalid(place, &value.into(), "must be an absolute path"));
            }
        }
        errors.extend(validate_backend(&item["backend"], &field::child(&path, "backend")));
    }
    errors
}

fn validate_backend(backend: &Value, path: &str) -> field::Errors {
    let mut errors = Vec::new();
    let resource = at(backend, "/resource").is_some();
    let Some(service) = at(backend, "/service") else {
        if !resource {
            errors.push(Error::required(path, "port name or number is required"));
        }
        return errors;
    };
    if resource {
        let detail = "cannot set both resource and service backends";
        errors.push(Error::invalid(path, &"".into(), detail));
        return errors;
    }
    let path = field::child(path, "service");
    let name = text(service, "/name");
    if name.is_empty() {
        errors.push(Error::required(field::child(&path, "name"), ""));
    } else {
        for complaint in names::dns_1035_label(name) {
            errors.push(Error::invalid(field::child(&path, "name"), &name.into(), complaint));
        }
    }
    let number = service["port"]["number"].as_i64().unwrap_or_default();
    let named = text(service, "/port/name");
    let place = field::child(&path, "port");
    match (number, named) {
        (0, "") => errors.push(Error::required(place, "port name or number is required")),
        (0, named) => {
            for complaint in names::port_name(named) {
                errors.push(Error::invalid(field::child(&place, "name"), &named.into(), complaint));
            }
        }
        (number, "") => {
            for complaint in names::port_number(number) {
                let place = field::child(&place, "number");
                errors.push(Error::invalid(place, &number.into(), complaint));
            }
        }
        _ => {
            let detail = "cannot set both port name & port number";
            errors.push(Error::invalid(place, &service["port"], detail));
        }
    }
    errors
}

/// Rules of IngressClasses.
pub struct IngressClass;

impl Strategy for IngressClass {
    fn default(&self, object: &mut Value) {
        let spec = &mut object["spec"];
        if spec["parameters"].is_object() {
            default_to(&mut spec["parameters"], "scope", "Cluster");
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        meta::set_generation(object, 1);
    }

    fn prepare_update(&self, _part: Part<'_>, object: &mut Value, stored: &Value) {
        raise_generation(object, stored, &["spec"]);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let controller = text(object, "/spec/controller");
        if controller.len() > 250 {
            return vec![Error::too_long("spec.controller", 250)];
        }
        names::domain_prefixed_path(controller)
            .into_iter()
            .map(|complaint| Error::invalid("spec.controller", &controller.into(), complaint))
            .collect()
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let after = &object["spec"]["controller"];
        if *after == stored["spec"]["controller"] {
            return Vec::new();
        }
        vec![Error::invalid("spec.controller", after, "field is immutable")]
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}

/// Rules of NetworkPolicies.
pub struct Policy;

const DIRECTIONS: [(&str, &str); 2] = [("ingress", "from"), ("egress", "to")];

impl Strategy for Policy {
    fn default(&self, object: &mut Value) {
        for (direction, _) in DIRECTIONS {
            for rule in list_mut(object, &format!("/spec/{direction}")) {
                for port in list_mut(rule, "/ports") {
                    default_to(port, "protocol", "TCP");
                }
            }
        }
        if list(object, "/spec/policyTypes").is_empty() {
            let mut types = vec!["Ingress"];
            if !list(object, "/spec/egress").is_empty() {
                types.push("Egress");
            }
            object["spec"]["policyTypes"] = json!(types);
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        meta::set_generation(object, 1);
    }

    fn prepare_update(&self, _part: Part<'_>, object: &mut Value, stored: &Value) {
        raise_generation(object, stored, &["spec"]);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let selector = at(object, "/spec/podSelector");
        let mut errors = names::validate_label_selector(selector, "spec.podSelector", true);
        for (direction, peers) in DIRECTIONS {
            let rules = list(object, &format!("/spec/{direction}"));
            for (at, rule) in rules.iter().enumerate() {
                let path = field::index(&field::child("spec", direction), at);
                for (at, peer) in list(rule, &format!("/{peers}")).iter().enumerate() {
                    errors.extend(validate_peer(
                        peer,
                        &field::index(&field::child(&path, peers), at),
                    ));
                }
            }
        }
        let known = ["Egress", "Ingress"];
        for (at, kind) in list(object, "/spec/policyTypes").iter().enumerate() {
            if !known.contains(&kind.as_str().unwrap_or_default()) {
                let path = field::index("spec.policyTypes", at);
                errors.push(Error::not_supported(path, kind, &known));
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
}

fn validate_peer(peer: &Value, path: &str) -> field::Errors {
    let mut errors = Vec::new();
    let mut selectors = 0;
    for field in ["podSelector", "namespaceSelector"] {
        if let Some(selector) = peer.get(field).filter(|value| !value.is_null()) {
            selectors += 1;
            let path = field::child(path, field);
            errors.extend(names::validate_label_selector(Some(selector), &path, true));
        }
    }
    let block = at(peer, "/ipBlock");
    if let Some(block) = block {
        let path = field::child(path, "ipBlock");
        let range = text(block, "/cidr");
        if range.is_empty() {
            errors.push(Error::required(field::child(&path, "cidr"), ""));
        }
        for complaint in names::cidr(range) {
            errors.push(Error::invalid(field::child(&path, "cidr"), &range.into(), complaint));
        }
    }
    match (block.is_some(), selectors) {
        (false, 0) => errors.push(Error::required(path, "must specify a peer")),
        (true, 1..) => {
            errors.push(Error::forbidden(path, "may not specify both ipBlock and another peer"))
        }
        _ => {}
    }
    errors
}
