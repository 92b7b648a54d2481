//! What the agent keeps of a pod: a few hundred bytes, where the object has tens of kilobytes.

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use k8s_openapi::api::core::v1::{ObjectReference, Pod as FullPod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use kubewright_attachment::annotation::{KALOOM, STANDARD};
use kubewright_attachment::status::{NETWORK_ERRORS, NETWORK_STATUS};

use crate::api;

/// A pod as it comes over the wire, with the fields that are read and no others.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct WirePod {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: WireSpec,
    #[serde(default)]
    status: WireStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSpec {
    host_network: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireStatus {
    phase: String,
    #[serde(rename = "podIPs")]
    pod_ips: Vec<WireIp>,
    container_statuses: Vec<WireContainer>,
    init_container_statuses: Vec<WireContainer>,
    conditions: Vec<WireCondition>,
}

#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(default)]
struct WireIp {
    ip: String,
}

#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireContainer {
    #[serde(rename = "containerID")]
    container_id: String,
}

#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

impl Resource for WirePod {
    type DynamicType = ();
    type Scope = k8s_openapi::NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        FullPod::kind(&())
    }

    fn group(_: &()) -> Cow<'_, str> {
        FullPod::group(&())
    }

    fn version(_: &()) -> Cow<'_, str> {
        FullPod::version(&())
    }

    fn plural(_: &()) -> Cow<'_, str> {
        FullPod::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodKey {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl PodKey {
    /// A pod by its names.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for PodKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The annotations that the agent reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Annotations {
    /// [`STANDARD`].
    pub(crate) standard: Option<String>,
    /// [`KALOOM`].
    pub(crate) kaloom: Option<String>,
    /// [`NETWORK_STATUS`].
    pub(crate) status: Option<String>,
    /// [`NETWORK_ERRORS`].
    pub(crate) errors: Option<String>,
}

/// A pod of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) key: PodKey,
    /// Of the object at the API server.
    pub(crate) api_uid: String,
    /// Version of the object.
    pub(crate) version: String,
    /// By which the runtime knows the pod. It differs for static pods: there the kubelet makes it
    /// before the API server has ever heard of the pod.
    pub(crate) uid: String,
    pub(crate) annotations: Annotations,
    /// Whether it has annotations, ours or not.
    pub(crate) annotated: bool,
    pub(crate) host_network: bool,
    /// Its containers have ended for good, or it is being deleted and has none left.
    pub(crate) finished: bool,
    /// Changes whenever the pod may have got another sandbox.
    pub(crate) life: u64,
}

impl From<WirePod> for Pod {
    fn from(mut pod: WirePod) -> Self {
        let annotated = pod.metadata.annotations.is_some();
        let mut annotations = pod.metadata.annotations.take().unwrap_or_default();
        let api_uid = pod.metadata.uid.take().unwrap_or_default();
        let mirrored = annotations.contains_key(api::CONFIG_MIRROR);
        let hash = annotations.remove(api::CONFIG_HASH).filter(|_| mirrored);
        let uid = hash.filter(|hash| !hash.is_empty()).unwrap_or_else(|| api_uid.clone());
        let mut take = |name: &str| annotations.remove(name).filter(|text| !text.is_empty());
        Self {
            key: PodKey::new(
                pod.metadata.namespace.take().unwrap_or_default(),
                pod.metadata.name.take().unwrap_or_default(),
            ),
            annotations: Annotations {
                standard: take(STANDARD),
                kaloom: take(KALOOM),
                status: take(NETWORK_STATUS),
                errors: take(NETWORK_ERRORS),
            },
            annotated,
            version: pod.metadata.resource_version.take().unwrap_or_default(),
            api_uid,
            uid,
            host_network: pod.spec.host_network,
            finished: matches!(pod.status.phase.as_str(), "Succeeded" | "Failed"),
            life: pod.status.life(),
        }
    }
}

impl WireStatus {
    /// A new sandbox means new addresses, new containers, or both, and before either of them a
    /// change of the condition `PodReadyToStartContainers`.
    fn life(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.phase.hash(&mut hasher);
        self.pod_ips.hash(&mut hasher);
        self.container_statuses.hash(&mut hasher);
        self.init_container_statuses.hash(&mut hasher);
        for condition in &self.conditions {
            if condition.kind == "PodReadyToStartContainers" {
                condition.hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

impl Pod {
    /// Whether it asks for networks, in either form.
    pub(crate) fn asks(&self) -> bool {
        self.annotations.standard.is_some() || self.annotations.kaloom.is_some()
    }

    /// A static pod before its mirror is there: nothing is known of it but its names.
    pub(crate) fn unmirrored(key: PodKey, uid: &str) -> Self {
        let annotations = Annotations::default();
        Self {
            key,
            api_uid: String::new(),
            version: String::new(),
            uid: uid.to_owned(),
            annotations,
            annotated: false,
            host_network: false,
            finished: false,
            life: 0,
        }
    }

    /// Whether it is told that something is wrong with its networks.
    pub(crate) fn speaks_of_errors(&self) -> bool {
        self.annotations.errors.is_some()
    }

    /// For events about it.
    pub(crate) fn reference(&self) -> ObjectReference {
        ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            namespace: Some(self.key.namespace.clone()),
            name: Some(self.key.name.clone()),
            uid: Some(self.api_uid.clone()),
            ..ObjectReference::default()
        }
    }
}

#[cfg(test)]
mod tests;
