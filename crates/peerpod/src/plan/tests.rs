#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

fn spec(fields: Value) -> PeerPodConfigSpec {
    serde_json::from_value(fields).unwrap()
}

fn node(name: &str) -> Node {
    Node { name: name.to_owned(), ..Node::default() }
}

fn labelled(name: &str, key: &str, value: &str) -> Node {
    Node { labels: [(key.to_owned(), value.to_owned())].into(), ..node(name) }
}

fn seats(spec: &PeerPodConfigSpec, nodes: &[Node]) -> Vec<(String, u64, String)> {
    let capacity = capacity(spec, nodes).unwrap();
    capacity.grants.into_iter().map(|g| (g.node, g.seats, g.reason.to_string())).collect()
}

fn row(node: &str, seats: u64, reason: &str) -> (String, u64, String) {
    (node.to_owned(), seats, reason.to_owned())
}

#[test]
fn the_limit_is_spread_over_selected_nodes_only() {
    let spec = spec(json!({"limit": "3", "nodeSelector": {"kata": "yes"}}));
    let nodes = [labelled("b", "kata", "yes"), labelled("a", "kata", "yes"), node("other")];
    assert_eq!(
        seats(&spec, &nodes),
        [row("a", 2, "share of the limit"), row("b", 1, "share of the limit")]
    );
}

#[test]
fn a_node_that_takes_no_new_ones_keeps_what_runs_there() {
    let spec = spec(json!({"limit": "10"}));
    let nodes = [
        Node { obstacle: Some(Obstacle::Cordoned), running: 2, advertised: Some(5), ..node("a") },
        Node { obstacle: Some(Obstacle::NotReady), ..node("b") },
        node("c"),
    ];
    assert_eq!(
        seats(&spec, &nodes),
        [
            row("a", 2, "peer pods running; cordoned"),
            row("b", 0, "peer pods running; not ready"),
            row("c", 8, "share of the limit"),
        ]
    );
}

#[test]
fn overrides_give_weights_and_maxima() {
    let spec = spec(json!({
        "limit": "12", "maxPerNode": 7,
        "overrides": [
            {"labelSelector": {"matchLabels": {"size": "large"}}, "weight": 4},
            {"labelSelector": {"matchLabels": {"size": "small"}}, "max": 1},
        ],
    }));
    let nodes = [labelled("l", "size", "large"), labelled("s", "size", "small"), node("m")];
    assert_eq!(
        seats(&spec, &nodes),
        [
            row("l", 7, "maximum of the node"),
            row("m", 4, "share of the limit"),
            row("s", 1, "maximum of the node"),
        ]
    );
}

#[test]
fn a_limit_per_node_is_for_each() {
    let spec = spec(json!({
        "limit": "4", "limitScope": "PerNode",
        "overrides": [{"labelSelector": {"matchLabels": {"size": "large"}}, "limit": 9}],
    }));
    let nodes = [
        labelled("l", "size", "large"),
        Node { running: 6, ..node("m") },
        Node { running: 1, obstacle: Some(Obstacle::Taint { key: "k".to_owned() }), ..node("n") },
    ];
    assert_eq!(
        seats(&spec, &nodes),
        [
            row("l", 9, "limit of the node"),
            row("m", 6, "peer pods running"),
            row("n", 1, "peer pods running; taint k"),
        ]
    );
    assert_eq!(capacity(&spec, &nodes).unwrap().overcommitted, 2);
}

#[test]
fn a_node_where_more_run_than_its_share_keeps_them() {
    let spec = spec(json!({"limit": "6"}));
    let nodes = [Node { running: 4, ..node("a") }, node("b"), Node { running: 1, ..node("c") }];
    assert_eq!(
        seats(&spec, &nodes),
        [
            row("a", 4, "peer pods running"),
            row("b", 1, "share of the limit"),
            row("c", 1, "share of the limit"),
        ]
    );
}

#[test]
fn more_running_than_allowed_is_overcommitted() {
    let spec = spec(json!({"limit": "3"}));
    let nodes = [Node { running: 4, ..node("a") }, Node { running: 1, ..node("b") }, node("c")];
    let capacity = capacity(&spec, &nodes).unwrap();
    assert_eq!(capacity.overcommitted, 2);
    assert_eq!(capacity.total(), 5);
}

#[test]
fn without_nodes_nothing_is_placed() {
    let capacity = capacity(&spec(json!({"limit": "20"})), &[]).unwrap();
    assert_eq!(capacity, Capacity { unplaced: 20, ..Capacity::default() });
}

#[test]
fn what_the_schema_would_refuse_is_an_error() {
    for limit in ["", "ten", "010"] {
        let error = capacity(&spec(json!({"limit": limit})), &[]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("spec.limit is {limit:?}")), "{error}");
    }
}

#[test]
fn the_oldest_claim_on_a_node_stands() {
    let claim = |key: &'static str, nodes: &[&'static str]| Claim { key, nodes: nodes.to_vec() };
    // `all` is conflicted, and therefore not in the way of `other`, which is younger.
    let claims =
        [claim("ns/old", &["n1"]), claim("ns/all", &["n1", "n2"]), claim("ns/other", &["n2"])];
    assert_eq!(conflicts(&claims), [None, Some("ns/old".to_owned()), None]);
    let nothing = [claim("ns/a", &[]), claim("ns/b", &[])];
    assert_eq!(conflicts(&nothing), [None, None]);
}

#[test]
fn taints_are_tolerated_as_kubernetes_does() {
    let taint = |key: &str, value: &str, effect: &str| Taint {
        key: key.to_owned(),
        value: Some(value.to_owned()),
        effect: effect.to_owned(),
        time_added: None,
    };
    let tolerations = |value: Value| serde_json::from_value::<Vec<Toleration>>(value).unwrap();
    let taints = [taint("soft", "", "PreferNoSchedule"), taint("gpu", "yes", "NoSchedule")];
    let cases = [
        (json!([]), false),
        (json!([{"operator": "Exists"}]), true),
        (json!([{"key": "gpu", "operator": "Exists"}]), true),
        (json!([{"key": "gpu", "value": "yes"}]), true),
        (json!([{"key": "gpu", "value": "no"}]), false),
        (json!([{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}]), false),
        (json!([{"key": "other", "operator": "Exists"}]), false),
    ];
    for (given, tolerated) in cases {
        let found = untolerated(&taints, &tolerations(given.clone()));
        assert_eq!(found.is_none(), tolerated, "{given}");
    }
}
