//! What the watches see, and the objects as far as they are looked at.

pub(crate) mod record;

use kube::core::DynamicObject;
use kube::{Resource, ResourceExt};
use serde_json::Value;

use self::record::{CertificateRecord, NodeRecord, PeerPodRecord, PodRecord, SettingsRecord};

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Configs,
    Nodes,
    Pods,
    Secrets,
    ConfigMaps,
    DaemonSets,
    Deployments,
    Services,
    Registrations,
    /// Objects of the upstream adaptor, one for each VM. The kind need not be served.
    PeerPods,
}

impl Kind {
    /// Nothing is decided before each of them has been seen whole.
    pub(crate) const NEEDED: [Self; 9] = [
        Self::Configs,
        Self::Nodes,
        Self::Pods,
        Self::Secrets,
        Self::ConfigMaps,
        Self::DaemonSets,
        Self::Deployments,
        Self::Services,
        Self::Registrations,
    ];
}

/// Something was seen.
#[derive(Debug)]
pub(crate) enum Sighting {
    /// A list of a kind begins.
    ListBegins(Kind),
    /// And is complete.
    ListEnds(Kind),
    /// A kind cannot be listed at the moment.
    Trouble(Kind, String),
    /// An object is there or has changed; by `namespace/name`, or name alone.
    There(String, Box<Object>),
    /// An owned object was applied: what was asked for, and what the API server made of it.
    Applied(Kind, Value, Box<DynamicObject>),
    /// An object is gone.
    Gone(Kind, String),
}

/// An object, as far as it is looked at.
#[derive(Debug)]
pub(crate) enum Object {
    Config(DynamicObject),
    Node(NodeRecord),
    Pod(PodRecord),
    /// Any in the namespace; with what is in it where that is certificates of the webhook.
    Secret(SettingsRecord, Option<CertificateRecord>),
    ConfigMap(SettingsRecord),
    Owned(Kind, DynamicObject),
    PeerPod(PeerPodRecord),
}

impl Object {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Config(_) => Kind::Configs,
            Self::Node(_) => Kind::Nodes,
            Self::Pod(_) => Kind::Pods,
            Self::Secret(..) => Kind::Secrets,
            Self::ConfigMap(_) => Kind::ConfigMaps,
            Self::Owned(kind, _) => *kind,
            Self::PeerPod(_) => Kind::PeerPods,
        }
    }
}

/// `namespace/name`, or the name where there is no namespace.
pub(crate) fn key<K: Resource>(object: &K) -> String {
    match object.namespace() {
        Some(namespace) => format!("{namespace}/{}", object.name_any()),
        None => object.name_any(),
    }
}
