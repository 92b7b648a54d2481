//! How it looks: pages of a cluster in which something of everything goes on.

use kubewright_hostendpoint::api::HostEndpointTemplate;
use kubewright_hostendpoint::defaults::Defaults;
use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::cluster::{Fixture, ago, ago_micro, unprotected};

/// Every page, in the browser, at two widths and in both themes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_fits_its_window_in_both_themes() {
    require!(programs(&["chromium", "chromedriver"]));
    require!(let fixture = Fixture::start().await);
    let mut fixture = fixture;
    require!(fixture.cluster.embedded().map(drop));
    settle(&mut fixture).await;
    let url = fixture.console().await;
    let browser = Browser::start().await;

    let pages = ["", "nodes", "protection", "networks", "peer-pods", "controllers", "events"];
    for (width, height, mobile, device) in
        [(1240, 800, false, "desk"), (390, 844, true, "phone"), (320, 640, true, "narrow")]
    {
        browser.size(width, height, mobile).await;
        for theme in ["light", "dark"] {
            if device == "narrow" && theme == "dark" {
                continue;
            }
            browser.system_theme(theme).await;
            for page in pages {
                browser.open(&format!("{url}{page}")).await;
                browser.until("document.getElementById('live').dataset.state === 'on'").await;
                let name = if page.is_empty() { "overview" } else { page };
                let wide = browser.run("return document.documentElement.scrollWidth").await;
                assert_eq!(wide, width, "{name} on a {device}");
                browser.picture(&format!("{name}-{device}-{theme}")).await;
            }
        }
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// Makes a cluster in which things are as they are on an ordinary bad day.
async fn settle(fixture: &mut Fixture) {
    let namespace = fixture.use_namespace("media").await;
    for template in Defaults::default().templates() {
        let mut template = with_type(serde_json::to_value(template).unwrap());
        if template["metadata"]["name"] != "worker-tunnel" {
            template["spec"]["lockout"] = json!("Ignore");
        }
        fixture.put(template).await;
    }
    let interfaces = |last: u8| {
        json!([{ "name": "bond0", "addresses": [format!("10.0.0.{last}")] },
            { "name": "tunl0", "addresses": [format!("10.244.{last}.1")] }])
        .to_string()
    };
    let node = |last: u8, seats: u64| {
        json!({ "metadata": { "annotations": { "projectcalico.org/Interfaces": interfaces(last) } },
            "status": { "capacity": { "kata.peerpods.io/vm": seats.to_string() } } })
    };
    fixture.node("control-0", 10, true, json!({})).await;
    fixture.node("worker-0", 20, true, node(20, 12)).await;
    fixture.node("worker-1", 21, true, node(21, 8)).await;
    fixture.node("worker-2", 22, false, node(22, 4)).await;
    let guarded = json!({
        "metadata": { "annotations": { "kubewright.io/host-guard": "locked/b" } }, "spec": { "taints": unprotected() }, "status": { "conditions": [
        { "type": "Ready", "status": "True", "reason": "Kubelet", "message": "ready",
          "lastHeartbeatTime": ago(3), "lastTransitionTime": ago(250) },
        { "type": "HostProtected", "status": "False", "reason": "GuardLocked",
          "message": "the boot guard has not handed over to Felix yet",
          "lastHeartbeatTime": ago(3), "lastTransitionTime": ago(250) }] } });
    fixture.node("worker-3", 23, true, guarded).await;
    fixture.run_host_endpoints();
    fixture.ask("node-csr-x2vq9", "worker-4").await;
    fixture.ask("node-csr-p81kd", "worker-2").await;
    networks(fixture, &namespace).await;
    peer_pods(fixture, &namespace).await;
    for (name, holder, renewed) in [
        ("kubewright-hostendpoint", "kubewright-controllers-7c9f-x8k2p", 2),
        ("kubewright-peerpod", "kubewright-controllers-7c9f-m41zt", 4),
    ] {
        fixture
            .put(json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": { "name": name, "namespace": namespace },
                "spec": { "holderIdentity": holder, "leaseDurationSeconds": 3600,
                    "acquireTime": ago_micro(86_400 * 3), "renewTime": ago_micro(renewed),
                    "leaseTransitions": 2 } }))
            .await;
    }
    events(fixture, &namespace).await;
}

async fn networks(fixture: &Fixture, namespace: &str) {
    for (name, plugin, link, subnet) in [
        ("storage", "bridge", ("bridge", "br-storage"), "10.9.0.0/24"),
        ("video", "macvlan", ("master", "bond0"), "192.168.40.0/22"),
        ("control", "bridge", ("bridge", "br-control"), "10.12.0.0/24"),
    ] {
        let config = json!({ "cniVersion": "1.0.0", "type": plugin, (link.0): link.1,
            "ipam": { "type": "host-local", "subnet": subnet } });
        fixture
            .put(json!({ "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
                "metadata": { "name": name, "namespace": namespace },
                "spec": { "config": config.to_string() } }))
            .await;
    }
    let status = |entries: &[(&str, &str, &str)]| {
        let entry = |(network, interface, ip): &(&str, &str, &str)| {
            let name = match *network {
                "cluster" => "k8s-pod-network".to_owned(),
                network => format!("{namespace}/{network}"),
            };
            json!({ "name": name, "interface": interface, "ips": [ip],
                "mac": "0a:58:0a:09:00:02", "default": *network == "cluster" })
        };
        entries.iter().map(entry).collect::<Value>().to_string()
    };
    let asks = "k8s.v1.cni.cncf.io/networks";
    let tells = "k8s.v1.cni.cncf.io/network-status";
    let encoder = json!({ (asks): "storage@net1, video@net2", (tells): status(&[
        ("cluster", "eth0", "10.244.20.7"), ("storage", "net1", "10.9.0.12"),
        ("video", "net2", "192.168.41.3")]) });
    fixture.pod("encoder-0", "worker-0", encoder, 1).await;
    let encoder = json!({ (asks): "storage@net1, video@net2", (tells): status(&[
        ("cluster", "eth0", "10.244.21.4"), ("storage", "net1", "10.9.0.13")]),
        "kubewright.io/network-errors": json!([{ "name": format!("{namespace}/video"),
            "interface": "net2", "reason": "AttachFailed",
            "message": "plugin macvlan: Link not found: bond0" }]).to_string() });
    fixture.pod("encoder-1", "worker-1", encoder, 1).await;
    let gateway = json!({ (asks): "control@net1, storage@net2", (tells): status(&[
        ("cluster", "eth0", "10.244.20.9"), ("control", "net1", "10.12.0.5")]) });
    fixture.pod("gateway-5d8f7", "worker-0", gateway, 0).await;
}

async fn peer_pods(fixture: &Fixture, namespace: &str) {
    fixture
        .put(json!({ "apiVersion": "confidentialcontainers.org/v1alpha1", "kind": "PeerPodConfig",
            "metadata": { "name": "confidential", "namespace": namespace },
            "spec": { "limit": "32", "maxPerNode": 16,
                "labelSelector": { "matchLabels": { "node-role.kubernetes.io/worker": "" } } },
            "status": { "setupCompleted": true, "nodes": 4, "advertised": 24, "allocated": 9,
                "conditions": [{ "type": "Ready", "status": "True", "reason": "AsSpecified",
                    "message": "", "lastTransitionTime": ago(900) }] } }))
        .await;
    for (node, count) in [("worker-0", 4), ("worker-1", 3)] {
        for pod in 0..count {
            let name = format!("enclave-{}-{pod}", &node[7..]);
            fixture.pod(&name, node, json!({}), 1).await;
        }
    }
}

async fn events(fixture: &Fixture, namespace: &str) {
    let all = [
        ("Normal", "AddedInterface", "encoder-0", "Add net2 [192.168.41.3/22] from video", 95),
        (
            "Warning",
            "FailedAddingInterface",
            "encoder-1",
            "plugin macvlan: Link not found: bond0",
            40,
        ),
        ("Normal", "AddedInterface", "gateway-5d8f7", "Add net1 [10.12.0.5/24] from control", 12),
    ];
    for (index, (kind, reason, pod, note, seconds)) in all.into_iter().enumerate() {
        fixture
            .put(json!({ "apiVersion": "events.k8s.io/v1", "kind": "Event",
                "metadata": { "name": format!("{pod}.{index}"), "namespace": namespace },
                "eventTime": ago_micro(seconds), "type": kind, "reason": reason, "note": note,
                "action": "Networks", "reportingController": "kubewright-podnet",
                "reportingInstance": "worker-0",
                "regarding": { "apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": namespace } }))
            .await;
    }
}

fn with_type(mut template: Value) -> Value {
    use kube::Resource as _;
    template["apiVersion"] = json!(HostEndpointTemplate::api_version(&()));
    template["kind"] = json!(HostEndpointTemplate::kind(&()));
    template
}
