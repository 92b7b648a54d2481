//! Taking a node out of the cluster: cordon, drain, and everything that stands for it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod, Secret};
use kube::api::{DeleteParams, EvictParams, ListParams};
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::request::Request;
use crate::discovery::Patience;
use crate::embedded::CONTROL_PLANE_LABEL;
use crate::join::{Answer, LEASES, NodeName};
use crate::token::secret_name;

/// How a node is to be removed.
#[derive(Debug, Clone)]
pub struct Removal {
    /// The node.
    pub node: NodeName,
    /// How long its pods may take to end.
    pub patience: Duration,
    /// Pods go whatever is lost with them, and are deleted unasked when they do not end; so does the
    /// only control-plane node.
    pub force: bool,
    /// The token it joined with stays good.
    pub keep_token: bool,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// Pods that were evicted or deleted, `namespace/name`.
    pub pods: Vec<String>,
    /// Whether there was a Node.
    pub node: bool,
    /// Requests for certificates.
    pub requests: Vec<String>,
    /// Whether there was a Lease.
    pub lease: bool,
    /// Ids of tokens.
    pub tokens: Vec<String>,
    /// Until when a certificate that it holds is good, as far as can be told.
    pub certificate_until: Option<Timestamp>,
}

/// Why a node is still there, or a part of it.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// There is no such node, and nothing of it.
    #[error("there is no node {node}, and nothing that is left of one")]
    Unknown {
        /// The node.
        node: NodeName,
    },
    /// The cluster would be without a control plane.
    #[error(
        "node {node} is the only control-plane node of this cluster, which would go on running on it unseen: `kubewright node reset` there ends both; with --force its Node is removed all the same"
    )]
    OnlyControlPlane {
        /// The node.
        node: NodeName,
    },
    /// Pods do not end.
    #[error(
        "pods on node {node} did not end within {} s: {}; the node is cordoned and still there. Run this again, or add --force to delete them unasked",
        patience.as_secs(), pods.join(", ")
    )]
    Pods {
        /// The node.
        node: NodeName,
        /// How long.
        patience: Duration,
        /// The pods, and why their eviction is refused.
        pods: Vec<String>,
    },
    /// Something would be lost with pods.
    #[error(
        "something would be lost with pods on node {node}: {}; the node is cordoned and still there. Save what is needed, then run this again with --force",
        pods.join(", ")
    )]
    Loss {
        /// The node.
        node: NodeName,
        /// The pods, and what would be lost.
        pods: Vec<String>,
    },
    /// The API server refuses.
    #[error("cannot {verb} node {node}")]
    Api {
        /// What was tried.
        verb: &'static str,
        /// The node.
        node: NodeName,
        /// Its words.
        #[source]
        source: Box<kube::Error>,
    },
}

struct Work<'a> {
    client: &'a Client,
    removal: &'a Removal,
}

/// Sees whether a node may be removed, as far as that is known before its pods are asked to go.
///
/// # Errors
/// When it is the only control-plane node, or the API server refuses.
pub async fn check(client: &Client, removal: &Removal) -> Result<(), RemovalError> {
    let work = Work { client, removal };
    let nodes: Api<Node> = Api::all(client.clone());
    let present = nodes.get_opt(removal.node.as_str()).await.map_err(work.failed("read"))?;
    match present {
        Some(node) => work.check_control_plane(&node).await,
        None => Ok(()),
    }
}

/// Removes a node. To do it again is no harm, and removes what is left.
///
/// # Errors
/// When it is not there, its pods do not end, or the API server refuses.
pub async fn remove(client: &Client, removal: &Removal) -> Result<Removed, RemovalError> {
    let work = Work { client, removal };
    let name = removal.node.as_str();
    let nodes: Api<Node> = Api::all(client.clone());
    let mut removed = Removed::default();
    let present = nodes.get_opt(name).await.map_err(work.failed("read"))?;
    if let Some(node) = present {
        work.check_control_plane(&node).await?;
        nodes.cordon(name).await.map_err(work.failed("cordon"))?;
        removed.pods = work.drain().await?;
    }
    // What could let it in again goes before the Node does.
    work.requests(&mut removed).await?;
    if removal.keep_token {
        removed.tokens.clear();
    } else {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), "kube-system");
        let mut tokens = std::mem::take(&mut removed.tokens);
        let mut deleted = Vec::new();
        for id in tokens.drain(..) {
            if work.delete(&secrets, &secret_name(&id), "delete the token of").await? {
                deleted.push(id);
            }
        }
        removed.tokens = deleted;
    }
    // It belongs to the Node, and would go with it unseen.
    let leases: Api<Lease> = Api::namespaced(client.clone(), LEASES);
    removed.lease = work.delete(&leases, name, "delete the Lease of").await?;
    removed.node = work.delete(&nodes, name, "delete").await?;
    if !removed.node && !removed.lease && removed.requests.is_empty() {
        return Err(RemovalError::Unknown { node: removal.node.clone() });
    }
    Ok(removed)
}

impl Work<'_> {
    /// The machine itself would not notice.
    async fn check_control_plane(&self, node: &Node) -> Result<(), RemovalError> {
        if self.removal.force || !node.labels().contains_key(CONTROL_PLANE_LABEL) {
            return Ok(());
        }
        let nodes: Api<Node> = Api::all(self.client.clone());
        let all = nodes.list(&ListParams::default().labels(CONTROL_PLANE_LABEL)).await;
        match all.map_err(self.failed("list the control-plane nodes beside"))?.items.len() {
            0 | 1 => Err(RemovalError::OnlyControlPlane { node: self.removal.node.clone() }),
            _ => Ok(()),
        }
    }

    fn failed(&self, verb: &'static str) -> impl FnOnce(kube::Error) -> RemovalError {
        let node = self.removal.node.clone();
        move |source| RemovalError::Api { verb, node, source: Box::new(source) }
    }

    /// Whether there was anything to delete.
    async fn delete<K>(
        &self,
        api: &Api<K>,
        name: &str,
        verb: &'static str,
    ) -> Result<bool, RemovalError>
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
    {
        match api.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            deleted => deleted.map(|_| true).map_err(self.failed(verb)),
        }
    }

    /// The requests of the node, and the tokens with which they were made.
    async fn requests(&self, removed: &mut Removed) -> Result<(), RemovalError> {
        let requests: Api<CertificateSigningRequest> = Api::all(self.client.clone());
        let all = requests.list(&ListParams::default()).await;
        let mut tokens = BTreeSet::new();
        for object in all.map_err(self.failed("list the requests of"))? {
            let Some(Ok(request)) = Request::of(&object) else { continue };
            if request.node != self.removal.node {
                continue;
            }
            tokens.extend(request.token_id().map(str::to_owned));
            if let Answer::Issued(pem) = &request.answer {
                removed.certificate_until = removed.certificate_until.max(until(pem));
            }
            if self.delete(&requests, &request.name, "delete a request of").await? {
                removed.requests.push(request.name);
            }
        }
        removed.tokens = tokens.into_iter().collect();
        Ok(())
    }

    /// Evicts its pods and waits until they have ended.
    async fn drain(&self) -> Result<Vec<String>, RemovalError> {
        let mut patience = Patience::new(self.removal.patience);
        let mut seen = BTreeSet::new();
        loop {
            let pods = self.pods().await?;
            if pods.is_empty() {
                return Ok(seen.into_iter().collect());
            }
            self.check_loss(&pods)?;
            let mut left = Vec::new();
            for pod in &pods {
                let name = full_name(pod);
                left.push(match self.evict(pod).await? {
                    Some(refusal) => format!("{name} ({refusal})"),
                    None => name.clone(),
                });
                seen.insert(name);
            }
            if !self.wait_for_change(&mut patience).await {
                return match self.removal.force {
                    true => {
                        self.delete_pods().await?;
                        Ok(seen.into_iter().collect())
                    }
                    false => Err(RemovalError::Pods {
                        node: self.removal.node.clone(),
                        patience: self.removal.patience,
                        pods: left,
                    }),
                };
            }
        }
    }

    /// As `kubectl drain`: before any pod goes, those are told that would not come back whole.
    fn check_loss(&self, pods: &[Pod]) -> Result<(), RemovalError> {
        let lost = pods.iter().filter_map(|pod| Some(format!("{} {}", full_name(pod), loss(pod)?)));
        let lost: Vec<String> = lost.collect();
        match lost.is_empty() || self.removal.force {
            true => Ok(()),
            false => Err(RemovalError::Loss { node: self.removal.node.clone(), pods: lost }),
        }
    }

    fn on_node(&self) -> String {
        format!("spec.nodeName={}", self.removal.node)
    }

    /// What has to go: neither mirrors of files nor what a DaemonSet would make again.
    async fn pods(&self) -> Result<Vec<Pod>, RemovalError> {
        let all: Api<Pod> = Api::all(self.client.clone());
        let pods = all.list(&ListParams::default().fields(&self.on_node())).await;
        let stays = |pod: &Pod| {
            let mirror = pod.annotations().contains_key("kubernetes.io/config.mirror");
            let daemon = pod
                .owner_references()
                .iter()
                .any(|owner| owner.kind == "DaemonSet" && owner.controller == Some(true));
            mirror || daemon
        };
        let pods = pods.map_err(self.failed("list the pods on"))?;
        Ok(pods.items.into_iter().filter(|pod| !stays(pod)).collect())
    }

    /// That a disruption budget is in the way passes, and is answered; that the pod has gone is
    /// what is wanted.
    async fn evict(&self, pod: &Pod) -> Result<Option<String>, RemovalError> {
        if pod.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let pods: Api<Pod> =
            Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default());
        match pods.evict(&pod.name_any(), &EvictParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(kube::Error::Api(status)) if status.code == 429 => {
                Ok(Some(status.message.trim_end_matches('.').to_owned()))
            }
            evicted => evicted.map(|_| None).map_err(self.failed("evict a pod from")),
        }
    }

    async fn delete_pods(&self) -> Result<(), RemovalError> {
        for pod in self.pods().await? {
            let namespace = pod.namespace().unwrap_or_default();
            let pods: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
            let at_once = DeleteParams::default().grace_period(0);
            match pods.delete(&pod.name_any(), &at_once).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                deleted => drop(deleted.map_err(self.failed("delete a pod on"))?),
            }
        }
        Ok(())
    }

    /// Waits until a pod of the node changes, or it is time to ask a budget again; `false` when
    /// the time is over.
    async fn wait_for_change(&self, patience: &mut Patience) -> bool {
        let all: Api<Pod> = Api::all(self.client.clone());
        let only = watcher::Config::default().fields(&self.on_node());
        let mut events = watcher(all, only).boxed();
        let changed = async {
            let mut listed = false;
            while let Some(event) = events.next().await {
                match event {
                    Ok(watcher::Event::InitDone) => listed = true,
                    Ok(watcher::Event::Delete(_)) => return,
                    Ok(watcher::Event::Apply(_)) if listed => return,
                    _ => {}
                }
            }
        };
        tokio::select! {
            () = changed => tokio::time::Instant::now() < patience.until(),
            more = patience.wait() => more,
        }
    }
}

fn full_name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
}

/// What would be lost with a pod, if anything.
fn loss(pod: &Pod) -> Option<&'static str> {
    let ended = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(ended, Some("Succeeded" | "Failed")) || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let owners = pod.owner_references();
    if !owners.iter().any(|owner| owner.controller == Some(true)) {
        return Some("has no controller that would make it again");
    }
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let local = volumes.into_iter().any(|volume| volume.empty_dir.is_some());
    local.then_some("has data of its own in an emptyDir")
}

/// The end of a certificate.
fn until(pem: &str) -> Option<Timestamp> {
    let pem = x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes()).next()?.ok()?;
    Timestamp::from_second(pem.parse_x509().ok()?.validity().not_after.timestamp()).ok()
}
