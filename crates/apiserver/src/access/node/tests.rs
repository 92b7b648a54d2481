#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::access::identity::Identity;
use crate::store::{Draft, Expect, ObjectKey, ResourceKey};

async fn put(store: &Store, plural: &str, namespace: &str, name: &str, value: Value) {
    let group = if plural == "volumeattachments" { "storage.k8s.io" } else { "" };
    let resource = ResourceKey::new(group, plural);
    let key = ObjectKey::new(namespace, name);
    let expect = match store.get(&resource, &key) {
        Some(stored) => Expect::Version(stored.resource_version),
        None => Expect::Absent,
    };
    store.put(&resource, &key, expect, Draft { value, ..Draft::default() }).await.unwrap();
}

async fn remove(store: &Store, plural: &str, namespace: &str, name: &str) {
    let (resource, key) = (ResourceKey::new("", plural), ObjectKey::new(namespace, name));
    let stored = store.get(&resource, &key).unwrap();
    let draft = Draft { value: stored.value(), ..Draft::default() };
    store.delete(&resource, &key, stored.resource_version, draft).await.unwrap();
}

fn asked(nodes: &Nodes, node: &str, verb: &str, place: Place<'_>) -> Decision {
    let identity = Identity::new(format!("system:node:{node}"), ["system:nodes".to_owned()]);
    nodes.decide(&Attributes { identity: &identity, verb, on: On::Resource(place) })
}

fn may_get(nodes: &Nodes, node: &str, resource: &str, name: &str) -> bool {
    let (group, namespace) = match resource {
        "volumeattachments" => ("storage.k8s.io", ""),
        "persistentvolumes" => ("", ""),
        _ => ("", "ns"),
    };
    let place = Place { group, resource, namespace, name, ..Place::default() };
    asked(nodes, node, "get", place).allowed
}

fn pod() -> Value {
    json!({ "metadata": { "name": "p", "namespace": "ns" }, "spec": {
        "nodeName": "n",
        "serviceAccountName": "sa",
        "imagePullSecrets": [{ "name": "pull" }],
        "initContainers": [{ "envFrom": [{ "secretRef": { "name": "init" } }] }],
        "containers": [{ "env": [
            { "valueFrom": { "secretKeyRef": { "name": "env", "key": "k" } } },
            { "valueFrom": { "configMapKeyRef": { "name": "env", "key": "k" } } } ] }],
        "ephemeralContainers": [{ "envFrom": [{ "configMapRef": { "name": "debug" } }] }],
        "volumes": [
            { "name": "a", "secret": { "secretName": "volume" } },
            { "name": "b", "configMap": { "name": "volume" } },
            { "name": "c", "projected": { "sources": [
                { "secret": { "name": "projected" } }, { "configMap": { "name": "projected" } } ] } },
            { "name": "d", "persistentVolumeClaim": { "claimName": "claim" } },
            { "name": "e", "ephemeral": {} },
            { "name": "f", "csi": { "nodePublishSecretRef": { "name": "csi" } } },
            { "name": "g", "rbd": { "secretRef": { "name": "rbd" } } } ],
    } })
}

#[tokio::test]
async fn a_node_reads_what_its_pods_refer_to() {
    let store = Store::in_memory(64);
    let nodes = Nodes::new(store.clone());
    put(&store, "pods", "ns", "p", pod()).await;
    for secret in ["pull", "init", "env", "volume", "projected", "csi", "rbd"] {
        assert!(may_get(&nodes, "n", "secrets", secret), "{secret}");
        assert!(!may_get(&nodes, "other", "secrets", secret), "{secret}");
    }
    for map in ["env", "debug", "volume", "projected"] {
        assert!(may_get(&nodes, "n", "configmaps", map), "{map}");
    }
    assert!(may_get(&nodes, "n", "persistentvolumeclaims", "claim"));
    assert!(may_get(&nodes, "n", "persistentvolumeclaims", "p-e"));
    assert!(!may_get(&nodes, "n", "secrets", "claim"));

    // A copy that a kubelet makes of its own pods leads nowhere.
    let mut mirror = pod();
    mirror["metadata"]["annotations"] = json!({ references::MIRROR: "x" });
    put(&store, "pods", "ns", "p", mirror).await;
    assert!(!may_get(&nodes, "n", "secrets", "env"));
    put(&store, "pods", "ns", "p", pod()).await;
    assert!(may_get(&nodes, "n", "secrets", "env"));
    remove(&store, "pods", "ns", "p").await;
    assert!(!may_get(&nodes, "n", "secrets", "env"));
}

#[tokio::test]
async fn a_claim_leads_to_its_volume_and_that_to_secrets() {
    let store = Store::in_memory(2);
    let nodes = Nodes::new(store.clone());
    let volume = json!({ "spec": {
        "claimRef": { "namespace": "ns", "name": "claim" },
        "csi": { "nodeStageSecretRef": { "namespace": "ns", "name": "stage" },
            "controllerPublishSecretRef": { "namespace": "ns", "name": "controller" } } } });
    put(&store, "persistentvolumes", "", "v", volume).await;
    assert!(!may_get(&nodes, "n", "persistentvolumes", "v"));
    put(&store, "pods", "ns", "p", pod()).await;
    assert!(may_get(&nodes, "n", "persistentvolumes", "v"));
    assert!(may_get(&nodes, "n", "secrets", "stage"));
    assert!(!may_get(&nodes, "n", "secrets", "controller"));
    remove(&store, "persistentvolumes", "", "v").await;
    assert!(!may_get(&nodes, "n", "secrets", "stage"));

    put(&store, "volumeattachments", "", "a", json!({ "spec": { "nodeName": "n" } })).await;
    assert!(may_get(&nodes, "n", "volumeattachments", "a"));
    assert!(!may_get(&nodes, "other", "volumeattachments", "a"));
}

#[tokio::test]
async fn the_words_of_refusals() {
    let nodes = Nodes::new(Store::in_memory(1));
    let place = |group: &'static str, resource: &'static str| Place {
        group,
        resource,
        namespace: "ns",
        name: "x",
        ..Place::default()
    };
    let lease = place("coordination.k8s.io", "leases");
    let ours = Place { namespace: LEASES, ..lease };
    let table = [
        ("get", place("", "secrets"), "no relationship found between node 'n' and this object"),
        ("update", place("", "secrets"), "can only read resources of this type"),
        ("list", Place { name: "", ..place("", "secrets") }, "No Object name found"),
        (
            "get",
            Place { namespace: "", ..place("", "secrets") },
            "can only read namespaced object of this type",
        ),
        ("list", place("", "persistentvolumes"), "can only get individual resources of this type"),
        (
            "create",
            place("", "serviceaccounts"),
            "can only create token subresource of serviceaccount",
        ),
        ("get", lease, "can only access leases in the \"kube-node-lease\" system namespace"),
        ("get", ours, "can only access node lease with the same name as the requesting node"),
        ("list", ours, "can only get, create, update, patch, or delete a node lease"),
        (
            "patch",
            place("storage.k8s.io", "csinodes"),
            "can only access CSINode with the same name as the requesting node",
        ),
        ("create", place("", "services"), ""),
    ];
    for (verb, place, why) in table {
        let decision = asked(&nodes, "n", verb, place);
        assert!(!decision.allowed, "{verb} {place:?}");
        assert_eq!(decision.reason, why);
    }
    assert!(asked(&nodes, "n", "update", Place { name: "n", ..ours }).allowed);
    assert!(asked(&nodes, "n", "create", Place { name: "", ..ours }).allowed);
    assert!(asked(&nodes, "n", "list", place("", "pods")).allowed);
    assert_eq!(asked(&nodes, "", "list", ours).reason, "unknown node for user \"system:node:\"");
    // The name alone does not make a node.
    let identity = Identity::new("system:node:n", []);
    let on = On::Resource(place("", "pods"));
    let alone = nodes.decide(&Attributes { identity: &identity, verb: "list", on });
    assert_eq!(alone, Decision::default());
}

#[test]
fn labels_of_a_kubelet() {
    let with = |label: &str| json!({ "metadata": { "labels": { label: "x" } } });
    let allowed = [
        "mine",
        "example.com/x",
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
        "node.kubernetes.io/x",
        "sub.kubelet.kubernetes.io/x",
    ];
    let forbidden = [
        "node-restriction.kubernetes.io/x",
        "a.node-restriction.kubernetes.io/x",
        "node-role.kubernetes.io/worker",
        "kubernetes.io/x",
        "k8s.io/x",
        "x.k8s.io/y",
    ];
    for label in allowed {
        assert!(labels::forbidden(&with(label), None).is_empty(), "{label}");
    }
    for label in forbidden {
        assert_eq!(labels::forbidden(&with(label), None), [label]);
        // Setting and removing are the same, leaving as it is is not.
        assert_eq!(labels::forbidden(&json!({}), Some(&with(label))), [label]);
        assert!(labels::forbidden(&with(label), Some(&with(label))).is_empty());
    }
}
