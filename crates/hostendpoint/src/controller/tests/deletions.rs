//! Deletions against a server.

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kubewright_testkit::{require, require::Skip};
use serde_json::json;

use super::cluster::{Cluster, at_once, until};
use crate::{observed::Limits, options::Options};

async fn ten_nodes() -> Result<Cluster, Skip> {
    let cluster = Cluster::start().await?;
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "lockout": "Ignore"})).await;
    for n in 0..10 {
        cluster.node(&format!("n{n}"), json!({})).await;
    }
    Ok(cluster)
}

#[tokio::test]
async fn mass_deletion_is_held_with_condition_and_event_until_confirmed() {
    require!(let cluster = ten_nodes().await);
    let running = cluster.run(at_once());
    until(&cluster.endpoints(), |all| all.len() == 10).await;
    cluster.condition("t", "Ready", "True", "AllEndpointsPresent").await;
    running.stop().await;
    // While no controller runs, most nodes go.
    for n in 0..6 {
        cluster.delete_node(&format!("n{n}")).await;
    }
    let running = cluster.run(at_once());
    let message = cluster.condition("t", "DeletionBlocked", "True", "MassDeletion").await;
    assert!(
        message.contains("6 of 10 nodes")
            && message.contains("kubewright.io/confirm-mass-delete=6"),
        "{message}"
    );
    let events = Api::<Event>::all(cluster.client.clone());
    until(&events, |all| all.values().any(|event| event.reason.as_deref() == Some("MassDeletion")))
        .await;
    assert_eq!(cluster.endpoints().list(&Default::default()).await.unwrap().items.len(), 10);
    // What protects goes on meanwhile.
    cluster.node("n9x", json!({})).await;
    until(&cluster.endpoints(), |all| all.contains_key("n9x-eth0")).await;
    let annotation =
        json!({"metadata": {"annotations": {"kubewright.io/confirm-mass-delete": "6"}}});
    cluster.merge(&cluster.templates(), "t", annotation).await;
    cluster.has(&["n6-eth0", "n7-eth0", "n8-eth0", "n9-eth0", "n9x-eth0"]).await;
    cluster.condition("t", "DeletionBlocked", "False", "NothingHeld").await;
    running.stop().await;
}

#[tokio::test]
async fn the_flag_confirms_too() {
    require!(let cluster = ten_nodes().await);
    let running = cluster.run(at_once());
    until(&cluster.endpoints(), |all| all.len() == 10).await;
    running.stop().await;
    for n in 0..10 {
        cluster.delete_node(&format!("n{n}")).await;
    }
    let confirmed =
        Options { limits: Limits { mass_confirmed: true, ..at_once().limits }, ..at_once() };
    let running = cluster.run(confirmed);
    cluster.has(&[]).await;
    running.stop().await;
}

#[tokio::test]
async fn nodes_that_only_the_watch_has_lost_keep_their_endpoints() {
    require!(let cluster = Cluster::start().await);
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "lockout": "Ignore"})).await;
    cluster.node("n1", json!({})).await;
    let running = cluster.run(at_once());
    cluster.has(&["n1-eth0"]).await;
    running.stop().await;
    // An endpoint for a node that is gone, and a server that will not say so.
    cluster.delete_node("n1").await;
    cluster.spy.refuse(|method, path| {
        (*method == http::Method::GET && path == "/api/v1/nodes/n1")
            .then_some((http::StatusCode::FORBIDDEN, "Forbidden"))
    });
    let running = cluster.run(at_once());
    cluster.node("n2", json!({})).await;
    cluster.has(&["n1-eth0", "n2-eth0"]).await;
    assert_eq!(cluster.spy.writes().iter().filter(|write| write.starts_with("DELETE")).count(), 0);
    cluster.spy.allow();
    cluster.has(&["n2-eth0"]).await;
    running.stop().await;
}

#[tokio::test]
async fn an_endpoint_with_a_finalizer_is_waited_for() {
    require!(let cluster = Cluster::start().await);
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "lockout": "Ignore"})).await;
    cluster.node("n1", json!({})).await;
    let running = cluster.run(at_once());
    cluster.has(&["n1-eth0"]).await;
    let finalizer = json!({"metadata": {"finalizers": ["example.org/wait"]}});
    cluster.merge(&cluster.endpoints(), "n1-eth0", finalizer).await;
    cluster.delete_node("n1").await;
    until(&cluster.endpoints(), |all| all["n1-eth0"].metadata.deletion_timestamp.is_some()).await;
    // The node comes back: the endpoint can be made again once it is gone.
    cluster.node("n1", json!({})).await;
    cluster.merge(&cluster.endpoints(), "n1-eth0", json!({"metadata": {"finalizers": null}})).await;
    until(&cluster.endpoints(), |all| {
        all.get("n1-eth0").is_some_and(|endpoint| endpoint.metadata.deletion_timestamp.is_none())
    })
    .await;
    running.stop().await;
}
