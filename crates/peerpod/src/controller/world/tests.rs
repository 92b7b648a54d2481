#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::controller::sighting::record::PrunedPod;

fn there(key: &str, object: Object) -> Sighting {
    Sighting::There(key.to_owned(), Box::new(object))
}

fn pod(node: Option<&str>, seats: u64) -> Object {
    Object::Pod(PodRecord { node: node.map(str::to_owned), seats, admitted: true })
}

fn node() -> Object {
    Object::Node(NodeRecord { ready: true, ..NodeRecord::default() })
}

#[test]
fn a_list_that_no_longer_shows_an_object_forgets_it() {
    let mut world = World::default();
    for name in ["a", "b"] {
        world.take(there(name, node()));
    }
    world.take(there("ns/p", pod(Some("a"), 1)));
    world.take(there("ns/q", pod(Some("a"), 1)));
    // While the list goes on, what it has not shown yet stays.
    world.take(Sighting::ListBegins(Kind::Nodes));
    world.take(there("b", node()));
    assert!(world.nodes.contains_key("a"));
    assert!(world.take(Sighting::ListEnds(Kind::Nodes)));
    assert_eq!(world.nodes.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(world.running("a"), 2, "of another kind, nothing is forgotten");
    world.take(Sighting::ListBegins(Kind::Pods));
    world.take(there("ns/q", pod(Some("a"), 1)));
    assert!(world.take(Sighting::ListEnds(Kind::Pods)));
    assert_eq!(world.running("a"), 1);
}

#[test]
fn a_list_that_begins_again_forgets_nothing_that_it_shows() {
    let mut world = World::default();
    world.take(there("a", node()));
    for _ in 0..2 {
        world.take(Sighting::ListBegins(Kind::Nodes));
    }
    world.take(there("a", node()));
    world.take(Sighting::ListEnds(Kind::Nodes));
    assert!(world.nodes.contains_key("a"));
}

/// Else what was just written would be written again, and at 5,000 nodes many times.
#[test]
fn a_watch_that_lags_does_not_undo_an_answer() {
    let node = |version: u64, seats: &str| {
        let capacity = Some(seats.to_owned());
        Object::Node(NodeRecord { version, capacity, ..NodeRecord::default() })
    };
    let mut world = World::default();
    world.take(there("a", node(10, "4")));
    assert!(world.take(there("a", node(30, "8"))), "the answer to a write");
    assert!(!world.take(there("a", node(20, "4"))), "the watch lags");
    assert_eq!(world.nodes["a"].seats(), Some(8));
    assert!(!world.take(there("a", node(40, "8"))), "a heartbeat");
    assert!(world.take(there("a", node(50, "0"))), "a kubelet");

    let config = |version: &str, limit: &str| {
        let metadata = json!({"name": "c", "namespace": "ns", "resourceVersion": version});
        let object = json!({"metadata": metadata, "spec": {"limit": limit}});
        Object::Config(serde_json::from_value(object).unwrap())
    };
    world.take(there("ns/c", config("9", "1")));
    world.take(there("ns/c", config("11", "2")));
    assert!(!world.take(there("ns/c", config("10", "1"))));
    assert_eq!(world.configs["ns/c"].data["spec"]["limit"], "2");
}

#[test]
fn what_changes_nothing_is_no_change() {
    let mut world = World::default();
    assert!(world.take(there("a", node())));
    assert!(!world.take(there("a", node())), "a heartbeat");
    assert!(world.take(there("ns/p", pod(Some("a"), 1))));
    assert!(!world.take(there("ns/p", pod(Some("a"), 1))));
    assert!(!world.take(there("ns/q", pod(None, 0))), "not bound yet");
    assert!(!world.take(Sighting::Gone(Kind::Pods, "ns/unknown".to_owned())));
}

/// Anybody may set the label; only what holds the resource counts.
#[test]
fn a_pod_holds_what_its_containers_ask_for() {
    let resource = "kata.peerpods.io/vm";
    let with = |list: &str, amount: &str| json!({"resources": {list: {resource: amount}}});
    let cases = [
        (json!({"nodeName": "a", "containers": [with("limits", "1")]}), "Running", 1),
        (json!({"nodeName": "a", "containers": [with("requests", "1")]}), "Pending", 1),
        (json!({"nodeName": "a", "containers": [{}, with("limits", "2")]}), "Running", 2),
        (json!({"nodeName": "a", "containers": [with("limits", "1")]}), "Succeeded", 0),
        (json!({"nodeName": "a", "containers": [with("limits", "1")]}), "Failed", 0),
        (json!({"containers": [with("limits", "1")]}), "Pending", 0),
        (json!({"nodeName": "a", "containers": [{}]}), "Running", 0),
        (json!({"nodeName": "a", "containers": [with("limits", "-3")]}), "Running", 0),
        (json!({"nodeName": "a", "containers": [with("limits", "many")]}), "Running", 0),
    ];
    for (spec, phase, seats) in cases {
        let pod: PrunedPod =
            serde_json::from_value(json!({"spec": spec, "status": {"phase": phase}})).unwrap();
        let record = PodRecord::of(pod, resource);
        assert_eq!(record.seats, seats, "{spec} {phase}");
        assert_eq!(record.node.is_some(), seats > 0, "{spec} {phase}");
    }
}

/// Anybody may bind a pod past the scheduler. It must not make a node advertise what the limit does
/// not give it, nor lose the seat that a pod of the scheduler has.
#[test]
fn a_pod_that_no_kubelet_has_taken_holds_what_there_is_at_most() {
    let bound =
        |seats, admitted| Object::Pod(PodRecord { node: Some("a".to_owned()), seats, admitted });
    let advertising = |seats: &str| {
        let capacity = Some(seats.to_owned());
        Object::Node(NodeRecord { capacity, ..NodeRecord::default() })
    };
    let mut world = World::default();
    world.take(there("a", node()));
    world.take(there("ns/p", bound(1_000_000, false)));
    assert_eq!(world.running("a"), 0, "it advertises nothing");
    world.take(there("a", advertising("3")));
    assert_eq!(world.running("a"), 3);
    world.take(there("ns/q", bound(2, true)));
    assert_eq!(world.running("a"), 3);
    world.take(there("ns/p", bound(1, false)));
    assert_eq!(world.running("a"), 3);
    assert!(world.take(there("ns/p", bound(1, true))), "its kubelet has taken it");
    world.take(there("a", advertising("1")));
    assert_eq!(world.running("a"), 3, "what runs runs");
}

proptest! {
    #[test]
    fn running_is_the_sum_over_pods(
        moves in prop::collection::vec((0..6u8, prop::option::of((0..3u8, 1..4u64))), 0..60),
    ) {
        let mut world = World::default();
        let mut pods: BTreeMap<u8, (u8, u64)> = BTreeMap::new();
        for (name, to) in moves {
            let key = format!("ns/{name}");
            match to {
                Some((node, seats)) => {
                    world.take(there(&key, pod(Some(&node.to_string()), seats)));
                    pods.insert(name, (node, seats));
                }
                None => {
                    world.take(Sighting::Gone(Kind::Pods, key));
                    pods.remove(&name);
                }
            }
            for node in 0..3u8 {
                let sum: u64 = pods.values().filter(|pod| pod.0 == node).map(|pod| pod.1).sum();
                prop_assert_eq!(world.running(&node.to_string()), sum);
            }
        }
    }
}
