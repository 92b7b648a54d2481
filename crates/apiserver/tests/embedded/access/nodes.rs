//! What kubelets may write.

use kubewright_apiserver::Server;
use serde_json::{Value, json};

use super::{Caller, Cluster, message, node};

const NODES: &str = "/api/v1/nodes";
const PODS: &str = "/api/v1/namespaces/default/pods";

async fn refused(
    cluster: &Cluster,
    caller: &Caller,
    method: &str,
    path: &str,
    body: Value,
) -> String {
    let (status, body) = cluster.send(caller, method, path, body).await;
    assert_eq!(status, 403, "{method} {path}: {body}");
    let message = message(&body);
    message.split_once("is forbidden: ").map_or(message, |(_, why)| why).to_owned()
}

#[tokio::test]
async fn a_node_is_its_own_and_no_other() {
    let cluster = Cluster::start().await;
    let a = node("a");
    let object = |name: &str| json!({ "metadata": { "name": name } });
    let (status, body) = cluster.send(&a, "POST", NODES, object("a")).await;
    assert_eq!(status, 201, "{body}");
    cluster.create(NODES, object("b")).await;
    let why = refused(&cluster, &a, "POST", NODES, object("c")).await;
    assert_eq!(why, "node \"a\" is not allowed to modify node \"c\"");

    let ready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
    let (status, body) =
        cluster.send(&a, "PATCH", &format!("{NODES}/a/status"), ready.clone()).await;
    assert_eq!(status, 200, "{body}");
    let why = refused(&cluster, &a, "PATCH", &format!("{NODES}/b/status"), ready).await;
    assert_eq!(why, "node \"a\" is not allowed to modify node \"b\"");

    let own = format!("{NODES}/a");
    let label = |name: &str| json!({ "metadata": { "labels": { name: "x" } } });
    let (status, _) = cluster.send(&a, "PATCH", &own, label("mine")).await;
    assert_eq!(status, 200);
    let trusted = "node-restriction.kubernetes.io/trusted";
    let why = refused(&cluster, &a, "PATCH", &own, label(trusted)).await;
    assert_eq!(why, format!("is not allowed to modify labels: {trusted}"));
    let taints = json!({ "spec": { "taints": [{ "key": "k", "effect": "NoSchedule" }] } });
    let why = refused(&cluster, &a, "PATCH", &own, taints).await;
    assert_eq!(why, "node \"a\" is not allowed to modify taints");
    // Nodes are not theirs to delete.
    refused(&cluster, &a, "DELETE", &own, Value::Null).await;
}

#[tokio::test]
async fn leases_are_for_the_node_of_their_name() {
    let cluster = Cluster::start().await;
    let a = node("a");
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    let lease =
        |name: &str| json!({ "metadata": { "name": name }, "spec": { "holderIdentity": "a" } });
    let (status, body) = cluster.send(&a, "POST", leases, lease("a")).await;
    assert_eq!(status, 201, "{body}");
    let other = "can only access node lease with the same name as the requesting node";
    assert_eq!(refused(&cluster, &a, "POST", leases, lease("b")).await, other);
    assert_eq!(cluster.get(&a, &format!("{leases}/a")).await, 200);
    assert_eq!(cluster.get(&node("b"), &format!("{leases}/a")).await, 403);
}

async fn pod(cluster: &Cluster, name: &str, on: &str) -> Value {
    let account = json!({ "metadata": { "name": format!("of-{name}") } });
    cluster.create("/api/v1/namespaces/default/serviceaccounts", account).await;
    let pod = json!({ "metadata": { "name": name }, "spec": {
        "nodeName": on, "serviceAccountName": format!("of-{name}"),
        "containers": [{ "name": "c", "image": "example.com/c" }] } });
    cluster.create(PODS, pod).await
}

#[tokio::test]
async fn pods_and_their_tokens_are_for_the_node_they_run_on() {
    let cluster = Cluster::start().await;
    let (a, b) = (node("a"), node("b"));
    let uid = pod(&cluster, "p", "a").await["metadata"]["uid"].clone();

    let running = json!({ "status": { "phase": "Running" } });
    let status_path = format!("{PODS}/p/status");
    let (status, body) = cluster.send(&a, "PATCH", &status_path, running.clone()).await;
    assert_eq!(status, 200, "{body}");
    let why = refused(&cluster, &b, "PATCH", &status_path, running).await;
    let words = "node \"b\" can only update pod status for pods with spec.nodeName set to itself";
    assert_eq!(why, words);

    let token = "/api/v1/namespaces/default/serviceaccounts/of-p/token";
    let request = |bound: Value| {
        json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "boundObjectRef": bound } })
    };
    let bound = json!({ "apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid });
    let (status, body) = cluster.send(&a, "POST", token, request(bound.clone())).await;
    assert_eq!(status, 201, "{body}");
    let why = refused(&cluster, &a, "POST", token, request(Value::Null)).await;
    assert_eq!(why, "node requested token not bound to a pod");
    let mut vague = bound.clone();
    vague["uid"] = json!("");
    let why = refused(&cluster, &a, "POST", token, request(vague)).await;
    assert_eq!(why, "node requested token with a pod binding without a uid");
    // The authorizer knows that nothing on the other node uses the account.
    let why = refused(&cluster, &b, "POST", token, request(bound)).await;
    assert!(why.ends_with("no relationship found between node 'b' and this object"), "{why}");

    let evict =
        json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": "p" } });
    let eviction = format!("{PODS}/p/eviction");
    let why = refused(&cluster, &b, "POST", &eviction, evict).await;
    assert_eq!(why, "node b can only evict pods with spec.nodeName set to itself");
    let why = refused(&cluster, &b, "DELETE", &format!("{PODS}/p"), Value::Null).await;
    assert_eq!(why, "node \"b\" can only delete pods with spec.nodeName set to itself");
    let (status, body) = cluster.send(&a, "DELETE", &format!("{PODS}/p"), Value::Null).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_node_makes_copies_of_its_own_pods_only() {
    let server = Server::builder().default_service_accounts(true).start().await.unwrap();
    let cluster = Cluster { server };
    let a = node("a");
    let uid =
        cluster.create(NODES, json!({ "metadata": { "name": "a" } })).await["metadata"]["uid"]
            .clone();
    let owner = json!({ "apiVersion": "v1", "kind": "Node", "name": "a", "uid": uid,
        "controller": true });
    let mirror = json!({
        "metadata": { "name": "static-a", "annotations": { "kubernetes.io/config.mirror": "x" },
            "ownerReferences": [owner] },
        "spec": { "nodeName": "a", "containers": [{ "name": "c", "image": "example.com/c" }] },
    });
    let changed = |pointer: &str, value: Value| {
        let mut pod = mirror.clone();
        *pod.pointer_mut(pointer).unwrap() = value;
        pod
    };
    let env = json!([{ "name": "c", "image": "example.com/c",
        "envFrom": [{ "secretRef": { "name": "s" } }] }]);
    let table = [
        (
            changed("/metadata/annotations", json!({})),
            "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"a\" can only create mirror pods",
        ),
        (
            changed("/spec/nodeName", json!("b")),
            "node \"a\" can only create pods with spec.nodeName set to itself",
        ),
        (
            changed("/metadata/ownerReferences", json!([])),
            "node \"a\" can only create pods with an owner reference set to itself",
        ),
        (
            changed("/metadata/ownerReferences/0/controller", json!(false)),
            "node \"a\" can only create pods with a controller owner reference set to itself",
        ),
        (changed("/spec/containers", env), "node \"a\" can not create pods that reference secrets"),
    ];
    for (pod, words) in table {
        assert_eq!(refused(&cluster, &a, "POST", PODS, pod).await, words);
    }
    let (status, body) = cluster.send(&a, "POST", PODS, mirror).await;
    assert_eq!(status, 201, "{body}");
}
