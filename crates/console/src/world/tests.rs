#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;

pub(crate) const NOW: &str = "2026-11-21T12:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A world in which these objects, and no others, have been listed.
pub(crate) fn world(objects: &[(Source, Value)]) -> World {
    let mut world = World::new("kata.peerpods.io/vm");
    for source in Source::ALL {
        world.list_begins(source);
        for (_, object) in objects.iter().filter(|(its, _)| *its == source) {
            world.apply(source, object, now());
        }
        world.list_ends(source, now());
    }
    world
}

#[test]
fn a_new_list_drops_what_it_does_not_contain() {
    let node = |name: &str| json!({ "metadata": { "name": name } });
    let mut world = world(&[(Source::Nodes, node("a")), (Source::Nodes, node("b"))]);
    assert_eq!(world.nodes.len(), 2);
    world.list_begins(Source::Nodes);
    assert!(!world.apply(Source::Nodes, &node("b"), now()), "nothing new about it");
    assert_eq!(world.nodes.len(), 2, "not before the list is complete");
    assert!(world.list_ends(Source::Nodes, now()));
    assert_eq!(world.nodes.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_failed_list_keeps_what_is_known() {
    let mut world = world(&[(Source::Nodes, json!({ "metadata": { "name": "a" } }))]);
    assert!(world.list_fails(Source::Nodes, Sight::Forbidden));
    assert!(!world.list_fails(Source::Nodes, Sight::Forbidden), "no news");
    assert_eq!(world.nodes.len(), 1);
    assert_eq!(world.sight(Source::Nodes), &Sight::Forbidden);
}

#[test]
fn a_heartbeat_is_no_news() {
    let node = |at: &str| {
        json!({ "metadata": { "name": "a" }, "status": { "conditions": [{ "type": "Ready",
            "status": "True", "lastHeartbeatTime": at,
            "lastTransitionTime": "2026-11-21T10:00:00Z" }] } })
    };
    let mut world = world(&[(Source::Nodes, node("2026-11-21T11:00:00Z"))]);
    assert!(!world.apply(Source::Nodes, &node("2026-11-21T11:00:10Z"), now()));
    let lease = |at: &str, holder: &str| {
        json!({ "metadata": { "name": "kubewright", "namespace": "ns" },
            "spec": { "holderIdentity": holder, "renewTime": at } })
    };
    assert!(world.apply(Source::Leases, &lease("2026-11-21T11:00:00Z", "a"), now()));
    assert!(!world.apply(Source::Leases, &lease("2026-11-21T11:00:02Z", "a"), now()));
    let kept = world.leases.get("ns/kubewright").unwrap().renewed;
    assert_eq!(kept, time(&json!("2026-11-21T11:00:02Z")), "it is kept all the same");
    assert!(world.apply(Source::Leases, &lease("2026-11-21T11:00:02Z", "b"), now()));
}

#[test]
fn objects_of_any_shape_are_taken() {
    let shapes = [
        json!(null),
        json!(3),
        json!([]),
        json!({ "metadata": 1, "spec": [], "status": "x" }),
        json!({ "metadata": { "name": 5, "annotations": [], "labels": 2 },
            "spec": { "taints": {}, "containers": { "a": 1 }, "request": 1, "usages": "x",
                "signerName": request::SIGNER, "limit": {}, "config": [] },
            "status": { "conditions": { "type": "Ready" }, "capacity": [] } }),
    ];
    for shape in shapes {
        for source in Source::ALL {
            let mut world = world(&[(source, shape.clone())]);
            world.remove(source, &shape, now());
        }
    }
}

#[test]
fn pods_without_networks_and_seats_are_not_kept() {
    let pod = |annotations: Value, phase: &str, amount: &str| {
        json!({ "metadata": { "name": "p", "namespace": "n", "annotations": annotations },
            "spec": { "nodeName": "a", "containers": [{ "resources": {
                "limits": { "kata.peerpods.io/vm": amount } } }] },
            "status": { "phase": phase } })
    };
    let of = |object| Pod::of(&object, "kata.peerpods.io/vm");
    assert_eq!(of(pod(json!({}), "Running", "0")), None);
    assert_eq!(of(pod(json!({}), "Succeeded", "2")), None, "it holds none any more");
    assert_eq!(of(pod(json!({}), "Running", "2")).unwrap().seats, 2);
    assert_eq!(of(pod(json!({}), "Running", "1k")).unwrap().seats, 1000);
    assert_eq!(of(pod(json!({}), "Running", "-3")), None);
    let asks = pod(json!({ "k8s.v1.cni.cncf.io/networks": "a" }), "Pending", "0");
    assert_eq!(of(asks).unwrap().attachments.unwrap().len(), 1);
}

#[test]
fn networks_are_read_in_both_spellings() {
    let list = json!({ "spec": { "config": json!({ "cniVersion": "1.0.0", "plugins": [
        { "type": "bridge", "bridge": "br0", "ipam": { "type": "host-local",
            "ranges": [[{ "subnet": "10.1.0.0/24" }], [{ "subnet": "fd00::/64" }]] } },
        { "type": "tuning" }] }).to_string() } });
    let network = Network::of(&list);
    assert_eq!((network.plugin.as_str(), network.link.as_str()), ("bridge", "br0"));
    assert_eq!(network.subnets, ["10.1.0.0/24", "fd00::/64"]);
    let kaloom = json!({ "spec": { "plugin": "macvlan",
        "config": json!({ "master": "eth1", "ipam": { "subnet": "10.2.0.0/16" } }).to_string() } });
    let network = Network::of(&kaloom);
    assert_eq!((network.plugin.as_str(), network.link.as_str()), ("macvlan", "eth1"));
    assert_eq!(network.subnets, ["10.2.0.0/16"]);
    assert_eq!(Network::of(&json!({ "spec": { "config": "{broken" } })), Network::default());
}
