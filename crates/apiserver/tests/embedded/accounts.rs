//! Pods that name no service account.

use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kubewright_apiserver::Server;
use serde_json::json;

use crate::cluster::poll;

#[tokio::test]
async fn a_default_account_is_kept_where_asked_for() {
    let server = Server::builder().default_service_accounts(true).start().await.unwrap();
    let client = server.client();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let pod = json!({ "metadata": { "name": "p" },
        "spec": { "containers": [{ "name": "c", "image": "example.com/c" }] } });
    let pod: Pod = serde_json::from_value(pod).unwrap();
    let made = pods.create(&PostParams::default(), &pod).await.unwrap();
    assert_eq!(made.spec.unwrap().service_account_name.as_deref(), Some("default"));

    let accounts: Api<ServiceAccount> = Api::default_namespaced(client);
    let first = accounts.get("default").await.unwrap().metadata.uid;
    accounts.delete("default", &DeleteParams::default()).await.unwrap();
    poll("the account is back", async || {
        let again = accounts.get_opt("default").await.unwrap();
        again.is_some_and(|account| account.metadata.uid != first)
    })
    .await;
}

#[tokio::test]
async fn every_namespace_has_the_certificate_authority() {
    let server = Server::builder().default_service_accounts(true).start().await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(server.client(), "kube-public");
    let wanted = server.pki().certificate_pem();
    let published = async || {
        let map = maps.get_opt("kube-root-ca.crt").await.unwrap();
        map.is_some_and(|map| {
            map.data.unwrap_or_default().get("ca.crt").is_some_and(|it| it == wanted)
        })
    };
    assert!(published().await);
    let forged = json!({ "data": { "ca.crt": "forged" } });
    maps.patch("kube-root-ca.crt", &PatchParams::default(), &Patch::Merge(forged)).await.unwrap();
    poll("it is mended", published).await;
    maps.delete("kube-root-ca.crt", &DeleteParams::default()).await.unwrap();
    poll("it is back", published).await;
}
