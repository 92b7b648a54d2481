//! Volumes of a pod: a name and exactly one source.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{enumeration, environment, mount};
use crate::builtin::workloads::fields::{list, number, present, text};
use crate::quantity::Quantity;
use crate::{field, names};

/// Kinds of sources in the order in which Kubernetes looks for them.
const SOURCES: &[&str] = &[
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
];

/// Checks `volumes` and returns those that are fine: only they can be mounted.
pub(super) fn volumes<'a>(
    spec: &'a Value,
    path: &str,
    errors: &mut field::Errors,
) -> mount::Volumes<'a> {
    let mut fine = mount::Volumes::new();
    for (at, volume) in list(spec, "volumes").iter().enumerate() {
        let path = field::index(&field::child(path, "volumes"), at);
        let before = errors.len();
        source(volume, &path, errors);
        enumeration::named(volume, "name", names::dns_label, &path, errors);
        let name = text(volume, "name");
        if fine.contains_key(name) {
            let path = field::child(&path, "name");
            errors.push(field::Error::duplicate(path, &Value::from(name)));
        }
        if errors.len() == before {
            fine.insert(name, volume);
        }
    }
    fine
}

fn source(volume: &Value, path: &str, errors: &mut field::Errors) {
    let mut count = 0;
    for kind in SOURCES.iter().filter(|kind| present(volume, kind)) {
        count += 1;
        let path = field::child(path, kind);
        if count > 1 {
            let words = "may not specify more than 1 volume type";
            errors.push(field::Error::forbidden(path, words));
        } else {
            one(kind, &volume[*kind], &path, errors);
        }
    }
    if count == 0 {
        errors.push(field::Error::required(path, "must specify a volume type"));
    }
}

fn one(kind: &str, source: &Value, path: &str, errors: &mut field::Errors) {
    match kind {
        "emptyDir" => {
            let limit = Quantity::of(&source["sizeLimit"]);
            if limit.is_ok_and(|limit| limit.is_negative()) {
                let words = "SizeLimit field must be a valid resource quantity";
                errors.push(field::Error::forbidden(field::child(path, "sizeLimit"), words));
            }
        }
        "hostPath" => host_path(source, path, errors),
        "secret" => {
            enumeration::filled(source, "secretName", path, errors);
            mode(source, "defaultMode", path, errors);
            items(source, path, errors);
        }
        "configMap" => {
            enumeration::filled(source, "name", path, errors);
            mode(source, "defaultMode", path, errors);
            items(source, path, errors);
        }
        "downwardAPI" => {
            mode(source, "defaultMode", path, errors);
            downward(source, path, errors);
        }
        "projected" => projected(source, path, errors),
        "persistentVolumeClaim" => enumeration::filled(source, "claimName", path, errors),
        "nfs" => {
            enumeration::filled(source, "server", path, errors);
            enumeration::filled(source, "path", path, errors);
            let place = text(source, "path");
            if !place.is_empty() && !place.starts_with('/') {
                let path = field::child(path, "path");
                let words = "must be an absolute path";
                errors.push(field::Error::invalid(path, &source["path"], words));
            }
        }
        "csi" => {
            enumeration::filled(source, "driver", path, errors);
            if present(source, "nodePublishSecretRef") {
                let path = field::child(path, "nodePublishSecretRef");
                enumeration::filled(&source["nodePublishSecretRef"], "name", &path, errors);
            }
        }
        "ephemeral" => ephemeral(source, path, errors),
        "gcePersistentDisk" => enumeration::filled(source, "pdName", path, errors),
        "awsElasticBlockStore" => enumeration::filled(source, "volumeID", path, errors),
        "glusterfs" => {
            enumeration::filled(source, "endpoints", path, errors);
            enumeration::filled(source, "path", path, errors);
        }
        "gitRepo" => enumeration::filled(source, "repository", path, errors),
        "flexVolume" => enumeration::filled(source, "driver", path, errors),
        "cinder" | "portworxVolume" => enumeration::filled(source, "volumeID", path, errors),
        "vsphereVolume" => enumeration::filled(source, "volumePath", path, errors),
        "azureFile" => {
            enumeration::filled(source, "secretName", path, errors);
            enumeration::filled(source, "shareName", path, errors);
        }
        "azureDisk" => {
            enumeration::filled(source, "diskName", path, errors);
            enumeration::filled(source, "diskURI", path, errors);
        }
        "iscsi" => {
            enumeration::filled(source, "targetPortal", path, errors);
            enumeration::filled(source, "iqn", path, errors);
        }
        "rbd" => {
            many(source, "monitors", path, errors);
            enumeration::filled(source, "image", path, errors);
        }
        "cephfs" => many(source, "monitors", path, errors),
        _ => {}
    }
}

fn many(source: &Value, name: &str, path: &str, errors: &mut field::Errors) {
    if list(source, name).is_empty() {
        errors.push(field::Error::required(field::child(path, name), ""));
    }
}

fn host_path(source: &Value, path: &str, errors: &mut field::Errors) {
    if text(source, "path").is_empty() {
        errors.push(field::Error::required(field::child(path, "path"), ""));
        return;
    }
    if mount::climbs(text(source, "path")) {
        let path = field::child(path, "path");
        errors.push(field::Error::invalid(path, &source["path"], "must not contain '..'"));
    }
    let kinds = [
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
    ];
    enumeration::optional(source, "type", &kinds, path, errors);
}

fn mode(of: &Value, name: &str, path: &str, errors: &mut field::Errors) {
    if number(of, name).is_some_and(|mode| !(0..=0o777).contains(&mode)) {
        errors.push(field::Error::invalid(
            field::child(path, name),
            &of[name],
            "must be a number between 0 and 0777 (octal), both inclusive",
        ));
    }
}

/// A path inside the volume; names that the kubelet uses itself are reserved.
fn local_path(of: &Value, path: &str, errors: &mut field::Errors) {
    enumeration::filled(of, "path", path, errors);
    mount::descending(of, "path", path, errors);
    if text(of, "path").starts_with("..") && !mount::climbs(text(of, "path")) {
        let path = field::child(path, "path");
        errors.push(field::Error::invalid(path, &of["path"], "must not start with '..'"));
    }
}

fn items(source: &Value, path: &str, errors: &mut field::Errors) {
    for (at, item) in list(source, "items").iter().enumerate() {
        let path = field::index(&field::child(path, "items"), at);
        enumeration::filled(item, "key", &path, errors);
        local_path(item, &path, errors);
        mode(item, "mode", &path, errors);
    }
}

fn downward(source: &Value, path: &str, errors: &mut field::Errors) {
    for item in list(source, "items") {
        local_path(item, path, errors);
        let both = present(item, "fieldRef") && present(item, "resourceFieldRef");
        if both {
            let words = "fieldRef and resourceFieldRef can not be specified simultaneously";
            errors.push(field::Error::invalid(path, &item["resourceFieldRef"], words));
        }
        if present(item, "fieldRef") {
            let path = field::child(path, "fieldRef");
            environment::field_reference(&item["fieldRef"], true, &path, errors);
        } else if present(item, "resourceFieldRef") {
            let path = field::child(path, "resourceFieldRef");
            environment::resource_reference(&item["resourceFieldRef"], true, &path, errors);
        } else {
            let words = "one of fieldRef and resourceFieldRef is required";
            errors.push(field::Error::required(path, words));
        }
        mode(item, "mode", path, errors);
    }
}

fn projected(volume: &Value, path: &str, errors: &mut field::Errors) {
    mode(volume, "defaultMode", path, errors);
    let mut taken = BTreeSet::new();
    for (at, source) in list(volume, "sources").iter().enumerate() {
        let at_path = field::index(&field::child(path, "sources"), at);
        let mut count = 0;
        for kind in ["secret", "configMap", "downwardAPI", "serviceAccountToken"] {
            if !present(source, kind) {
                continue;
            }
            count += 1;
            let kind_path = field::child(&at_path, kind);
            let inner = &source[kind];
            match kind {
                "downwardAPI" => downward(inner, &kind_path, errors),
                "serviceAccountToken" => token(inner, &kind_path, errors),
                _ => {
                    enumeration::filled(inner, "name", &kind_path, errors);
                    items(inner, &kind_path, errors);
                }
            }
            let own = std::iter::once(inner).filter(|_| kind == "serviceAccountToken");
            for file in list(inner, "items").iter().chain(own) {
                let name = text(file, "path");
                if !name.is_empty() && !taken.insert(name) {
                    let words = "conflicting duplicate paths";
                    errors.push(field::Error::invalid(path, &Value::from(name), words));
                }
            }
        }
        if count > 1 {
            let words = "may not specify more than 1 volume type";
            errors.push(field::Error::forbidden(at_path, words));
        }
    }
}

fn token(of: &Value, path: &str, errors: &mut field::Errors) {
    let seconds = number(of, "expirationSeconds").unwrap_or_default();
    let words = if seconds < 600 {
        "may not specify a duration less than 10 minutes"
    } else if seconds > 1 << 32 {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        ""
    };
    if !words.is_empty() {
        let path = field::child(path, "expirationSeconds");
        errors.push(field::Error::invalid(path, &Value::from(seconds), words));
    }
    local_path(of, path, errors);
}

fn ephemeral(source: &Value, path: &str, errors: &mut field::Errors) {
    let path = field::child(path, "volumeClaimTemplate");
    if !present(source, "volumeClaimTemplate") {
        errors.push(field::Error::required(path, ""));
        return;
    }
    claim_spec(&source["volumeClaimTemplate"]["spec"], &field::child(&path, "spec"), errors);
}

/// What every claim needs: access modes and a size.
pub(super) fn claim_spec(spec: &Value, path: &str, errors: &mut field::Errors) {
    let modes = list(spec, "accessModes");
    let path_of_modes = field::child(path, "accessModes");
    if modes.is_empty() {
        let words = "at least 1 access mode is required";
        errors.push(field::Error::required(&path_of_modes, words));
    }
    let allowed = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    for mode in modes {
        if !mode.as_str().is_some_and(|mode| allowed.contains(&mode)) {
            errors.push(field::Error::not_supported(&path_of_modes, mode, &allowed));
        }
    }
    let path_of_size = field::key(&format!("{path}.resources"), "storage");
    match Quantity::of(&spec["resources"]["requests"]["storage"]) {
        Err(_) => errors.push(field::Error::required(path_of_size, "")),
        Ok(size) if size.is_negative() || size.is_zero() => {
            let value = &spec["resources"]["requests"]["storage"];
            let words = "must be greater than zero";
            errors.push(field::Error::invalid(path_of_size, value, words));
        }
        Ok(_) => {}
    }
    enumeration::optional(spec, "volumeMode", &["Block", "Filesystem"], path, errors);
}
