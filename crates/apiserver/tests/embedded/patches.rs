//! Patches that name no version are carried out, whoever else writes.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kubewright_apiserver::Server;
use serde_json::json;

const WRITERS: usize = 8;
const TURNS: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_patches_all_succeed() {
    let server = Server::builder().start().await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    let metadata = ObjectMeta { name: Some("shared".to_owned()), ..ObjectMeta::default() };
    let map = ConfigMap { metadata, ..ConfigMap::default() };
    let created = maps.create(&PostParams::default(), &map).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let maps = maps.clone();
            tokio::spawn(async move {
                for turn in 0..TURNS {
                    let patch = json!({ "data": { format!("{writer}-{turn}"): "x" } });
                    let patch = Patch::Merge(&patch);
                    maps.patch("shared", &PatchParams::default(), &patch).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let map = maps.get("shared").await.unwrap();
    assert_eq!(map.data.map_or(0, |data| data.len()), WRITERS * TURNS);

    let stale = json!({ "metadata": { "resourceVersion": created.metadata.resource_version },
        "data": { "late": "x" } });
    let late = maps.patch("shared", &PatchParams::default(), &Patch::Merge(&stale)).await;
    assert!(matches!(late, Err(kube::Error::Api(status)) if status.code == 409));
}
