//! PeerPod objects of the upstream adaptor.

use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kubewright_operator::Shutdown;
use kubewright_peerpod::Controller;
use kubewright_testkit::require;
use kubewright_testkit::until::until;
use prometheus_client::registry::Registry;
use serde_json::json;

use super::fixture::Cluster;

#[tokio::test]
async fn an_orphan_is_counted_and_told_of() {
    require!(let cluster = Cluster::start().await);
    let crd = json!({
        "metadata": {"name": "peerpods.confidentialcontainers.org"},
        "spec": {
            "group": "confidentialcontainers.org", "scope": "Namespaced",
            "names": {"kind": "PeerPod", "plural": "peerpods", "singular": "peerpod", "listKind": "PeerPodList"},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                }},
            }],
        },
    });
    cluster.cluster.install(serde_json::from_value(crd).unwrap()).await;
    let kind = GroupVersionKind::gvk("confidentialcontainers.org", "v1alpha1", "PeerPod");
    let resource = ApiResource::from_gvk(&kind);
    let api = Api::<DynamicObject>::default_namespaced_with(cluster.client.clone(), &resource);
    let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}]);
    for (name, owners) in [("lives", owner), ("orphan", json!([]))] {
        let object = json!({
            "apiVersion": "confidentialcontainers.org/v1alpha1", "kind": "PeerPod",
            "metadata": {"name": name, "ownerReferences": owners, "finalizers": ["peer.pod/finalizer"]},
            "spec": {"cloudProvider": "aws", "instanceID": "i-1"},
        });
        let object = serde_json::from_value(object).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap();
    }
    let mut registry = Registry::default();
    let client = cluster.spy.client(cluster.controller());
    let controller = Controller::new(client, cluster.options()).counting_in(&mut registry);
    let shutdown = Shutdown::new();
    let running = tokio::spawn(controller.run(shutdown.clone()));
    let events = Api::<Event>::default_namespaced(cluster.client.clone());
    let told = until(&events, |events| !events.is_empty()).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let event = told.into_values().next().unwrap();
    assert_eq!(event.reason.as_deref(), Some("Orphaned"));
    assert_eq!(event.regarding.unwrap().name.as_deref(), Some("orphan"));
    shutdown.trigger();
    running.await.unwrap().unwrap();

    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("peerpod_peer_pod_objects 2\n"), "{text}");
    assert!(text.contains("peerpod_orphaned_peer_pod_objects 1\n"), "{text}");
    assert_eq!(cluster.spy.writes().len(), 1, "the event: {:?}", cluster.spy.writes());
    // Else its namespace could not go.
    let release = json!({"metadata": {"finalizers": null}});
    for name in ["lives", "orphan"] {
        let patch = kube::api::Patch::Merge(&release);
        api.patch(name, &kube::api::PatchParams::default(), &patch).await.unwrap();
    }
}
