//! The Node of a machine that has joined, and the Lease that says it is alive.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, OwnerReference};
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::name::NodeName;

/// Namespace of the Leases of nodes.
pub const LEASES: &str = "kube-node-lease";

/// How long a Lease is good after it was renewed, in seconds.
const LEASE_SECONDS: i32 = 40;

const JOINED: &str = "joined by kubewright's embedded engine, which runs no pods";
const LEFT: &str = "the machine was reset; `kubewright node remove` takes the Node away";

/// Why a node cannot be registered, or cannot say that it is alive.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} of node {node}")]
pub struct RegistrationError {
    /// What was tried.
    pub verb: &'static str,
    /// The node.
    pub node: String,
    /// The answer.
    #[source]
    pub source: Box<kube::Error>,
}

impl RegistrationError {
    /// Whether what it was about is not there.
    pub fn is_absent(&self) -> bool {
        matches!(&*self.source, kube::Error::Api(status) if status.code == 404)
    }

    /// Whether the API server does not know the node's certificate, or no longer.
    pub fn is_unknown(&self) -> bool {
        matches!(&*self.source, kube::Error::Api(status) if status.code == 401)
    }
}

/// What a node tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// Its name.
    pub name: NodeName,
    /// Where it is.
    pub address: Option<IpAddr>,
    /// Labels, besides those that every node has.
    pub labels: BTreeMap<String, String>,
    /// Taints: key and effect.
    pub taints: Vec<(String, String)>,
}

impl Registration {
    /// A node without labels of its own.
    pub fn new(name: NodeName, address: Option<IpAddr>) -> Self {
        Self { name, address, labels: BTreeMap::new(), taints: Vec::new() }
    }

    fn object(&self) -> Value {
        let mut labels = self.labels.clone();
        for (key, value) in [
            ("kubernetes.io/arch", architecture()),
            ("kubernetes.io/hostname", self.name.as_str()),
            ("kubernetes.io/os", "linux"),
        ] {
            labels.insert(key.to_owned(), value.to_owned());
        }
        let taints: Vec<Value> = self
            .taints
            .iter()
            .map(|(key, effect)| json!({ "key": key, "effect": effect }))
            .collect();
        json!({ "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": self.name, "labels": labels }, "spec": { "taints": taints } })
    }

    /// What changes while the node lives; `since` is when it became ready.
    fn status(&self, now: Timestamp, since: Timestamp) -> Value {
        let mut addresses: Vec<Value> = Vec::new();
        addresses.extend(self.address.map(|it| json!({ "type": "InternalIP", "address": it })));
        addresses.push(json!({ "type": "Hostname", "address": self.name }));
        let text = |path: &str| {
            std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
        };
        let alive = Health { ready: true, reason: "KubewrightReady", message: JOINED };
        json!({ "status": {
            "addresses": addresses,
            "conditions": [alive.condition(now, since)],
            "nodeInfo": { "architecture": architecture(), "operatingSystem": "linux",
                "bootID": text("/proc/sys/kernel/random/boot_id"),
                "machineID": text("/etc/machine-id"), "systemUUID": "",
                "kernelVersion": text("/proc/sys/kernel/osrelease"),
                "osImage": os_image(&text("/etc/os-release")),
                "containerRuntimeVersion": "none", "kubeProxyVersion": "",
                "kubeletVersion": concat!("kubewright-", env!("CARGO_PKG_VERSION")) },
        } })
    }

    fn failed(&self, verb: &'static str) -> impl FnOnce(kube::Error) -> RegistrationError {
        let node = self.name.to_string();
        move |source| RegistrationError { verb, node, source: Box::new(source) }
    }

    /// The Node, if there is one.
    ///
    /// # Errors
    /// What the API server answers.
    pub async fn find(&self, client: &Client) -> Result<Option<Node>, RegistrationError> {
        let nodes: Api<Node> = Api::all(client.clone());
        nodes.get_opt(self.name.as_str()).await.map_err(self.failed("read the Node"))
    }

    /// Says that the machine is no node any more, so that its name is free at once, and takes its
    /// Lease away. The Node itself stays for `kubewright node remove`: API servers let no node
    /// delete one, not even its own.
    ///
    /// # Errors
    /// What the API server answers.
    pub async fn leave(&self, client: &Client, now: Timestamp) -> Result<(), RegistrationError> {
        let nodes: Api<Node> = Api::all(client.clone());
        let left = Health { ready: false, reason: "KubewrightReset", message: LEFT };
        let patch =
            Patch::Strategic(json!({ "status": { "conditions": [left.condition(now, now)] } }));
        let written = nodes.patch_status(self.name.as_str(), &PatchParams::default(), &patch).await;
        written.map_err(self.failed("write the status"))?;
        let leases: Api<Lease> = Api::namespaced(client.clone(), LEASES);
        match leases.delete(self.name.as_str(), &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            deleted => deleted.map(drop).map_err(self.failed("delete the Lease")),
        }
    }

    /// Makes the Node and its Lease, and says that it is ready. To do it again is no harm.
    ///
    /// # Errors
    /// What the API server answers.
    pub async fn register(&self, client: &Client, now: Timestamp) -> Result<(), RegistrationError> {
        let nodes: Api<Node> = Api::all(client.clone());
        let name = self.name.as_str();
        // With its status at once, as kubelets make theirs.
        let mut object = self.object();
        object["status"] = self.status(now, now)["status"].take();
        let object: Node = serde_json::from_value(object)
            .map_err(|error| self.failed("write the Node")(kube::Error::SerdeError(error)))?;
        let node = match nodes.create(&PostParams::default(), &object).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                self.report(client, now, now).await?
            }
            created => created.map_err(self.failed("make the Node"))?,
        };
        let lease = self.lease(&node, now);
        let leases: Api<Lease> = Api::namespaced(client.clone(), LEASES);
        match leases.create(&PostParams::default(), &lease).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let spec = json!({ "spec": lease.spec });
                let patched =
                    leases.patch(name, &PatchParams::default(), &Patch::Merge(spec)).await;
                patched.map(drop).map_err(self.failed("renew the Lease"))
            }
            created => created.map(drop).map_err(self.failed("make the Lease")),
        }
    }

    /// Writes the status of the Node.
    ///
    /// # Errors
    /// What the API server answers.
    pub async fn report(
        &self,
        client: &Client,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<Node, RegistrationError> {
        let nodes: Api<Node> = Api::all(client.clone());
        let patch = Patch::Strategic(self.status(now, since));
        let parameters = PatchParams::default();
        let written = nodes.patch_status(self.name.as_str(), &parameters, &patch).await;
        written.map_err(self.failed("write the status"))
    }

    /// Renews the Lease.
    ///
    /// # Errors
    /// What the API server answers; [`RegistrationError::is_absent`] when it is gone.
    pub async fn renew(&self, client: &Client, now: Timestamp) -> Result<(), RegistrationError> {
        let leases: Api<Lease> = Api::namespaced(client.clone(), LEASES);
        let patch = Patch::Merge(json!({ "spec": { "renewTime": MicroTime(now) } }));
        let renewed = leases.patch(self.name.as_str(), &PatchParams::default(), &patch).await;
        renewed.map(drop).map_err(self.failed("renew the Lease"))
    }

    fn lease(&self, node: &Node, now: Timestamp) -> Lease {
        let owner = node.uid().map(|uid| OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            name: self.name.to_string(),
            uid,
            ..OwnerReference::default()
        });
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.to_string()),
                namespace: Some(LEASES.to_owned()),
                owner_references: owner.map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.name.to_string()),
                lease_duration_seconds: Some(LEASE_SECONDS),
                renew_time: Some(MicroTime(now)),
                ..LeaseSpec::default()
            }),
        }
    }
}

/// What a node says of how it is.
struct Health {
    ready: bool,
    reason: &'static str,
    message: &'static str,
}

impl Health {
    fn condition(&self, now: Timestamp, since: Timestamp) -> Value {
        let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let status = if self.ready { "True" } else { "False" };
        json!({ "type": "Ready", "status": status, "reason": self.reason, "message": self.message,
            "lastHeartbeatTime": time(now), "lastTransitionTime": time(since) })
    }
}

/// As Go calls it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn os_image(release: &str) -> String {
    let line = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    line.unwrap_or_default().trim_matches('"').to_owned()
}
