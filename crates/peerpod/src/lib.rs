//! Peer pods: fair capacity on nodes, and the pod webhook.
//!
//! Peer pods run outside their node, as VMs in a cloud. A node can only start as many as it
//! advertises, and what it advertises has to come from somewhere: from [`api::PeerPodConfig`].
//!
//! ```text
//!  PeerPodConfig ─┐                    ┌─▶ capacity of nodes (kata.peerpods.io/vm)
//!  nodes, pods  ──┼─▶ controller ──────┼─▶ adaptor: DaemonSet
//!  what it owns ──┘  (decide: pure)    └─▶ webhook: certificates, Deployment, registration
//!                                                  │
//!  Pod of the runtime class ──▶ API server ──TLS──▶ webhook (mutation: pure) ──▶ peer pod
//! ```
//!
//! # What always holds
//!
//! * The capacity of all nodes of a config adds up to its limit, unless more run already or caps
//!   forbid it ([`allocation`]).
//! * No node advertises less than what runs there.
//! * Nothing is written that is so already: at rest the controller writes nothing.
//! * Only the resource's own key of a node is ever written or removed; cpu, memory and pods of a
//!   node stay whatever its history is.
//! * A config that cannot be read, or that an older one is in the way of, loses nothing by it.
//! * What the webhook serves is trusted by its registration at every moment of a rotation.
//! * Pods of other runtime classes are never sent to the webhook.

pub mod allocation;
pub mod api;
pub mod controller;
pub mod demand;
pub mod events;
pub mod metrics;
pub mod mutation;
pub mod objects;
pub mod options;
pub mod plan;
pub mod rbac;
pub mod report;
pub mod webhook;

use k8s_openapi::api::rbac::v1::PolicyRule;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub use controller::{Controller, PeerPods};

/// The CustomResourceDefinitions of this area.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![api::PeerPodConfig::crd()]
}

/// What the controller may do: rules of a ClusterRole, and rules of a Role in its own namespace.
pub fn rbac_rules() -> (Vec<PolicyRule>, Vec<PolicyRule>) {
    (rbac::cluster_rules(), rbac::namespace_rules())
}
