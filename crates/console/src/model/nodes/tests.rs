use serde_json::{Value, json};

use super::*;
use crate::world::tests::{now, world};

fn node(name: &str, ready: &str, spec: Value) -> (Source, Value) {
    let object = json!({ "metadata": { "name": name }, "spec": spec, "status": {
        "addresses": [{ "type": "InternalIP", "address": "10.0.0.1" },
            { "type": "Hostname", "address": name }],
        "conditions": [{ "type": "Ready", "status": ready, "message": "because",
            "lastTransitionTime": "2026-11-21T11:59:00Z" }] } });
    (Source::Nodes, object)
}

#[test]
fn states_are_told_and_trouble_comes_first() {
    let mut leaving = node("leaving", "True", json!({}));
    leaving.1["metadata"]["deletionTimestamp"] = json!("2026-11-21T11:59:00Z");
    let shown = nodes(
        &world(&[
            node("a-ready", "True", json!({})),
            node("cordoned", "True", json!({ "unschedulable": true })),
            node("down", "False", json!({})),
            node("silent", "Unknown", json!({})),
            (Source::Nodes, json!({ "metadata": { "name": "new" } })),
            leaving,
        ]),
        &Filter::default(),
        now(),
    );
    let seen: Vec<_> = shown
        .rows
        .iter()
        .map(|row| (row.name.as_str(), row.state.text.as_str(), row.detail.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("down", "Not ready", "for 1 min: because"),
            ("silent", "Silent", "for 1 min: because"),
            ("cordoned", "Cordoned", "takes no new pods"),
            ("leaving", "Leaving", ""),
            ("new", "Joining", "the kubelet has not reported yet"),
            ("a-ready", "Ready", "for 1 min"),
        ]
    );
    assert_eq!(shown.rows[0].addresses, ["10.0.0.1"]);
}

#[test]
fn an_empty_cluster_says_what_to_do() {
    let shown = nodes(&world(&[]), &Filter::default(), now());
    assert_eq!(shown.notice.map(|it| it.title).unwrap_or_default(), "No nodes yet");
}
