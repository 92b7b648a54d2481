//! What the controller does day by day.

use kubewright_testkit::require;
use serde_json::json;

use super::cluster::{Cluster, at_once, calico_crd, until};
use crate::api::{CalicoGroup, MANAGED_BY, MANAGED_BY_LABEL};

#[tokio::test]
async fn endpoints_follow_nodes_in_both_groups() {
    for group in [CalicoGroup::CrdV1, CalicoGroup::ProjectV3] {
        require!(let cluster = Cluster::start_in(group).await);
        cluster.defaults().await;
        cluster.worker("n1").await;
        let running = cluster.run(at_once());
        let all = cluster.has(&["n1-bond0", "n1-tunl0"]).await;
        assert_eq!(all["n1-bond0"].spec.interface_name, "bond0");
        let labels = all["n1-tunl0"].metadata.labels.clone().unwrap();
        assert_eq!(labels["host-endpoint"], "tunl");
        assert_eq!(labels[MANAGED_BY_LABEL], MANAGED_BY);
        // A node that comes, one that becomes a VPN node, one that goes.
        cluster.worker("n2").await;
        cluster.has(&["n1-bond0", "n1-tunl0", "n2-bond0", "n2-tunl0"]).await;
        cluster
            .merge(&cluster.nodes(), "n2", json!({"metadata": {"labels": {"nodetype": "vpn"}}}))
            .await;
        cluster.has(&["n1-bond0", "n1-tunl0", "n2-bond0", "n2-tunl0", "n2-vti1", "n2-vti2"]).await;
        cluster.delete_node("n1").await;
        cluster.has(&["n2-bond0", "n2-tunl0", "n2-vti1", "n2-vti2"]).await;
        cluster.condition("worker-vpn", "Ready", "True", "AllEndpointsPresent").await;
        running.stop().await;
    }
}

#[tokio::test]
async fn the_crds_win_where_both_groups_are_served() {
    require!(let cluster = Cluster::start().await);
    cluster.install(calico_crd(CalicoGroup::ProjectV3, "HostEndpoint", "hostendpoints")).await;
    cluster.defaults().await;
    cluster.worker("n1").await;
    let running = cluster.run(at_once());
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    running.stop().await;
    // Unless an option says otherwise.
    let running =
        cluster.run(crate::options::Options { group: Some(CalicoGroup::ProjectV3), ..at_once() });
    let v3 = Cluster { group: CalicoGroup::ProjectV3, ..cluster };
    v3.has(&["n1-bond0", "n1-tunl0"]).await;
    running.stop().await;
}

#[tokio::test]
async fn status_counts_nodes_and_endpoints() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    for name in ["n1", "n2", "n3"] {
        cluster.worker(name).await;
    }
    let running = cluster.run(at_once());
    let all = until(&cluster.templates(), |all| {
        all.values().all(|template| template.status.is_some())
            && all["worker-ingress"].status.as_ref().is_some_and(|status| status.endpoints == 3)
    })
    .await;
    let status = all["worker-ingress"].status.clone().unwrap();
    assert_eq!((status.matched_nodes, status.endpoints), (3, 3));
    assert_eq!(status.observed_generation, all["worker-ingress"].metadata.generation);
    assert_eq!(all["worker-vpn"].status.as_ref().unwrap().matched_nodes, 0);
    let risk = cluster.condition("worker-ingress", "LockoutRisk", "True", "LockoutRisk").await;
    assert!(
        risk.contains("node n1: endpoint n1-bond0 may cut the node off")
            && risk.contains("2 other nodes"),
        "{risk}"
    );
    running.stop().await;
}

#[tokio::test]
async fn drift_is_repaired_and_labels_of_others_stay() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    let running = cluster.run(at_once());
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    let drift = json!({
        "metadata": {"labels": {"host-endpoint": "hacked", "team": "a"}},
        "spec": {"node": "elsewhere", "interfaceName": "lo", "profiles": ["projectcalico-default-allow"]},
    });
    cluster.merge(&cluster.endpoints(), "n1-bond0", drift).await;
    let all = until(&cluster.endpoints(), |all| {
        all.get("n1-bond0").is_some_and(|endpoint| {
            endpoint.spec.node == "n1"
                && endpoint.spec.interface_name == "bond0"
                && endpoint.spec.profiles.is_empty()
        })
    })
    .await;
    let labels = all["n1-bond0"].metadata.labels.clone().unwrap();
    assert_eq!((labels["host-endpoint"].as_str(), labels["team"].as_str()), ("ingress", "a"));
    // Deleting is drift, too.
    cluster.endpoints().delete("n1-tunl0", &Default::default()).await.unwrap();
    until(&cluster.endpoints(), |all| {
        all.get("n1-tunl0").is_some_and(|endpoint| endpoint.metadata.deletion_timestamp.is_none())
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn changed_templates_are_carried_over_to_their_endpoints() {
    require!(let cluster = Cluster::start().await);
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "labels": {"a": "1", "b": "2"}, "lockout": "Ignore"})).await;
    cluster.node("n1", json!({})).await;
    let running = cluster.run(at_once());
    cluster.has(&["n1-eth0"]).await;
    cluster
        .merge(
            &cluster.templates(),
            "t",
            json!({"spec": {"labels": {"a": "x", "b": null}, "profiles": ["p"]}}),
        )
        .await;
    let all = until(&cluster.endpoints(), |all| all["n1-eth0"].spec.profiles == ["p"]).await;
    let labels = all["n1-eth0"].metadata.labels.clone().unwrap();
    assert_eq!(labels["a"], "x");
    assert!(!labels.contains_key("b"), "a label that is no longer wanted goes");
    cluster
        .merge(&cluster.templates(), "t", json!({"spec": {"interfaces": [{"name": "eth1"}]}}))
        .await;
    cluster.has(&["n1-eth1"]).await;
    running.stop().await;
}

#[tokio::test]
async fn the_metadata_annotation_of_calico_is_kept_right() {
    require!(let cluster = Cluster::start().await);
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "labels": {"role": "edge"}, "adopt": "Matching", "lockout": "Ignore"})).await;
    cluster.create(&cluster.endpoints(), json!({
        "apiVersion": "crd.projectcalico.org/v1", "kind": "HostEndpoint",
        "metadata": {"name": "n1-eth0", "annotations": {"projectcalico.org/metadata": r#"{"uid":"x","labels":{"theirs":"1"}}"#}},
        "spec": {"node": "n1", "interfaceName": "eth0"},
    })).await;
    cluster.node("n1", json!({})).await;
    let running = cluster.run(at_once());
    let annotation = |endpoint: &crate::api::HostEndpoint| {
        endpoint.metadata.annotations.as_ref().unwrap()["projectcalico.org/metadata"].clone()
    };
    let all =
        until(&cluster.endpoints(), |all| annotation(&all["n1-eth0"]).contains(r#""role":"edge""#))
            .await;
    let text = annotation(&all["n1-eth0"]);
    assert!(text.contains(r#""theirs":"1""#) && text.contains(r#""uid":"x""#), "{text}");
    cluster.condition("t", "Ready", "True", "AllEndpointsPresent").await;
    running.stop().await;
}

#[tokio::test]
async fn a_hundred_nodes_at_once() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    for n in 0..100 {
        cluster.worker(&format!("n{n:03}")).await;
    }
    let running = cluster.run(at_once());
    until(&cluster.endpoints(), |all| all.len() == 200).await;
    running.stop().await;
    assert_eq!(cluster.spy.writes_to("/hostendpoints/"), 200, "each endpoint is written once");
}
