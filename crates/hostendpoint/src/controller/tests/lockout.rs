//! The lockout preflight against a server.

use kube::{Api, core::DynamicObject};
use kubewright_testkit::require;
use serde_json::json;

use super::cluster::{Cluster, at_once, calico_crd};

#[tokio::test]
async fn an_endpoint_is_refused_until_a_policy_lets_the_kubelet_through() {
    require!(let cluster = Cluster::start().await);
    let policies = calico_crd(cluster.group, "GlobalNetworkPolicy", "globalnetworkpolicies");
    cluster.install(policies).await;
    cluster
        .template("t", json!({"interfaces": [{"name": "eth0"}], "labels": {"role": "edge"}}))
        .await;
    cluster.node("n1", json!({})).await;
    let running = cluster.run(at_once());
    let message = cluster.condition("t", "Ready", "False", "LockoutRefused").await;
    assert!(message.contains("no policy selects it and it has no profile"), "{message}");
    assert!(message.contains("tcp/10250 to the node is denied"), "{message}");
    assert_eq!(cluster.spy.writes_to("/hostendpoints"), 0);
    let resource = cluster.group.global_network_policies();
    let api = Api::<DynamicObject>::all_with(cluster.client.clone(), &resource);
    let policy = |ports: serde_json::Value| {
        json!({
            "apiVersion": cluster.group.api_version(), "kind": "GlobalNetworkPolicy",
            "metadata": {"name": "edge"},
            "spec": {
                "selector": "role == 'edge'", "types": ["Ingress", "Egress"],
                "ingress": [{"action": "Allow", "protocol": "TCP", "destination": {"ports": ports}}],
                "egress": [{"action": "Allow"}],
            },
        })
    };
    cluster.create(&api, policy(json!([443, "10250:10255"]))).await;
    cluster.has(&["n1-eth0"]).await;
    cluster.condition("t", "Ready", "True", "AllEndpointsPresent").await;
    // A policy that gets stricter later is reported; the endpoint stays.
    let ports = policy(json!([443]))["spec"]["ingress"].clone();
    cluster.merge(&api, "edge", json!({"spec": {"ingress": ports}})).await;
    let message = cluster.condition("t", "LockoutRisk", "True", "LockoutRisk").await;
    assert!(message.contains("tcp/10250 to the node is denied"), "{message}");
    cluster.has(&["n1-eth0"]).await;
    running.stop().await;
}
