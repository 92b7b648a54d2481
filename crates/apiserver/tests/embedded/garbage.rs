//! The garbage collector, as clients see it.

use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use kubewright_apiserver::Server;
use serde_json::{Value, json};

use crate::cluster::{self, Cluster, gone, present_until};

/// A reference to an object.
fn owner(object: &ConfigMap, blocks: bool) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": object.metadata.name,
        "uid": object.metadata.uid, "blockOwnerDeletion": blocks })
}

async fn owned(cluster: &Cluster, name: &str, owners: &[Value]) -> ConfigMap {
    cluster.map_with(name, &json!({ "ownerReferences": owners })).await
}

fn patch(metadata: &Value) -> Patch<Value> {
    Patch::Merge(json!({ "metadata": metadata }))
}

#[tokio::test]
async fn dependents_of_dependents_go() {
    let cluster = Cluster::start().await;
    let mut last = cluster.map("generation-0").await;
    for generation in 1..5 {
        let name = format!("generation-{generation}");
        last = owned(&cluster, &name, &[owner(&last, true)]).await;
    }
    let stays = cluster.map("stays").await;
    let maps = cluster.maps();
    maps.delete("generation-0", &DeleteParams::background()).await.unwrap();
    gone(&maps, &last).await;
    let left = cluster.names().await;
    assert_eq!(left, [stays.metadata.name.unwrap()]);
}

#[tokio::test]
async fn one_living_owner_keeps_a_dependent() {
    let cluster = Cluster::start().await;
    let (a, b) = (cluster.map("a").await, cluster.map("b").await);
    let both = owned(&cluster, "both", &[owner(&a, false), owner(&b, false)]).await;
    let maps = cluster.maps();
    maps.delete("a", &DeleteParams::background()).await.unwrap();
    let left = present_until(&maps, &both, |map| {
        map.metadata.owner_references.as_ref().is_some_and(|owners| owners.len() == 1)
    })
    .await;
    assert_eq!(left.metadata.owner_references.unwrap()[0].name, "b");
    maps.delete("b", &DeleteParams::background()).await.unwrap();
    gone(&maps, &both).await;
}

#[tokio::test]
async fn orphans_stay_without_a_reference() {
    let cluster = Cluster::start().await;
    let a = cluster.map("a").await;
    let dependent = owned(&cluster, "dependent", &[owner(&a, true)]).await;
    let maps = cluster.maps();
    let orphan = DeleteParams::default();
    let orphan =
        DeleteParams { propagation_policy: Some(kube::api::PropagationPolicy::Orphan), ..orphan };
    maps.delete("a", &orphan).await.unwrap();
    gone(&maps, &a).await;
    let left = maps.get("dependent").await.unwrap();
    assert_eq!(left.metadata.uid, dependent.metadata.uid);
    assert_eq!(left.metadata.owner_references, None);
}

#[tokio::test]
async fn foreground_deletion_waits_for_what_blocks_and_for_nothing_else() {
    let cluster = Cluster::start().await;
    let a = cluster.map("a").await;
    let held = json!({ "ownerReferences": [owner(&a, true)], "finalizers": ["example.com/hold"] });
    let blocking = cluster.map_with("blocking", &held).await;
    let held = json!({ "ownerReferences": [owner(&a, false)], "finalizers": ["example.com/hold"] });
    let loose = cluster.map_with("loose", &held).await;
    let maps = cluster.maps();
    maps.delete("a", &DeleteParams::foreground()).await.unwrap();
    let terminating = |map: &ConfigMap| map.metadata.deletion_timestamp.is_some();
    present_until(&maps, &blocking, terminating).await;
    present_until(&maps, &loose, terminating).await;
    assert!(maps.get_opt("a").await.unwrap().is_some(), "the owner waits");
    let release = patch(&json!({ "finalizers": null }));
    maps.patch("blocking", &PatchParams::default(), &release).await.unwrap();
    gone(&maps, &a).await;
    assert!(maps.get_opt("loose").await.unwrap().is_some(), "nobody waits for it");
    maps.patch("loose", &PatchParams::default(), &release).await.unwrap();
    gone(&maps, &loose).await;
}

#[tokio::test]
async fn a_circle_of_owners_can_be_deleted_in_the_foreground() {
    let cluster = Cluster::start().await;
    let a = cluster.map("a").await;
    let b = owned(&cluster, "b", &[owner(&a, true)]).await;
    let maps = cluster.maps();
    let circle = patch(&json!({ "ownerReferences": [owner(&b, true)] }));
    let a = maps.patch("a", &PatchParams::default(), &circle).await.unwrap();
    maps.delete("a", &DeleteParams::foreground()).await.unwrap();
    gone(&maps, &a).await;
    gone(&maps, &b).await;
}

#[tokio::test]
async fn an_owner_in_another_namespace_is_none() {
    let cluster = Cluster::start().await;
    let a = cluster.map("a").await;
    let namespace = cluster.other_namespace().await;
    let elsewhere: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &namespace);
    let misled = cluster::map("misled", &json!({ "ownerReferences": [owner(&a, false)] }));
    let misled = elsewhere.create(&Default::default(), &misled).await.unwrap();
    gone(&elsewhere, &misled).await;
    assert!(cluster.maps().get_opt("a").await.unwrap().is_some());
}

#[tokio::test]
async fn a_cluster_scoped_owner_counts_in_every_namespace_but_not_the_reverse() {
    let cluster = Cluster::start().await;
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let node: Node = serde_json::from_value(json!({ "metadata": { "name": "n" } })).unwrap();
    let node = nodes.create(&Default::default(), &node).await.unwrap();
    let reference =
        json!({ "apiVersion": "v1", "kind": "Node", "name": "n", "uid": node.metadata.uid });
    let dependent = owned(&cluster, "of-the-node", &[reference]).await;
    let map = cluster.map("a").await;
    let misplaced: Node = serde_json::from_value(json!({
        "metadata": { "name": "misplaced", "ownerReferences": [owner(&map, false)] } }))
    .unwrap();
    let misplaced = nodes.create(&Default::default(), &misplaced).await.unwrap();
    let maps = cluster.maps();
    maps.delete("a", &DeleteParams::background()).await.unwrap();
    nodes.delete("n", &DeleteParams::background()).await.unwrap();
    gone(&maps, &dependent).await;
    let left = nodes.get("misplaced").await.unwrap();
    assert_eq!(left.metadata.uid, misplaced.metadata.uid);
}

#[tokio::test]
async fn an_owner_of_unknown_kind_keeps_its_dependents_until_its_kind_is_known() {
    let cluster = Cluster::start().await;
    let reference = json!({ "apiVersion": "example.com/v1", "kind": "Gadget", "name": "g",
        "uid": "11111111-2222-3333-4444-555555555555" });
    let dependent = owned(&cluster, "dependent", &[reference]).await;
    // Looked at in order: what comes later is gone while this is still there.
    let ghost = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "x",
        "uid": "11111111-2222-3333-4444-666666666666" });
    let later = owned(&cluster, "later", &[ghost]).await;
    let maps = cluster.maps();
    gone(&maps, &later).await;
    assert!(maps.get_opt("dependent").await.unwrap().is_some());
    cluster.define_gadgets().await;
    gone(&maps, &dependent).await;
}

#[tokio::test]
async fn custom_resources_own_and_are_owned() {
    let cluster = Cluster::start().await;
    let gadgets = cluster.define_gadgets().await;
    let gadget = |name: &str, metadata: Value| {
        let mut object = json!({ "apiVersion": "example.com/v1", "kind": "Gadget",
            "metadata": metadata });
        object["metadata"]["name"] = json!(name);
        serde_json::from_value(object).unwrap()
    };
    let post = Default::default();
    let first = gadgets.create(&post, &gadget("first", json!({}))).await.unwrap();
    let reference = json!({ "apiVersion": "example.com/v1", "kind": "Gadget", "name": "first",
        "uid": first.metadata.uid });
    let map = owned(&cluster, "map", &[reference]).await;
    let second = gadget("second", json!({ "ownerReferences": [owner(&map, false)] }));
    let second = gadgets.create(&post, &second).await.unwrap();
    // With the definition go its objects, and with them what belongs to them.
    cluster.undefine_gadgets().await;
    gone(&cluster.maps(), &map).await;
    cluster.define_gadgets().await;
    let again = gadgets.get_opt("second").await.unwrap();
    assert!(again.is_none_or(|object| object.metadata.uid != second.metadata.uid));
}

#[tokio::test]
async fn a_collector_that_missed_changes_reads_everything_again() {
    // A window of one: nearly every look finds that it is too late.
    let server = Server::builder().watch_window(1).start().await.unwrap();
    let cluster = Cluster::over(server).await;
    let a = cluster.map("a").await;
    let dependents: Vec<String> = (0..200).map(|at| format!("d-{at:03}")).collect();
    let reference = [owner(&a, true)];
    futures::future::join_all(dependents.iter().map(|name| owned(&cluster, name, &reference)))
        .await;
    let maps = cluster.maps();
    maps.delete("a", &DeleteParams::foreground()).await.unwrap();
    cluster::poll("everything is gone", async || cluster.names().await.is_empty()).await;
}
