//! Before a node registers, and until it is protected.

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::{Api, api::PostParams, core::DynamicObject};
use kubewright_testkit::require;
use serde_json::json;

use super::cluster::{Cluster, at_once, calico_crd, until};

#[tokio::test]
async fn static_names_are_prepared_and_the_node_finds_its_endpoints() {
    require!(let cluster = Cluster::start().await);
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "lockout": "Ignore", "preCreation": {"nodes": ["to-come"]}})).await;
    let running = cluster.run(at_once());
    let before = cluster.has(&["to-come-eth0"]).await;
    cluster.node("to-come", json!({})).await;
    cluster.condition("t", "Ready", "True", "AllEndpointsPresent").await;
    let after = cluster.has(&["to-come-eth0"]).await;
    assert_eq!(before["to-come-eth0"].metadata.uid, after["to-come-eth0"].metadata.uid);
    running.stop().await;
}

#[tokio::test]
async fn approved_kubelet_certificates_prepare_their_node() {
    require!(let cluster = Cluster::start().await);
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "lockout": "Ignore", "preCreation": {"certificates": {}}})).await;
    let running = cluster.run(at_once());
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "system:nodes");
    params.distinguished_name.push(rcgen::DnType::CommonName, "system:node:w7");
    let pem =
        params.serialize_request(&rcgen::KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    let requests = Api::<CertificateSigningRequest>::all(cluster.client.clone());
    let request = json!({
        "metadata": {"name": "csr-w7"},
        "spec": {"request": STANDARD.encode(pem), "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
                 "usages": ["digital signature", "client auth"]},
    });
    let mut request = cluster.create(&requests, request).await;
    request.status = serde_json::from_value(json!({"conditions": [
        {"type": "Approved", "status": "True", "reason": "Test", "message": "m", "lastUpdateTime": jiff::Timestamp::now().to_string()},
    ]}))
    .unwrap();
    requests
        .replace_subresource("approval", "csr-w7", &PostParams::default(), &request)
        .await
        .unwrap();
    cluster.has(&["w7-eth0"]).await;
    running.stop().await;
}

#[tokio::test]
async fn machines_of_cluster_api_prepare_their_node() {
    require!(let cluster = Cluster::start().await);
    let mut crd = json!(calico_crd(cluster.group, "Machine", "machines"));
    crd["metadata"]["name"] = json!("machines.cluster.x-k8s.io");
    crd["spec"]["group"] = json!("cluster.x-k8s.io");
    crd["spec"]["scope"] = json!("Namespaced");
    let version = &mut crd["spec"]["versions"][0];
    version["name"] = json!("v1beta1");
    version["schema"]["openAPIV3Schema"]["properties"]["status"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    cluster.install(serde_json::from_value(crd).unwrap()).await;
    let machines = |selector: &str| json!({"selector": {"matchLabels": {"pool": selector}}});
    cluster
        .template(
            "t",
            json!({"interfaces": [{"name": "eth0"}], "lockout": "Ignore", "preCreation": {"machines": machines("edge")}}),
        )
        .await;
    let running = cluster.run(at_once());
    let resource = crate::precreation::machines("v1beta1");
    let api = Api::<DynamicObject>::namespaced_with(cluster.client.clone(), "default", &resource);
    for (name, pool) in [("m1", "edge"), ("m2", "db")] {
        let machine = json!({
            "apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Machine",
            "metadata": {"name": name, "labels": {"pool": pool}},
            "status": {"addresses": [{"type": "Hostname", "address": format!("{name}-host")}]},
        });
        let machine: DynamicObject = serde_json::from_value(machine).unwrap();
        api.create(&PostParams::default(), &machine).await.unwrap();
    }
    cluster.has(&["m1-host-eth0"]).await;
    // A machine that goes before its node has come takes its endpoints along.
    api.delete("m1", &Default::default()).await.unwrap();
    cluster.has(&[]).await;
    running.stop().await;
}

#[tokio::test]
async fn the_startup_taint_goes_once_endpoints_stand_and_the_guard_has_released() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    let running = cluster.run(at_once());
    cluster
        .create(
            &cluster.nodes(),
            json!({
                "metadata": {"name": "n1", "labels": {"node.kubernetes.io/node": ""}},
                "spec": {"taints": [
                    {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
                    {"key": "kubewright.io/host-unprotected", "effect": "NoSchedule"},
                ]},
            }),
        )
        .await;
    let status = json!({"status": {"nodeInfo": {
        "bootID": "boot-1", "machineID": "", "systemUUID": "", "kernelVersion": "", "osImage": "",
        "containerRuntimeVersion": "", "kubeletVersion": "", "kubeProxyVersion": "", "operatingSystem": "", "architecture": "",
    }}});
    cluster
        .nodes()
        .patch_status("n1", &Default::default(), &kube::api::Patch::Merge(status))
        .await
        .unwrap();
    let condition = |all: &std::collections::BTreeMap<String, k8s_openapi::api::core::v1::Node>| {
        let conditions = all["n1"].status.as_ref()?.conditions.as_ref()?;
        let found = conditions.iter().find(|condition| condition.type_ == "HostProtected")?;
        Some((found.status.clone(), found.reason.clone().unwrap_or_default()))
    };
    let report = |state: &str| json!({"metadata": {"annotations": {"kubewright.io/host-guard": format!("{state}/boot-1")}}});
    cluster.merge(&cluster.nodes(), "n1", report("locked")).await;
    let all = until(&cluster.nodes(), |all| {
        condition(all) == Some(("False".into(), "GuardLocked".into()))
    })
    .await;
    assert_eq!(
        all["n1"].spec.as_ref().unwrap().taints.as_ref().unwrap().len(),
        2,
        "locked: the taint stays"
    );
    cluster.merge(&cluster.nodes(), "n1", report("released")).await;
    let all = until(&cluster.nodes(), |all| {
        let taints =
            all["n1"].spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
        taints.iter().all(|taint| taint.key != "kubewright.io/host-unprotected")
    })
    .await;
    assert_eq!(condition(&all), Some(("True".into(), "GuardReleased".into())));
    assert_eq!(
        all["n1"].spec.as_ref().unwrap().taints.as_ref().unwrap().len(),
        1,
        "other taints stay"
    );
    running.stop().await;
}

#[tokio::test]
async fn another_reason_does_not_begin_the_time_without_protection_anew() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster
        .create(
            &cluster.nodes(),
            json!({"metadata": {"name": "n1", "labels": {"node.kubernetes.io/node": ""}}}),
        )
        .await;
    let began = "2026-01-02T03:04:05Z";
    let status = json!({"status": {"conditions": [{
        "type": "HostProtected", "status": "False", "reason": "EndpointsMissing", "message": "",
        "lastTransitionTime": began, "lastHeartbeatTime": began,
    }]}});
    cluster
        .nodes()
        .patch_status("n1", &Default::default(), &kube::api::Patch::Merge(status))
        .await
        .unwrap();
    let running = cluster.run(at_once());
    let since = |all: &std::collections::BTreeMap<String, k8s_openapi::api::core::v1::Node>,
                 reason: &str| {
        let conditions = all["n1"].status.as_ref()?.conditions.as_ref()?;
        let found = conditions.iter().find(|condition| condition.type_ == "HostProtected")?;
        let as_wanted = found.reason.as_deref() == Some(reason);
        as_wanted.then(|| found.last_transition_time.as_ref().map(|time| time.0.to_string()))?
    };
    let all = until(&cluster.nodes(), |all| since(all, "CalicoNotUp").is_some()).await;
    assert_eq!(since(&all, "CalicoNotUp").as_deref(), Some(began));
    let up = json!({"status": {"conditions": [{
        "type": "NetworkUnavailable", "status": "False", "reason": "CalicoIsUp", "message": "",
        "lastTransitionTime": began, "lastHeartbeatTime": began,
    }]}});
    let patch = kube::api::Patch::Strategic(up);
    cluster.nodes().patch_status("n1", &Default::default(), &patch).await.unwrap();
    let all = until(&cluster.nodes(), |all| since(all, "CalicoIsUp").is_some()).await;
    assert_ne!(since(&all, "CalicoIsUp").as_deref(), Some(began), "now it is protected");
    running.stop().await;
}
