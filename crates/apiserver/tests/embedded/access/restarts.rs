//! What a restart keeps and mends.

use kubewright_apiserver::Server;
use serde_json::{Value, json};

use super::{Caller, Cluster, RBAC, admin, message};
use crate::cluster::poll;

async fn start(directory: &std::path::Path) -> Cluster {
    // The file is closed soon after the last handle is gone.
    let started = tokio::sync::Mutex::new(None);
    poll("the server starts", async || {
        let server = Server::builder().state_dir(directory).start().await.ok();
        let is_there = server.is_some();
        *started.lock().await = server;
        is_there
    })
    .await;
    Cluster { server: started.into_inner().unwrap() }
}

async fn rules(cluster: &Cluster, role: &str) -> Value {
    let path = format!("{RBAC}/clusterroles/{role}");
    cluster.send(&admin(), "GET", &path, Value::Null).await.1["rules"].clone()
}

#[tokio::test]
async fn tokens_stay_good_and_default_roles_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = start(directory.path()).await;
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    cluster.create(accounts, json!({ "metadata": { "name": "sa" } })).await;
    let request = json!({ "spec": {} });
    let made = cluster.create(&format!("{accounts}/sa/token"), request).await;
    let token = Caller::Token(made["status"]["token"].as_str().unwrap().to_owned());
    let (view, dns) = (rules(&cluster, "view").await, rules(&cluster, "system:kube-dns").await);
    assert!(view.as_array().unwrap().len() > 5, "{view}");

    let patch = async |role: &str, body: Value| {
        let path = format!("{RBAC}/clusterroles/{role}");
        let (status, body) = cluster.send(&admin(), "PATCH", &path, body).await;
        assert_eq!(status, 200, "{body}");
    };
    patch("system:kube-dns", json!({ "rules": [] })).await;
    let mine = json!({ "rules": [],
        "metadata": { "annotations": { "rbac.authorization.kubernetes.io/autoupdate": "false" } } });
    patch("system:heapster", mine).await;
    let path = format!("{RBAC}/clusterrolebindings/system:basic-user");
    cluster.send(&admin(), "DELETE", &path, Value::Null).await;
    let before = cluster.server.resource_version();
    cluster.server.stop().await;

    let cluster = start(directory.path()).await;
    let (status, body) = cluster.send(&token, "GET", "/api/v1/nodes", Value::Null).await;
    assert_eq!(status, 403, "known, but not allowed: {body}");
    assert!(message(&body).contains("system:serviceaccount:default:sa"));
    let now = rules(&cluster, "system:kube-dns").await;
    let verbs: Vec<_> = now.as_array().unwrap().iter().map(|rule| rule["verbs"].clone()).collect();
    assert_eq!(verbs.len(), 4, "{now} for {dns}");
    assert_eq!(rules(&cluster, "view").await, view);
    assert_eq!(rules(&cluster, "system:heapster").await, Value::Null, "it is kept as it is");
    assert_eq!(cluster.get(&admin(), &path).await, 200);
    // Nothing else was written.
    assert_eq!(cluster.server.resource_version(), before + 2);
}
