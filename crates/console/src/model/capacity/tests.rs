use serde_json::{Value, json};

use super::*;
use crate::world::tests::world;

fn config(spec: Value, status: Value) -> (Source, Value) {
    (
        Source::Configs,
        json!({ "metadata": { "name": "c", "namespace": "n" }, "spec": spec, "status": status }),
    )
}

fn node(name: &str, seats: Value) -> (Source, Value) {
    let object = json!({ "metadata": { "name": name, "labels": { "vm": "yes" } },
        "status": { "capacity": { "kata.peerpods.io/vm": seats } } });
    (Source::Nodes, object)
}

fn pod(name: &str, node: &str, seats: u64) -> (Source, Value) {
    let object = json!({ "metadata": { "name": name, "namespace": "n" },
        "spec": { "nodeName": node, "containers": [{ "resources": {
            "requests": { "kata.peerpods.io/vm": seats.to_string() } } }] },
        "status": { "phase": "Running" } });
    (Source::Pods, object)
}

#[test]
fn bars_share_one_scale() {
    let shown = nodes(
        &world(&[
            config(
                json!({ "limit": "20", "maxPerNode": 10, "labelSelector": { "matchLabels": { "vm": "yes" } } }),
                json!({}),
            ),
            node("a", json!("8")),
            node("b", json!(4)),
            (Source::Nodes, json!({ "metadata": { "name": "other" } })),
            pod("p", "a", 2),
            pod("q", "a", 1),
            pod("r", "b", 4),
        ]),
        &Filter::default(),
    );
    let seen: Vec<_> = shown
        .rows
        .iter()
        .map(|row| (row.node.as_str(), row.bar.limit, row.bar.advertised_end, row.bar.held_end))
        .collect();
    assert_eq!(seen, [("a", Some(10), 800, 300), ("b", Some(10), 400, 400)]);
    assert_eq!(shown.rows[0].config, "n/c");
    assert_eq!(shown.rows[0].bar.label, "3 held of 8 advertised, limit 10");
    assert_eq!(shown.rows[1].state.as_ref().map(|it| it.text.as_str()), Some("Full"));
}

#[test]
fn more_than_there_is_room_for_is_told_and_stays_in_the_bar() {
    let shown = nodes(&world(&[node("a", json!("1")), pod("p", "a", 5)]), &Filter::default());
    let row = &shown.rows[0];
    assert_eq!(row.state.as_ref().map(|it| it.text.as_str()), Some("Overcommitted"));
    assert_eq!((row.bar.held_end, row.bar.advertised_end), (WIDTH, 200));
    let huge = Bar::new(Some(u64::MAX), u64::MAX, 1, u64::MAX);
    assert_eq!((huge.advertised_end, huge.held_end), (WIDTH, 4), "what is there is seen");
}

#[test]
fn a_config_tells_its_limit_and_its_trouble() {
    let status = json!({ "nodes": 3, "advertised": 6, "allocated": 1, "conditions": [
        { "type": "Ready", "status": "False", "reason": "Waiting", "message": "" },
        { "type": "Overcommitted", "status": "True", "reason": "MoreRun", "message": "by 2" }] });
    let per_node = json!({ "limit": "2", "limitScope": "PerNode" });
    let rows = configs(&world(&[config(per_node, status)])).rows;
    assert_eq!((rows[0].bar.limit, rows[0].scope), (Some(6), "for each node"));
    assert_eq!(rows[0].problems, ["MoreRun: by 2"]);
    assert_eq!(rows[0].state.text, "Needs attention");
    let broken = configs(&world(&[config(json!({ "limit": [] }), json!({}))])).rows;
    assert_eq!(broken[0].state.text, "Unreadable");
}
