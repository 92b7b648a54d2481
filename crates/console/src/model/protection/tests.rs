#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::world::tests::{now, world};

fn template() -> (Source, Value) {
    let object = json!({ "apiVersion": "kubewright.io/v1alpha1", "kind": "HostEndpointTemplate",
        "metadata": { "name": "ingress", "uid": "t", "generation": 1 },
        "spec": { "nodeSelector": { "matchLabels": { "role": "worker" } },
            "interfaces": [{ "name": "eth0" }] },
        "status": { "matchedNodes": 1, "endpoints": 0, "conditions": [
            { "type": "Ready", "status": "False", "reason": "Missing", "message": "one" }] } });
    (Source::Templates, object)
}

fn node(name: &str, role: &str, taint: bool, condition: Value) -> (Source, Value) {
    let taints = if taint {
        json!([{ "key": "kubewright.io/host-unprotected", "effect": "NoSchedule" }])
    } else {
        json!([])
    };
    let object = json!({ "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": name, "labels": { "role": role },
            "creationTimestamp": "2026-11-21T11:50:00Z" },
        "spec": { "taints": taints }, "status": { "conditions": condition } });
    (Source::Nodes, object)
}

fn condition(status: &str, reason: &str) -> Value {
    json!([{ "type": "HostProtected", "status": status, "reason": reason, "message": "so it is",
        "lastTransitionTime": "2026-11-21T11:56:00Z" }])
}

fn states(objects: &[(Source, Value)]) -> Vec<(String, String, Option<String>)> {
    let shown = coverage(&world(objects), &Filter::default(), now());
    shown.rows.into_iter().map(|row| (row.node, row.state.text, row.unprotected)).collect()
}

#[test]
fn a_node_whose_endpoints_are_missing_is_unprotected_since_it_says_so_or_since_it_exists() {
    let told = states(&[
        template(),
        node("b", "worker", false, json!([])),
        node("c", "worker", false, condition("False", "EndpointsMissing")),
        node("d", "worker", false, condition("True", "CalicoIsUp")),
        node("e", "other", false, json!([])),
        node("f", "other", true, json!([])),
        node("g", "other", false, condition("False", "NoTemplate")),
    ]);
    let word = |text: &str| text.to_owned();
    assert_eq!(
        told,
        [
            (word("b"), word("Unprotected"), Some(word("10 min"))),
            (word("c"), word("Unprotected"), Some(word("4 min"))),
            (word("f"), word("Unprotected"), Some(word("10 min"))),
            (word("d"), word("Being repaired"), None),
            (word("e"), word("Not asked for"), None),
            (word("g"), word("Not asked for"), None),
        ]
    );
}

#[test]
fn what_is_wanted_and_there_is_counted_by_the_planner() {
    let objects = [template(), node("b", "worker", false, json!([]))];
    let before = coverage(&world(&objects), &Filter::default(), now()).rows.remove(0);
    assert_eq!((before.present, before.wanted), (0, 1));
    assert_eq!(before.templates, ["ingress"]);
}

#[test]
fn without_the_controller_the_page_says_how_to_get_it() {
    let mut world = world(&[]);
    world.list_fails(Source::Templates, Sight::Absent);
    let shown = coverage(&world, &Filter::default(), now());
    assert_eq!(shown.rows, []);
    assert_eq!(shown.notice.unwrap().command, Some(INSTALL));
}

#[test]
fn a_template_in_trouble_tells_why() {
    let rows = templates(&world(&[template()]));
    assert_eq!(rows[0].state.text, "Needs attention");
    assert_eq!(rows[0].problems, ["Missing: one"]);
}

#[test]
fn a_template_that_cannot_be_read_is_in_trouble_before_its_controller_says_so() {
    let (source, mut object) = template();
    object["spec"]["interfaces"] = json!("eth0");
    object["status"] = json!({});
    let rows = templates(&world(&[(source, object)]));
    assert_eq!(rows[0].state.text, "Needs attention");
}
