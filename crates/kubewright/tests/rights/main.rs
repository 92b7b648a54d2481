//! The rights in the manifests are what is needed: every controller lives with exactly its own, and
//! uses each of them. And the dashboard asks for what these lives expose, and the reference lists it.
#![allow(clippy::unwrap_used)]

#[path = "../exposed/mod.rs"]
mod exposed;
mod lab;
#[path = "../panels/mod.rs"]
mod panels;
#[path = "../sandbox/mod.rs"]
mod sandbox;

mod console;
mod hostendpoint;
mod node;
mod peerpod;
mod podnet;

/// Beginnings of the metrics that every controller has.
const OF_CONTROLLERS: &[&str] = &[
    "kubewright_build_",
    "kubewright_controller_restarts_",
    "kubewright_leader",
    "kubewright_queue_",
    "kubewright_reconcile_",
    "kubewright_writes_",
    "process_",
];

/// No panel of the dashboard escapes the checks.
#[test]
fn every_panel_is_checked_by_some_life() {
    // The test of the webhook's own process looks at what it exposes.
    let lives = [hostendpoint::METRICS, node::METRICS, podnet::METRICS, peerpod::METRICS];
    let checked: Vec<&str> =
        lives.iter().chain([&OF_CONTROLLERS]).copied().flatten().copied().collect();
    for metric in panels::metrics() {
        let is_checked = checked.iter().any(|beginning| metric.starts_with(beginning));
        assert!(is_checked || metric.starts_with("kubewright_peerpod_webhook_"), "{metric}");
    }
}
