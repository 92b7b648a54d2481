//! Bootstrap tokens and nodes: what comes and goes with time.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Secret};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kubewright_apiserver::{NodeHealth, Server};
use serde_json::{Value, json};

use crate::cluster::{Cluster, gone, present_until};

fn token(id: &str, fields: &Value) -> Secret {
    let mut secret = json!({ "metadata": { "name": format!("bootstrap-token-{id}") },
        "type": "bootstrap.kubernetes.io/token",
        "stringData": { "token-id": id, "token-secret": "0123456789abcdef" } });
    for (name, value) in fields.as_object().unwrap() {
        secret["stringData"][name] = value.clone();
    }
    serde_json::from_value(secret).unwrap()
}

#[tokio::test]
async fn tokens_vouch_for_the_cluster_until_they_expire() {
    let cluster = Cluster::start().await;
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), "kube-system");
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "kube-public");
    let create = PostParams::default();
    let signs = json!({ "usage-bootstrap-signing": "true" });
    secrets.create(&create, &token("abcdef", &signs)).await.unwrap();
    let soon = Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let expiring = json!({ "usage-bootstrap-signing": "true", "expiration": soon.to_string() });
    let expiring = secrets.create(&create, &token("ghijkl", &expiring)).await.unwrap();
    let info = json!({ "metadata": { "name": "cluster-info" },
        "data": { "kubeconfig": "apiVersion: v1\nkind: Config\n" } });
    let info: ConfigMap = serde_json::from_value(info).unwrap();
    maps.create(&create, &info).await.unwrap();

    let keys = |map: &ConfigMap| -> Vec<String> {
        map.data.iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let has = |map: &ConfigMap, id: &str| keys(map).contains(&format!("jws-kubeconfig-{id}"));
    let first = present_until(&maps, &info, |map| has(map, "abcdef")).await;
    gone(&secrets, &expiring).await;
    present_until(&maps, &info, |map| !has(map, "ghijkl")).await;
    // What is signed is what is there: another text, another signature.
    let patch = Patch::Merge(json!({ "data": { "kubeconfig": "other" } }));
    maps.patch("cluster-info", &PatchParams::default(), &patch).await.unwrap();
    let signature = |map: &ConfigMap| map.data.as_ref().unwrap()["jws-kubeconfig-abcdef"].clone();
    present_until(&maps, &info, |map| has(map, "abcdef") && signature(map) != signature(&first))
        .await;
    secrets.delete("bootstrap-token-abcdef", &DeleteParams::default()).await.unwrap();
    let last = present_until(&maps, &info, |map| !has(map, "abcdef")).await;
    assert_eq!(keys(&last), ["kubeconfig"]);
}

#[tokio::test]
async fn a_node_that_falls_silent_is_marked_until_it_speaks() {
    let short = Duration::from_millis(300);
    let health = NodeHealth { grace: short, startup: short };
    let server = Server::builder().node_lifecycle(health).start().await.unwrap();
    let cluster = Cluster::over(server).await;
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let node: Node = serde_json::from_value(json!({ "metadata": { "name": "n" } })).unwrap();
    nodes.create(&PostParams::default(), &node).await.unwrap();
    let tainted = |node: &Node, effect: &str| {
        let taints = node.spec.iter().flat_map(|spec| &spec.taints).flatten();
        taints
            .into_iter()
            .any(|taint| taint.key == "node.kubernetes.io/unreachable" && taint.effect == effect)
    };
    let ready = |node: &Node| {
        let conditions = node.status.iter().flat_map(|status| &status.conditions).flatten();
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
        ready.map(|condition| condition.status.clone()).unwrap_or_default()
    };
    let silent = present_until(&nodes, &node, |node| tainted(node, "NoExecute")).await;
    assert!(tainted(&silent, "NoSchedule"));
    assert_eq!(ready(&silent), "Unknown");
    // It speaks until that was noticed.
    let speaking = async {
        for year in 2030.. {
            let heartbeat = format!("{year}-01-01T00:00:00Z");
            let patch = Patch::Merge(json!({ "status": { "conditions": [{ "type": "Ready",
                "status": "True", "lastHeartbeatTime": heartbeat }] } }));
            nodes.patch_status("n", &PatchParams::default(), &patch).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = speaking => unreachable!("years do not end"),
        _ = present_until(&nodes, &node, |node| !tainted(node, "NoExecute")) => {}
    }
    let silent = present_until(&nodes, &node, |node| tainted(node, "NoExecute")).await;
    assert_eq!(ready(&silent), "Unknown");
}

#[tokio::test]
async fn pods_leave_a_node_when_they_do_not_bear_its_taints_any_longer() {
    let health = NodeHealth { grace: Duration::from_secs(600), startup: Duration::from_secs(600) };
    let builder = Server::builder().node_lifecycle(health).default_service_accounts(true);
    let cluster = Cluster::over(builder.start().await.unwrap()).await;
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let pods: Api<Pod> = Api::default_namespaced(cluster.client.clone());
    let create = PostParams::default();
    for name in ["bad", "good"] {
        let node = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
        nodes.create(&create, &node).await.unwrap();
    }
    let pod = async |name: &str, node: &str, toleration: Value| {
        let pod = json!({ "metadata": { "name": name }, "spec": { "nodeName": node,
            "tolerations": [toleration], "terminationGracePeriodSeconds": 5,
            "containers": [{ "name": "c", "image": "i" }] } });
        pods.create(&create, &serde_json::from_value(pod).unwrap()).await.unwrap()
    };
    let short = json!({ "key": "broken", "operator": "Exists", "effect": "NoExecute",
        "tolerationSeconds": 1 });
    let other = json!({ "key": "other", "operator": "Exists" });
    let forever = json!({ "operator": "Exists" });
    let leaves = pod("leaves", "bad", other.clone()).await;
    let hesitates = pod("hesitates", "bad", short).await;
    pod("stays", "bad", forever).await;
    pod("elsewhere", "good", other).await;
    let taint = json!({ "spec": { "taints": [{ "key": "broken", "effect": "NoExecute" }] } });
    nodes.patch("bad", &PatchParams::default(), &Patch::Merge(taint)).await.unwrap();
    let going = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
    for pod in [leaves, hesitates] {
        let pod = present_until(&pods, &pod, going).await;
        let conditions = pod.status.unwrap().conditions.unwrap();
        let why = conditions.iter().find(|condition| condition.type_ == "DisruptionTarget");
        assert_eq!(why.unwrap().reason.as_deref(), Some("DeletionByTaintManager"));
    }
    for name in ["stays", "elsewhere"] {
        assert!(!going(&pods.get(name).await.unwrap()), "{name}");
    }
}
