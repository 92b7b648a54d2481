//! Networks of running pods: the agent of a node, and what people use to ask it for networks.
//!
//! An interface is added to a running pod, or taken away, by editing an annotation; the pod is not
//! restarted. Kaloom's podagent did that with its plugin kactus, Multus with its
//! dynamic-networks-controller; the annotations of both work here.
//!
//! ```text
//!  people ──▶ change (edit, patch, wait) ──┐                    api: Network, NetworkAttachmentDefinition
//!                                          ▼                           │
//!                                     annotations ──watch──▶ agent ◀───┘ watch
//!                                          ▲                  │  ▲
//!   network-status, network-errors, Events ┴──────────────────┘  │ socket
//!                                                             plugin kubewright-cni, called when a
//!   install: puts the plugin before the node's own             pod is made and when it goes
//! ```
//!
//! What is attached, and how, is the engine's to know (`kubewright-attachment`); this crate tells it
//! what is wanted, and everyone else what became of it. What always holds is told in [`agent`].

pub mod agent;
pub mod api;
pub mod change;
mod definition;
pub mod edit;
pub mod events;
pub mod install;
pub mod kubeconfig;
pub mod options;
mod pod;
pub mod pod_resources;
pub mod rbac;

pub use pod::PodKey;
