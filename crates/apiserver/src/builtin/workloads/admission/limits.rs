//! LimitRanges of a namespace: defaults and bounds for the resources of pods.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::forbidden;
use crate::builtin::workloads::fields::{self, entries, list, list_mut, text};
use crate::error::Result;
use crate::quantity::Quantity;

/// Fills in limits and requests that containers lack, and notes it in an annotation.
pub fn default(pod: &mut Value, ranges: &[Value]) {
    let mut limits = BTreeMap::new();
    let mut requests = BTreeMap::new();
    for item in items(ranges, "Container") {
        limits.extend(entries(item, "default"));
        requests.extend(entries(item, "defaultRequest"));
    }
    let mut notes = Vec::new();
    for (sort, word) in [("containers", "container"), ("initContainers", "init container")] {
        let Some(spec) = pod.get_mut("spec") else {
            return;
        };
        for container in list_mut(spec, sort) {
            let name = text(container, "name").to_owned();
            for (kind, values, what) in
                [("requests", &requests, "request"), ("limits", &limits, "limit")]
            {
                let set = fill(container, kind, values);
                if !set.is_empty() {
                    notes.push(format!("{} {what} for {word} {name}", set.join(", ")));
                }
            }
        }
    }
    if !notes.is_empty()
        && let Some(metadata) = fields::object(pod, "metadata")
        && let Some(annotations) = fields::object(metadata, "annotations")
    {
        let text = format!("LimitRanger plugin set: {}", notes.join("; "));
        fields::set(annotations, "kubernetes.io/limit-ranger", text.into());
    }
}

/// Sets what is missing in one list of a container; returns the names.
fn fill(container: &mut Value, kind: &str, values: &BTreeMap<&String, &Value>) -> Vec<String> {
    let mut set = Vec::new();
    if values.is_empty() {
        return set;
    }
    let list = fields::object(container, "resources")
        .and_then(|resources| fields::object(resources, kind))
        .and_then(Value::as_object_mut);
    if let Some(list) = list {
        for (name, value) in values {
            if !list.contains_key(*name) {
                list.insert((*name).clone(), (*value).clone());
                set.push((*name).clone());
            }
        }
    }
    set
}

fn items<'a>(ranges: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    ranges
        .iter()
        .flat_map(|range| list(&range["spec"], "limits"))
        .filter(move |item| text(item, "type") == kind)
}

/// Whether the pod keeps within every bound.
///
/// # Errors
/// 403 that names each bound that is broken.
pub fn check(pod: &Value, ranges: &[Value]) -> Result<()> {
    let mut complaints = Vec::new();
    for item in items(ranges, "Container") {
        for sort in ["containers", "initContainers"] {
            for container in list(&pod["spec"], sort) {
                bounds(item, "Container", &container["resources"], &mut complaints);
            }
        }
    }
    for item in items(ranges, "Pod") {
        bounds(item, "Pod", &total(pod), &mut complaints);
    }
    match complaints.as_slice() {
        [] => Ok(()),
        [one] => Err(forbidden(pod, one)),
        many => Err(forbidden(pod, format!("[{}]", many.join(", ")))),
    }
}

fn bounds(item: &Value, kind: &str, resources: &Value, complaints: &mut Vec<String>) {
    let amount = |list: &str, name: &str| Quantity::of(&resources[list][name]).ok();
    for (name, least) in entries(item, "min") {
        let Ok(bound) = Quantity::of(least) else {
            continue;
        };
        for (list, what) in [("requests", "request"), ("limits", "limit")] {
            match amount(list, name) {
                None if list == "requests" => complaints.push(format!(
                    "minimum {name} usage per {kind} is {bound}.  No request is specified"
                )),
                Some(amount) if amount < bound => complaints.push(format!(
                    "minimum {name} usage per {kind} is {bound}, but {what} is {amount}"
                )),
                _ => {}
            }
        }
    }
    for (name, most) in entries(item, "max") {
        let Ok(bound) = Quantity::of(most) else {
            continue;
        };
        for (list, what) in [("limits", "limit"), ("requests", "request")] {
            match amount(list, name) {
                None if list == "limits" => complaints.push(format!(
                    "maximum {name} usage per {kind} is {bound}.  No limit is specified"
                )),
                Some(amount) if amount > bound => complaints.push(format!(
                    "maximum {name} usage per {kind} is {bound}, but {what} is {amount}"
                )),
                _ => {}
            }
        }
    }
    for (name, ratio) in entries(item, "maxLimitRequestRatio") {
        ratios(name, ratio, kind, resources, complaints);
    }
}

fn ratios(name: &str, ratio: &Value, kind: &str, resources: &Value, complaints: &mut Vec<String>) {
    let Ok(bound) = Quantity::of(ratio) else {
        return;
    };
    let amount = |list: &str| Quantity::of(&resources[list][name]).ok();
    let (Some(request), Some(limit)) = (amount("requests"), amount("limits")) else {
        complaints.push(format!(
            "{name} max limit to request ratio per {kind} is {bound}, but no request is specified or request is 0"
        ));
        return;
    };
    if request.is_zero() {
        complaints.push(format!(
            "{name} max limit to request ratio per {kind} is {bound}, but no request is specified or request is 0"
        ));
        return;
    }
    let observed = limit.milli_value() as f64 / request.milli_value() as f64;
    if observed > bound.milli_value() as f64 / 1000.0 {
        complaints.push(format!(
            "{name} max limit to request ratio per {kind} is {bound}, but provided ratio is {observed:.6}"
        ));
    }
}

/// What a pod uses: the sum of its containers, or its largest init container.
fn total(pod: &Value) -> Value {
    let mut resources = json!({"requests": {}, "limits": {}});
    for kind in ["requests", "limits"] {
        let mut sums: BTreeMap<String, Quantity> = BTreeMap::new();
        for container in list(&pod["spec"], "containers") {
            for (name, amount) in entries(&container["resources"], kind) {
                if let Ok(amount) = Quantity::of(amount) {
                    sums.entry(name.clone())
                        .and_modify(|sum| *sum = sum.plus(amount))
                        .or_insert(amount);
                }
            }
        }
        for container in list(&pod["spec"], "initContainers") {
            for (name, amount) in entries(&container["resources"], kind) {
                if let Ok(amount) = Quantity::of(amount) {
                    sums.entry(name.clone())
                        .and_modify(|sum| *sum = (*sum).max(amount))
                        .or_insert(amount);
                }
            }
        }
        for (name, sum) in sums {
            resources[kind][name] = sum.to_string().into();
        }
    }
    resources
}
