//! Requests and limits of containers.

use serde_json::Value;

use super::number::NEGATIVE;
use crate::builtin::workloads::fields::entries;
use crate::quantity::Quantity;
use crate::{field, names};

/// `resources` of a container.
pub(super) fn requirements(of: &Value, path: &str, errors: &mut field::Errors) {
    let limits_path = field::child(path, "limits");
    let requests_path = field::child(path, "requests");
    for (name, amount) in entries(of, "limits") {
        entry(name, amount, &field::key(&limits_path, name), errors);
    }
    for (name, amount) in entries(of, "requests") {
        entry(name, amount, &field::key(&requests_path, name), errors);
        let Ok(request) = Quantity::of(amount) else {
            continue;
        };
        let limit = of["limits"].get(name);
        match limit.and_then(|limit| Quantity::of(limit).ok()) {
            Some(limit) if request != limit && !overcommitable(name) => {
                let words = format!("must be equal to {name} limit of {limit}");
                errors.push(field::Error::invalid(&requests_path, amount, words));
            }
            Some(limit) if request > limit => {
                let words = format!("must be less than or equal to {name} limit of {limit}");
                errors.push(field::Error::invalid(&requests_path, amount, words));
            }
            None if !overcommitable(name) => {
                let words = "Limit must be set for non overcommitable resources";
                errors.push(field::Error::required(&limits_path, words));
            }
            _ => {}
        }
    }
    let has = |wanted: fn(&str) -> bool| {
        ["limits", "requests"].iter().any(|list| entries(of, list).any(|(name, _)| wanted(name)))
    };
    if has(is_huge_page) && !has(|name| name == "cpu" || name == "memory") {
        errors.push(field::Error::forbidden(path, "HugePages require cpu or memory"));
    }
}

/// Amounts by name without limits: `overhead`, and the total of a pod.
pub(super) fn amounts(of: &Value, name: &str, path: &str, errors: &mut field::Errors) {
    let path = field::child(path, name);
    for (name, amount) in entries(of, name) {
        entry(name, amount, &field::key(&path, name), errors);
    }
}

fn entry(name: &str, amount: &Value, path: &str, errors: &mut field::Errors) {
    resource_name(name, path, errors);
    let Ok(quantity) = Quantity::of(amount) else {
        return;
    };
    if quantity.is_negative() {
        errors.push(field::Error::invalid(path, amount, NEGATIVE));
    }
    if is_extended(name) && !quantity.is_whole() {
        errors.push(field::Error::invalid(path, amount, "must be an integer"));
    }
    if is_huge_page(name) && !quantity.is_whole() {
        errors.push(field::Error::invalid(path, amount, "must be an integer"));
    }
}

fn resource_name(name: &str, path: &str, errors: &mut field::Errors) {
    let value = Value::from(name);
    let complaints = names::qualified_name(name);
    let qualified = complaints.is_empty();
    for complaint in complaints {
        errors.push(field::Error::invalid(path, &value, complaint));
    }
    if !name.contains('/') {
        let standard = matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_huge_page(name);
        if !standard {
            let words = "must be a standard resource for containers";
            errors.push(field::Error::invalid(path, &value, words));
        }
    } else if qualified && !is_native(name) && !is_extended(name) {
        let words = "doesn't follow extended resource name standard";
        errors.push(field::Error::invalid(path, &value, words));
    }
}

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Of Kubernetes itself: without a domain, or in `kubernetes.io/`.
pub(in crate::builtin::workloads) fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && names::qualified_name(&format!("requests.{name}")).is_empty()
}

/// More may be limited than requested.
fn overcommitable(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}
