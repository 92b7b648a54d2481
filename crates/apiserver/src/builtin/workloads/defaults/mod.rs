//! Versioned defaulting of pods and of everything that holds a pod template.
//!
//! The values and the conditions under which they apply are those of
//! `SetDefaults_*` in Kubernetes 1.28; fields that Go always writes
//! (`resources: {}`, `creationTimestamp: null`) are put in as well.

mod container;
mod feature;
mod image;
mod status;
mod volume;

use serde_json::{Value, json};

use super::fields::{self, default, list_mut, text};

pub(super) use feature::drop_disabled;
pub(super) use status::pod_status;
pub(super) use volume::claim_template;

/// Defaults of a `PodTemplateSpec` in the field `name`; an absent one is made.
pub(super) fn template(of: &mut Value, name: &str) {
    let Some(template) = fields::object(of, name) else {
        return;
    };
    embedded_metadata(template);
    if let Some(spec) = fields::object(template, "spec") {
        pod_spec(spec);
    }
}

/// Metadata of an embedded object: Go writes its creation time even when there is none.
pub(super) fn embedded_metadata(of: &mut Value) {
    if let Some(metadata) = fields::object(of, "metadata").and_then(Value::as_object_mut) {
        metadata.entry("creationTimestamp").or_insert(Value::Null);
    }
}

/// Defaults that a pod and a template share.
pub(super) fn pod_spec(spec: &mut Value) {
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "restartPolicy", "Always");
    default(spec, "securityContext", json!({}));
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "schedulerName", "default-scheduler");
    service_account(spec);
    // `containers` has no omitempty.
    if let Some(map) = spec.as_object_mut() {
        map.entry("containers").or_insert(Value::Null);
    }
    for kind in ["initContainers", "containers", "ephemeralContainers"] {
        for item in list_mut(spec, kind) {
            container::container(item);
        }
    }
    for item in list_mut(spec, "volumes") {
        volume::volume(item);
    }
    resource_list(spec, "overhead");
}

/// Defaults that only a pod has, not a template.
pub(super) fn pod_only(spec: &mut Value) {
    for kind in ["containers", "initContainers"] {
        for item in list_mut(spec, kind) {
            container::requests_from_limits(item);
        }
    }
    default(spec, "enableServiceLinks", true);
    if fields::flag(spec, "hostNetwork") {
        for kind in ["containers", "initContainers"] {
            for item in list_mut(spec, kind) {
                container::host_ports(item);
            }
        }
    }
}

/// `serviceAccount` is the old name of `serviceAccountName`; both are written.
pub(super) fn service_account(spec: &mut Value) {
    let name = match text(spec, "serviceAccountName") {
        "" => text(spec, "serviceAccount"),
        name => name,
    }
    .to_owned();
    let value = if name.is_empty() { Value::Null } else { name.into() };
    fields::set(spec, "serviceAccountName", value.clone());
    fields::set(spec, "serviceAccount", value);
}

/// Amounts finer than a thousandth are rounded up.
fn resource_list(of: &mut Value, name: &str) {
    let Some(map) = of.get_mut(name).and_then(Value::as_object_mut) else {
        return;
    };
    for amount in map.values_mut() {
        if let Ok(quantity) = crate::quantity::Quantity::of(amount) {
            let rounded = quantity.rounded_up_to_milli();
            if rounded != quantity {
                *amount = rounded.to_string().into();
            }
        }
    }
}

#[cfg(test)]
mod tests;
