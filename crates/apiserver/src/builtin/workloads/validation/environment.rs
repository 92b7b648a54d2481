//! Environment variables and where their values come from.

use serde_json::Value;

use super::enumeration;
use crate::builtin::workloads::fields::{list, present, text, vacant};
use crate::quantity::Quantity;
use crate::{field, names};

/// Fields of a pod that a variable may hold.
const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.podIP",
    "status.podIPs",
];

/// Fields of a pod that a file may hold.
const FILE_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

/// Field paths that the API can convert at all.
const CONVERTIBLE: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.phase",
    "status.podIP",
    "status.podIPs",
];

const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub(super) fn variables(container: &Value, path: &str, errors: &mut field::Errors) {
    for (at, variable) in list(container, "env").iter().enumerate() {
        let path = field::index(&field::child(path, "env"), at);
        enumeration::named(variable, "name", names::environment_name, &path, errors);
        if present(variable, "valueFrom") {
            value_from(variable, &field::child(&path, "valueFrom"), errors);
        }
    }
    sources(container, path, errors);
}

fn value_from(variable: &Value, path: &str, errors: &mut field::Errors) {
    let source = &variable["valueFrom"];
    let mut count = 0;
    for kind in ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"] {
        if !present(source, kind) {
            continue;
        }
        count += 1;
        let reference = &source[kind];
        let path = field::child(path, kind);
        match kind {
            "fieldRef" => field_reference(reference, false, &path, errors),
            "resourceFieldRef" => resource_reference(reference, false, &path, errors),
            _ => {
                enumeration::filled(reference, "name", &path, errors);
                enumeration::named(reference, "key", names::config_key, &path, errors);
            }
        }
    }
    let empty = Value::from("");
    let words = if count == 0 {
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
    } else if !vacant(variable, "value") {
        "may not be specified when `value` is not empty"
    } else if count > 1 {
        "may not have more than one field specified at a time"
    } else {
        return;
    };
    errors.push(field::Error::invalid(path, &empty, words));
}

/// A reference to a field of the pod itself; `file`: for a downward API volume.
pub(super) fn field_reference(of: &Value, file: bool, path: &str, errors: &mut field::Errors) {
    if text(of, "apiVersion").is_empty() {
        errors.push(field::Error::required(field::child(path, "apiVersion"), ""));
        return;
    }
    let selected = text(of, "fieldPath");
    let path = field::child(path, "fieldPath");
    if selected.is_empty() {
        errors.push(field::Error::required(path, ""));
        return;
    }
    if let Some((map, key)) = subscript(selected) {
        let complaints = match map {
            "metadata.annotations" => names::qualified_name(&key.to_lowercase()),
            "metadata.labels" => names::qualified_name(key),
            _ => vec!["does not support subscript".to_owned()],
        };
        for complaint in complaints {
            errors.push(field::Error::invalid(&path, &of["fieldPath"], complaint));
        }
        return;
    }
    if !CONVERTIBLE.contains(&selected) {
        errors.push(field::Error::invalid(
            path,
            &of["fieldPath"],
            format!("error converting fieldPath: field label not supported: {selected}"),
        ));
        return;
    }
    let allowed = if file { FILE_FIELDS } else { FIELDS };
    if !allowed.contains(&selected) {
        errors.push(field::Error::not_supported(path, &of["fieldPath"], allowed));
    }
}

/// `metadata.labels['key']` as map and key.
fn subscript(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix("']")?.split_once("['")
}

/// A reference to the resources of a container; `file`: for a downward API volume.
pub(super) fn resource_reference(of: &Value, file: bool, path: &str, errors: &mut field::Errors) {
    if file && text(of, "containerName").is_empty() {
        errors.push(field::Error::required(field::child(path, "containerName"), ""));
        return;
    }
    let resource = text(of, "resource");
    if resource.is_empty() {
        errors.push(field::Error::required(field::child(path, "resource"), ""));
        return;
    }
    let huge =
        resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
    if !huge && !RESOURCES.contains(&resource) {
        let path = field::child(path, "resource");
        errors.push(field::Error::not_supported(path, &of["resource"], RESOURCES));
        return;
    }
    let Ok(divisor) = Quantity::of(&of["divisor"]) else {
        return;
    };
    if divisor.is_zero() {
        return;
    }
    let (allowed, words): (&[&str], _) = if resource.ends_with(".cpu") {
        (&["1m", "1"], "only divisor's values 1m and 1 are supported with the cpu resource")
    } else {
        (
            &["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"],
            "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with this resource",
        )
    };
    if !allowed.contains(&divisor.to_string().as_str()) {
        let path = field::child(path, "divisor");
        errors.push(field::Error::invalid(path, &of["divisor"], words));
    }
}

fn sources(container: &Value, path: &str, errors: &mut field::Errors) {
    for (at, source) in list(container, "envFrom").iter().enumerate() {
        let path = field::index(&field::child(path, "envFrom"), at);
        enumeration::checked(source, "prefix", names::environment_name, &path, errors);
        let mut count = 0;
        for kind in ["configMapRef", "secretRef"] {
            if present(source, kind) {
                count += 1;
                enumeration::filled(&source[kind], "name", &field::child(&path, kind), errors);
            }
        }
        let words = match count {
            0 => "must specify one of: `configMapRef` or `secretRef`",
            1 => continue,
            _ => "may not have more than one field specified at a time",
        };
        errors.push(field::Error::invalid(path, &Value::from(""), words));
    }
}
