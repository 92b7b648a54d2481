//! Ports of containers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::enumeration;
use crate::builtin::workloads::fields::{list, number, text};
use crate::{field, names};

pub(super) fn ports(container: &Value, path: &str, errors: &mut field::Errors) {
    let mut seen = BTreeSet::new();
    for (at, port) in list(container, "ports").iter().enumerate() {
        let path = field::index(&field::child(path, "ports"), at);
        let name = text(port, "name");
        if !name.is_empty() {
            let complaints = names::port_name(name);
            if complaints.is_empty() && !seen.insert(name) {
                let path = field::child(&path, "name");
                errors.push(field::Error::duplicate(path, &port["name"]));
            }
            for complaint in complaints {
                let path = field::child(&path, "name");
                errors.push(field::Error::invalid(path, &port["name"], complaint));
            }
        }
        if number(port, "containerPort").unwrap_or_default() == 0 {
            errors.push(field::Error::required(field::child(&path, "containerPort"), ""));
        } else {
            in_range(port, "containerPort", &path, errors);
        }
        if number(port, "hostPort").unwrap_or_default() != 0 {
            in_range(port, "hostPort", &path, errors);
        }
        enumeration::required(port, "protocol", &["SCTP", "TCP", "UDP"], &path, errors);
    }
}

/// A port number between 1 and 65535.
pub(super) fn in_range(of: &Value, name: &str, path: &str, errors: &mut field::Errors) {
    for complaint in names::port_number(number(of, name).unwrap_or_default()) {
        let path = field::child(path, name);
        errors.push(field::Error::invalid(path, &of[name], complaint));
    }
}

/// A port by number or by name.
pub(super) fn number_or_name(of: &Value, name: &str, path: &str, errors: &mut field::Errors) {
    let complaints = match &of[name] {
        Value::String(text) => names::port_name(text),
        value => names::port_number(value.as_i64().unwrap_or_default()),
    };
    for complaint in complaints {
        let path = field::child(path, name);
        errors.push(field::Error::invalid(path, &of[name], complaint));
    }
}

/// A port of the host can be used once.
pub(super) fn host_port_conflicts(containers: &[Value], path: &str, errors: &mut field::Errors) {
    let mut taken = BTreeSet::new();
    for (at, container) in containers.iter().enumerate() {
        for (port_at, port) in list(container, "ports").iter().enumerate() {
            let host = number(port, "hostPort").unwrap_or_default();
            if host == 0 {
                continue;
            }
            let key = format!("{}/{}/{host}", text(port, "protocol"), text(port, "hostIP"));
            if taken.contains(&key) {
                let path = format!("{path}[{at}].ports[{port_at}].hostPort");
                errors.push(field::Error::duplicate(path, &Value::from(key)));
            } else {
                taken.insert(key);
            }
        }
    }
}

/// On the host network, the ports of container and host are the same. Templates may
/// leave the host's out: it is filled in when the pod is made.
pub(super) fn host_network(
    containers: &[Value],
    is_pod: bool,
    path: &str,
    errors: &mut field::Errors,
) {
    for (at, container) in containers.iter().enumerate() {
        for (port_at, port) in list(container, "ports").iter().enumerate() {
            let host = number(port, "hostPort").unwrap_or_default();
            let inside = number(port, "containerPort").unwrap_or_default();
            if (is_pod || host != 0) && host != inside {
                errors.push(field::Error::invalid(
                    format!("{path}[{at}].ports[{port_at}].hostPort"),
                    &Value::from(host),
                    "must match `containerPort` when `hostNetwork` is true",
                ));
            }
        }
    }
}
