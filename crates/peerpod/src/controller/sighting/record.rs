//! Objects as far as they are looked at. Five thousand nodes and fifty thousand pods are kept, and
//! most of each is of no use here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Secret, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ClusterResourceScope, DynamicObject, NamespaceResourceScope};
use kube::{Resource, ResourceExt};
use kubewright_quantity::Quantity;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::controller::FIELD_MANAGER;
use crate::objects::adaptor::PROVIDER;

/// Field managers of ours begin with this; the config follows.
pub(crate) const MANAGER_PREFIX: &str = "kubewright-peerpod:";

/// The upstream adaptor's finalizer of PeerPods: it is removed when the VM is gone.
const PEER_POD_FINALIZER: &str = "peer.pod/finalizer";

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NodeRecord {
    /// `metadata.resourceVersion`, by which the API server orders what it sends; 0 for none.
    pub(crate) version: u64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) unschedulable: bool,
    pub(crate) taints: Vec<Taint>,
    pub(crate) ready: bool,
    /// Since when it is ready, or not.
    pub(crate) ready_since: Option<Timestamp>,
    /// `status.capacity` of the resource, as written.
    pub(crate) capacity: Option<String>,
    /// `status.allocatable` of the resource, as written.
    pub(crate) allocatable: Option<String>,
    /// Those of our field managers that own the capacity. Several, where one took over from
    /// another without a change of the value.
    pub(crate) managers: Vec<String>,
    /// Whether one of them owns allocatable too.
    pub(crate) owns_allocatable: bool,
}

/// The fields of a Node that are decoded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PrunedNode {
    metadata: ObjectMeta,
    spec: NodeSpec,
    status: NodeStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct NodeSpec {
    unschedulable: bool,
    taints: Vec<Taint>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct NodeStatus {
    capacity: BTreeMap<String, Value>,
    allocatable: BTreeMap<String, Value>,
    conditions: Vec<NodeCondition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeCondition {
    r#type: String,
    status: String,
    last_transition_time: Option<Timestamp>,
}

impl NodeRecord {
    /// What of a node matters for this resource.
    pub(crate) fn of(node: PrunedNode, resource: &str) -> Self {
        let amount = |amounts: &BTreeMap<String, Value>| {
            amounts.get(resource).map(|amount| match amount {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        };
        let ready = node.status.conditions.iter().find(|condition| condition.r#type == "Ready");
        let field = format!("f:{resource}");
        let owns = |list: &str, fields: &Value| !fields["f:status"][list][&field].is_null();
        let owners = |list: &'static str| {
            let entries = node.metadata.managed_fields.iter().flatten();
            let ours = entries.filter(move |entry| {
                entry.operation.as_deref() == Some("Apply")
                    && entry.fields_v1.as_ref().is_some_and(|fields| owns(list, &fields.0))
            });
            let managers = ours.filter_map(|entry| entry.manager.clone());
            managers.filter(|name| name.starts_with(MANAGER_PREFIX)).collect::<Vec<_>>()
        };
        Self {
            managers: owners("f:capacity"),
            owns_allocatable: !owners("f:allocatable").is_empty(),
            version: version(&node.metadata),
            capacity: amount(&node.status.capacity),
            allocatable: amount(&node.status.allocatable),
            unschedulable: node.spec.unschedulable,
            taints: node.spec.taints,
            ready: ready.is_some_and(|condition| condition.status == "True"),
            ready_since: ready.and_then(|condition| condition.last_transition_time),
            labels: node.metadata.labels.unwrap_or_default(),
        }
    }

    /// The capacity as a number. The API server writes 1000 as `1k`.
    pub(crate) fn seats(&self) -> Option<u64> {
        seats(self.capacity.as_deref()?)
    }

    /// The allocatable amount as a number.
    pub(crate) fn allocatable_seats(&self) -> Option<u64> {
        seats(self.allocatable.as_deref()?)
    }
}

/// `metadata.resourceVersion` as a number. Real and embedded servers count upwards, and since
/// Kubernetes 1.35 clients may rely on it.
pub(crate) fn version(metadata: &ObjectMeta) -> u64 {
    metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn seats(text: &str) -> Option<u64> {
    let amount: Quantity = text.parse().ok()?;
    u64::try_from(amount.value()).ok().filter(|_| amount.is_whole())
}

/// A peer pod: the seats that it holds of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PodRecord {
    /// `None` where it holds none: not bound, ended, or no peer pod although labelled as one.
    pub(crate) node: Option<String>,
    /// How many; 1 for what the webhook made.
    pub(crate) seats: u64,
    /// Whether its kubelet has taken it. Anybody who may create pods may bind one past the
    /// scheduler, and ask for as much as they like; a kubelet refuses what its node has not.
    pub(crate) admitted: bool,
}

/// The fields of a Pod that are decoded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PrunedPod {
    metadata: ObjectMeta,
    spec: PodSpec,
    status: PodStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodSpec {
    node_name: Option<String>,
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    resources: Amounts,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Amounts {
    requests: BTreeMap<String, Value>,
    limits: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodStatus {
    phase: String,
    /// Written by the kubelet when it takes a pod.
    start_time: Option<Timestamp>,
}

impl PodRecord {
    /// What a pod holds of this resource. The label that it is watched by says nothing: anybody may
    /// set it, and must not take seats from others by it.
    pub(crate) fn of(pod: PrunedPod, resource: &str) -> Self {
        let ended = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
        let asked = |container: &Container| {
            // Of an extended resource the request is the limit where only that is given.
            let amounts = &container.resources;
            let amount = amounts.requests.get(resource).or_else(|| amounts.limits.get(resource));
            let amount = amount.and_then(|amount| Quantity::of(amount).ok());
            amount.and_then(|amount| u64::try_from(amount.value()).ok()).unwrap_or(0)
        };
        let seats = pod.spec.containers.iter().map(asked).fold(0, u64::saturating_add);
        let node = pod.spec.node_name.filter(|node| !ended && seats > 0 && !node.is_empty());
        let admitted = node.is_some() && pod.status.start_time.is_some();
        Self { seats: if node.is_some() { seats } else { 0 }, node, admitted }
    }
}

/// An upstream `PeerPod`: a VM that an adaptor made for a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerPodRecord {
    pub(crate) uid: String,
    /// Whether its VM has not been cleaned up yet.
    pub(crate) held: bool,
    /// Whether a pod owns it.
    pub(crate) owned: bool,
    /// Since when it is to be deleted; Kubernetes asks for that when the pod is gone.
    pub(crate) deleted: Option<Timestamp>,
}

impl PeerPodRecord {
    /// What of a PeerPod matters.
    pub(crate) fn of(object: &DynamicObject) -> Self {
        let metadata = &object.metadata;
        let owners = metadata.owner_references.iter().flatten();
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            held: object.finalizers().iter().any(|finalizer| finalizer == PEER_POD_FINALIZER),
            owned: owners.into_iter().any(|owner| owner.kind == "Pod"),
            deleted: metadata.deletion_timestamp.as_ref().map(|time| time.0),
        }
    }
}

/// What is kept of a ConfigMap or Secret that the adaptor may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SettingsRecord {
    pub(crate) provider: Option<String>,
    pub(crate) digest: [u8; 32],
}

/// A Secret with certificates of the webhook. `Debug` does not show them.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct CertificateRecord {
    pub(crate) uid: String,
    /// Whether we wrote it; somebody may have brought certificates of their own.
    pub(crate) ours: bool,
    /// Whether it is being deleted.
    pub(crate) going: bool,
    pub(crate) data: BTreeMap<String, Vec<u8>>,
}

impl CertificateRecord {
    pub(crate) fn of(secret: Secret) -> Self {
        Self {
            uid: secret.metadata.uid.clone().unwrap_or_default(),
            ours: is_ours(&secret.metadata),
            going: secret.metadata.deletion_timestamp.is_some(),
            data: secret.data.into_iter().flatten().map(|(name, bytes)| (name, bytes.0)).collect(),
        }
    }
}

impl std::fmt::Debug for CertificateRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateRecord").field("uid", &self.uid).finish_non_exhaustive()
    }
}

/// Whether our field manager wrote an object.
pub(crate) fn is_ours(metadata: &ObjectMeta) -> bool {
    let entries = metadata.managed_fields.iter().flatten();
    let mut managers = entries.filter_map(|entry| entry.manager.as_deref());
    managers.any(|manager| manager == FIELD_MANAGER)
}

impl SettingsRecord {
    fn of<'a>(entries: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut digest = Sha256::new();
        let mut provider = None;
        for (name, value) in entries {
            for part in [name.as_bytes(), value] {
                digest.update(part.len().to_be_bytes());
                digest.update(part);
            }
            if name == PROVIDER {
                let text = std::str::from_utf8(value).ok().map(str::trim);
                provider = text.filter(|text| !text.is_empty()).map(str::to_owned);
            }
        }
        Self { provider, digest: digest.finalize().into() }
    }

    pub(crate) fn of_config_map(map: &ConfigMap) -> Self {
        let texts = map.data.iter().flatten().map(|(name, text)| (name.as_str(), text.as_bytes()));
        let bytes =
            map.binary_data.iter().flatten().map(|(name, bytes)| (name.as_str(), &bytes.0[..]));
        Self::of(texts.chain(bytes))
    }

    pub(crate) fn of_secret(secret: &Secret) -> Self {
        Self::of(secret.data.iter().flatten().map(|(name, bytes)| (name.as_str(), &bytes.0[..])))
    }
}

macro_rules! pruned {
    ($pruned:ty, $whole:ty, $scope:ty) => {
        impl Resource for $pruned {
            type DynamicType = ();
            type Scope = $scope;

            fn kind(_: &()) -> Cow<'_, str> {
                <$whole>::kind(&())
            }

            fn group(_: &()) -> Cow<'_, str> {
                <$whole>::group(&())
            }

            fn version(_: &()) -> Cow<'_, str> {
                <$whole>::version(&())
            }

            fn plural(_: &()) -> Cow<'_, str> {
                <$whole>::plural(&())
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

pruned!(PrunedNode, Node, ClusterResourceScope);
pruned!(PrunedPod, Pod, NamespaceResourceScope);
