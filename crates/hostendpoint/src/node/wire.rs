//! The fields of a Node that are read at all. Everything else (images,
//! volumes, capacity) is dropped while decoding and never held in memory.

use std::borrow::Cow;

use k8s_openapi::{api::core::v1::Node, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Resource, core::ClusterResourceScope};
use serde::Deserialize;

use crate::metadata;

/// A Node, without what the controller does not need.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PrunedNode {
    /// Name, labels and annotations.
    #[serde(deserialize_with = "metadata::pruned")]
    pub metadata: ObjectMeta,
    /// Taints.
    pub spec: NodeSpec,
    /// Addresses, conditions, boot id.
    pub status: NodeStatus,
}

impl Resource for PrunedNode {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        Node::kind(&())
    }

    fn group(_: &()) -> Cow<'_, str> {
        Node::group(&())
    }

    fn version(_: &()) -> Cow<'_, str> {
        Node::version(&())
    }

    fn plural(_: &()) -> Cow<'_, str> {
        Node::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The part of `spec` that is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// Taints, of which only the keys matter.
    pub taints: Vec<Taint>,
}

/// A taint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Taint {
    /// Its key.
    pub key: String,
}

/// The part of `status` that is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeStatus {
    /// Addresses by type.
    pub addresses: Vec<NodeAddress>,
    /// Conditions, without their times, which change with every heartbeat.
    pub conditions: Vec<NodeCondition>,
    /// The running system.
    pub node_info: NodeInfo,
}

/// An address in `status.addresses`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeAddress {
    /// `InternalIP`, `ExternalIP`, `Hostname`, …
    #[serde(rename = "type")]
    pub type_: String,
    /// The address.
    pub address: String,
}

/// A condition in `status.conditions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeCondition {
    /// Its type.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why.
    pub reason: String,
}

/// The part of `status.nodeInfo` that is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeInfo {
    /// Changes with every boot.
    #[serde(rename = "bootID")]
    pub boot_id: String,
}
