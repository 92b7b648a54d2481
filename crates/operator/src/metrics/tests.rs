#![allow(clippy::unwrap_used)]
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};

use super::*;
use crate::double::{Mode, Server};
use crate::lease::Leadership;

fn line<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(start)).map(str::trim)
}

fn number(text: &str, start: &str) -> f64 {
    line(text, start).unwrap_or_else(|| panic!("no {start} in:\n{text}")).parse().unwrap()
}

#[test]
fn the_process_describes_itself() {
    let text = Metrics::new().render();
    assert!(number(&text, "process_resident_memory_bytes ") > 1_000_000.0);
    assert!(number(&text, "process_open_fds ") >= 3.0);
    assert!(number(&text, "process_cpu_seconds_total ") >= 0.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let age = now.as_secs_f64() - number(&text, "process_start_time_seconds ");
    assert!((-5.0..3600.0).contains(&age), "{age}");
    let build = line(&text, "kubewright_build_info{version=").unwrap();
    assert!(build.contains(env!("CARGO_PKG_VERSION")), "{build}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn each_write_is_counted_by_what_became_of_it() {
    let server = Server::new();
    let metrics = Metrics::new();
    let client = metrics.controller("hostendpoint").count(server.client());
    let maps = Api::<ConfigMap>::namespaced(client.clone(), "n");
    let map = ConfigMap {
        metadata: ObjectMeta { name: Some("a".into()), ..Default::default() },
        ..Default::default()
    };
    maps.create(&PostParams::default(), &map).await.unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap_err();
    maps.get("a").await.unwrap();
    maps.list(&Default::default()).await.unwrap();
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    server.mode(Mode::Failing(503));
    maps.delete("a", &DeleteParams::default()).await.unwrap_err();
    server.mode(Mode::Failing(403));
    let nodes = Api::<Node>::all(client);
    let patch = Patch::Merge(serde_json::json!({}));
    nodes.patch_status("x", &PatchParams::default(), &patch).await.unwrap_err();

    let text = metrics.render();
    let count = |verb: &str, resource: &str, result: &str| {
        let labels = format!(
            "controller=\"hostendpoint\",verb=\"{verb}\",group=\"\",resource=\"{resource}\",result=\"{result}\""
        );
        number(&text, &format!("kubewright_writes_total{{{labels}}}"))
    };
    assert_eq!(count("create", "configmaps", "ok"), 1.0);
    assert_eq!(count("create", "configmaps", "conflict"), 1.0);
    assert_eq!(count("delete", "configmaps", "ok"), 1.0);
    assert_eq!(count("delete", "configmaps", "server_error"), 1.0);
    assert_eq!(count("patch", "nodes/status", "forbidden"), 1.0);
    assert_eq!(
        text.matches("kubewright_writes_total{").count(),
        5,
        "reads are not counted:\n{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn refused_and_abandoned_writes_are_counted() {
    let server = Server::new();
    let metrics = Metrics::new();
    let (_standing, nobody) = Leadership::new("n/l".into());
    let refused = metrics.controller("a").count(nobody.gate(server.client()));
    let maps = Api::<ConfigMap>::namespaced(refused, "n");
    maps.delete("a", &DeleteParams::default()).await.unwrap_err();

    server.mode(Mode::Hanging);
    let maps = Api::<ConfigMap>::namespaced(metrics.controller("b").count(server.client()), "n");
    let params = DeleteParams::default();
    let hangs = maps.delete("a", &params);
    assert!(tokio::time::timeout(Duration::from_secs(1), hangs).await.is_err());
    let text = metrics.render();
    assert!(text.contains("result=\"not_leading\"} 1"), "{text}");
    assert!(text.contains("result=\"abandoned\"} 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn reconciles_and_queues_are_measured() {
    let metrics = Metrics::new();
    let ours = metrics.controller("a");
    let slow = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok::<_, ()>(7)
    };
    assert_eq!(ours.reconcile(slow).await, Ok(7));
    ours.reconciled(Duration::ZERO, &Err::<(), _>("conflict"));
    ours.queue(3, Some(Duration::from_millis(1500)));
    let text = metrics.render();
    let of = |name: &str, more: &str| {
        number(&text, &format!("kubewright_{name}{{controller=\"a\"{more}}}"))
    };
    assert_eq!(of("reconcile_duration_seconds_sum", ",result=\"ok\""), 2.0);
    assert_eq!(of("reconcile_duration_seconds_count", ",result=\"error\""), 1.0);
    assert_eq!(of("queue_depth", ""), 3.0);
    assert_eq!(of("queue_oldest_age_seconds", ""), 1.5);
}

#[test]
fn metrics_of_an_area_count_on_in_its_next_run() {
    let metrics = Metrics::new();
    let of_a_run = || {
        metrics.area(|registry| {
            let seen = Counter::<u64>::default();
            registry.register("seen", "What was seen", seen.clone());
            seen
        })
    };
    of_a_run().inc();
    of_a_run().inc();
    let text = metrics.render();
    assert_eq!(number(&text, "kubewright_seen_total "), 2.0);
    assert_eq!(text.matches("# HELP kubewright_seen ").count(), 1, "{text}");
}
