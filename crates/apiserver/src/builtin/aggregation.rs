//! APIService.

use serde_json::{Value, json};

use super::part::{at, default_to, keep, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::{meta, names};

/// Rules of APIServices.
pub struct ApiService;

impl Strategy for ApiService {
    fn default(&self, object: &mut Value) {
        let spec = &mut object["spec"];
        if spec["service"].is_object() {
            default_to(&mut spec["service"], "port", 443);
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        object["status"] = json!({});
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match part {
            Part::Sub("status") => keep(object, stored, "spec"),
            _ => keep(object, stored, "status"),
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let group = text(object, "/spec/group");
        let version = text(object, "/spec/version");
        let wanted = format!("{version}.{group}");
        if meta::name(object) != wanted {
            let detail = format!("must be `spec.version+\".\"+spec.group`: {wanted:?}");
            errors.push(Error::invalid("metadata.name", &meta::name(object).into(), detail));
        }
        for complaint in names::dns_1035_label(version) {
            errors.push(Error::invalid("spec.version", &version.into(), complaint));
        }
        for (field, most) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1000)] {
            let value = &object["spec"][field];
            if !(1..=most).contains(&value.as_i64().unwrap_or_default()) {
                let detail = format!("must be positive and less than {most}");
                errors.push(Error::invalid(field::child("spec", field), value, detail));
            }
        }
        if at(object, "/spec/service").is_none() {
            if at(object, "/spec/caBundle").is_some() {
                let detail = "local APIServices may not have a caBundle";
                errors.push(Error::invalid("spec.caBundle", &"<bytes>".into(), detail));
            }
            return errors;
        }
        for field in ["namespace", "name"] {
            if object["spec"]["service"][field].as_str().unwrap_or_default().is_empty() {
                errors.push(Error::required(format!("spec.service.{field}"), ""));
            }
        }
        let insecure = object["spec"]["insecureSkipTLSVerify"] == json!(true);
        if insecure && at(object, "/spec/caBundle").is_some() {
            let detail = "may not be true if caBundle is present";
            errors.push(Error::invalid("spec.insecureSkipTLSVerify", &json!(true), detail));
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        self.validate_create(object)
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::path_segment(name, prefix)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
