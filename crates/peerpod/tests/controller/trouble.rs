//! What an API server refuses, and one that is away.

use axum::http::{Method, StatusCode};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kubewright_peerpod::options::WebhookMode;
use kubewright_testkit::require;
use kubewright_testkit::until::until;
use serde_json::json;

use super::fixture::{Cluster, seats_of};

const FORBIDDEN: (StatusCode, &str) = (StatusCode::FORBIDDEN, "Forbidden");
const AWAY: (StatusCode, &str) = (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");

/// Waits until the nodes that can be written advertise so many together.
async fn together(cluster: &Cluster, seats: u64) {
    until(&cluster.nodes(), |nodes| nodes.values().filter_map(seats_of).sum::<u64>() == seats)
        .await;
}

#[tokio::test]
async fn one_node_that_cannot_be_written_holds_up_no_other() {
    require!(let cluster = Cluster::start().await);
    cluster.several(3).await;
    cluster.spy.refuse(|method, path| {
        (*method == Method::PATCH && path.ends_with("/nodes/node-1/status")).then_some(FORBIDDEN)
    });
    cluster.config("c", json!({"limit": "6"})).await;
    let _running = cluster.run(cluster.options());
    together(&cluster, 4).await;
    let message = cluster.condition("c", "CapacityAdvertised", "False", "Refused").await;
    assert!(message.starts_with("node node-1: ") && message.contains("by the test"), "{message}");
    // Others are written at once while it waits. Its own number changes as well, which is another
    // attempt; between them there are few.
    for limit in ["9", "12", "15"] {
        cluster.change("c", json!({"limit": limit})).await;
        together(&cluster, limit.parse::<u64>().unwrap() / 3 * 2).await;
    }
    cluster.change("c", json!({"maxPerNode": 5})).await;
    cluster.spy.allow();
    cluster.spread(&[5, 5, 5]).await;
    cluster.condition("c", "Ready", "True", "Ready").await;
}

#[tokio::test]
async fn what_admission_refuses_is_told_in_the_status() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    cluster.spy.refuse(|method, path| {
        (*method == Method::PATCH && path.contains("/daemonsets/")).then_some(FORBIDDEN)
    });
    let adaptor = json!({"enabled": true, "image": "adaptor:1"});
    cluster.config("c", json!({"limit": "2", "adaptor": adaptor})).await;
    let _running = cluster.run(cluster.options());
    let message = cluster.condition("c", "DaemonSetReady", "False", "Refused").await;
    assert!(message.starts_with("peer-pod-controller-caa-daemon cannot be written: "), "{message}");
    cluster.spread(&[2]).await;
    cluster.spy.allow();
    let sets = Api::<DaemonSet>::default_namespaced(cluster.client.clone());
    until(&sets, |all| !all.is_empty()).await;
    cluster.condition("c", "DaemonSetReady", "False", "Pending").await;
}

/// Who deletes a config right after it was made must not find its capacity on the nodes for ever.
#[tokio::test]
async fn nothing_is_written_for_a_config_that_cannot_be_held() {
    require!(let cluster = Cluster::start().await);
    cluster.several(2).await;
    cluster.spy.refuse(|method, path| {
        let finalizer = *method == Method::PATCH && path.ends_with("/peerpodconfigs/c");
        finalizer.then_some(FORBIDDEN)
    });
    cluster.config("c", json!({"limit": "4"})).await;
    let _running = cluster.run(cluster.options());
    cluster.condition("c", "CapacityAdvertised", "False", "Pending").await;
    assert_eq!(cluster.spy.writes_to("/nodes/"), 0);
    cluster.spy.allow();
    cluster.spread(&[2, 2]).await;
}

/// Whoever updates kubewright and not its roles, say.
#[tokio::test]
async fn what_cannot_be_removed_is_told_and_keys_hold_up_nothing() {
    require!(let cluster = Cluster::start().await);
    cluster.several(1).await;
    let mut options = cluster.options();
    options.webhook = WebhookMode::Deployed { image: "kubewright:test".to_owned() };
    cluster.config("c", json!({"limit": "4", "webhook": {"enabled": true}})).await;
    let _running = cluster.run(options);
    cluster.spread(&[4]).await;
    cluster.condition("c", "WebhookReady", "False", "Unavailable").await;
    cluster.spy.refuse(|method, path| {
        let refused = path.contains("/services/") || path.contains("/secrets/");
        (*method == Method::DELETE && refused).then_some(FORBIDDEN)
    });
    cluster.delete("c").await;
    until(&cluster.configs(), |configs| {
        let conditions = configs["c"].status.iter().flat_map(|status| &status.conditions);
        conditions.into_iter().any(|one| one.message.contains("cannot be removed yet: DELETE"))
    })
    .await;
    cluster.spy.refuse(|method, path| {
        (*method == Method::DELETE && path.contains("/secrets/")).then_some(FORBIDDEN)
    });
    until(&cluster.configs(), |configs| configs.is_empty()).await;
    cluster.spy.allow();
    let secrets = Api::<Secret>::default_namespaced(cluster.client.clone());
    until(&secrets, |all| !all.keys().any(|name| name.starts_with("kubewright-peerpod"))).await;
}

#[tokio::test]
async fn a_config_that_is_deleted_while_the_api_server_is_away_is_cleaned_up() {
    require!(let cluster = Cluster::start().await);
    cluster.several(2).await;
    cluster.config("c", json!({"limit": "4"})).await;
    let running = cluster.run(cluster.options());
    cluster.spread(&[2, 2]).await;
    running.kill().await;
    // Nothing gets through, also not to a controller that starts now.
    cluster.spy.refuse(|_, _| Some(AWAY));
    let before = cluster.spy.requests();
    let _running = cluster.run(cluster.options());
    cluster.spy.reached(before + 20).await;
    cluster.delete("c").await;
    cluster.spread(&[2, 2]).await;
    // It reads again, but cannot write yet.
    cluster.spy.refuse(|method, _| (*method != Method::GET).then_some(AWAY));
    let writes = cluster.spy.writes().len();
    until_attempted(&cluster, writes + 2).await;
    cluster.spread(&[2, 2]).await;
    cluster.spy.allow();
    cluster.advertises(&[("node-0", None), ("node-1", None)]).await;
    until(&cluster.configs(), |configs| configs.is_empty()).await;
}

/// Waits until so many writes have been tried, refused or not.
async fn until_attempted(cluster: &Cluster, writes: usize) {
    while cluster.spy.writes().len() < writes {
        let requests = cluster.spy.requests();
        cluster.spy.reached(requests + 1).await;
    }
}
