//! Simulated nodes: Node objects with heartbeats, and nothing that runs pods.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

/// How often a kubelet says that it is alive.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// A node to simulate.
#[derive(Debug, Clone)]
pub struct SimulatedNode {
    /// Name.
    pub name: String,
    /// Labels, besides those that every kubelet sets.
    pub labels: BTreeMap<String, String>,
    /// `InternalIP`.
    pub address: String,
}

impl SimulatedNode {
    /// The `index`-th worker: `worker-0` at 10.0.0.10 and so on.
    pub fn worker(index: u16) -> Self {
        let address = 10 + u32::from(index);
        Self::node(format!("worker-{index}"), format!("10.0.{}.{}", address / 256, address % 256))
    }

    /// A worker that is there to go: `spare-0` at 10.1.0.0 and so on.
    pub fn spare(index: usize) -> Self {
        let (third, fourth) = (index / 256 % 256, index % 256);
        Self::node(format!("spare-{index}"), format!("10.1.{third}.{fourth}"))
    }

    fn node(name: String, address: String) -> Self {
        let label = ("node.kubernetes.io/node".to_owned(), String::new());
        Self { name, labels: BTreeMap::from([label]), address }
    }

    fn object(&self) -> Node {
        let mut labels = self.labels.clone();
        for (key, value) in [
            ("kubernetes.io/arch", std::env::consts::ARCH),
            ("kubernetes.io/hostname", &*self.name),
            ("kubernetes.io/os", "linux"),
        ] {
            labels.insert(key.to_owned(), value.to_owned());
        }
        Node {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                labels: Some(labels),
                ..ObjectMeta::default()
            },
            ..Node::default()
        }
    }
}

/// Registers a node and says that it is ready, as a kubelet does.
///
/// # Errors
/// What the API server answers.
pub async fn join(client: &Client, node: &SimulatedNode) -> kube::Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    match nodes.create(&PostParams::default(), &node.object()).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        other => drop(other?),
    }
    heartbeat(client, node).await
}

/// Says that a node is alive.
///
/// # Errors
/// What the API server answers.
pub async fn heartbeat(client: &Client, node: &SimulatedNode) -> kube::Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let status = json!({ "status": {
        "addresses": [
            { "type": "InternalIP", "address": node.address },
            { "type": "Hostname", "address": node.name },
        ],
        "conditions": [{ "type": "Ready", "status": "True", "reason": "KubeletReady",
            "message": "simulated", "lastHeartbeatTime": now, "lastTransitionTime": now }],
    } });
    let patch = Patch::Strategic(&status);
    nodes.patch_status(&node.name, &PatchParams::default(), &patch).await.map(drop)
}

/// Takes a node away.
///
/// # Errors
/// What the API server answers.
pub async fn leave(client: &Client, name: &str) -> kube::Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    nodes.delete(name, &DeleteParams::default()).await.map(drop)
}
