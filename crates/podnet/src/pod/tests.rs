#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

fn pod(value: Value) -> Pod {
    serde_json::from_value::<WirePod>(value).unwrap().into()
}

#[test]
fn a_static_pod_is_known_by_the_hash_of_its_file() {
    let mirror = pod(
        json!({ "metadata": { "namespace": "kube-system", "name": "etcd-a", "uid": "u",
        "annotations": { "kubernetes.io/config.hash": "h", "kubernetes.io/config.mirror": "h" } } }),
    );
    assert_eq!((mirror.api_uid.as_str(), mirror.uid.as_str()), ("u", "h"));
    // A hash that a user has written changes nothing.
    let other = pod(json!({ "metadata": { "namespace": "a", "name": "b", "uid": "u",
        "annotations": { "kubernetes.io/config.hash": "h" } } }));
    assert_eq!(other.uid, "u");
}

#[test]
fn only_what_may_mean_a_new_sandbox_changes_its_life() {
    let status = |status: Value| pod(json!({ "metadata": {}, "status": status })).life;
    let running = json!({ "phase": "Running", "podIPs": [{ "ip": "10.0.0.1" }],
        "containerStatuses": [{ "name": "a", "containerID": "containerd://1", "ready": true }],
        "conditions": [{ "type": "Ready", "status": "True" }] });
    let unready = json!({ "phase": "Running", "podIPs": [{ "ip": "10.0.0.1" }],
        "containerStatuses": [{ "name": "a", "containerID": "containerd://1", "ready": false }],
        "conditions": [{ "type": "Ready", "status": "False" }] });
    assert_eq!(status(running.clone()), status(unready));
    let mut moved = running.clone();
    moved["podIPs"][0]["ip"] = "10.0.0.2".into();
    assert_ne!(status(running.clone()), status(moved));
    let mut restarted = running.clone();
    restarted["containerStatuses"][0]["containerID"] = "containerd://2".into();
    assert_ne!(status(running), status(restarted));
}

#[test]
fn a_pod_of_a_newer_server_is_read_and_pruned() {
    let pod = pod(json!({ "apiVersion": "v1", "kind": "Pod",
        "metadata": { "namespace": "a", "name": "b", "uid": "u", "labels": { "x": "y" },
            "annotations": { "networks": "[]", "k8s.v1.cni.cncf.io/networks": "", "z": "z" } },
        "spec": { "hostNetwork": true, "newest": {} }, "status": { "phase": "Failed", "newest": 1 } }));
    assert!(pod.host_network && pod.finished && pod.asks() && !pod.speaks_of_errors());
    assert_eq!(pod.annotations.kaloom.as_deref(), Some("[]"));
    assert_eq!(pod.annotations.standard, None, "empty is like none");
    assert_eq!(pod.reference().uid.as_deref(), Some("u"));
}
