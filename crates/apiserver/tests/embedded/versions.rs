//! Kinds that are served in several versions and stored in one.

use k8s_openapi::api::autoscaling::{v1, v2};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kubewright_apiserver::Server;
use serde_json::json;

#[tokio::test]
async fn autoscalers_are_the_same_in_both_versions() {
    let server = Server::builder().start().await.unwrap();
    let old: Api<v1::HorizontalPodAutoscaler> = Api::default_namespaced(server.client());
    let new: Api<v2::HorizontalPodAutoscaler> = Api::default_namespaced(server.client());
    let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "d" });
    let scaler = json!({ "metadata": { "name": "a" }, "spec": { "maxReplicas": 5,
        "scaleTargetRef": target, "targetCPUUtilizationPercentage": 60 } });
    let scaler = serde_json::from_value(scaler).unwrap();
    old.create(&PostParams::default(), &scaler).await.unwrap();

    let seen = new.get("a").await.unwrap().spec.unwrap();
    let metric = seen.metrics.unwrap().remove(0).resource.unwrap();
    assert_eq!((&*metric.name, metric.target.average_utilization), ("cpu", Some(60)));

    // What only the new version knows survives a write through the old one.
    let memory = json!({ "spec": { "metrics": [
        { "type": "Resource", "resource": { "name": "cpu",
            "target": { "type": "Utilization", "averageUtilization": 70 } } },
        { "type": "Resource", "resource": { "name": "memory",
            "target": { "type": "AverageValue", "averageValue": "1Gi" } } } ] } });
    new.patch("a", &PatchParams::default(), &Patch::Merge(memory)).await.unwrap();
    let spec = old.get("a").await.unwrap().spec.unwrap();
    assert_eq!(spec.target_cpu_utilization_percentage, Some(70));
    let more = json!({ "spec": { "maxReplicas": 9 } });
    old.patch("a", &PatchParams::default(), &Patch::Merge(more)).await.unwrap();
    let seen = new.get("a").await.unwrap();
    let spec = seen.spec.unwrap();
    assert_eq!((spec.max_replicas, spec.metrics.map(|all| all.len())), (9, Some(2)));
    assert!(seen.metadata.annotations.is_none(), "what v1 keeps there is not stored");
    let listed = old.list(&Default::default()).await.unwrap();
    assert_eq!(listed.items[0].spec.as_ref().unwrap().max_replicas, 9);
}
