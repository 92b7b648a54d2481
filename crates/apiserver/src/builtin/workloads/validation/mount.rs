//! Where containers mount volumes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::enumeration;
use crate::builtin::workloads::fields::{list, text};
use crate::field;

/// Volumes of a pod that are fine, by name.
pub(super) type Volumes<'a> = BTreeMap<&'a str, &'a Value>;

pub(super) fn mounts(
    container: &Value,
    volumes: &Volumes<'_>,
    path: &str,
    errors: &mut field::Errors,
) {
    let devices = list(container, "volumeDevices");
    let mut places = BTreeSet::new();
    for (at, mount) in list(container, "volumeMounts").iter().enumerate() {
        let path = field::index(&field::child(path, "volumeMounts"), at);
        let name = text(mount, "name");
        known_volume(mount, volumes, &path, errors);
        let place = text(mount, "mountPath");
        enumeration::filled(mount, "mountPath", &path, errors);
        if !places.insert(place) {
            let path = field::child(&path, "mountPath");
            errors.push(field::Error::invalid(path, &Value::from(place), "must be unique"));
        }
        if devices.iter().any(|device| text(device, "name") == name) {
            let words = "must not already exist in volumeDevices";
            let path = field::child(&path, "name");
            errors.push(field::Error::invalid(path, &Value::from(name), words));
        }
        if devices.iter().any(|device| text(device, "devicePath") == place) {
            let words = "must not already exist as a path in volumeDevices";
            let path = field::child(&path, "mountPath");
            errors.push(field::Error::invalid(path, &Value::from(place), words));
        }
        descending(mount, "subPath", &path, errors);
        if !text(mount, "subPathExpr").is_empty() {
            if !text(mount, "subPath").is_empty() {
                let words = "subPathExpr and subPath are mutually exclusive";
                let path = field::child(&path, "subPathExpr");
                errors.push(field::Error::invalid(path, &mount["subPathExpr"], words));
            }
            descending(mount, "subPathExpr", &path, errors);
        }
        propagation(container, mount, &path, errors);
    }
}

fn propagation(container: &Value, mount: &Value, path: &str, errors: &mut field::Errors) {
    let allowed = ["Bidirectional", "HostToContainer", "None"];
    enumeration::optional(mount, "mountPropagation", &allowed, path, errors);
    let privileged = container["securityContext"]["privileged"] == true;
    if text(mount, "mountPropagation") == "Bidirectional" && !privileged {
        errors.push(field::Error::forbidden(
            field::child(path, "mountPropagation"),
            "Bidirectional mount propagation is available only to privileged containers",
        ));
    }
}

pub(super) fn devices(
    container: &Value,
    volumes: &Volumes<'_>,
    path: &str,
    errors: &mut field::Errors,
) {
    let mut names = BTreeSet::new();
    let mut places = BTreeSet::new();
    for (at, device) in list(container, "volumeDevices").iter().enumerate() {
        let path = field::index(&field::child(path, "volumeDevices"), at);
        let name = text(device, "name");
        known_volume(device, volumes, &path, errors);
        if !names.insert(name) {
            let path = field::child(&path, "name");
            errors.push(field::Error::invalid(path, &Value::from(name), "must be unique"));
        }
        let claim = volumes.get(name);
        if claim.is_some_and(|volume| {
            volume.get("persistentVolumeClaim").is_none() && volume.get("ephemeral").is_none()
        }) {
            errors.push(field::Error::invalid(
                field::child(&path, "name"),
                &Value::from(name),
                "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
            ));
        }
        let place = text(device, "devicePath");
        enumeration::filled(device, "devicePath", &path, errors);
        if !places.insert(place) {
            let path = field::child(&path, "devicePath");
            errors.push(field::Error::invalid(path, &Value::from(place), "must be unique"));
        }
        if climbs(place) {
            let words = "can not contain backsteps ('..')";
            let path = field::child(&path, "devicePath");
            errors.push(field::Error::invalid(path, &Value::from(place), words));
        }
    }
}

fn known_volume(of: &Value, volumes: &Volumes<'_>, path: &str, errors: &mut field::Errors) {
    let name = text(of, "name");
    enumeration::filled(of, "name", path, errors);
    if !volumes.contains_key(name) {
        let path = field::child(path, "name");
        errors.push(field::Error::not_found(path, &Value::from(name)));
    }
}

/// A path below some directory, which must not lead out of it.
pub(super) fn descending(of: &Value, name: &str, path: &str, errors: &mut field::Errors) {
    let value = text(of, name);
    let path = field::child(path, name);
    if value.starts_with('/') {
        errors.push(field::Error::invalid(&path, &of[name], "must be a relative path"));
    }
    if climbs(value) {
        errors.push(field::Error::invalid(&path, &of[name], "must not contain '..'"));
    }
}

/// The path has a `..` in it.
pub(super) fn climbs(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}
