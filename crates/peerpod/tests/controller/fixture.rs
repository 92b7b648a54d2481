//! A cluster with the CRD, nodes, and a controller that is quick.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Client, CustomResourceExt};
use kubewright_operator::Shutdown;
use kubewright_peerpod::api::PeerPodConfig;
use kubewright_peerpod::controller::Controller;
use kubewright_peerpod::objects::webhook;
use kubewright_peerpod::options::Options;
use kubewright_quantity::Quantity;
use kubewright_testkit::TestCluster;
use kubewright_testkit::require::Skip;
use kubewright_testkit::spy::Spy;
use kubewright_testkit::turn::mark;
use kubewright_testkit::until::until;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

pub(crate) const RESOURCE: &str = "kata.peerpods.io/vm";

pub(crate) struct Cluster {
    pub(crate) cluster: TestCluster,
    pub(crate) client: Client,
    pub(crate) spy: Spy,
}

/// The account that the controller runs as.
const ACCOUNT: &str = "kubewright-test";

/// A controller at work.
pub(crate) struct Running {
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it in order.
    pub(crate) async fn stop(self) {
        self.shutdown.trigger();
        self.task.await.unwrap();
    }

    /// Ends it without any order, as SIGKILL would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

impl Cluster {
    pub(crate) async fn start() -> Result<Self, Skip> {
        let cluster = TestCluster::alone(&["confidentialcontainers.org"]).await.unwrap()?;
        cluster.install(PeerPodConfig::crd()).await;
        // Pods need one; a real cluster makes it, an API server alone does not.
        let accounts = Api::<ServiceAccount>::default_namespaced(cluster.client());
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        accounts
            .patch("default", &PatchParams::apply("test"), &Patch::Apply(account))
            .await
            .unwrap();
        let client = cluster.client();
        forget_registration(&client).await;
        let (everywhere, here) = kubewright_peerpod::rbac_rules();
        cluster.grant(ACCOUNT, &everywhere, &[(cluster.namespace(), here)]).await;
        Ok(Self { client, cluster, spy: Spy::default() })
    }

    pub(crate) fn options(&self) -> Options {
        let mut options = Options::default();
        options.namespace = self.cluster.namespace().to_owned();
        options.debounce = Duration::from_millis(10);
        options.patience = Duration::ZERO;
        options
    }

    pub(crate) fn run(&self, options: Options) -> Running {
        let shutdown = Shutdown::new();
        let controller = Controller::new(self.spy.client(self.controller()), options);
        let token = shutdown.clone();
        let task = tokio::spawn(async move { controller.run(token).await.unwrap() });
        Running { shutdown, task }
    }

    /// A client with the rights of the generated roles and no others.
    pub(crate) fn controller(&self) -> Client {
        self.cluster.client_of(ACCOUNT)
    }

    pub(crate) fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }

    pub(crate) fn configs(&self) -> Api<PeerPodConfig> {
        Api::default_namespaced(self.client.clone())
    }

    /// A ready node that was created as a kubelet does it: capacity and all at once, which leaves
    /// nothing of it in managedFields.
    pub(crate) async fn node(&self, name: &str) {
        let node = json!({
            "metadata": {"name": name},
            "status": {
                "capacity": {"cpu": "4", "memory": "16Gi", "pods": "110"},
                "allocatable": {"cpu": "4", "memory": "15Gi", "pods": "110"},
                "conditions": [{
                    "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "",
                    "lastHeartbeatTime": "2026-01-01T00:00:00Z",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }],
            },
        });
        let node: Node = serde_json::from_value(node).unwrap();
        self.nodes().create(&PostParams::default(), &mark(node)).await.unwrap();
    }

    pub(crate) async fn several(&self, count: usize) -> Vec<String> {
        let names: Vec<String> = (0..count).map(|index| format!("node-{index}")).collect();
        let made = futures::stream::iter(&names).for_each_concurrent(16, |name| self.node(name));
        made.await;
        names
    }

    /// A config that deploys nothing, so that only capacity matters.
    pub(crate) async fn config(&self, name: &str, mut spec: Value) {
        for part in ["adaptor", "webhook"] {
            if spec.get(part).is_none() {
                spec[part] = json!({"enabled": false});
            }
        }
        let config = json!({
            "apiVersion": "confidentialcontainers.org/v1alpha1", "kind": "PeerPodConfig",
            "metadata": {"name": name}, "spec": spec,
        });
        // Not through the type: what is left out is left out.
        let resource = ApiResource::erase::<PeerPodConfig>(&());
        let api = Api::<DynamicObject>::default_namespaced_with(self.client.clone(), &resource);
        let config = serde_json::from_value(config).unwrap();
        api.create(&PostParams::default(), &config).await.unwrap();
    }

    pub(crate) async fn change(&self, name: &str, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.configs().patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.configs().delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub(crate) async fn patch_node(&self, name: &str, patch: Value) {
        self.nodes().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub(crate) async fn patch_node_status(&self, name: &str, status: Value) {
        let patch = Patch::Merge(json!({"status": status}));
        self.nodes().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// A pod with the label of peer pods that is bound to a node and asks for so many seats.
    pub(crate) async fn bound_pod(&self, name: &str, node: &str, seats: &str) {
        let pod = json!({
            "metadata": {"name": name, "labels": {"kubewright.io/peer-pod": "true"}},
            "spec": {"nodeName": node, "containers": [
                {"name": "a", "image": "a", "resources": {"limits": {RESOURCE: seats}}},
            ]},
        });
        let pod: Pod = serde_json::from_value(pod).unwrap();
        self.pods().create(&PostParams::default(), &pod).await.unwrap();
    }

    /// A peer pod that runs on a node.
    pub(crate) async fn peer_pod(&self, name: &str, node: &str) {
        self.bound_pod(name, node, "1").await;
        // As its kubelet does that takes it.
        let status = json!({"status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"}});
        let patch = Patch::Merge(status);
        self.pods().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }

    pub(crate) async fn end_pod(&self, name: &str) {
        let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        self.pods().delete(name, &now).await.unwrap();
    }

    /// Waits until nodes have this capacity, `None` for none; returns all nodes.
    pub(crate) async fn advertises(
        &self,
        wanted: &[(&str, Option<u64>)],
    ) -> BTreeMap<String, Node> {
        until(&self.nodes(), |nodes| {
            wanted.iter().all(|(name, seats)| nodes.get(*name).map(seats_of) == Some(*seats))
        })
        .await
    }

    /// Waits until the capacities of all nodes are these, in the order of their names.
    pub(crate) async fn spread(&self, wanted: &[u64]) {
        until(&self.nodes(), |nodes| {
            let seats: Vec<u64> = nodes.values().map(|node| seats_of(node).unwrap_or(0)).collect();
            seats == wanted && nodes.values().all(|node| seats_of(node).is_some())
        })
        .await;
    }

    /// Waits for a condition; returns its message.
    pub(crate) async fn condition(
        &self,
        config: &str,
        kind: &str,
        status: &str,
        reason: &str,
    ) -> String {
        let find = |all: &BTreeMap<String, PeerPodConfig>| {
            let conditions = &all.get(config)?.status.as_ref()?.conditions;
            let found = conditions.iter().find(|condition| condition.type_ == kind)?;
            (found.status == status && found.reason == reason).then(|| found.message.clone())
        };
        let all = until(&self.configs(), |all| find(all).is_some()).await;
        find(&all).unwrap()
    }
}

/// What a test that did not come to its end left behind. The cluster has no PeerPodConfigs of its
/// own, or the test would have been skipped.
async fn forget_registration(client: &Client) {
    let registrations = Api::<MutatingWebhookConfiguration>::all(client.clone());
    if registrations.get_opt(webhook::NAME).await.unwrap().is_some() {
        registrations.delete(webhook::NAME, &DeleteParams::default()).await.unwrap();
    }
}

/// What a node advertises.
pub(crate) fn seats_of(node: &Node) -> Option<u64> {
    let capacity = node.status.as_ref()?.capacity.as_ref()?;
    let amount: Quantity = capacity.get(RESOURCE)?.0.parse().ok()?;
    u64::try_from(amount.value()).ok()
}

/// What else a node has.
pub(crate) fn own_capacity(node: &Node) -> Vec<(String, String)> {
    let status = node.status.as_ref().unwrap();
    [&status.capacity, &status.allocatable]
        .into_iter()
        .flatten()
        .flatten()
        .filter(|(name, _)| *name != RESOURCE)
        .map(|(name, amount)| (name.clone(), amount.0.clone()))
        .collect()
}
