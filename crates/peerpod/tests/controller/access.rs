//! What the generated roles allow. That they are enough, every test here shows: its controller has
//! no other rights.

use k8s_openapi::api::core::v1::{ConfigMap, Node, Secret};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kubewright_testkit::require;
use serde_json::json;

use super::fixture::Cluster;

#[tokio::test]
async fn the_roles_allow_no_more_than_they_say() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    let client = cluster.controller();
    let (nodes, all) = (Api::<Node>::all(client.clone()), ListParams::default());
    nodes.list(&all).await.unwrap();
    let secrets = |namespace: &str| Api::<Secret>::namespaced(client.clone(), namespace);
    secrets(cluster.cluster.namespace()).list(&all).await.unwrap();

    let labels = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    let parameters = PatchParams::default();
    let now = DeleteParams::default();
    let refused = [
        nodes.patch("a", &parameters, &labels).await.map(drop),
        nodes.delete("a", &now).await.map(drop),
        secrets("kube-system").list(&all).await.map(drop),
        secrets(cluster.cluster.namespace()).patch("theirs", &parameters, &labels).await.map(drop),
        secrets(cluster.cluster.namespace()).delete("theirs", &now).await.map(drop),
        Api::<ConfigMap>::namespaced(client.clone(), "default").list(&all).await.map(drop),
        Api::<ClusterRole>::all(client.clone()).list(&all).await.map(drop),
    ];
    for (index, refused) in refused.into_iter().enumerate() {
        let error = refused.unwrap_err();
        assert!(
            matches!(&error, kube::Error::Api(status) if status.code == 403),
            "{index}: {error}"
        );
    }
}
