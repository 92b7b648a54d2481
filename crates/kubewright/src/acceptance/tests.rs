#![allow(clippy::unwrap_used)]
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams, PostParams};
use kubewright_apiserver::Identity;
use kubewright_testkit::{TestCluster, require};
use serde_json::json;

use super::*;

/// A request for `O=system:nodes, CN=system:node:worker-1`.
const WORKER_1: &str = include_str!("../../../console/tests/worker-1.csr.base64");

async fn ask(cluster: &TestCluster, name: &str, user: &str, group: &str) -> Asked {
    // Who may ask at all is the API server's to say, and not what this is about.
    let who = Identity::new(user, [group.to_owned(), "system:masters".to_owned()]);
    let server = cluster.embedded().unwrap();
    let requests: Api<CertificateSigningRequest> = Api::all(server.client_as(who));
    let request = serde_json::from_value(json!({
        "metadata": { "name": name },
        "spec": { "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
            "request": WORKER_1.trim(), "usages": ["digital signature", "client auth"] },
    }));
    let made = requests.create(&PostParams::default(), &request.unwrap()).await.unwrap();
    Asked { name: name.to_owned(), uid: made.uid().unwrap() }
}

async fn answer(client: &Client, name: &str) -> Vec<(String, String)> {
    let requests: Api<CertificateSigningRequest> = Api::all(client.clone());
    let conditions = requests.get(name).await.unwrap().status.and_then(|it| it.conditions);
    let told = |it: k8s_openapi::api::certificates::v1::CertificateSigningRequestCondition| {
        (it.type_, it.message.unwrap_or_default())
    };
    conditions.into_iter().flatten().map(told).collect()
}

#[tokio::test]
async fn the_console_decides_by_the_rules_of_node_accept() {
    let cluster = TestCluster::start().await.unwrap();
    require!(cluster.embedded().map(drop));
    let client = cluster.client();
    let accept = async |asked: &Asked| ByRules.accept(client.clone(), asked.clone()).await;

    let good = ask(&cluster, "good", "system:bootstrap:abcdef", "system:bootstrappers").await;
    let twin = Asked { uid: "another".to_owned(), ..good.clone() };
    assert!(matches!(accept(&twin).await, Err(AcceptanceError::Gone { .. })));
    let none = Asked { name: "none".to_owned(), ..good.clone() };
    assert!(matches!(accept(&none).await, Err(AcceptanceError::Gone { .. })));

    // A node that asks for another one has no business to.
    let odd = ask(&cluster, "odd", "system:node:worker-2", "system:nodes").await;
    let refused = accept(&odd).await.unwrap_err();
    assert!(refused.to_string().contains("system:node:worker-2 asks for"), "{refused}");
    ByRules.reject(client.clone(), odd, "not one of ours".to_owned()).await.unwrap();
    let denied = ("Denied".to_owned(), "not one of ours".to_owned());
    assert_eq!(answer(&client, "odd").await, [denied]);

    let nodes: Api<Node> = Api::all(client.clone());
    let node = serde_json::from_value(json!({ "metadata": { "name": "worker-1" } })).unwrap();
    nodes.create(&PostParams::default(), &node).await.unwrap();
    let ready = |status: &str| {
        Patch::Merge(json!({ "status": { "conditions": [{ "type": "Ready", "status": status,
            "lastHeartbeatTime": null, "lastTransitionTime": null }] } }))
    };
    nodes.patch_status("worker-1", &PatchParams::default(), &ready("True")).await.unwrap();
    let refused = accept(&good).await.unwrap_err();
    assert!(refused.to_string().contains("kubewright node remove worker-1"), "{refused}");
    assert_eq!(answer(&client, "good").await, []);

    nodes.patch_status("worker-1", &PatchParams::default(), &ready("False")).await.unwrap();
    accept(&good).await.unwrap();
    let accepted = ("Approved".to_owned(), "accepted in the console".to_owned());
    assert_eq!(answer(&client, "good").await, [accepted]);
    assert!(matches!(accept(&good).await, Err(AcceptanceError::Decided { .. })));
    cluster.finish().await.unwrap();
}
