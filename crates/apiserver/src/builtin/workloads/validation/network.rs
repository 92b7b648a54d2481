//! Name resolution inside a pod.

use serde_json::Value;

use super::enumeration;
use crate::builtin::workloads::fields::{list, present, text};
use crate::{field, names};

const NAMESERVERS: usize = 3;
const SEARCHES: usize = 32;
const SEARCH_LETTERS: usize = 2048;

/// `dnsPolicy` comes early in the order of findings, the rest of it later.
pub(super) fn policy(spec: &Value, path: &str, errors: &mut field::Errors) {
    let allowed = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    enumeration::required(spec, "dnsPolicy", &allowed, path, errors);
}

/// `dnsConfig`.
pub(super) fn config(spec: &Value, path: &str, errors: &mut field::Errors) {
    let config = &spec["dnsConfig"];
    let path = field::child(path, "dnsConfig");
    let servers = list(config, "nameservers");
    if text(spec, "dnsPolicy") == "None" {
        if !present(spec, "dnsConfig") {
            let words = "must provide `dnsConfig` when `dnsPolicy` is None";
            errors.push(field::Error::required(&path, words));
            return;
        }
        if servers.is_empty() {
            let words = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.push(field::Error::required(field::child(&path, "nameservers"), words));
            return;
        }
    }
    let servers_path = field::child(&path, "nameservers");
    if servers.len() > NAMESERVERS {
        let words = format!("must not have more than {NAMESERVERS} nameservers");
        errors.push(field::Error::invalid(&servers_path, &config["nameservers"], words));
    }
    for (at, server) in servers.iter().enumerate() {
        for complaint in names::ip(server.as_str().unwrap_or_default()) {
            let path = field::index(&servers_path, at);
            errors.push(field::Error::invalid(path, server, complaint));
        }
    }
    searches(config, &field::child(&path, "searches"), errors);
    for (at, option) in list(config, "options").iter().enumerate() {
        if text(option, "name").is_empty() {
            let path = field::index(&field::child(&path, "options"), at);
            errors.push(field::Error::required(path, "must not be empty"));
        }
    }
}

fn searches(config: &Value, path: &str, errors: &mut field::Errors) {
    let searches = list(config, "searches");
    if searches.len() > SEARCHES {
        let words = format!("must not have more than {SEARCHES} search paths");
        errors.push(field::Error::invalid(path, &config["searches"], words));
    }
    let words: Vec<_> = searches.iter().filter_map(Value::as_str).collect();
    if words.join(" ").len() > SEARCH_LETTERS {
        let words = format!(
            "must not have more than {SEARCH_LETTERS} characters (including spaces) in the search list"
        );
        errors.push(field::Error::invalid(path, &config["searches"], words));
    }
    for (at, search) in words.into_iter().enumerate() {
        let plain = search.strip_suffix('.').unwrap_or(search);
        for complaint in names::dns_subdomain(plain) {
            let path = field::index(path, at);
            errors.push(field::Error::invalid(path, &Value::from(search), complaint));
        }
    }
}

/// `hostAliases`.
pub(super) fn host_aliases(spec: &Value, path: &str, errors: &mut field::Errors) {
    let path = field::child(path, "hostAliases");
    for alias in list(spec, "hostAliases") {
        let ip = Value::from(text(alias, "ip"));
        for complaint in names::ip(text(alias, "ip")) {
            errors.push(field::Error::invalid(field::child(&path, "ip"), &ip, complaint));
        }
        for name in list(alias, "hostnames") {
            for complaint in names::dns_subdomain(name.as_str().unwrap_or_default()) {
                let path = field::child(&path, "hostnames");
                errors.push(field::Error::invalid(path, name, complaint));
            }
        }
    }
}
