//! Capacity of nodes, fault by fault of the controller that this one replaces.

use kube::ResourceExt;
use kubewright_testkit::require;
use kubewright_testkit::until::until;
use serde_json::json;

use super::fixture::{Cluster, RESOURCE, own_capacity, seats_of};

#[tokio::test]
async fn a_hundred_over_seven_nodes_loses_nothing() {
    require!(let cluster = Cluster::start().await);
    cluster.several(7).await;
    cluster.config("c", json!({"limit": "100"})).await;
    let running = cluster.run(cluster.options());
    cluster.spread(&[15, 15, 14, 14, 14, 14, 14]).await;
    cluster.condition("c", "Ready", "True", "Ready").await;
    let status = cluster.configs().get("c").await.unwrap().status.unwrap();
    assert_eq!((status.nodes, status.advertised, status.allocated), (7, 100, 0));
    assert!(status.setup_completed);
    running.stop().await;
}

#[tokio::test]
async fn a_limit_below_the_number_of_nodes_is_given_to_some() {
    require!(let cluster = Cluster::start().await);
    cluster.several(3).await;
    cluster.config("c", json!({"limit": "2"})).await;
    let _running = cluster.run(cluster.options());
    cluster.spread(&[1, 1, 0]).await;
}

#[tokio::test]
async fn no_nodes_is_a_condition_and_not_a_crash() {
    require!(let cluster = Cluster::start().await);
    cluster.config("c", json!({"limit": "20"})).await;
    let _running = cluster.run(cluster.options());
    cluster.condition("c", "CapacityAdvertised", "False", "NoNodes").await;
    cluster.node("late").await;
    cluster.advertises(&[("late", Some(20))]).await;
    cluster.condition("c", "Ready", "True", "Ready").await;
}

#[tokio::test]
async fn only_selected_nodes_are_written_and_changes_of_labels_are_followed() {
    require!(let cluster = Cluster::start().await);
    cluster.several(2).await;
    let expression = json!({"matchExpressions": [{"key": "kata", "operator": "Exists"}]});
    cluster.config("c", json!({"limit": "6", "nodeSelector": expression})).await;
    cluster.patch_node("node-0", json!({"metadata": {"labels": {"kata": ""}}})).await;
    let _running = cluster.run(cluster.options());
    let nodes = cluster.advertises(&[("node-0", Some(6)), ("node-1", None)]).await;
    assert!(nodes["node-1"].managed_fields().iter().all(|entry| {
        !entry.manager.as_deref().unwrap_or_default().starts_with("kubewright-peerpod")
    }));
    cluster.patch_node("node-1", json!({"metadata": {"labels": {"kata": ""}}})).await;
    cluster.advertises(&[("node-0", Some(3)), ("node-1", Some(3))]).await;
    cluster.patch_node("node-0", json!({"metadata": {"labels": {"kata": null}}})).await;
    cluster.advertises(&[("node-0", None), ("node-1", Some(6))]).await;
}

#[tokio::test]
async fn limits_that_are_no_number_are_refused_by_the_api_server() {
    require!(let cluster = Cluster::start().await);
    for limit in ["", "ten", "010", "-1"] {
        let config = json!({
            "apiVersion": "confidentialcontainers.org/v1alpha1", "kind": "PeerPodConfig",
            "metadata": {"name": "c"}, "spec": {"limit": limit},
        });
        let config = serde_json::from_value(config).unwrap();
        let refused = cluster.configs().create(&Default::default(), &config).await.unwrap_err();
        let refused = refused.to_string();
        assert!(
            refused.contains("spec.limit") && refused.contains("in decimal without leading zeros"),
            "{limit:?}: {refused}"
        );
    }
}

#[tokio::test]
async fn cpu_memory_and_pods_stay_through_add_change_and_removal() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    let before = own_capacity(&cluster.nodes().get("a").await.unwrap());
    assert_eq!(before.len(), 6);
    cluster.config("c", json!({"limit": "4", "writeAllocatable": true})).await;
    let _running = cluster.run(cluster.options());
    let nodes = cluster.advertises(&[("a", Some(4))]).await;
    assert_eq!(own_capacity(&nodes["a"]), before);
    let allocatable = nodes["a"].status.as_ref().unwrap().allocatable.as_ref().unwrap();
    assert_eq!(allocatable[RESOURCE].0, "4");
    cluster.change("c", json!({"limit": "9"})).await;
    let nodes = cluster.advertises(&[("a", Some(9))]).await;
    assert_eq!(own_capacity(&nodes["a"]), before);
    cluster.delete("c").await;
    let nodes = cluster.advertises(&[("a", None)]).await;
    assert_eq!(own_capacity(&nodes["a"]), before);
    until(&cluster.configs(), |configs| configs.is_empty()).await;
}

/// To apply less than before would take all of the node's allocatable away, where its kubelet owns
/// nothing of it.
#[tokio::test]
async fn the_rest_of_allocatable_stays_when_it_is_no_longer_asked_for() {
    require!(let cluster = Cluster::start().await);
    cluster.several(2).await;
    cluster.peer_pod("p", "node-0").await;
    let before = own_capacity(&cluster.nodes().get("node-0").await.unwrap());
    cluster.config("c", json!({"limit": "4", "writeAllocatable": true})).await;
    let _running = cluster.run(cluster.options());
    let nodes = cluster.advertises(&[("node-0", Some(2)), ("node-1", Some(2))]).await;
    assert_eq!(own_capacity(&nodes["node-0"]), before);
    cluster.change("c", json!({"limit": "6", "writeAllocatable": false})).await;
    let nodes = cluster.advertises(&[("node-0", Some(3)), ("node-1", Some(3))]).await;
    assert_eq!(own_capacity(&nodes["node-0"]), before);
    // Deleted, it first goes down to what runs.
    cluster.delete("c").await;
    let nodes = cluster.advertises(&[("node-0", Some(1)), ("node-1", None)]).await;
    assert_eq!(own_capacity(&nodes["node-0"]), before);
    cluster.end_pod("p").await;
    let nodes = cluster.advertises(&[("node-0", None)]).await;
    assert_eq!(own_capacity(&nodes["node-0"]), before);
    let allocatable = nodes["node-0"].status.as_ref().unwrap().allocatable.as_ref().unwrap();
    assert!(!allocatable.contains_key(RESOURCE), "{allocatable:?}");
}

#[tokio::test]
async fn a_kubelet_that_resets_the_capacity_is_repaired() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    cluster.config("c", json!({"limit": "4"})).await;
    let _running = cluster.run(cluster.options());
    cluster.advertises(&[("a", Some(4))]).await;
    for wrong in [json!("0"), json!(null), json!("400")] {
        cluster.patch_node_status("a", json!({"capacity": {RESOURCE: wrong}})).await;
        cluster.advertises(&[("a", Some(4))]).await;
    }
}

#[tokio::test]
async fn a_value_that_was_patched_by_the_old_controller_is_taken_over() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    // The same number: nothing to change, but it must go with the config.
    cluster.patch_node_status("a", json!({"capacity": {RESOURCE: "4"}})).await;
    cluster.config("c", json!({"limit": "4"})).await;
    let _running = cluster.run(cluster.options());
    cluster.condition("c", "Ready", "True", "Ready").await;
    cluster.delete("c").await;
    cluster.advertises(&[("a", None)]).await;
}

#[tokio::test]
async fn two_configs_do_not_overwrite_each_other() {
    require!(let cluster = Cluster::start().await);
    cluster.several(2).await;
    cluster.config("a-first", json!({"limit": "4"})).await;
    let _running = cluster.run(cluster.options());
    cluster.spread(&[2, 2]).await;
    cluster.config("b-second", json!({"limit": "100"})).await;
    let message = cluster.condition("b-second", "Conflicted", "True", "OlderConfig").await;
    assert!(message.contains("/a-first is older"), "{message}");
    let writes = cluster.spy.writes_to("nodes");
    cluster.change("b-second", json!({"limit": "50"})).await;
    until(&cluster.configs(), |configs| {
        let status = configs.get("b-second").and_then(|config| config.status.clone());
        status.is_some_and(|status| status.observed_generation == Some(2))
    })
    .await;
    assert_eq!(cluster.spy.writes_to("nodes"), writes, "a conflicted config writes to no node");
    // The second has its turn when the first is gone.
    cluster.delete("a-first").await;
    cluster.spread(&[25, 25]).await;
    cluster.condition("b-second", "Conflicted", "False", "Alone").await;
}

#[tokio::test]
async fn nothing_is_written_at_rest() {
    require!(let cluster = Cluster::start().await);
    // To make 5,000 in a cluster over a network, and to delete them, takes minutes.
    let nodes = if cluster.cluster.embedded().is_ok() { 5_000 } else { 200 };
    let limit = nodes as u64 / 2 * 5;
    cluster.several(nodes).await;
    cluster.config("c", json!({"limit": limit.to_string()})).await;
    let begun = cluster.spy.requests();
    let running = cluster.run(cluster.options());
    // On a loaded machine all of them together may take longer than one wait is patient.
    for written in (0..=nodes).step_by(200) {
        cluster.spy.reached(begun + written).await;
    }
    cluster.condition("c", "Ready", "True", "Ready").await;
    running.stop().await;

    let writes = cluster.spy.writes().len();
    let running = cluster.run(cluster.options());
    // A heartbeat is no reason to write; a new node is, and shows that the rest has been looked at.
    let condition = json!([{
        "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "again",
        "lastHeartbeatTime": "2026-01-02T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]);
    for index in 0..200 {
        let status = json!({"conditions": condition});
        cluster.patch_node_status(&format!("node-{index}"), status).await;
    }
    cluster.change("c", json!({"limit": (limit + 1).to_string()})).await;
    until(&cluster.configs(), |configs| {
        let status = configs["c"].status.as_ref();
        status.is_some_and(|status| status.advertised == limit + 1)
    })
    .await;
    cluster.condition("c", "Ready", "True", "Ready").await;
    let nodes: Vec<_> = cluster
        .spy
        .writes()
        .split_off(writes)
        .into_iter()
        .filter(|w| w.contains("nodes"))
        .collect();
    assert_eq!(nodes.len(), 1, "one more in the limit is one write: {nodes:?}");
    running.stop().await;

    let stored = cluster.cluster.embedded().ok().map(|server| server.resource_version());
    let writes = cluster.spy.writes().len();
    let requests = cluster.spy.requests();
    let running = cluster.run(cluster.options());
    // Nine lists and nine watches, and one for PeerPods that are not served: the world is whole.
    cluster.spy.reached(requests + 19).await;
    running.stop().await;
    assert_eq!(cluster.spy.writes().split_off(writes), Vec::<String>::new());
    let now = cluster.cluster.embedded().ok().map(|server| server.resource_version());
    assert_eq!(now, stored, "the server has stored something");
}

#[tokio::test]
async fn what_runs_on_a_cordoned_node_is_its_floor() {
    require!(let cluster = Cluster::start().await);
    cluster.several(2).await;
    cluster.config("c", json!({"limit": "10"})).await;
    cluster.peer_pod("p", "node-0").await;
    let _running = cluster.run(cluster.options());
    cluster.spread(&[5, 5]).await;
    cluster.patch_node("node-0", json!({"spec": {"unschedulable": true}})).await;
    cluster.spread(&[1, 9]).await;
    cluster.end_pod("p").await;
    cluster.spread(&[0, 10]).await;
    cluster.patch_node("node-0", json!({"spec": {"unschedulable": null}})).await;
    cluster.spread(&[5, 5]).await;
}

#[tokio::test]
async fn more_running_than_the_limit_is_overcommitted() {
    require!(let cluster = Cluster::start().await);
    cluster.several(2).await;
    for pod in ["p", "q", "r"] {
        cluster.peer_pod(pod, "node-0").await;
    }
    cluster.config("c", json!({"limit": "2"})).await;
    let _running = cluster.run(cluster.options());
    cluster.spread(&[3, 0]).await;
    let message = cluster.condition("c", "Overcommitted", "True", "MoreRunning").await;
    assert_eq!(message, "1 more peer pods run than the limit allows");
}

/// Whoever may create pods may bind one past the scheduler and ask for any amount.
#[tokio::test]
async fn a_pod_that_no_kubelet_has_taken_adds_no_capacity() {
    require!(let cluster = Cluster::start().await);
    cluster.several(2).await;
    cluster.config("c", json!({"limit": "4"})).await;
    let _running = cluster.run(cluster.options());
    cluster.spread(&[2, 2]).await;
    cluster.bound_pod("hostile", "node-0", "1000000").await;
    // A change shows that it has been looked at.
    cluster.change("c", json!({"limit": "6"})).await;
    cluster.condition("c", "Overcommitted", "False", "WithinLimit").await;
    cluster.spread(&[3, 3]).await;
    // As one of the scheduler's it would keep the node from going below what it was promised.
    cluster.change("c", json!({"limit": "2"})).await;
    cluster.spread(&[3, 0]).await;
}

#[tokio::test]
async fn a_controller_that_is_killed_goes_on_where_it_was() {
    require!(let cluster = Cluster::start().await);
    cluster.several(10).await;
    cluster.config("c", json!({"limit": "30"})).await;
    for limit in [30u64, 50, 20, 70] {
        cluster.change("c", json!({"limit": limit.to_string()})).await;
        let before = cluster.spy.writes_to("nodes");
        let running = cluster.run(cluster.options());
        until(&cluster.nodes(), |nodes| {
            cluster.spy.writes_to("nodes") > before
                || nodes.values().filter_map(seats_of).sum::<u64>() == limit
        })
        .await;
        running.kill().await;
    }
    let _running = cluster.run(cluster.options());
    cluster.spread(&[7; 10]).await;
}
