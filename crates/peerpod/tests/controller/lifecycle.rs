//! From a config's first sight to its end.

use kube::ResourceExt;
use kubewright_testkit::require;
use kubewright_testkit::until::until;
use serde_json::json;

use super::fixture::Cluster;

#[tokio::test]
async fn a_deleted_config_waits_for_its_peer_pods() {
    require!(let cluster = Cluster::start().await);
    cluster.several(2).await;
    cluster.peer_pod("p", "node-0").await;
    cluster.config("c", json!({"limit": "10"})).await;
    let _running = cluster.run(cluster.options());
    cluster.spread(&[5, 5]).await;
    cluster.delete("c").await;
    // No new one may come, and the one that runs is not taken away from under its node.
    cluster.advertises(&[("node-0", Some(1)), ("node-1", None)]).await;
    let message = cluster.condition("c", "Ready", "False", "Deleting").await;
    assert!(message.starts_with("1 seats are held"), "{message}");
    cluster.end_pod("p").await;
    cluster.advertises(&[("node-0", None)]).await;
    until(&cluster.configs(), |configs| configs.is_empty()).await;
}

#[tokio::test]
async fn a_deleted_config_need_not_wait() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    cluster.peer_pod("p", "a").await;
    cluster.config("c", json!({"limit": "10", "deletionPolicy": "Orphan"})).await;
    let _running = cluster.run(cluster.options());
    cluster.advertises(&[("a", Some(10))]).await;
    cluster.delete("c").await;
    cluster.advertises(&[("a", None)]).await;
    until(&cluster.configs(), |configs| configs.is_empty()).await;
}

#[tokio::test]
async fn a_config_is_held_while_nobody_cleans_up() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    cluster.config("c", json!({"limit": "3"})).await;
    let running = cluster.run(cluster.options());
    cluster.advertises(&[("a", Some(3))]).await;
    running.kill().await;
    cluster.delete("c").await;
    let held = cluster.configs().get("c").await.unwrap();
    assert_eq!(held.finalizers(), ["kubewright.io/peerpod"]);
    let _running = cluster.run(cluster.options());
    cluster.advertises(&[("a", None)]).await;
    until(&cluster.configs(), |configs| configs.is_empty()).await;
}

#[tokio::test]
async fn a_config_that_cannot_be_read_keeps_what_it_has() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    cluster.config("c", json!({"limit": "3"})).await;
    let _running = cluster.run(cluster.options());
    cluster.advertises(&[("a", Some(3))]).await;
    // The schema cannot look into the older selector.
    cluster.change("c", json!({"nodeSelector": {"matchLables": {"a": "b"}}})).await;
    let message = cluster.condition("c", "Ready", "False", "Invalid").await;
    assert!(message.contains("it has a field \"matchLables\""), "{message}");
    cluster.advertises(&[("a", Some(3))]).await;
    cluster.change("c", json!({"nodeSelector": null})).await;
    cluster.condition("c", "Ready", "True", "Ready").await;
}
