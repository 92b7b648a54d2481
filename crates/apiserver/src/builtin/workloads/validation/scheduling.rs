//! Where a pod may run: tolerations, affinity and spreading.

use std::collections::BTreeMap;

use serde_json::Value;

use super::enumeration;
use crate::builtin::workloads::fields::{list, number, present, text};
use crate::{field, names};

const EFFECTS: &[&str] = &["NoExecute", "NoSchedule", "PreferNoSchedule"];

pub(super) fn tolerations(spec: &Value, path: &str, errors: &mut field::Errors) {
    for (at, toleration) in list(spec, "tolerations").iter().enumerate() {
        let path = field::index(&field::child(path, "tolerations"), at);
        let key = text(toleration, "key");
        let operator = text(toleration, "operator");
        let operator_path = field::child(&path, "operator");
        if !key.is_empty() {
            errors.extend(names::validate_label_name(key, &field::child(&path, "key")));
        } else if operator != "Exists" {
            let words = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.push(field::Error::invalid(&operator_path, &Value::from(operator), words));
        }
        let timed = present(toleration, "tolerationSeconds");
        if timed && text(toleration, "effect") != "NoExecute" {
            let words = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            let effect = Value::from(text(toleration, "effect"));
            errors.push(field::Error::invalid(field::child(&path, "effect"), &effect, words));
        }
        let value = text(toleration, "value");
        match operator {
            "Equal" | "" => {
                for complaint in names::label_value(value) {
                    let value = &toleration["value"];
                    errors.push(field::Error::invalid(&operator_path, value, complaint));
                }
            }
            "Exists" if value.is_empty() => {}
            "Exists" => {
                let words = "value must be empty when `operator` is 'Exists'";
                errors.push(field::Error::invalid(&operator_path, toleration, words));
            }
            _ => {
                let value = &toleration["operator"];
                let allowed = ["Equal", "Exists"];
                errors.push(field::Error::not_supported(&operator_path, value, &allowed));
            }
        }
        enumeration::optional(toleration, "effect", EFFECTS, &path, errors);
    }
}

pub(super) fn affinity(spec: &Value, path: &str, errors: &mut field::Errors) {
    let affinity = &spec["affinity"];
    let path = field::child(path, "affinity");
    node_affinity(&affinity["nodeAffinity"], &field::child(&path, "nodeAffinity"), errors);
    for kind in ["podAffinity", "podAntiAffinity"] {
        pod_affinity(&affinity[kind], &field::child(&path, kind), errors);
    }
}

fn node_affinity(of: &Value, path: &str, errors: &mut field::Errors) {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    if present(of, required) {
        let path = format!("{path}.{required}.nodeSelectorTerms");
        let terms = list(&of[required], "nodeSelectorTerms");
        if terms.is_empty() {
            let words = "must have at least one node selector term";
            errors.push(field::Error::required(&path, words));
        }
        for (at, term) in terms.iter().enumerate() {
            node_term(term, &field::index(&path, at), errors);
        }
    }
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    for (at, term) in list(of, preferred).iter().enumerate() {
        let path = field::index(&field::child(path, preferred), at);
        weight(term, &path, errors);
        node_term(&term["preference"], &field::child(&path, "preference"), errors);
    }
}

fn weight(term: &Value, path: &str, errors: &mut field::Errors) {
    let weight = number(term, "weight").unwrap_or_default();
    if !(1..=100).contains(&weight) {
        let path = field::child(path, "weight");
        errors.push(field::Error::invalid(
            path,
            &Value::from(weight),
            "must be in the range 1-100",
        ));
    }
}

fn node_term(term: &Value, path: &str, errors: &mut field::Errors) {
    for (at, requirement) in list(term, "matchExpressions").iter().enumerate() {
        let path = field::index(&field::child(path, "matchExpressions"), at);
        node_requirement(requirement, &path, errors);
        let key = text(requirement, "key");
        errors.extend(names::validate_label_name(key, &field::child(&path, "key")));
    }
    for (at, requirement) in list(term, "matchFields").iter().enumerate() {
        let path = field::index(&field::child(path, "matchFields"), at);
        let operator = text(requirement, "operator");
        if !matches!(operator, "In" | "NotIn") {
            let path = field::child(&path, "operator");
            let words = "not a valid selector operator";
            errors.push(field::Error::invalid(path, &Value::from(operator), words));
        } else if list(requirement, "values").len() != 1 {
            let words =
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(field::Error::required(field::child(&path, "values"), words));
        }
        if text(requirement, "key") != "metadata.name" {
            let path = field::child(&path, "key");
            let key = Value::from(text(requirement, "key"));
            errors.push(field::Error::invalid(path, &key, "not a valid field selector key"));
        }
    }
}

fn node_requirement(of: &Value, path: &str, errors: &mut field::Errors) {
    let count = list(of, "values").len();
    let values = field::child(path, "values");
    match text(of, "operator") {
        "In" | "NotIn" if count == 0 => errors.push(field::Error::required(
            values,
            "must be specified when `operator` is 'In' or 'NotIn'",
        )),
        "Exists" | "DoesNotExist" if count > 0 => errors.push(field::Error::forbidden(
            values,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        "Gt" | "Lt" if count != 1 => errors.push(field::Error::required(
            values,
            "must be specified single value when `operator` is 'Lt' or 'Gt'",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.push(field::Error::invalid(
            field::child(path, "operator"),
            &Value::from(other),
            "not a valid selector operator",
        )),
    }
}

fn pod_affinity(of: &Value, path: &str, errors: &mut field::Errors) {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    for (at, term) in list(of, required).iter().enumerate() {
        pod_term(term, &field::index(&field::child(path, required), at), errors);
    }
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    for (at, term) in list(of, preferred).iter().enumerate() {
        let path = field::index(&field::child(path, preferred), at);
        weight(term, &path, errors);
        pod_term(&term["podAffinityTerm"], &field::child(&path, "podAffinityTerm"), errors);
    }
}

fn pod_term(term: &Value, path: &str, errors: &mut field::Errors) {
    for name in ["labelSelector", "namespaceSelector"] {
        super::selector(&term[name], &field::child(path, name), errors);
    }
    for namespace in list(term, "namespaces") {
        for complaint in names::dns_label(namespace.as_str().unwrap_or_default()) {
            let path = field::child(path, "namespace");
            errors.push(field::Error::invalid(path, namespace, complaint));
        }
    }
    topology_key(term, path, errors);
}

fn topology_key(of: &Value, path: &str, errors: &mut field::Errors) {
    let path = field::child(path, "topologyKey");
    let key = text(of, "topologyKey");
    if key.is_empty() {
        errors.push(field::Error::required(&path, "can not be empty"));
    }
    errors.extend(names::validate_label_name(key, &path));
}

/// `topologySpreadConstraints`.
pub(super) fn spread(spec: &Value, path: &str, errors: &mut field::Errors) {
    let mut seen = BTreeMap::new();
    let list_path = field::child(path, "topologySpreadConstraints");
    for (at, constraint) in list(spec, "topologySpreadConstraints").iter().enumerate() {
        let path = field::index(&list_path, at);
        let skew = number(constraint, "maxSkew").unwrap_or_default();
        if skew <= 0 {
            let path = field::child(&path, "maxSkew");
            errors.push(field::Error::invalid(
                path,
                &Value::from(skew),
                "must be greater than zero",
            ));
        }
        let key_path = field::child(&path, "topologyKey");
        let key = text(constraint, "topologyKey");
        if key.is_empty() {
            errors.push(field::Error::required(key_path, "can not be empty"));
        } else {
            errors.extend(names::validate_label_name(key, &key_path));
        }
        let actions = ["DoNotSchedule", "ScheduleAnyway"];
        let action = Value::from(text(constraint, "whenUnsatisfiable"));
        if !actions.contains(&text(constraint, "whenUnsatisfiable")) {
            let path = field::child(&path, "whenUnsatisfiable");
            errors.push(field::Error::not_supported(path, &action, &actions));
        }
        let pair = (key, text(constraint, "whenUnsatisfiable"));
        // The earlier one of two is reported.
        if let Some(first) = seen.insert(pair, at) {
            let value = Value::from(format!("{{{}, {}}}", pair.0, pair.1));
            let path = field::index(&list_path, first);
            let path = field::child(&path, "{topologyKey, whenUnsatisfiable}");
            errors.push(field::Error::duplicate(path, &value));
        }
        if number(constraint, "minDomains").is_some_and(|least| least <= 0) {
            let path = field::child(&path, "minDomains");
            let words = "must be greater than zero";
            errors.push(field::Error::invalid(path, &constraint["minDomains"], words));
        }
        let policies = ["Honor", "Ignore"];
        enumeration::optional(constraint, "nodeAffinityPolicy", &policies, &path, errors);
        enumeration::optional(constraint, "nodeTaintsPolicy", &policies, &path, errors);
        let selector = &constraint["labelSelector"];
        super::selector(selector, &field::child(&path, "labelSelector"), errors);
    }
}
