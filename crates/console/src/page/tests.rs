#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;
use crate::world::Source;
use crate::world::tests::{now, world};

const EVIL: &str = "</td><script>alert(1)</script>\" onload='x' {{ 7*7 }} &amp;";

fn scene<'a>(view: View, filter: &'a Filter) -> Scene<'a> {
    Scene { view, filter, scrapes: &[], scraping: false, now: now(), csrf: "form-token" }
}

fn viewer() -> Viewer {
    Viewer { user: Some("alice".into()), cluster: "harbour-1".into(), csrf: "form-token".into() }
}

fn whole(world: &World, view: View) -> String {
    page(world, &scene(view, &Filter::default()), &viewer()).unwrap()
}

/// Some of everything, all of it hostile.
fn hostile() -> World {
    let conditions = json!([{ "type": "Ready", "status": "False", "reason": EVIL, "message": EVIL },
        { "type": "HostProtected", "status": "False", "reason": EVIL, "message": EVIL }]);
    let status = json!([{ "name": EVIL, "interface": EVIL, "ips": [EVIL], "mac": EVIL, "dns": {} },
        { "name": format!("n/{EVIL}"), "interface": EVIL, "ips": [EVIL], "dns": {} }]);
    let meta = || json!({ "name": EVIL, "namespace": EVIL, "uid": EVIL });
    world(&[
        (
            Source::Nodes,
            json!({ "metadata": { "name": EVIL, "labels": {
            format!("node-role.kubernetes.io/{EVIL}"): "" } },
            "status": { "conditions": conditions, "nodeInfo": { "kubeletVersion": EVIL },
                "capacity": { "kata.peerpods.io/vm": "1" },
                "addresses": [{ "type": "InternalIP", "address": EVIL }] } }),
        ),
        (
            Source::Pods,
            json!({ "metadata": { "name": EVIL, "namespace": EVIL, "annotations": {
            "k8s.v1.cni.cncf.io/network-status": status.to_string() } },
            "spec": { "nodeName": EVIL } }),
        ),
        (
            Source::Requests,
            json!({ "metadata": meta(), "spec": { "username": EVIL,
            "signerName": crate::world::request::SIGNER, "request": EVIL } }),
        ),
        (
            Source::Requests,
            json!({ "metadata": { "name": "b", "creationTimestamp": crate::world::tests::NOW },
            "spec": { "signerName": crate::world::request::SIGNER },
            "status": { "conditions": [{ "type": "Denied", "message": EVIL }] } }),
        ),
        (
            Source::Events,
            json!({ "metadata": meta(), "reason": EVIL, "note": EVIL, "type": EVIL,
            "reportingController": EVIL, "regarding": { "kind": EVIL, "name": EVIL } }),
        ),
        (
            Source::Leases,
            json!({ "metadata": { "name": format!("kubewright{EVIL}") },
            "spec": { "holderIdentity": EVIL } }),
        ),
        (Source::Templates, json!({ "metadata": meta(), "status": { "conditions": conditions } })),
        (
            Source::Configs,
            json!({ "metadata": meta(), "spec": { "limit": "3" },
            "status": { "conditions": conditions } }),
        ),
        (
            Source::Networks,
            json!({ "metadata": meta(), "spec": { "plugin": EVIL,
            "config": json!({ "type": EVIL, "bridge": EVIL, "ipam": { "subnet": EVIL } }).to_string() } }),
        ),
    ])
}

#[test]
fn no_text_of_the_cluster_becomes_markup() {
    let world = hostile();
    for view in View::ALL {
        let html = whole(&world, view);
        assert!(!html.contains("<script>alert"), "{view:?}");
        assert!(!html.contains("' onload"), "{view:?}");
        assert!(!html.contains("\" onload"), "{view:?}");
        assert!(!html.contains(" 49 "), "{view:?}: templates are not evaluated");
        // The frame has one script, and no part has any.
        assert_eq!(html.matches("<script").count(), 1, "{view:?}");
        assert!(html.contains("&lt;script&gt;alert(1)"), "{view:?} shows it as text");
    }
}

#[test]
fn neither_does_that_of_users() {
    let filter = Filter::new(EVIL);
    let viewer = Viewer { user: Some(EVIL.into()), cluster: EVIL.into(), csrf: "t".into() };
    let html = page(&world(&[]), &scene(View::Nodes, &filter), &viewer).unwrap();
    assert!(!html.contains("<script>alert") && !html.contains("\" onload"), "{html}");
    let html = message(EVIL, EVIL, Some(EVIL), Some(&viewer)).unwrap();
    assert!(!html.contains("<script>alert"), "{html}");
    let html = sign_in("t", Some(EVIL)).unwrap();
    assert!(!html.contains("<script>alert"), "{html}");
}

#[test]
fn empty_pages_say_what_to_do() {
    let empty = world(&[]);
    for (view, words) in [
        (View::Overview, "All is well"),
        (View::Nodes, "Nobody is waiting"),
        (View::Protection, "Nothing is asked for"),
        (View::Networks, "No networks yet"),
        (View::PeerPods, "No capacity is asked for"),
        (View::Controllers, "No controllers"),
        (View::Events, "Quiet"),
    ] {
        assert!(whole(&empty, view).contains(words), "{view:?}");
    }
}

#[test]
fn the_same_world_renders_the_same_and_parts_know_their_revision() {
    let filter = Filter::default();
    let scene = scene(View::Overview, &filter);
    let once = sections(&hostile(), &scene).unwrap();
    assert_eq!(once, sections(&hostile(), &scene).unwrap());
    let other = sections(&world(&[]), &scene).unwrap();
    assert!(once.iter().zip(&other).all(|(a, b)| a.id == b.id && a.rev != b.rev));
}

/// Something of everything.
fn ordinary() -> World {
    let network = json!({ "type": "bridge", "bridge": "br9", "ipam": { "subnet": "10.9.0.0/24" } });
    let status = json!([{ "name": "cluster", "interface": "eth0", "ips": ["10.1.0.2"],
        "default": true, "dns": {} },
        { "name": "n/data", "interface": "net1", "ips": ["10.9.0.2"], "dns": {} }]);
    let errors = json!([{ "name": "n/video", "interface": "net2", "reason": "AttachFailed",
        "message": "no link bond0" }]);
    world(&[
        (
            Source::Nodes,
            json!({
            "metadata": { "name": "worker-0", "creationTimestamp": "2026-11-20T12:00:00Z",
                "labels": { "role": "worker" } },
            "status": { "addresses": [{ "type": "InternalIP", "address": "10.0.0.20" }],
                "nodeInfo": { "kubeletVersion": "v1.33.2" },
                "capacity": { "kata.peerpods.io/vm": "8" },
                "conditions": [
                    { "type": "Ready", "status": "True",
                      "lastTransitionTime": "2026-11-20T12:00:10Z" },
                    { "type": "HostProtected", "status": "False", "reason": "GuardLocked",
                      "message": "the boot guard has not handed over to Felix yet",
                      "lastTransitionTime": "2026-11-21T11:56:00Z" }] } }),
        ),
        (
            Source::Pods,
            json!({
            "metadata": { "name": "encoder-0", "namespace": "n", "annotations": {
                "k8s.v1.cni.cncf.io/networks": "data@net1,video@net2",
                "k8s.v1.cni.cncf.io/network-status": status.to_string(),
                "kubewright.io/network-errors": errors.to_string() } },
            "spec": { "nodeName": "worker-0", "containers": [{ "resources": {
                "limits": { "kata.peerpods.io/vm": "1" } } }] },
            "status": { "phase": "Running" } }),
        ),
        (
            Source::Requests,
            json!({
            "metadata": { "name": "csr-1", "uid": "uid-1",
                "creationTimestamp": "2026-11-21T11:59:00Z" },
            "spec": { "signerName": crate::world::request::SIGNER,
                "username": "system:bootstrap:abcdef",
                "request": include_str!("../../tests/worker-1.csr.base64").trim(),
                "usages": ["digital signature", "client auth"] } }),
        ),
        (
            Source::Definitions,
            json!({ "metadata": { "name": "data", "namespace": "n" },
            "spec": { "config": network.to_string() } }),
        ),
        (
            Source::Templates,
            json!({
            "apiVersion": "kubewright.io/v1alpha1", "kind": "HostEndpointTemplate",
            "metadata": { "name": "ingress", "uid": "t", "generation": 1 },
            "spec": { "nodeSelector": { "matchLabels": { "role": "worker" } },
                "interfaces": [{ "name": "eth0" }] },
            "status": { "matchedNodes": 1, "endpoints": 0 } }),
        ),
        (
            Source::Configs,
            json!({ "metadata": { "name": "confidential", "namespace": "n" },
            "spec": { "limit": "12", "maxPerNode": 10 },
            "status": { "nodes": 1, "advertised": 8, "allocated": 1,
                "conditions": [{ "type": "Ready", "status": "True" }] } }),
        ),
        (
            Source::Leases,
            json!({ "metadata": { "name": "kubewright", "namespace": "n" },
            "spec": { "holderIdentity": "host_1", "leaseDurationSeconds": 15,
                "renewTime": "2026-11-21T11:59:58.000000Z",
                "acquireTime": "2026-11-21T10:00:00.000000Z", "leaseTransitions": 1 } }),
        ),
        (
            Source::Events,
            json!({ "metadata": { "name": "e", "namespace": "n" },
            "type": "Warning", "reason": "FailedAddingInterface", "note": "no link bond0",
            "eventTime": "2026-11-21T11:58:00.000000Z", "reportingController": "kubewright-podnet",
            "regarding": { "kind": "Pod", "namespace": "n", "name": "encoder-0" } }),
        ),
    ])
}

#[test]
fn parts_read_like_this() {
    let (world, filter) = (ordinary(), Filter::default());
    let text = "kubewright_queue_depth{controller=\"hostendpoint\"} 2\n\
        kubewright_reconcile_duration_seconds_count{controller=\"hostendpoint\",result=\"error\"} 1\n";
    let scrapes = [
        Scrape { origin: "10.0.0.1:8086".into(), outcome: Ok(crate::metrics::parse(text)) },
        Scrape { origin: "10.0.0.2:8086".into(), outcome: Err("connection refused".into()) },
    ];
    for view in View::ALL {
        let scene = Scene { scrapes: &scrapes, scraping: true, ..scene(view, &filter) };
        let parts = sections(&world, &scene).unwrap();
        let parts: Vec<_> =
            parts.into_iter().map(|it| format!("<!-- {} -->\n{}", it.id, it.html)).collect();
        insta::assert_snapshot!(format!("{view:?}"), parts.join("\n"));
    }
}

#[test]
fn a_page_is_a_frame_around_parts() {
    let world = world(&[]);
    let mut html = whole(&world, View::Events).replace(assets::prefix(), "/assets/HASH");
    for section in sections(&world, &scene(View::Events, &Filter::default())).unwrap() {
        html = html.replace(&section.rev, "REV");
    }
    insta::assert_snapshot!(html);
}

#[test]
fn what_a_browser_loads_is_small() {
    let size: usize = ["console.css", "console.js", "icon.svg"]
        .iter()
        .map(|name| assets::find(name).unwrap().content.len())
        .sum();
    assert!(size < 24_000, "{size} bytes");
}
