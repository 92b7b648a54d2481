//! Removing a node on which pods run.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::apps::v1::{DaemonSet, ReplicaSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use kubewright_apiserver::Server;
use kubewright_node::acceptance::{self, Removal, RemovalError};
use serde_json::{Value, json};

use crate::fixture::PATIENCE;

const NODE: &str = "a";

/// Objects in a cluster whose budgets this test keeps itself.
struct World {
    client: Client,
    _server: Server,
}

impl World {
    async fn new() -> Self {
        let server = Server::builder().default_service_accounts(true).start().await.unwrap();
        let world = Self { client: server.client(), _server: server };
        let node = json!({ "metadata": { "name": NODE } });
        Api::<Node>::all(world.client.clone())
            .create(&PostParams::default(), &serde_json::from_value(node).unwrap())
            .await
            .unwrap();
        world
    }

    async fn make<K>(&self, object: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::Serialize
            + serde::de::DeserializeOwned,
    {
        let api: Api<K> = Api::default_namespaced(self.client.clone());
        let object = serde_json::from_value(object).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap()
    }

    /// A ReplicaSet or a DaemonSet, which nobody acts on.
    fn workload(name: &str) -> Value {
        json!({ "metadata": { "name": name }, "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "c", "image": "i" }] } } } })
    }

    async fn pod(&self, name: &str, owner: Option<Value>, more: Value) -> Pod {
        let mut pod = json!({ "metadata": { "name": name, "labels": { "app": name } },
            "spec": { "nodeName": NODE, "containers": [{ "name": "c", "image": "i" }] } });
        if let Some(owner) = owner {
            pod["metadata"]["ownerReferences"] = json!([owner]);
        }
        json_patch(&mut pod, &more);
        self.make(pod).await
    }

    /// A pod that runs, which budgets are for.
    async fn running(&self, name: &str, owner: Option<Value>) {
        self.pod(name, owner, json!({})).await;
        self.report(
            name,
            json!({ "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True" }] }),
        )
        .await;
    }

    async fn report(&self, name: &str, status: Value) {
        let patch = Patch::Merge(json!({ "status": status }));
        self.pods().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }

    async fn allow(&self, disruptions: i32) {
        let budgets: Api<PodDisruptionBudget> = Api::default_namespaced(self.client.clone());
        let budget = budgets.get("web").await.unwrap();
        let status = json!({ "status": { "observedGeneration": budget.metadata.generation,
            "disruptionsAllowed": disruptions, "currentHealthy": 1, "desiredHealthy": 1 - disruptions,
            "expectedPods": 1 } });
        let patch = Patch::Merge(status);
        budgets.patch_status("web", &PatchParams::default(), &patch).await.unwrap();
    }

    async fn remove(&self, patience: Duration) -> Result<acceptance::Removed, RemovalError> {
        let node = NODE.parse().unwrap();
        let removal = Removal { node, patience, force: false, keep_token: false };
        acceptance::remove(&self.client, &removal).await
    }

    /// Ends pods that are to end, as kubelets do.
    fn kubelet(&self) -> tokio::task::JoinHandle<()> {
        let pods = self.pods();
        tokio::spawn(async move {
            let mut events = watcher(pods.clone(), watcher::Config::default()).boxed();
            while let Some(event) = events.next().await {
                if let Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) = event
                    && pod.metadata.deletion_timestamp.is_some()
                {
                    let at_once = DeleteParams::default().grace_period(0);
                    let _ = pods.delete(&pod.name_any(), &at_once).await;
                }
            }
        })
    }
}

/// Merges objects, as a merge patch does.
fn json_patch(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                json_patch(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}

fn owned_by<K: Resource<DynamicType = ()>>(owner: &K) -> Option<Value> {
    Some(json!(owner.controller_owner_ref(&()).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_leave_as_their_budgets_allow_and_none_is_lost_unasked() {
    let world = World::new().await;
    let web: ReplicaSet = world.make(World::workload("web")).await;
    let log: DaemonSet = world.make(World::workload("log")).await;
    world.running("web", owned_by(&web)).await;
    world.pod("log", owned_by(&log), json!({})).await;
    let mirror = json!({ "metadata": { "annotations": { "kubernetes.io/config.mirror": "x" } } });
    world.pod("static", None, mirror).await;
    world.pod("alone", None, json!({})).await;
    let scratch = json!({ "spec": { "volumes": [{ "name": "v", "emptyDir": {} }] } });
    world.pod("scratch", owned_by(&web), scratch.clone()).await;
    world.pod("ended", None, scratch).await;
    world.report("ended", json!({ "phase": "Succeeded" })).await;
    let budget = json!({ "metadata": { "name": "web" }, "spec": { "minAvailable": 1,
        "selector": { "matchLabels": { "app": "web" } } } });
    world.make::<PodDisruptionBudget>(budget).await;
    world.allow(0).await;

    // Before any pod goes, those are told that would not come back whole.
    let error = world.remove(PATIENCE).await.unwrap_err();
    let RemovalError::Loss { pods, .. } = &error else { panic!("{error}") };
    assert_eq!(
        pods,
        &[
            "default/alone has no controller that would make it again",
            "default/scratch has data of its own in an emptyDir"
        ]
    );
    assert!(error.to_string().contains("--force"), "{error}");
    for pod in world.pods().list(&Default::default()).await.unwrap() {
        assert!(pod.metadata.deletion_timestamp.is_none(), "{}", pod.name_any());
    }
    let nodes: Api<Node> = Api::all(world.client.clone());
    assert_eq!(nodes.get(NODE).await.unwrap().spec.unwrap().unschedulable, Some(true));

    // A budget is waited for, not for ever, and it is told which pod it keeps.
    let kubelet = world.kubelet();
    for pod in ["alone", "scratch", "ended"] {
        world.pods().delete(pod, &DeleteParams::default()).await.unwrap();
        let gone = await_condition(world.pods(), pod, |pod: Option<&Pod>| pod.is_none());
        tokio::time::timeout(PATIENCE, gone).await.expect("it has gone").unwrap();
    }
    let error = world.remove(Duration::from_secs(2)).await.unwrap_err();
    let RemovalError::Pods { pods, .. } = &error else { panic!("{error}") };
    let [kept] = pods.as_slice() else { panic!("{error}") };
    assert!(kept.starts_with("default/web (") && kept.contains("disruption budget"), "{kept}");
    assert!(nodes.get_opt(NODE).await.unwrap().is_some());
    assert!(world.pods().get_opt("web").await.unwrap().is_some());

    // It allows one while the removal waits.
    let (removed, ()) = tokio::join!(world.remove(PATIENCE), world.allow(1));
    let removed = removed.unwrap();
    assert_eq!(removed.pods, ["default/web"]);
    assert!(removed.node);
    assert!(nodes.get_opt(NODE).await.unwrap().is_none());
    kubelet.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn force_takes_pods_with_all_they_have_whatever_budgets_say() {
    let world = World::new().await;
    world.running("web", None).await;
    let budget = json!({ "metadata": { "name": "web" }, "spec": { "minAvailable": 1,
        "selector": { "matchLabels": { "app": "web" } } } });
    world.make::<PodDisruptionBudget>(budget).await;
    world.allow(0).await;
    let node = NODE.parse().unwrap();
    let patience = Duration::from_millis(100);
    let removal = Removal { node, patience, force: true, keep_token: false };
    let removed = acceptance::remove(&world.client, &removal).await.unwrap();
    assert_eq!(removed.pods, ["default/web"]);
    assert!(world.pods().get_opt("web").await.unwrap().is_none());
}
