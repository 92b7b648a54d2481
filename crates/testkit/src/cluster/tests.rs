#![allow(clippy::unwrap_used)]

use std::fs::TryLockError;

use k8s_openapi::api::core::v1::{ConfigMap, Event, Node};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::wait::{await_condition, conditions};
use serde_json::json;

use super::*;
use crate::require;

#[tokio::test]
async fn each_test_has_a_place_of_its_own() {
    let (one, two) = (TestCluster::start().await.unwrap(), TestCluster::start().await.unwrap());
    assert_ne!(one.namespace(), two.namespace());
    assert_ne!(one.unique("node"), two.unique("node"));
    let map = ConfigMap {
        metadata: ObjectMeta { name: Some("a".to_owned()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let [first, second] = [&one, &two].map(|it| Api::<ConfigMap>::default_namespaced(it.client()));
    let made = first.create(&PostParams::default(), &map).await.unwrap();
    assert_eq!(made.metadata.namespace.as_deref(), Some(one.namespace()));
    assert!(second.get_opt("a").await.unwrap().is_none());
    one.finish().await.unwrap();
    two.finish().await.unwrap();
}

/// A test for which the embedded cluster, served, is a real one.
async fn guest(host: &TestCluster, namespace: &str) -> TestCluster {
    let server = host.embedded().unwrap();
    let address = server.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let file = std::env::temp_dir().join(host.unique(namespace));
    std::fs::write(&file, server.kubeconfig(address).unwrap()).unwrap();
    let guest = TestCluster::connect(file.clone(), namespace.to_owned()).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    let namespaces: Api<Namespace> = Api::all(host.client());
    namespaces.create(&PostParams::default(), &named(namespace)).await.unwrap();
    guest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_cluster_loses_the_namespace_also_when_a_test_forgets() {
    let host = TestCluster::start().await.unwrap();
    require!(host.embedded());
    let guest = guest(&host, "guest").await;
    assert!(guest.embedded().err().unwrap().to_string().contains(KUBECONFIG));
    let namespaces: Api<Namespace> = Api::all(host.client());
    drop(guest);
    let gone = namespaces.get_opt("guest").await.unwrap();
    let going = |it: Namespace| it.metadata.deletion_timestamp.is_some();
    assert!(gone.is_none_or(going), "it stays");
}

fn beds() -> CustomResourceDefinition {
    let crd = json!({
        "metadata": {"name": "beds.example.org"},
        "spec": {
            "group": "example.org", "scope": "Cluster",
            "names": {"kind": "Bed", "listKind": "BedList", "plural": "beds", "singular": "bed"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                          "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    });
    serde_json::from_value(crd).unwrap()
}

fn node(name: &str) -> Node {
    Node { metadata: named(name).metadata, ..Node::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tests_marked_goes_before_and_after_a_turn() {
    let host = TestCluster::start().await.unwrap();
    require!(host.embedded());
    let nodes: Api<Node> = Api::all(host.client());
    let crds: Api<CustomResourceDefinition> = Api::all(host.client());
    let create = PostParams::default();
    nodes.create(&create, &turn::mark(node("of-a-killed-test"))).await.unwrap();

    let mut test = guest(&host, "test").await;
    test.take_turn(&["example.org"]).await.unwrap().unwrap();
    assert!(nodes.get_opt("of-a-killed-test").await.unwrap().is_none());
    let lock = turn::lock_file(test.real.as_ref().unwrap());
    let other = File::open(&lock).unwrap();
    assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)), "two have the turn");
    nodes.create(&create, &turn::mark(node("n1"))).await.unwrap();
    crds.create(&create, &turn::mark(beds())).await.unwrap();
    let established = conditions::is_crd_established();
    await_condition(crds.clone(), "beds.example.org", established).await.unwrap();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("example.org", "v1", "Bed"));
    let mut bed = DynamicObject::new("held", &resource);
    bed.metadata.finalizers = Some(vec!["example.org/hold".to_owned()]);
    Api::all_with(host.client(), &resource).create(&create, &bed).await.unwrap();
    let events: Api<Event> = Api::namespaced(host.client(), "default");
    for about in ["held", "not-ours"] {
        let event = json!({
            "metadata": {"name": about, "namespace": "default"},
            "involvedObject": {"kind": "Bed", "name": about},
        });
        events.create(&create, &serde_json::from_value(event).unwrap()).await.unwrap();
    }

    drop(test);
    other.try_lock().unwrap();
    std::fs::remove_file(lock).unwrap();
    assert!(nodes.get_opt("n1").await.unwrap().is_none());
    assert!(crds.get_opt("beds.example.org").await.unwrap().is_none());
    assert!(events.get_opt("held").await.unwrap().is_none());
    assert!(events.get_opt("not-ours").await.unwrap().is_some());
}

/// Why a test of this API group does not get its turn.
async fn reason(host: &TestCluster, group: &str) -> Option<Skip> {
    let mut test = guest(host, &format!("guest-{}", uuid::Uuid::new_v4().simple())).await;
    let answer = test.take_turn(&[group]).await.unwrap();
    let lock = turn::lock_file(test.real.as_ref().unwrap());
    drop(test);
    std::fs::remove_file(lock).unwrap();
    answer.err()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_a_turn_where_others_have_nodes_or_definitions() {
    let host = TestCluster::start().await.unwrap();
    require!(host.embedded());
    let nodes: Api<Node> = Api::all(host.client());
    let crds: Api<CustomResourceDefinition> = Api::all(host.client());
    crds.create(&PostParams::default(), &beds()).await.unwrap();
    assert!(reason(&host, "example.net").await.is_none());
    let skip = reason(&host, "example.org").await.unwrap().to_string();
    assert!(skip.contains("beds.example.org"), "{skip}");
    nodes.create(&PostParams::default(), &node("theirs")).await.unwrap();
    let skip = reason(&host, "example.net").await.unwrap().to_string();
    assert!(skip.contains("nodes (theirs)"), "{skip}");
    assert!(nodes.get_opt("theirs").await.unwrap().is_some());
    assert!(crds.get_opt("beds.example.org").await.unwrap().is_some());
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_named() {
    let file = PathBuf::from("/nowhere/kubeconfig");
    let error = TestCluster::connect(file, "x".to_owned()).await.err().unwrap();
    assert!(error.to_string().contains("/nowhere/kubeconfig"), "{error}");
}
