//! Defaults of volumes and of claims made from templates.

use serde_json::{Value, json};

use super::container::references;
use crate::builtin::workloads::fields::{default, list_mut, object};

/// Permission bits of files when nothing else is said: 0644.
const FILE_MODE: i64 = 0o644;

/// Defaults of one entry of `spec.volumes`.
pub(super) fn volume(of: &mut Value) {
    let sources =
        |of: &Value| of.as_object().is_some_and(|map| map.keys().any(|name| name != "name"));
    if !sources(of) {
        default(of, "emptyDir", json!({}));
    }
    for name in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = of.get_mut(name) {
            default(source, "defaultMode", FILE_MODE);
        }
    }
    if let Some(source) = of.get_mut("downwardAPI") {
        downward(source);
    }
    if let Some(projected) = of.get_mut("projected") {
        // `sources` has no omitempty.
        if let Some(map) = projected.as_object_mut() {
            map.entry("sources").or_insert(Value::Null);
        }
        for source in list_mut(projected, "sources") {
            if let Some(source) = source.get_mut("downwardAPI") {
                downward(source);
            }
            if let Some(token) = source.get_mut("serviceAccountToken") {
                default(token, "expirationSeconds", 3600);
            }
        }
    }
    if let Some(source) = of.get_mut("hostPath") {
        default(source, "type", "");
    }
    if let Some(source) = of.get_mut("ephemeral")
        && let Some(template) = source.get_mut("volumeClaimTemplate")
    {
        super::embedded_metadata(template);
        claim_spec(template);
    }
    network(of);
}

fn downward(source: &mut Value) {
    for item in list_mut(source, "items") {
        references(item);
    }
}

/// Volumes on other machines.
fn network(of: &mut Value) {
    let table: [(&str, &[(&str, Value)]); 4] = [
        ("iscsi", &[("iscsiInterface", json!("default"))]),
        (
            "rbd",
            &[
                ("pool", json!("rbd")),
                ("user", json!("admin")),
                ("keyring", json!("/etc/ceph/keyring")),
            ],
        ),
        (
            "azureDisk",
            &[
                ("cachingMode", json!("ReadWrite")),
                ("kind", json!("Shared")),
                ("fsType", json!("ext4")),
                ("readOnly", json!(false)),
            ],
        ),
        ("scaleIO", &[("storageMode", json!("ThinProvisioned")), ("fsType", json!("xfs"))]),
    ];
    for (kind, values) in table {
        if let Some(source) = of.get_mut(kind) {
            for (name, value) in values {
                default(source, name, value.clone());
            }
        }
    }
}

fn claim_spec(of: &mut Value) {
    if let Some(spec) = object(of, "spec") {
        default(spec, "volumeMode", "Filesystem");
        if let Some(resources) = object(spec, "resources") {
            super::resource_list(resources, "limits");
            super::resource_list(resources, "requests");
        }
    }
}

/// Defaults of an entry of a StatefulSet's `volumeClaimTemplates`, which is a whole object.
pub(in crate::builtin::workloads) fn claim_template(of: &mut Value) {
    default(of, "apiVersion", "v1");
    default(of, "kind", "PersistentVolumeClaim");
    super::embedded_metadata(of);
    claim_spec(of);
    if let Some(status) = object(of, "status") {
        default(status, "phase", "Pending");
    }
}
