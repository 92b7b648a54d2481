//! What a new server makes of what an earlier one left on disk.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kubewright_apiserver::Server;
use kubewright_apiserver::store::{Draft, Expect, ObjectKey, Pairs, ResourceKey, Store};
use serde_json::{Value, json};

use crate::cluster::poll;

async fn leave(store: &Store, name: &str, metadata: &Value) {
    let mut value = json!({ "metadata": metadata, "status": { "phase": "Pending" },
        "spec": { "containers": [{ "name": "c", "image": "example.com/c" }] } });
    value["metadata"]["name"] = json!(name);
    value["metadata"]["namespace"] = json!("default");
    value["metadata"]["uid"] = json!(format!("uid-of-{name}"));
    let draft = Draft { value, typed: true, ..Draft::default() };
    let (pods, key) = (ResourceKey::new("", "pods"), ObjectKey::new("default", name));
    store.put(&pods, &key, Expect::Absent, draft).await.unwrap();
}

#[tokio::test]
async fn a_deletion_that_was_cut_in_two_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("objects.redb");
    let store = Store::open(&file, 8, |_, _| Pairs::default()).unwrap();
    let since = "2026-01-01T00:00:00Z";
    let marked = |grace: u32, finalizers: Value| {
        json!({ "deletionTimestamp": since, "deletionGracePeriodSeconds": grace,
            "finalizers": finalizers })
    };
    leave(&store, "running", &json!({})).await;
    leave(&store, "ending", &marked(30, Value::Null)).await;
    leave(&store, "held", &marked(0, json!(["example.com/hold"]))).await;
    leave(&store, "cut", &marked(0, Value::Null)).await;
    drop(store);
    // The file is closed soon after the last handle is gone.
    let started = tokio::sync::Mutex::new(None);
    poll("the server starts", async || {
        let server = Server::builder().state_dir(directory.path()).start().await.ok();
        let is_there = server.is_some();
        *started.lock().await = server;
        is_there
    })
    .await;
    let server = started.into_inner().unwrap();
    let pods: Api<Pod> = Api::default_namespaced(server.client());
    let left = pods.list(&Default::default()).await.unwrap();
    let names: Vec<_> = left.items.into_iter().filter_map(|pod| pod.metadata.name).collect();
    assert_eq!(names, ["ending", "held", "running"]);
}
