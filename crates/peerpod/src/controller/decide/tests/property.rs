//! Whatever a cluster is like, it comes to rest, and at rest it is as it should be.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::simulation::{Cluster, at};
use crate::api::condition;

#[derive(Clone, Debug)]
struct Node {
    zone: usize,
    cordoned: bool,
    running: u64,
    capacity: Option<u64>,
}

#[derive(Clone, Debug)]
struct Config {
    zones: Vec<usize>,
    limit: u64,
    adaptor: bool,
    deleted: bool,
    unreadable: bool,
}

const ZONES: [&str; 3] = ["a", "b", "c"];

fn node() -> impl Strategy<Value = Node> {
    (0..3usize, prop::bool::weighted(0.2), 0..4u64, prop::option::of(0..2_000u64))
        .prop_map(|(zone, cordoned, running, capacity)| Node { zone, cordoned, running, capacity })
}

fn config() -> impl Strategy<Value = Config> {
    let zones = prop::collection::vec(0..3usize, 1..3);
    let rarely = || prop::bool::weighted(0.2);
    (zones, 0..3_000u64, any::<bool>(), rarely(), rarely()).prop_map(
        |(zones, limit, adaptor, deleted, unreadable)| Config {
            zones,
            limit,
            adaptor,
            deleted,
            unreadable,
        },
    )
}

fn build(nodes: &[Node], configs: &[Config]) -> Cluster {
    let mut cluster = Cluster::new(&[]);
    cluster.options.patience = std::time::Duration::ZERO;
    for (index, node) in nodes.iter().enumerate() {
        let name = format!("node-{index}");
        cluster.put_node(&name, |record| {
            record.labels.insert("zone".to_owned(), ZONES[node.zone].to_owned());
            record.unschedulable = node.cordoned;
            record.capacity = node.capacity.map(|seats| seats.to_string());
        });
        if node.running > 0 {
            cluster.peer_pod(&format!("pod-{index}"), &name, node.running);
        }
    }
    for (index, config) in configs.iter().enumerate() {
        let zones: Vec<_> = config.zones.iter().map(|zone| ZONES[*zone]).collect();
        cluster.config(
            &format!("config-{index}"),
            json!({
                "limit": config.limit.to_string(),
                "labelSelector": {"matchExpressions": [
                    {"key": "zone", "operator": "In", "values": zones},
                ]},
                "adaptor": {"enabled": config.adaptor, "image": "i"},
            }),
        );
    }
    cluster
}

/// Σ of a config that stands, and what its nodes hold.
fn check(cluster: &Cluster, nodes: &[Node], configs: &[Config]) {
    let mut by_node: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, config) in configs.iter().enumerate() {
        let name = format!("config-{index}");
        if config.deleted || config.unreadable || !cluster.exists(&name) {
            continue;
        }
        if cluster.condition(&name, condition::READY).contains("Conflicted") {
            continue;
        }
        let mine: Vec<usize> =
            (0..nodes.len()).filter(|node| config.zones.contains(&nodes[*node].zone)).collect();
        let running: u64 = mine.iter().map(|node| nodes[*node].running).sum();
        let eligible = mine.iter().any(|node| !nodes[*node].cordoned);
        let sum: u64 =
            mine.iter().map(|node| cluster.seats(&format!("node-{node}")).unwrap()).sum();
        let expected = if eligible { config.limit.max(running) } else { running };
        assert_eq!(sum, expected, "{name}: {config:?}");
        for node in mine {
            assert!(cluster.seats(&format!("node-{node}")).unwrap() >= nodes[node].running);
            assert_eq!(by_node.insert(node, index), None, "node-{node} has two configs");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_cluster_comes_to_rest_as_it_should_be(
        nodes in prop::collection::vec(node(), 0..8),
        configs in prop::collection::vec(config(), 0..4),
    ) {
        let mut cluster = build(&nodes, &configs);
        cluster.settle(at(10));
        let fresh: Vec<_> = configs
            .iter()
            .map(|config| Config { deleted: false, unreadable: false, ..config.clone() })
            .collect();
        check(&cluster, &nodes, &fresh);
        prop_assert_eq!(cluster.settle(at(11)), Vec::<String>::new());

        let mut before = BTreeMap::new();
        for (index, config) in configs.iter().enumerate() {
            let name = format!("config-{index}");
            if config.unreadable {
                let bad = json!({"limit": config.limit.to_string(), "nodeSelector": {"x": {}}});
                cluster.change(&name, bad);
            }
            if config.deleted {
                cluster.delete(&name, at(12));
            }
            if config.unreadable && !config.deleted {
                let manager = format!("kubewright-peerpod:ns/{name}");
                let held = cluster.world.nodes.iter().filter(|(_, n)| n.managers.contains(&manager));
                before.extend(held.map(|(node, record)| (node.clone(), record.seats())));
            }
        }
        cluster.settle(at(12));
        check(&cluster, &nodes, &configs);
        for (node, seats) in before {
            prop_assert_eq!(cluster.seats(&node), seats, "{} of an unreadable config", node);
        }
        prop_assert_eq!(cluster.settle(at(13)), Vec::<String>::new());

        // When nothing runs any more, deleted configs end, unless an unreadable one is in the way.
        for index in 0..nodes.len() {
            cluster.gone(&format!("pod-{index}"));
        }
        cluster.settle(at(14));
        for (index, config) in configs.iter().enumerate() {
            if config.deleted && !configs.iter().any(|config| config.unreadable) {
                let name = format!("config-{index}");
                prop_assert!(!cluster.exists(&name), "{} is left", name);
            }
        }
        prop_assert_eq!(cluster.settle(at(15)), Vec::<String>::new());
    }
}
