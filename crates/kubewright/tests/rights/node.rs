//! The approver of nodes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kubewright_apiserver::Identity;
use kubewright_node::acceptance::is_ready;
use kubewright_node::approver::{Approver, CONFIG_MAP, POLICY_KEY};
use kubewright_node::discovery::{Cluster, Pin, Search, Trusted};
use kubewright_node::embedded::{self, Given, Join};
use kubewright_node::formation::{Approval, Formation, publish};
use kubewright_node::token::{self, Grant};
use kubewright_operator::Shutdown;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::json;

use crate::lab::{Lab, MINUTE, NAMESPACE, scraped};
use crate::{exposed, panels};

pub(crate) const METRICS: &[&str] = &["kubewright_node_"];

/// A policy that is wrong, and then accepts and rejects.
#[tokio::test(flavor = "multi_thread")]
async fn the_approver_lives_with_exactly_its_rights() {
    let lab = Lab::of("node").await;
    let address = lab.server.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let authority = lab.server.pki().certificate_pem().to_owned();
    let place = Cluster { server: format!("https://{address}"), authority };
    Formation::new(Approval::Renewals).apply(&lab.admin).await.unwrap();
    publish(&lab.admin, &place).await.unwrap();
    let token = token::create(&lab.admin, None, &Grant::for_nodes(None)).await.unwrap();

    let leader = lab.leader("kubewright-node").await;
    let manager = lab.manager("kubewright-controllers", Some("kubewright-node")).await;
    let health = manager.health_address().unwrap();
    let approver = Approver::new(Default::default(), manager.metrics());
    let shutdown = Shutdown::new();
    let running = tokio::spawn(manager.controller(approver).run(shutdown.clone()));
    lab.hand_over(leader).await;
    let put = async |rules: &str| {
        let text = format!(
            "apiVersion: node.kubewright.io/v1alpha1\nkind: AcceptancePolicy\nrules: [{rules}]"
        );
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": CONFIG_MAP, "namespace": NAMESPACE },
            "data": { POLICY_KEY: text } });
        lab.apply(&map).await;
    };
    put("{}").await;
    put("{ nodes: [good] }, { nodes: [bad], action: reject }").await;
    let folder = tempfile::tempdir().unwrap();
    let join = async |node: &str| {
        let machine = Join {
            state: folder.path().join(node),
            search: Search {
                seeder: place.endpoint().unwrap(),
                token: token.clone(),
                trust: Trusted::Pins(Pin::of_pem(&place.authority).unwrap()),
                patience: MINUTE,
            },
            node: node.parse().unwrap(),
            address: None,
            labels: Default::default(),
            expiration: None,
            given: Given::ALL,
        };
        embedded::join(&machine, None, &mut |_| {}).await
    };
    join("good").await.unwrap();
    assert!(join("bad").await.err().unwrap().to_string().contains("rejected"));
    let nodes: Api<Node> = Api::all(lab.admin.clone());
    assert!(is_ready(&nodes.get("good").await.unwrap()));
    serving_certificate(&lab, "good").await;
    let text = scraped(health).await;
    panels::assert_exposed(METRICS, &text);
    exposed::assert_in_reference(&text);
    shutdown.trigger();
    running.await.unwrap().unwrap();

    // Asked for by the server when an approval is written: the signer of what was approved.
    for signer in ["kube-apiserver-client-kubelet", "kubelet-serving"] {
        let signer = format!("kubernetes.io/{signer}");
        lab.implied("approve", "certificates.k8s.io", "signers", Some(&signer));
    }
    lab.assert_exact(|_| true);
}

/// A node asks for the certificate that it serves with, and gets it.
async fn serving_certificate(lab: &Lab, node: &str) {
    let addresses = json!({ "status": { "addresses": [{ "type": "Hostname", "address": node }] } });
    let nodes: Api<Node> = Api::all(lab.admin.clone());
    nodes.patch_status(node, &PatchParams::default(), &Patch::Merge(&addresses)).await.unwrap();
    let mut subject = CertificateParams::new([node.to_owned()]).unwrap();
    subject.distinguished_name = DistinguishedName::new();
    subject.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    subject.distinguished_name.push(DnType::CommonName, format!("system:node:{node}"));
    let key = KeyPair::generate().unwrap();
    let pem = subject.serialize_request(&key).unwrap().pem().unwrap();
    let request = json!({ "metadata": { "name": "serving" }, "spec": {
        "signerName": "kubernetes.io/kubelet-serving", "request": STANDARD.encode(pem),
        "usages": ["server auth", "digital signature"] } });
    let request: CertificateSigningRequest = serde_json::from_value(request).unwrap();
    let kubelet = Identity::new(format!("system:node:{node}"), ["system:nodes".to_owned()]);
    let requests: Api<CertificateSigningRequest> = Api::all(lab.server.client_as(kubelet));
    requests.create(&PostParams::default(), &request).await.unwrap();
    let approved = |request: Option<&CertificateSigningRequest>| {
        let status = request.and_then(|request| request.status.as_ref());
        let conditions = status.and_then(|status| status.conditions.as_ref());
        conditions.is_some_and(|all| all.iter().any(|condition| condition.type_ == "Approved"))
    };
    lab.wait("the certificate is approved", Api::all(lab.admin.clone()), "serving", approved).await;
}
