//! Node: pod ranges, capacity and taints.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::part::{at, keep, list, remove, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::names;
use crate::quantity::Quantity;

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Rules of Nodes.
pub struct Node;

impl Strategy for Node {
    fn default(&self, object: &mut Value) {
        default_ranges(&mut object["spec"]);
        let status = &mut object["status"];
        if at(status, "/allocatable").is_none()
            && let Some(capacity) = at(status, "/capacity").cloned()
        {
            status["allocatable"] = rounded(capacity);
        }
        if object["status"].is_null() {
            remove(object, "status");
        }
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match part {
            Part::Sub("status") => keep(object, stored, "spec"),
            _ => keep(object, stored, "status"),
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = validate_taints(list(object, "/spec/taints"), "metadata.taints");
        errors.extend(validate_resources(object, "capacity"));
        errors.extend(validate_resources(object, "allocatable"));
        errors.extend(validate_ranges(list(object, "/spec/podCIDRs")));
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        // A real server runs the checks of create and those of update on a change of the
        // node itself, so that what both look at is reported twice.
        let mut errors = match part {
            Part::Main => self.validate_create(object),
            Part::Sub(_) => Vec::new(),
        };
        errors.extend(validate_taints(list(object, "/spec/taints"), "metadata.taints"));
        let mut seen = HashSet::new();
        for (at, address) in list(object, "/status/addresses").iter().enumerate() {
            if !seen.insert(address.to_string()) {
                let path = field::index("status.addresses", at);
                errors.push(Error::duplicate(path, address));
            }
        }
        errors.extend(validate_resources(object, "capacity"));
        errors.extend(validate_resources(object, "allocatable"));
        for (name, old, new, what) in [
            ("podCIDRs", list(stored, "/spec/podCIDRs"), list(object, "/spec/podCIDRs"), "podCIDR"),
            (
                "providerID",
                std::slice::from_ref(&stored["spec"]["providerID"]),
                std::slice::from_ref(&object["spec"]["providerID"]),
                "providerID",
            ),
        ] {
            let unset = old.iter().all(|value| value.is_null() || value == "");
            if !unset && old != new {
                let detail =
                    format!("node updates may not change {what} except from \"\" to valid");
                errors.push(Error::forbidden(field::child("spec", name), detail));
            }
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        let off = object["spec"]["unschedulable"].as_bool().unwrap_or_default();
        vec![("spec.unschedulable", off.to_string())]
    }
}

/// `podCIDR` and the first of `podCIDRs` are the same; the single one wins.
fn default_ranges(spec: &mut Value) {
    let first = text(spec, "/podCIDR").to_owned();
    let listed = list(spec, "/podCIDRs").first().and_then(Value::as_str);
    match (first.as_str(), listed) {
        ("", None) => {}
        ("", Some(listed)) => spec["podCIDR"] = json!(listed),
        (first, Some(listed)) if first == listed => {}
        (first, _) => spec["podCIDRs"] = json!([first]),
    }
}

/// Amounts rounded up to thousandths.
fn rounded(mut amounts: Value) -> Value {
    for value in amounts.as_object_mut().into_iter().flatten().map(|(_, value)| value) {
        if let Ok(quantity) = Quantity::of(value) {
            *value = quantity.rounded_up_to_milli().to_string().into();
        }
    }
    amounts
}

/// Findings on taints; unique by key and effect.
fn validate_taints(taints: &[Value], path: &str) -> field::Errors {
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    for (at, taint) in taints.iter().enumerate() {
        let path = field::index(path, at);
        let key = text(taint, "/key");
        errors.extend(names::validate_label_name(key, &field::child(&path, "key")));
        for complaint in names::label_value(text(taint, "/value")) {
            errors.push(Error::invalid(field::child(&path, "value"), &taint["value"], complaint));
        }
        let effect = text(taint, "/effect");
        let place = field::child(&path, "effect");
        if effect.is_empty() {
            errors.push(Error::required(place, ""));
        } else if !EFFECTS.contains(&effect) {
            errors.push(Error::not_supported(place, &effect.into(), &EFFECTS));
        }
        if !seen.insert((key, effect)) {
            let mut duplicate = Error::duplicate(path, taint);
            duplicate.detail = "taints must be unique by key and effect pair".to_owned();
            errors.push(duplicate);
        }
    }
    errors
}

/// Amounts are not negative, and what is counted is whole.
fn validate_resources(object: &Value, field: &str) -> field::Errors {
    let mut errors = Vec::new();
    let amounts = object["status"].get(field).and_then(Value::as_object);
    for (name, value) in amounts.into_iter().flatten() {
        let path = field::key(&format!("status.{field}"), name);
        let Ok(amount) = Quantity::of(value) else {
            continue;
        };
        if amount.is_negative() {
            errors.push(Error::invalid(path.clone(), value, "must be greater than or equal to 0"));
        }
        let domain = name.split_once('/').map(|(domain, _)| domain);
        let extended = domain.is_some_and(|domain| !domain.ends_with("kubernetes.io"));
        let counted = extended || ["pods", "services"].contains(&name.as_str());
        if counted && !amount.is_whole() {
            errors.push(Error::invalid(path, value, "must be an integer"));
        }
    }
    errors
}

fn validate_ranges(ranges: &[Value]) -> field::Errors {
    let path = "spec.podCIDRs";
    let mut errors = Vec::new();
    let mut families = Vec::new();
    for (at, range) in ranges.iter().enumerate() {
        let text = range.as_str().unwrap_or_default();
        if !names::cidr(text).is_empty() {
            errors.push(Error::invalid(field::index(path, at), range, "must be a valid CIDR"));
        }
        families.push(text.contains(':'));
    }
    families.sort_unstable();
    families.dedup();
    if families.len() < ranges.len() {
        let shown: Vec<_> = ranges.iter().map(Value::to_string).collect();
        errors.push(Error::invalid_go(
            path,
            format!("[]string{{{}}}", shown.join(", ")),
            "may specify no more than one CIDR for each IP family",
        ));
    }
    errors
}
