//! Users of the console.

use std::sync::Arc;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::Api;
use kube::api::PostParams;
use kubewright_apiserver::Identity;
use kubewright_console::{Acceptance as _, Access, Approval, Asked, Console, Settings};
use kubewright_hostendpoint::api::CalicoGroup;
use kubewright_operator::Shutdown;
use serde_json::json;

use crate::lab::{Lab, foreign};

/// Of a kubelet that wants to join as worker-1.
const REQUEST: &str = include_str!("../../../console/tests/worker-1.csr.base64");

/// Somebody who looks, and somebody who decides.
#[tokio::test(flavor = "multi_thread")]
async fn users_of_the_console_do_with_exactly_their_rights() {
    let first = life(CalicoGroup::CrdV1).await;
    let second = life(CalicoGroup::ProjectV3).await;
    first.and(&second).assert_exact(|_| true);
}

async fn life(group: CalicoGroup) -> Lab {
    let lab = Lab::of("console").await;
    let (calico, version) = (group.group(), group.version());
    lab.define(&foreign(calico, version, "HostEndpoint", "hostendpoints", "Cluster")).await;
    for (name, user, role) in [
        ("looks", "joe", "kubewright-console-viewer"),
        ("decides", "jane", "kubewright-console-approver"),
    ] {
        let rbac = "rbac.authorization.k8s.io";
        lab.apply(&json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding",
            "metadata": { "name": name },
            "roleRef": { "apiGroup": rbac, "kind": "ClusterRole", "name": role },
            "subjects": [{ "apiGroup": rbac, "kind": "User", "name": user }],
        }))
        .await;
    }
    let settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        access: Access::Own(lab.client(Identity::new("joe", []))),
        certificate: None,
        allow_plain_http: false,
        hosts: Vec::new(),
        cluster: "lab".to_owned(),
        resource: "kata.peerpods.io/vm".to_owned(),
        metrics: Vec::new(),
        acceptance: Arc::new(Approval),
    };
    let console = Console::bind(settings).await.unwrap();
    let shutdown = Shutdown::new();
    let running = tokio::spawn(console.run(shutdown.clone()));
    // Ten kinds, each listed and then watched.
    lab.watched(10).await;

    // Sent as by one who joins with a token.
    let groups = ["system:bootstrappers", "system:masters"].map(str::to_owned);
    let joiner = lab.server.client_as(Identity::new("system:bootstrap:abcdef", groups));
    let requests: Api<CertificateSigningRequest> = Api::all(joiner);
    for (node, accept) in [("good", true), ("bad", false)] {
        let request = json!({ "metadata": { "name": node }, "spec": {
            "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
            "request": REQUEST.trim(),
            "usages": ["client auth", "digital signature"] } });
        let request = serde_json::from_value(request).unwrap();
        let made = requests.create(&PostParams::default(), &request).await.unwrap();
        let asked = Asked { name: node.to_owned(), uid: made.metadata.uid.unwrap() };
        let jane = lab.client(Identity::new("jane", []));
        match accept {
            true => Approval.accept(jane, asked).await.unwrap(),
            false => Approval.reject(jane, asked, "unknown".to_owned()).await.unwrap(),
        }
    }
    // Asked for by the server when the approval is written: the signer of what was approved.
    let group = "certificates.k8s.io";
    lab.implied("approve", group, "signers", Some("kubernetes.io/kube-apiserver-client-kubelet"));
    shutdown.trigger();
    running.await.unwrap();
    lab
}
