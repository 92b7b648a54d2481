//! Volumes, claims and their classes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{AGE, NAME, Printer, joined, name, or, or_none, shown, since_creation, typed, wide};
use crate::builtin::part::{at, list, text};
use crate::meta;

pub(super) fn printer(group: &str, resource: &str) -> Option<Printer> {
    Some(match (group, resource) {
        ("", "persistentvolumes") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Capacity"),
                    shown("Access Modes"),
                    shown("Reclaim Policy"),
                    shown("Status"),
                    shown("Claim"),
                    shown("StorageClass"),
                    shown("Reason"),
                    AGE,
                    wide("VolumeMode"),
                ]
            },
            row: volume,
        },
        ("", "persistentvolumeclaims") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Status"),
                    shown("Volume"),
                    shown("Capacity"),
                    shown("Access Modes"),
                    shown("StorageClass"),
                    AGE,
                    wide("VolumeMode"),
                ]
            },
            row: claim,
        },
        ("storage.k8s.io", "storageclasses") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Provisioner"),
                    shown("ReclaimPolicy"),
                    shown("VolumeBindingMode"),
                    shown("AllowVolumeExpansion"),
                    AGE,
                ]
            },
            row: class,
        },
        ("storage.k8s.io", "csinodes") => Printer {
            columns: const { &[NAME, typed("Drivers", "integer"), AGE] },
            row: |object, now| {
                let drivers = json!(list(object, "/spec/drivers").len());
                vec![name(object), drivers, since_creation(object, now)]
            },
        },
        ("storage.k8s.io", "csidrivers") => Printer {
            columns: const {
                &[
                    NAME,
                    typed("AttachRequired", "boolean"),
                    typed("PodInfoOnMount", "boolean"),
                    typed("StorageCapacity", "boolean"),
                    shown("TokenRequests"),
                    typed("RequiresRepublish", "boolean"),
                    shown("Modes"),
                    AGE,
                ]
            },
            row: driver,
        },
        ("storage.k8s.io", "volumeattachments") => Printer {
            columns: const {
                &[NAME, shown("Attacher"), shown("PV"), shown("Node"), shown("Attached"), AGE]
            },
            row: attachment,
        },
        _ => return None,
    })
}

/// `RWO,ROX`.
fn modes(modes: &[Value]) -> String {
    let short = modes.iter().filter_map(Value::as_str).map(|mode| match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        other => other,
    });
    short.collect::<Vec<_>>().join(",")
}

fn phase(object: &Value) -> Value {
    if meta::is_terminating(object) {
        return json!("Terminating");
    }
    json!(text(object, "/status/phase"))
}

/// The class may stand in an annotation of old objects.
fn class_of(object: &Value) -> Value {
    let annotation = meta::annotation(object, "volume.beta.kubernetes.io/storage-class");
    json!(annotation.unwrap_or_else(|| text(object, "/spec/storageClassName")))
}

fn volume(object: &Value, now: Timestamp) -> Vec<Value> {
    let claim = match at(object, "/spec/claimRef") {
        Some(claim) => format!("{}/{}", text(claim, "/namespace"), text(claim, "/name")),
        None => String::new(),
    };
    vec![
        name(object),
        json!(text(object, "/spec/capacity/storage")),
        json!(modes(list(object, "/spec/accessModes"))),
        json!(text(object, "/spec/persistentVolumeReclaimPolicy")),
        phase(object),
        json!(claim),
        class_of(object),
        json!(text(object, "/status/reason")),
        since_creation(object, now),
        or(text(object, "/spec/volumeMode"), "<unset>"),
    ]
}

fn claim(object: &Value, now: Timestamp) -> Vec<Value> {
    let volume = text(object, "/spec/volumeName");
    let bound = !volume.is_empty();
    let (capacity, access) = if bound {
        (text(object, "/status/capacity/storage"), modes(list(object, "/status/accessModes")))
    } else {
        ("", String::new())
    };
    vec![
        name(object),
        phase(object),
        json!(volume),
        json!(capacity),
        json!(access),
        class_of(object),
        since_creation(object, now),
        or(text(object, "/spec/volumeMode"), "<unset>"),
    ]
}

fn class(object: &Value, now: Timestamp) -> Vec<Value> {
    let default = [
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    ];
    let default = default.iter().any(|key| meta::annotation(object, key) == Some("true"));
    let shown = match default {
        true => format!("{} (default)", meta::name(object)),
        false => meta::name(object).to_owned(),
    };
    vec![
        json!(shown),
        json!(text(object, "/provisioner")),
        json!(text(object, "/reclaimPolicy")),
        json!(text(object, "/volumeBindingMode")),
        json!(object["allowVolumeExpansion"] == json!(true)),
        since_creation(object, now),
    ]
}

fn driver(object: &Value, now: Timestamp) -> Vec<Value> {
    let flag = |field: &str| json!(object["spec"][field] == json!(true));
    let tokens: Vec<_> = list(object, "/spec/tokenRequests")
        .iter()
        .map(|request| text(request, "/audience"))
        .collect();
    vec![
        name(object),
        flag("attachRequired"),
        flag("podInfoOnMount"),
        flag("storageCapacity"),
        or(&tokens.join(","), "<unset>"),
        flag("requiresRepublish"),
        or_none(&joined(list(object, "/spec/volumeLifecycleModes"), ",")),
        since_creation(object, now),
    ]
}

fn attachment(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        json!(text(object, "/spec/attacher")),
        json!(text(object, "/spec/source/persistentVolumeName")),
        json!(text(object, "/spec/nodeName")),
        json!(object["status"]["attached"] == json!(true)),
        since_creation(object, now),
    ]
}
