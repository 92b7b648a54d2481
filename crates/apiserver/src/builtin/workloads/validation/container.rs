//! Containers of the three sorts: regular, init and ephemeral.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{enumeration, environment, mount, port, probe, resources, security};
use crate::builtin::workloads::fields::{list, present, text, vacant};
use crate::{field, names};

/// Fields that an ephemeral container may not have.
const NOT_EPHEMERAL: &[&str] = &[
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
];

/// All containers of a pod spec.
pub(super) fn containers(
    spec: &Value,
    volumes: &mount::Volumes<'_>,
    path: &str,
    errors: &mut field::Errors,
) {
    regular(spec, volumes, path, errors);
    init(spec, volumes, path, errors);
    ephemeral(spec, volumes, path, errors);
}

fn regular(spec: &Value, volumes: &mount::Volumes<'_>, path: &str, errors: &mut field::Errors) {
    let path = field::child(path, "containers");
    let containers = list(spec, "containers");
    if containers.is_empty() {
        errors.push(field::Error::required(path, ""));
        return;
    }
    let mut seen = BTreeSet::new();
    for (at, container) in containers.iter().enumerate() {
        let path = field::index(&path, at);
        shared(container, volumes, &path, errors);
        unique(container, &mut seen, &path, errors);
        probe::lifecycle(container, &path, errors);
        for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
            probe::probe(container, name, &path, errors);
        }
        if present(container, "restartPolicy") {
            let words = "may not be set for non-init containers";
            errors.push(field::Error::forbidden(field::child(&path, "restartPolicy"), words));
        }
    }
    port::host_port_conflicts(containers, &path, errors);
}

fn init(spec: &Value, volumes: &mount::Volumes<'_>, path: &str, errors: &mut field::Errors) {
    let path = field::child(path, "initContainers");
    let mut seen: BTreeSet<_> = names_of(spec, "containers").collect();
    for (at, container) in list(spec, "initContainers").iter().enumerate() {
        let at_path = field::index(&path, at);
        shared(container, volumes, &at_path, errors);
        unique(container, &mut seen, &at_path, errors);
        // They run one after the other, so their ports do not collide.
        port::host_port_conflicts(std::slice::from_ref(container), &path, errors);
        for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if present(container, name) {
                let words = "may not be set for init containers without restartPolicy=Always";
                errors.push(field::Error::forbidden(field::child(&at_path, name), words));
            }
        }
    }
}

fn ephemeral(spec: &Value, volumes: &mount::Volumes<'_>, path: &str, errors: &mut field::Errors) {
    let path = field::child(path, "ephemeralContainers");
    let others: BTreeSet<_> =
        names_of(spec, "containers").chain(names_of(spec, "initContainers")).collect();
    let mut seen = others.clone();
    for (at, container) in list(spec, "ephemeralContainers").iter().enumerate() {
        let path = field::index(&path, at);
        shared(container, volumes, &path, errors);
        image_without_spaces(container, &path, errors);
        unique(container, &mut seen, &path, errors);
        let target = text(container, "targetContainerName");
        if !target.is_empty() && !others.contains(target) {
            let path = field::child(&path, "targetContainerName");
            errors.push(field::Error::not_found(path, &Value::from(target)));
        }
        let words = "cannot be set for an Ephemeral Container";
        for name in NOT_EPHEMERAL {
            if !vacant(container, name) {
                errors.push(field::Error::forbidden(field::child(&path, name), words));
            }
        }
        for (at, mount) in list(container, "volumeMounts").iter().enumerate() {
            for name in ["subPath", "subPathExpr"] {
                if !vacant(mount, name) {
                    let path = format!("{path}.volumeMounts[{at}].{name}");
                    errors.push(field::Error::forbidden(path, words));
                }
            }
        }
    }
}

fn names_of<'a>(spec: &'a Value, sort: &str) -> impl Iterator<Item = &'a str> {
    list(spec, sort).iter().map(|container| text(container, "name"))
}

fn unique<'a>(
    container: &'a Value,
    seen: &mut BTreeSet<&'a str>,
    path: &str,
    errors: &mut field::Errors,
) {
    let name = text(container, "name");
    // A missing name is reported as such.
    if !seen.insert(name) && !name.is_empty() {
        errors.push(field::Error::duplicate(field::child(path, "name"), &Value::from(name)));
    }
}

/// What holds for every sort.
fn shared(container: &Value, volumes: &mount::Volumes<'_>, path: &str, errors: &mut field::Errors) {
    enumeration::named(container, "name", names::dns_label, path, errors);
    enumeration::filled(container, "image", path, errors);
    let policies = ["FallbackToLogsOnError", "File"];
    enumeration::required(container, "terminationMessagePolicy", &policies, path, errors);
    port::ports(container, path, errors);
    environment::variables(container, path, errors);
    mount::mounts(container, volumes, path, errors);
    mount::devices(container, volumes, path, errors);
    let policies = ["Always", "IfNotPresent", "Never"];
    enumeration::required(container, "imagePullPolicy", &policies, path, errors);
    resources::requirements(&container["resources"], &field::child(path, "resources"), errors);
    security::container(container, path, errors);
}

/// Pods are stricter with images than templates, which may hold placeholders.
pub(super) fn image_without_spaces(container: &Value, path: &str, errors: &mut field::Errors) {
    let image = text(container, "image");
    if image.trim() != image {
        errors.push(field::Error::invalid(
            field::child(path, "image"),
            &Value::from(image),
            "must not have leading or trailing whitespace",
        ));
    }
}
