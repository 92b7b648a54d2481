//! An autoscaler in the other version.
//!
//! v2 is stored. v1 has one field for the share of cpu; everything else of v2 stands
//! in annotations there, and returns from them.

use serde_json::{Map, Value, json};

use super::{CPU_PERCENT, METRICS_ANNOTATION};
use crate::builtin::workloads::fields::{self, list, number, present, text};

const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";

/// The autoscaler as `version` (`v1` or `v2`) of its group; as it is when it is that already.
pub fn convert(object: &Value, version: &str) -> Value {
    let wanted = format!("autoscaling/{version}");
    if text(object, "apiVersion") == wanted {
        return object.clone();
    }
    let mut out = if version == "v1" { to_v1(object) } else { to_v2(object) };
    fields::set(&mut out, "apiVersion", wanted.into());
    out
}

/// `cpu` measured as a share of the request: the one metric that v1 has fields for.
fn is_cpu_share(metric: &Value, side: &str) -> bool {
    let resource = &metric["resource"];
    text(metric, "type") == "Resource"
        && text(resource, "name") == "cpu"
        && present(&resource[side], "averageUtilization")
}

fn to_v1(object: &Value) -> Value {
    let mut out = object.clone();
    let (spec, status) = (&object["spec"], &object["status"]);
    let mut notes = Map::new();
    for (of, name, side, percent, annotation) in [
        ("spec", "metrics", "target", "targetCPUUtilizationPercentage", METRICS_ANNOTATION),
        ("status", "currentMetrics", "current", "currentCPUUtilizationPercentage", CURRENT_METRICS),
    ] {
        let metrics = list(&object[of], name);
        let cpu = metrics.iter().find(|metric| is_cpu_share(metric, side));
        let others: Vec<_> = metrics
            .iter()
            // Only the spec leaves out what has a field of its own.
            .filter(|metric| of == "status" || !is_cpu_share(metric, side))
            .map(|metric| flat(metric, side))
            .collect();
        if let Some(part) = out.get_mut(of) {
            fields::remove(part, name);
            let share = cpu.map(|cpu| cpu["resource"][side]["averageUtilization"].clone());
            fields::set(part, percent, share.unwrap_or_default());
        }
        if !others.is_empty() {
            notes.insert(annotation.to_owned(), Value::from(others));
        }
    }
    if present(spec, "behavior") {
        notes.insert(BEHAVIOR.to_owned(), spec["behavior"].clone());
    }
    if !list(status, "conditions").is_empty() {
        notes.insert(CONDITIONS.to_owned(), status["conditions"].clone());
    }
    if let Some(spec) = out.get_mut("spec") {
        fields::remove(spec, "behavior");
    }
    if let Some(status) = out.get_mut("status") {
        fields::remove(status, "conditions");
        fields::default(status, "currentReplicas", 0);
    }
    if !notes.is_empty()
        && let Some(metadata) = fields::object(&mut out, "metadata")
        && let Some(annotations) = fields::object(metadata, "annotations")
    {
        for (name, note) in notes {
            fields::set(annotations, &name, note.to_string().into());
        }
    }
    out
}

fn to_v2(object: &Value) -> Value {
    let mut out = object.clone();
    let note = |name: &str| -> Option<Value> {
        serde_json::from_str(text(&object["metadata"]["annotations"], name)).ok()
    };
    let noted = |name: &str, side: &str| -> Vec<Value> {
        let metrics = note(name).unwrap_or_default();
        let metrics = metrics.as_array().into_iter().flatten();
        metrics.map(|metric| deep(metric, side)).collect()
    };
    let share = number(&object["spec"], "targetCPUUtilizationPercentage");
    let mut metrics = noted(METRICS_ANNOTATION, "target");
    if let Some(percent) = share.or(metrics.is_empty().then_some(CPU_PERCENT)) {
        let target = json!({"type": "Utilization", "averageUtilization": percent});
        metrics
            .insert(0, json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
    }
    if let Some(spec) = out.get_mut("spec") {
        fields::remove(spec, "targetCPUUtilizationPercentage");
        fields::set(spec, "metrics", metrics.into());
        if let Some(behavior) = note(BEHAVIOR) {
            fields::set(spec, "behavior", behavior);
        }
    }
    let mut current = noted(CURRENT_METRICS, "current");
    let used = &object["status"]["currentCPUUtilizationPercentage"];
    if used.is_number() && !current.iter().any(|metric| is_cpu_share(metric, "current")) {
        let resource = json!({"name": "cpu", "current": {"averageUtilization": used}});
        current.insert(0, json!({"type": "Resource", "resource": resource}));
    }
    if let Some(status) = out.get_mut("status").and_then(Value::as_object_mut) {
        status.remove("currentCPUUtilizationPercentage");
        // Without omitempty: null when there are none.
        let current = Some(current).filter(|current| !current.is_empty());
        status.insert("currentMetrics".to_owned(), current.into());
        if let Some(conditions) = note(CONDITIONS) {
            status.insert("conditions".to_owned(), conditions);
        }
        if status.get("currentReplicas") == Some(&json!(0)) {
            status.remove("currentReplicas");
        }
    }
    if let Some(annotations) = out.pointer_mut("/metadata/annotations") {
        for name in [METRICS_ANNOTATION, CURRENT_METRICS, BEHAVIOR, CONDITIONS] {
            fields::remove(annotations, name);
        }
        if fields::vacant(&out["metadata"], "annotations") {
            fields::remove(&mut out["metadata"], "annotations");
        }
    }
    out
}

/// Where a kind of metric is described, and how the two versions name its parts: v2's
/// path and v1's name. `{}` stands for the side, `target` or `current`.
fn parts(kind: &str) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match kind {
        "Resource" => ("resource", RESOURCE),
        "ContainerResource" => ("containerResource", RESOURCE),
        "Pods" => (
            "pods",
            &[
                ("/metric/name", "metricName"),
                ("/metric/selector", "selector"),
                ("/{}/averageValue", "{}AverageValue"),
            ],
        ),
        "Object" => (
            "object",
            &[
                ("/describedObject", "target"),
                ("/metric/name", "metricName"),
                ("/metric/selector", "selector"),
                ("/{}/value", "{}Value"),
                ("/{}/averageValue", "averageValue"),
            ],
        ),
        _ => (
            "external",
            &[
                ("/metric/name", "metricName"),
                ("/metric/selector", "metricSelector"),
                ("/{}/value", "{}Value"),
                ("/{}/averageValue", "{}AverageValue"),
            ],
        ),
    }
}

const RESOURCE: &[(&str, &str)] = &[
    ("/name", "name"),
    ("/container", "container"),
    ("/{}/averageUtilization", "{}AverageUtilization"),
    ("/{}/averageValue", "{}AverageValue"),
];

/// A metric of v2 as v1 writes it.
fn flat(metric: &Value, side: &str) -> Value {
    let kind = text(metric, "type");
    let (field, parts) = parts(kind);
    let mut source = json!({});
    for (path, name) in parts {
        let value = metric[field].pointer(&path.replace("{}", side));
        let value = value.cloned().unwrap_or_default();
        fields::set(&mut source, &name.replace("{}", side), value);
    }
    json!({"type": kind, field: source})
}

/// A metric of v1 as v2 has it.
fn deep(metric: &Value, side: &str) -> Value {
    let kind = text(metric, "type");
    let (field, parts) = parts(kind);
    let mut source = json!({});
    for (path, name) in parts {
        let Some(value) = metric[field].get(name.replace("{}", side)) else {
            continue;
        };
        let path = path.replace("{}", side);
        let mut place = &mut source;
        for step in path.split('/').skip(1) {
            place = &mut place[step];
        }
        *place = value.clone();
    }
    if side == "target" {
        let values = &source["target"];
        let sort = if present(values, "averageUtilization") {
            "Utilization"
        } else if present(values, "averageValue") {
            "AverageValue"
        } else {
            "Value"
        };
        source["target"]["type"] = sort.into();
    }
    json!({"type": kind, field: source})
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::convert;

    #[test]
    fn everything_returns_from_the_other_version() {
        let stored = json!({
            "apiVersion": "autoscaling/v2", "metadata": {"name": "h", "annotations": {"own": "x"}},
            "spec": {
                "minReplicas": 1, "maxReplicas": 3,
                "metrics": [
                    {"type": "Resource", "resource": {"name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 70}}},
                    {"type": "Pods", "pods": {"metric": {"name": "q"},
                        "target": {"type": "AverageValue", "averageValue": "5"}}},
                    {"type": "Object", "object": {"metric": {"name": "r"},
                        "describedObject": {"kind": "Ingress", "name": "i"},
                        "target": {"type": "Value", "value": "1k"}}},
                ],
                "behavior": {"scaleDown": {"selectPolicy": "Max"}},
            },
            "status": {
                "currentReplicas": 2, "desiredReplicas": 2,
                "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu",
                    "current": {"averageUtilization": 40, "averageValue": "4m"}}}],
                "conditions": [{"type": "AbleToScale", "status": "True"}],
            },
        });
        let one = convert(&stored, "v1");
        assert_eq!(
            one["spec"],
            json!({
                "minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 70,
            })
        );
        assert_eq!(
            one["status"],
            json!({
                "currentReplicas": 2, "desiredReplicas": 2, "currentCPUUtilizationPercentage": 40,
            })
        );
        assert_eq!(
            one["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/behavior"],
            "{\"scaleDown\":{\"selectPolicy\":\"Max\"}}"
        );
        assert_eq!(convert(&one, "v2"), stored);
        assert_eq!(convert(&one, "v1"), one);
    }

    #[test]
    fn a_plain_one_has_no_annotations() {
        let one = json!({
            "apiVersion": "autoscaling/v1", "metadata": {"name": "h"},
            "spec": {"maxReplicas": 3}, "status": {"currentReplicas": 0, "desiredReplicas": 0},
        });
        let two = convert(&one, "v2");
        assert_eq!(two["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
        assert_eq!(two["status"], json!({"desiredReplicas": 0, "currentMetrics": null}));
        let back = convert(&two, "v1");
        assert_eq!(back["metadata"], one["metadata"]);
        assert_eq!(back["status"], one["status"]);
        assert_eq!(back["spec"]["targetCPUUtilizationPercentage"], 80);
    }
}
