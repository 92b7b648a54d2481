//! Faults of the tools we replace that only a running controller can show.

use http::{Method, StatusCode};
use kube::api::{Patch, PatchParams};
use kubewright_operator::{
    Manager, controller::Context, manager::ManagerOptions, shutdown::Shutdown,
};
use kubewright_testkit::require;
use serde_json::json;

use super::cluster::{Cluster, LEASE, at_once, until};
use crate::{controller::HostEndpoints, options::Options};

#[tokio::test]
async fn failed_node_list_deletes_nothing() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    let running = cluster.run(at_once());
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    running.stop().await;
    let written = cluster.spy.writes().len();
    // Nodes cannot be listed any more; the template still changes, and is
    // seen to, so the controller is at work.
    cluster.spy.refuse(|method, path| {
        (*method == Method::GET && path == "/api/v1/nodes")
            .then_some((StatusCode::INTERNAL_SERVER_ERROR, "InternalError"))
    });
    cluster.template("early", json!({"interfaces": [{"name": "eth0"}], "lockout": "Ignore", "preCreation": {"nodes": ["x"]}})).await;
    let running = cluster.run(at_once());
    cluster.has(&["n1-bond0", "n1-tunl0", "x-eth0"]).await;
    assert!(cluster.spy.writes()[written..].iter().all(|write| !write.starts_with("DELETE")));
    running.stop().await;
}

#[tokio::test]
async fn a_failed_write_is_retried_without_waiting_for_a_resync() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    let mut left = 3;
    cluster.spy.refuse(move |method, path| {
        let hit = *method == Method::PATCH && path.contains("/hostendpoints/") && left > 0;
        left -= i32::from(hit);
        hit.then_some((StatusCode::INTERNAL_SERVER_ERROR, "InternalError"))
    });
    let running = cluster.run(at_once());
    cluster.worker("n1").await;
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    running.stop().await;
}

#[tokio::test]
async fn watches_that_cannot_start_for_a_while_leave_no_trace() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    let mut left = 3;
    cluster.spy.refuse(move |_, path| {
        let hit = path.ends_with("/hostendpoints?watch") && left > 0;
        left -= i32::from(hit);
        hit.then_some((StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"))
    });
    let running = cluster.run(at_once());
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    cluster.condition("worker-ingress", "Ready", "True", "AllEndpointsPresent").await;
    cluster.merge(&cluster.endpoints(), "n1-bond0", json!({"spec": {"interfaceName": "lo"}})).await;
    until(&cluster.endpoints(), |all| all["n1-bond0"].spec.interface_name == "bond0").await;
    running.stop().await;
}

#[tokio::test]
async fn deletion_during_a_restart_is_not_lost() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    cluster.node("v1", json!({"node.kubernetes.io/node": "", "nodetype": "vpn"})).await;
    let running = cluster.run(at_once());
    until(&cluster.endpoints(), |all| all.len() == 6).await;
    running.kill().await;
    cluster.delete_node("v1").await;
    let running = cluster.run(at_once());
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    running.stop().await;
}

#[tokio::test]
async fn killing_the_controller_at_any_point_loses_nothing() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    for n in 0..20 {
        cluster.worker(&format!("n{n:02}")).await;
    }
    for round in 0..12 {
        let running = cluster.run(at_once());
        // Until some more requests have been made, whichever they are.
        let enough = cluster.spy.requests() + 5 + (round * 7) % 12;
        cluster.spy.reached(enough).await;
        running.kill().await;
        cluster.delete_node(&format!("n{round:02}")).await;
    }
    let options = Options {
        limits: crate::observed::Limits { mass_confirmed: true, ..at_once().limits },
        ..at_once()
    };
    let running = cluster.run(options);
    let names: Vec<_> =
        (12..20).flat_map(|n| [format!("n{n:02}-bond0"), format!("n{n:02}-tunl0")]).collect();
    cluster.has(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    running.stop().await;
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_does_not_spin() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    let running = cluster.run(Options { dry_run: true, ..at_once() });
    // Discovery twice and Calico's group, a list and a watch of five kinds.
    cluster.spy.reached(13).await;
    for round in 0..200 {
        let label = json!({"metadata": {"labels": {"x": round.to_string()}}});
        cluster.merge(&cluster.nodes(), "n1", label).await;
    }
    running.stop().await;
    assert_eq!(cluster.spy.writes(), Vec::<String>::new());
    // A list and a watch per kind, discovery, and nothing per round.
    assert!(cluster.spy.requests() < 60, "{} requests", cluster.spy.requests());
    assert!(cluster.endpoints().list(&Default::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn heartbeats_cause_no_write() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    for n in 0..5 {
        cluster.worker(&format!("n{n}")).await;
    }
    let running = cluster.run(at_once());
    until(&cluster.endpoints(), |all| all.len() == 10).await;
    for template in ["worker-ingress", "worker-tunnel", "worker-vpn"] {
        cluster.condition(template, "Ready", "True", "AllEndpointsPresent").await;
    }
    let written = cluster.spy.writes().len();
    for beat in 0..40 {
        let status = json!({"status": {"conditions": [
            {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ok",
             "lastHeartbeatTime": format!("2026-11-20T00:00:{beat:02}Z"), "lastTransitionTime": "2026-11-20T00:00:00Z"},
        ]}});
        for n in 0..5 {
            cluster
                .nodes()
                .patch_status(&format!("n{n}"), &PatchParams::default(), &Patch::Merge(&status))
                .await
                .unwrap();
        }
    }
    // The watch keeps the order: once this one is seen, so are the heartbeats.
    cluster.worker("marker").await;
    until(&cluster.endpoints(), |all| all.len() == 12).await;
    running.stop().await;
    let writes = cluster.spy.writes().split_off(written);
    let endpoints: Vec<_> =
        writes.iter().filter(|write| !write.contains("/hostendpointtemplates/")).collect();
    assert_eq!(endpoints.len(), 2, "{writes:?}");
    assert!(endpoints.iter().all(|write| write.contains("/marker-")), "{writes:?}");
}

#[tokio::test]
async fn a_restart_with_nothing_to_do_writes_nothing() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    let running = cluster.run(at_once());
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    for template in ["worker-ingress", "worker-tunnel", "worker-vpn"] {
        cluster.condition(template, "Ready", "True", "AllEndpointsPresent").await;
    }
    running.stop().await;
    let written = cluster.spy.writes().len();
    let running = cluster.run(at_once());
    cluster.worker("n2").await;
    cluster.has(&["n1-bond0", "n1-tunl0", "n2-bond0", "n2-tunl0"]).await;
    running.stop().await;
    let writes = cluster.spy.writes().split_off(written);
    assert!(writes.iter().all(|write| !write.contains("/n1-")), "{writes:?}");
}

#[tokio::test]
async fn there_are_metrics() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    let shutdown = Shutdown::new();
    let context =
        Context::standalone(crate::controller::NAME, cluster.client.clone(), shutdown.clone());
    let metrics = context.metrics.clone();
    let controller = HostEndpoints { options: at_once() };
    let task = tokio::spawn(kubewright_operator::controller::Controller::run(controller, context));
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    cluster.merge(&cluster.endpoints(), "n1-bond0", json!({"spec": {"interfaceName": "lo"}})).await;
    until(&cluster.endpoints(), |all| all["n1-bond0"].spec.interface_name == "bond0").await;
    cluster.delete_node("n1").await;
    cluster.has(&[]).await;
    shutdown.trigger();
    task.await.unwrap().unwrap();
    let text = metrics.process().render();
    for line in [
        "kubewright_hostendpoint_writes_total{verb=\"create\",result=\"ok\"} 2",
        "kubewright_hostendpoint_writes_total{verb=\"repair\",result=\"ok\"} 1",
        "kubewright_hostendpoint_drift_repairs_total 1",
        "kubewright_hostendpoint_orphans_removed_total 2",
        "kubewright_hostendpoint_protection_delay_seconds_count 2",
        "kubewright_hostendpoint_unprotected_nodes 0",
        "kubewright_queue_depth{controller=\"hostendpoint\"} 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
// The options are non-exhaustive, so there is no other way to set them.
#[allow(clippy::field_reassign_with_default)]
async fn it_runs_under_leader_election() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    let namespace = cluster.namespace();
    let mut options = ManagerOptions::default();
    options.election = Some(kubewright_operator::lease::ElectionOptions::new(namespace, LEASE));
    let manager = Manager::bind(cluster.spied(), options).await.unwrap();
    let shutdown = Shutdown::new();
    let manager = manager.controller(HostEndpoints { options: at_once() });
    let task = tokio::spawn(manager.run(shutdown.clone()));
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    let leases = kube::Api::<k8s_openapi::api::coordination::v1::Lease>::namespaced(
        cluster.client.clone(),
        namespace,
    );
    assert!(leases.get(LEASE).await.unwrap().spec.unwrap().holder_identity.is_some());
    shutdown.trigger();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_changes_what_is_written_is_no_endless_loop() {
    require!(let cluster = Cluster::start().await);
    cluster.spy.tamper(r#""profiles":["p"]"#, r#""profiles":["q"]"#);
    cluster
        .template(
            "t",
            json!({"interfaces": [{"name": "eth0"}], "profiles": ["p"], "lockout": "Ignore"}),
        )
        .await;
    cluster.node("n1", json!({})).await;
    let running = cluster.run(at_once());
    let message = cluster.condition("t", "Ready", "False", "ChangedByServer").await;
    assert!(message.contains("accepts it and changes spec.profiles"), "{message}");
    // Other nodes are seen to meanwhile.
    cluster.template("u", json!({"interfaces": [{"name": "eth1"}], "lockout": "Ignore"})).await;
    cluster.has(&["n1-eth0", "n1-eth1"]).await;
    running.stop().await;
    assert!(cluster.spy.writes_to("/n1-eth0") < 20, "{:?}", cluster.spy.writes());
}
