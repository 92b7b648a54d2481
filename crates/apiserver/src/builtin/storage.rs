//! PersistentVolume, PersistentVolumeClaim, StorageClass and CSIDriver.

use serde_json::{Value, json};

use super::part::{at, default_to, keep, list, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::{meta, names};

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

fn validate_modes(object: &Value) -> field::Errors {
    let path = "spec.accessModes";
    let modes = list(object, "/spec/accessModes");
    let mut errors = Vec::new();
    if modes.is_empty() {
        errors.push(Error::required(path, "at least 1 access mode is required"));
    }
    for mode in modes {
        if !MODES.contains(&mode.as_str().unwrap_or_default()) {
            errors.push(Error::not_supported(path, mode, &MODES));
        }
    }
    errors
}

fn separate(part: Part<'_>, object: &mut Value, stored: &Value) {
    match part {
        Part::Sub("status") => keep(object, stored, "spec"),
        _ => keep(object, stored, "status"),
    }
}

/// Rules of PersistentVolumes.
pub struct Volume;

impl Strategy for Volume {
    fn default(&self, object: &mut Value) {
        if object["spec"].is_object() {
            default_to(&mut object["spec"], "persistentVolumeReclaimPolicy", "Retain");
            default_to(&mut object["spec"], "volumeMode", "Filesystem");
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        object["status"] = json!({"phase": "Pending"});
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        separate(part, object, stored);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = validate_modes(object);
        if at(object, "/spec/capacity").is_none() {
            errors.push(Error::required("spec.capacity", ""));
        } else if at(object, "/spec/capacity/storage").is_none() {
            let shown = &object["spec"]["capacity"];
            errors.push(Error::not_supported("spec.capacity", shown, &["storage"]));
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![("name", meta::name(object).to_owned())]
    }
}

/// Rules of PersistentVolumeClaims.
pub struct Claim;

impl Strategy for Claim {
    fn default(&self, object: &mut Value) {
        if object["spec"].is_object() {
            default_to(&mut object["spec"], "volumeMode", "Filesystem");
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        object["status"] = json!({"phase": "Pending"});
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        separate(part, object, stored);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let selector = at(object, "/spec/selector");
        let mut errors = names::validate_label_selector(selector, "spec.selector", true);
        errors.extend(validate_modes(object));
        if at(object, "/spec/resources/requests/storage").is_none() {
            errors.push(Error::required(field::key("spec.resources", "storage"), ""));
        }
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        if part != Part::Main {
            return Vec::new();
        }
        // Requests may grow once bound; the binder fills in name and class.
        let frozen = |claim: &Value| {
            let mut spec = claim["spec"].clone();
            if let Some(map) = spec.as_object_mut() {
                map.remove("resources");
                if text(stored, "/spec/volumeName").is_empty() {
                    map.remove("volumeName");
                }
            }
            spec
        };
        if frozen(object) == frozen(stored) {
            return Vec::new();
        }
        let detail = "spec is immutable after creation except resources.requests for bound claims";
        vec![Error::forbidden("spec", detail)]
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![("name", meta::name(object).to_owned())]
    }
}

/// Rules of StorageClasses.
pub struct Class;

impl Strategy for Class {
    fn default(&self, object: &mut Value) {
        default_to(object, "reclaimPolicy", "Delete");
        default_to(object, "volumeBindingMode", "Immediate");
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let provisioner = text(object, "/provisioner");
        if provisioner.is_empty() {
            errors.push(Error::required("provisioner", ""));
        }
        for complaint in names::qualified_name(&provisioner.to_lowercase()) {
            errors.push(Error::invalid("provisioner", &provisioner.into(), complaint));
        }
        for (field, allowed) in [
            ("reclaimPolicy", ["Delete", "Retain"]),
            ("volumeBindingMode", ["Immediate", "WaitForFirstConsumer"]),
        ] {
            let value = &object[field];
            if !allowed.contains(&value.as_str().unwrap_or_default()) {
                errors.push(Error::not_supported(field, value, &allowed));
            }
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let changed = |field: &str| object[field] != stored[field];
        let mut errors = Vec::new();
        for field in ["parameters", "provisioner", "reclaimPolicy"] {
            if changed(field) {
                errors.push(Error::forbidden(field, format!("updates to {field} are forbidden.")));
            }
        }
        if changed("volumeBindingMode") {
            let value = &object["volumeBindingMode"];
            errors.push(Error::invalid("volumeBindingMode", value, "field is immutable"));
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}

/// Rules of CSIDrivers.
pub struct Driver;

impl Strategy for Driver {
    fn default(&self, object: &mut Value) {
        let spec = &mut object["spec"];
        default_to(spec, "attachRequired", true);
        default_to(spec, "podInfoOnMount", false);
        default_to(spec, "storageCapacity", false);
        default_to(spec, "requiresRepublish", false);
        default_to(spec, "seLinuxMount", false);
        default_to(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
        default_to(spec, "volumeLifecycleModes", json!(["Persistent"]));
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
