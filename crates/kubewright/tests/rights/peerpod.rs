//! Peer pods.

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use kubewright_operator::Shutdown;
use kubewright_peerpod::PeerPods;
use kubewright_peerpod::api::PeerPodConfig;
use kubewright_peerpod::options::WebhookMode;
use serde_json::json;

use crate::lab::{Lab, NAMESPACE, foreign, scraped};
use crate::{exposed, panels};

pub(crate) const METRICS: &[&str] = &[
    "kubewright_peerpod_advertised",
    "kubewright_peerpod_held",
    "kubewright_peerpod_limit",
    "kubewright_peerpod_obstructed_",
    "kubewright_peerpod_orphaned_",
];

/// A life of a config: its capacity, adaptor and webhook come, and go with it.
#[tokio::test(flavor = "multi_thread")]
async fn peer_pods_live_with_exactly_their_rights() {
    let lab = Lab::of("peerpod").await;
    let group = "confidentialcontainers.org";
    lab.define(&foreign(group, "v1alpha1", "PeerPod", "peerpods", "Namespaced")).await;
    lab.apply(&json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "a" } })).await;
    let mut options = kubewright_peerpod::options::Options::default();
    options.namespace = NAMESPACE.to_owned();
    options.webhook = WebhookMode::Deployed { image: "kubewright".to_owned() };
    let leader = lab.leader("kubewright-peerpod").await;
    let manager = lab.manager("kubewright-controllers", Some("kubewright-peerpod")).await;
    let health = manager.health_address().unwrap();
    let controller = PeerPods::new(options, manager.metrics());
    let shutdown = Shutdown::new();
    let running = tokio::spawn(manager.controller(controller).run(shutdown.clone()));
    lab.hand_over(leader).await;
    let configs = Api::<PeerPodConfig>::namespaced(lab.admin.clone(), "default");
    lab.apply(&json!({
        "apiVersion": "confidentialcontainers.org/v1alpha1", "kind": "PeerPodConfig",
        "metadata": { "name": "c", "namespace": "default" },
        "spec": { "limit": "3", "adaptor": { "image": "i" } },
    }))
    .await;
    let made = |config: Option<&PeerPodConfig>| {
        let status = config.and_then(|config| config.status.as_ref());
        status.is_some_and(|status| {
            let reason = |reason: &str| status.conditions.iter().any(|one| one.reason == reason);
            status.advertised == 0 && status.nodes == 1 && reason("Unavailable")
        })
    };
    lab.wait("everything is made", configs.clone(), "c", made).await;
    let ready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
    let nodes: Api<Node> = Api::all(lab.admin.clone());
    nodes.patch_status("a", &PatchParams::default(), &Patch::Merge(&ready)).await.unwrap();
    let advertises = |config: Option<&PeerPodConfig>| {
        let status = config.and_then(|config| config.status.as_ref());
        status.is_some_and(|status| status.advertised == 3)
    };
    lab.wait("the node advertises", configs.clone(), "c", advertises).await;
    let text = scraped(health).await;
    panels::assert_exposed(METRICS, &text);
    exposed::assert_in_reference(&text);
    configs.delete("c", &DeleteParams::default()).await.unwrap();
    let gone = |config: Option<&PeerPodConfig>| config.is_none();
    lab.wait("the config goes", configs, "c", gone).await;
    shutdown.trigger();
    running.await.unwrap().unwrap();

    // Owner references that block deletion: servers that enforce it (OpenShift's do, the embedded
    // one does not) ask for this right when one is set.
    lab.implied("update", group, "peerpodconfigs/finalizers", None);
    lab.assert_exact(|role| role == "kubewright-peerpod");
}
