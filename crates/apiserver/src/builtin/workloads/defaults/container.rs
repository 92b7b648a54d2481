//! Defaults of containers, their ports, probes and environment.

use serde_json::{Value, json};

use super::image;
use crate::builtin::workloads::fields::{default, default_number, list_mut, number, object, text};

/// Defaults of a container of any sort.
pub(super) fn container(of: &mut Value) {
    default(of, "imagePullPolicy", image::pull_policy(text(of, "image")));
    default(of, "terminationMessagePath", "/dev/termination-log");
    default(of, "terminationMessagePolicy", "File");
    if let Some(resources) = object(of, "resources") {
        super::resource_list(resources, "limits");
        super::resource_list(resources, "requests");
    }
    for port in list_mut(of, "ports") {
        default(port, "protocol", "TCP");
        default(port, "containerPort", 0);
    }
    for variable in list_mut(of, "env") {
        if let Some(source) = variable.get_mut("valueFrom") {
            references(source);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(value) = of.get_mut(name).filter(|value| value.is_object()) {
            probe(value);
        }
    }
    for name in ["postStart", "preStop"] {
        if let Some(hook) = of.get_mut("lifecycle").and_then(|all| all.get_mut(name)) {
            handler(hook);
        }
    }
}

/// References to fields of the pod and to resources of a container.
pub(super) fn references(of: &mut Value) {
    if let Some(reference) = of.get_mut("fieldRef") {
        default(reference, "apiVersion", "v1");
    }
    // A quantity is always written, even when it is zero.
    if let Some(reference) = of.get_mut("resourceFieldRef") {
        default(reference, "divisor", "0");
    }
}

fn probe(of: &mut Value) {
    default_number(of, "timeoutSeconds", 1);
    default_number(of, "periodSeconds", 10);
    default_number(of, "successThreshold", 1);
    default_number(of, "failureThreshold", 3);
    if let Some(grpc) = of.get_mut("grpc") {
        default(grpc, "service", "");
    }
    handler(of);
}

fn handler(of: &mut Value) {
    if let Some(get) = of.get_mut("httpGet") {
        default(get, "path", "/");
        default(get, "scheme", "HTTP");
        default(get, "port", 0);
    }
}

/// What is limited is requested, unless the client says otherwise.
pub(super) fn requests_from_limits(of: &mut Value) {
    let Some(resources) = of.get_mut("resources") else {
        return;
    };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else {
        return;
    };
    if limits.is_empty() {
        return;
    }
    default(resources, "requests", json!({}));
    let requests = resources.get_mut("requests").and_then(Value::as_object_mut);
    if let Some(requests) = requests {
        for (name, amount) in limits {
            requests.entry(name).or_insert(amount);
        }
    }
}

/// On the host network a container port is a port of the host.
pub(super) fn host_ports(of: &mut Value) {
    for port in list_mut(of, "ports") {
        let number = number(port, "containerPort").unwrap_or_default();
        if number != 0 {
            default_number(port, "hostPort", number);
        }
    }
}
