#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use crate::builtin::workloads::tests::{created, findings};

const OF: (&str, &str) = ("autoscaling", "horizontalpodautoscalers");

fn autoscaler(version: &str, more: Value) -> Value {
    let mut object = json!({
        "apiVersion": format!("autoscaling/{version}"), "metadata": {"name": "h"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}},
    });
    for (name, value) in more.as_object().unwrap() {
        object["spec"][name] = value.clone();
    }
    object
}

#[test]
fn defaults_of_both_versions() {
    let one = created(OF.0, OF.1, autoscaler("v1", json!({})));
    assert_eq!(one["spec"]["minReplicas"], 1);
    assert_eq!(one["spec"]["targetCPUUtilizationPercentage"], 80);
    assert_eq!(one["status"], json!({"currentReplicas": 0, "desiredReplicas": 0}));

    let two = created(
        OF.0,
        OF.1,
        autoscaler("v2", json!({"behavior": {"scaleDown": {"selectPolicy": "Min"}}})),
    );
    assert_eq!(
        two["spec"]["metrics"],
        json!([{"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80},
        }}])
    );
    assert_eq!(
        two["spec"]["behavior"],
        json!({
            "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
                {"type": "Pods", "value": 4, "periodSeconds": 15},
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ]},
            "scaleDown": {"selectPolicy": "Min", "policies": [
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ]},
        })
    );
    assert_eq!(two["status"], json!({"desiredReplicas": 0, "currentMetrics": null}));
}

#[test]
fn refused_autoscalers() {
    let metric = |metric: Value| json!({"metrics": [metric]});
    for (more, fields) in [
        (json!({}), vec![]),
        (json!({"minReplicas": 0}), vec!["spec.minReplicas"]),
        (json!({"minReplicas": 5}), vec!["spec.maxReplicas"]),
        (
            json!({"maxReplicas": 0, "minReplicas": null}),
            vec!["spec.maxReplicas", "spec.maxReplicas"],
        ),
        (
            json!({"scaleTargetRef": {"kind": "a/b"}}),
            vec!["spec.scaleTargetRef.kind", "spec.scaleTargetRef.name"],
        ),
        (metric(json!({"type": "Resource"})), vec!["spec.metrics[0].resource"]),
        (metric(json!({"type": "X"})), vec!["spec.metrics[0].type"]),
        (
            metric(
                json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}),
            ),
            vec!["spec.metrics[0].resource.target.averageUtilization"],
        ),
        (
            metric(
                json!({"type": "Pods", "pods": {"metric": {"name": "q"}, "target": {"type": "AverageValue", "averageValue": "1"}},
                          "external": {}}),
            ),
            vec!["spec.metrics[0].external"],
        ),
        (
            json!({"behavior": {"scaleUp": {"stabilizationWindowSeconds": 3601, "policies": [{"type": "Pods"}]}}}),
            vec![
                "spec.behavior.scaleUp.stabilizationWindowSeconds",
                "spec.behavior.scaleUp.policies[0].value",
                "spec.behavior.scaleUp.policies[0].periodSeconds",
            ],
        ),
    ] {
        let found = findings(OF.0, OF.1, autoscaler("v2", more.clone()));
        let found: Vec<_> = found.iter().map(|(_, field)| field.as_str()).collect();
        assert_eq!(found, fields, "{more}");
    }
    let odd = autoscaler("v1", json!({"targetCPUUtilizationPercentage": 0}));
    assert_eq!(findings(OF.0, OF.1, odd)[0].1, "spec.targetCPUUtilizationPercentage");
}
