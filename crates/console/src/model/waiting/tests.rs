#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::world::request::SIGNER;
use crate::world::tests::{now, world};

/// The request for `O=system:nodes, CN=system:node:worker-1` that a kubelet sent once, in base64.
const WORKER_1: &str = include_str!("../../../tests/worker-1.csr.base64");

/// SHA-256 of its public key.
const KEY: &str = include_str!("../../../tests/worker-1.key.sha256");

fn request(name: &str, requester: &str, conditions: Value) -> (Source, Value) {
    let object = json!({
        "metadata": { "name": name, "uid": format!("uid-{name}"),
            "creationTimestamp": "2026-11-21T11:55:00Z" },
        "spec": { "signerName": SIGNER, "username": requester, "groups": [],
            "request": WORKER_1.trim(), "usages": ["digital signature", "client auth"] },
        "status": { "conditions": conditions },
    });
    (Source::Requests, object)
}

fn node() -> (Source, Value) {
    (Source::Nodes, json!({ "metadata": { "name": "worker-1" } }))
}

fn warnings(objects: &[(Source, Value)]) -> Vec<String> {
    waiting(&world(objects), now()).waiting.remove(0).warnings
}

#[test]
fn a_kubelet_with_a_bootstrap_token_waits_without_warnings() {
    let shown = waiting(&world(&[request("a", "system:bootstrap:abcdef", json!([]))]), now());
    assert_eq!(shown.notice, None);
    assert_eq!(
        shown.waiting,
        [Asking {
            name: "a".into(),
            uid: "uid-a".into(),
            node: "worker-1".into(),
            requester: "system:bootstrap:abcdef".into(),
            fingerprint: shown.waiting[0].fingerprint.clone(),
            age: "5 min".into(),
            refusal: None,
            warnings: Vec::new(),
        }]
    );
    let digits = shown.waiting[0].fingerprint.strip_prefix("sha256:").unwrap();
    assert_eq!(digits, KEY.trim(), "as `openssl` hashes the key");
}

#[test]
fn the_name_of_a_node_that_works_is_taken() {
    let (source, mut object) = node();
    object["status"]["conditions"] = json!([{ "type": "Ready", "status": "True" }]);
    let asks = |requester| {
        let objects = [request("a", requester, json!([])), (source, object.clone())];
        waiting(&world(&objects), now()).waiting.remove(0).refusal
    };
    assert_eq!(asks("system:bootstrap:abcdef").as_deref(), Some(TAKEN));
    assert_eq!(asks("system:node:worker-1"), None, "a renewal");
}

#[test]
fn what_is_odd_about_a_request_is_told() {
    let bootstrap = || request("a", "system:bootstrap:abcdef", json!([]));
    let told = |objects: &[(Source, Value)], words: &str| {
        let warnings = warnings(objects);
        assert!(warnings.iter().any(|warning| warning.contains(words)), "{warnings:?}");
    };
    told(&[request("a", "eve", json!([]))], "not sent with a bootstrap token");
    told(&[bootstrap(), node()], "takes its place");
    told(&[bootstrap(), request("b", "system:bootstrap:abcdef", json!([]))], "Another request");
    let renewal = request("a", "system:node:worker-1", json!([]));
    assert_eq!(warnings(&[renewal, node()]), Vec::<String>::new(), "a node renews its own");
}

#[test]
fn what_the_signer_would_not_sign_cannot_be_accepted() {
    let refused = |change: fn(&mut Value)| {
        let (source, mut object) = request("a", "system:bootstrap:abcdef", json!([]));
        change(&mut object);
        waiting(&world(&[(source, object)]), now()).waiting.remove(0).refusal.unwrap_or_default()
    };
    let usages = refused(|it| it["spec"]["usages"] = json!(["client auth", "server auth"]));
    assert!(usages.contains("server auth"), "{usages}");
    let usages = refused(|it| it["spec"]["usages"] = json!(["digital signature"]));
    assert!(usages.contains("client authentication"), "{usages}");
    let base64 = refused(|it| it["spec"]["request"] = json!("?"));
    assert!(base64.contains("base64"), "{base64}");
    let pem = refused(|it| it["spec"]["request"] = json!("AAAA"));
    assert!(pem.contains("PEM"), "{pem}");
    assert_eq!(refused(|_| {}), "");
}

#[test]
fn decisions_of_a_day_are_shown_the_latest_first() {
    let decided = |name: &str, kind: &str, at: &str| {
        let condition =
            json!([{ "type": kind, "status": "True", "message": "so", "lastUpdateTime": at }]);
        request(name, "system:bootstrap:abcdef", condition)
    };
    let shown = waiting(
        &world(&[
            decided("a", "Approved", "2026-11-21T11:00:00Z"),
            decided("b", "Denied", "2026-11-21T11:30:00Z"),
            decided("c", "Failed", "2026-11-21T11:40:00Z"),
            decided("d", "Approved", "2026-11-19T11:00:00Z"),
        ]),
        now(),
    );
    assert_eq!(shown.waiting, []);
    let seen: Vec<_> = shown
        .decided
        .iter()
        .map(|it| (it.name.as_str(), it.badge.text.as_str(), it.age.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("c", "Failed", "20 min"),
            ("b", "Rejected", "30 min"),
            ("a", "Accepted, not signed yet", "1 h"),
        ]
    );
}
