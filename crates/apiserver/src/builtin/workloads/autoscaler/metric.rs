//! What an autoscaler measures.

use serde_json::Value;

use super::target;
use crate::builtin::workloads::fields::{list, number, present, text};
use crate::builtin::workloads::validation::{self, enumeration};
use crate::quantity::Quantity;
use crate::{field, names};

/// Kinds of metrics and the field that describes each.
const SOURCES: &[(&str, &str)] = &[
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];

pub(super) fn validate(spec: &Value, errors: &mut field::Errors) {
    for (at, metric) in list(spec, "metrics").iter().enumerate() {
        one(metric, &format!("spec.metrics[{at}]"), errors);
    }
}

fn one(metric: &Value, path: &str, errors: &mut field::Errors) {
    let kind = text(metric, "type");
    let kinds: Vec<_> = SOURCES.iter().map(|(kind, _)| *kind).collect();
    if kind.is_empty() {
        let words = "must specify a metric source type";
        errors.push(field::Error::required(field::child(path, "type"), words));
    } else {
        enumeration::optional(metric, "type", &kinds, path, errors);
    }
    for (name, source) in SOURCES {
        let there = present(metric, source);
        let path = field::child(path, source);
        if *name == kind && !there {
            let words = format!("must populate information for the given metric source: {name}");
            errors.push(field::Error::required(path, words));
        } else if *name == kind {
            describe(kind, &metric[*source], &path, errors);
        } else if there {
            let words = "must populate the given metric source only";
            errors.push(field::Error::forbidden(path, words));
        }
    }
}

fn describe(kind: &str, source: &Value, path: &str, errors: &mut field::Errors) {
    match kind {
        "Resource" | "ContainerResource" => {
            let words = "must specify a resource name";
            named(source, "name", words, path, errors);
            if kind == "ContainerResource" {
                let words = "must specify a container";
                named(source, "container", words, path, errors);
            }
        }
        _ => {
            let path = field::child(path, "metric");
            let metric = &source["metric"];
            named(metric, "name", "must specify a metric name", &path, errors);
            for complaint in names::path_segment(text(metric, "name"), false) {
                let path = field::child(&path, "name");
                errors.push(field::Error::invalid(path, &metric["name"], complaint));
            }
            let selector = &metric["selector"];
            validation::selector(selector, &field::child(&path, "selector"), errors);
        }
    }
    if kind == "Object" {
        let described = &source["describedObject"];
        target(described, &field::child(path, "describedObject"), errors);
    }
    aim(kind, &source["target"], &field::child(path, "target"), errors);
}

fn named(of: &Value, name: &str, words: &str, path: &str, errors: &mut field::Errors) {
    if text(of, name).is_empty() {
        errors.push(field::Error::required(field::child(path, name), words));
    }
}

fn aim(kind: &str, target: &Value, path: &str, errors: &mut field::Errors) {
    let kinds = ["Utilization", "Value", "AverageValue"];
    if text(target, "type").is_empty() {
        let words = "must specify a metric target type";
        errors.push(field::Error::required(field::child(path, "type"), words));
    } else if !kinds.contains(&text(target, "type")) {
        let words = "must be either Utilization, Value, or AverageValue";
        let path = field::child(path, "type");
        errors.push(field::Error::invalid(path, &target["type"], words));
    }
    if number(target, "averageUtilization").is_some_and(|percent| percent < 1) {
        let path = field::child(path, "averageUtilization");
        let words = "must be greater than 0";
        errors.push(field::Error::invalid(path, &target["averageUtilization"], words));
    }
    for name in ["value", "averageValue"] {
        let Ok(amount) = Quantity::of(&target[name]) else {
            continue;
        };
        if amount.is_zero() || amount.is_negative() {
            let path = field::child(path, name);
            errors.push(field::Error::invalid(path, &target[name], "must be positive"));
        }
    }
    completeness(kind, target, path, errors);
}

/// Each kind takes its own sorts of targets, and exactly one.
fn completeness(kind: &str, target: &Value, path: &str, errors: &mut field::Errors) {
    let percent = present(target, "averageUtilization");
    let average = present(target, "averageValue");
    let value = present(target, "value");
    match kind {
        "Resource" | "ContainerResource" if percent && average => {
            errors.push(field::Error::forbidden(
                field::child(path, "averageValue"),
                "may not set both a target raw value and a target utilization",
            ));
        }
        "Resource" | "ContainerResource" if !percent && !average => {
            errors.push(field::Error::required(
                field::child(path, "averageUtilization"),
                "must set either a target raw value or a target utilization",
            ));
        }
        "Pods" if !average => errors.push(field::Error::required(
            field::child(path, "averageValue"),
            "must specify a positive target averageValue",
        )),
        "External" if value && average => errors.push(field::Error::forbidden(
            field::child(path, "value"),
            "may not set both a target value for metric and a per-pod target",
        )),
        "Object" | "External" if !value && !average => errors.push(field::Error::required(
            field::child(path, "averageValue"),
            "must set either a target value for metric or a per-pod target",
        )),
        _ => {}
    }
}
