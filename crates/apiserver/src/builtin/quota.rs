//! LimitRange and ResourceQuota.

use serde_json::Value;

use super::part::{at, keep, list, list_mut, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::names;
use crate::quantity::Quantity;

/// Rules of LimitRanges.
pub struct LimitRange;

/// Copies amounts that are missing in a list from another list.
fn fill(item: &mut Value, into: &str, from: &str) {
    let Some(source) = item[from].as_object().cloned() else {
        return;
    };
    for (name, amount) in source {
        if item[into].get(&name).is_none() {
            item[into][name] = amount;
        }
    }
}

impl Strategy for LimitRange {
    fn default(&self, object: &mut Value) {
        for item in list_mut(object, "/spec/limits") {
            if text(item, "/type") == "Container" {
                fill(item, "default", "max");
                fill(item, "defaultRequest", "default");
                fill(item, "defaultRequest", "min");
            }
            if let Some(map) = item.as_object_mut() {
                map.retain(|_, value| !value.is_null());
            }
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        for (at, item) in list(object, "/spec/limits").iter().enumerate() {
            let path = field::index("spec.limits", at);
            let amounts = |field: &str| item[field].as_object().cloned().unwrap_or_default();
            for (low, high) in [
                ("min", "max"),
                ("min", "default"),
                ("min", "defaultRequest"),
                ("defaultRequest", "default"),
                ("default", "max"),
                ("defaultRequest", "max"),
            ] {
                for (name, small) in amounts(low) {
                    let Some(large) = item[high].get(&name) else {
                        continue;
                    };
                    if let (Ok(a), Ok(b)) = (Quantity::of(&small), Quantity::of(large))
                        && a > b
                    {
                        let path = field::key(&field::child(&path, low), &name);
                        let detail = format!("{low} value {a} is greater than {high} value {b}");
                        errors.push(Error::invalid(path, &small, detail));
                    }
                }
            }
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        self.validate_create(object)
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}

/// Rules of ResourceQuotas.
pub struct ResourceQuota;

impl Strategy for ResourceQuota {
    fn prepare_create(&self, object: &mut Value) {
        object["status"] = Value::Object(serde_json::Map::new());
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match part {
            Part::Sub("status") => keep(object, stored, "spec"),
            _ => keep(object, stored, "status"),
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let hard = at(object, "/spec/hard").and_then(Value::as_object);
        for (name, value) in hard.into_iter().flatten() {
            let path = field::key("spec.hard", name);
            for complaint in names::qualified_name(name) {
                errors.push(Error::invalid(path.clone(), &name.as_str().into(), complaint));
            }
            if Quantity::of(value).is_ok_and(|amount| amount.is_negative()) {
                errors.push(Error::invalid(path, value, "must be greater than or equal to 0"));
            }
        }
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let mut errors = self.validate_create(object);
        if part == Part::Main && object["spec"]["scopes"] != stored["spec"]["scopes"] {
            let shown = &object["spec"]["scopes"];
            errors.push(Error::invalid("spec.scopes", shown, "field is immutable"));
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}
