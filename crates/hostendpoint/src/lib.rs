//! Calico HostEndpoints for nodes: which exist, that they stay as they should
//! be, and that a node is not exposed before they do.
//!
//! ```text
//!   HostEndpointTemplate ─┐
//!   Node ─────────────────┤            ┌─▶ HostEndpoint  (server-side apply)
//!   HostEndpoint ─────────┼▶ observed ─▶ plan ─▶ controller
//!   approved CSR, Machine ┤   (index)   (pure)    ├─▶ status, Events, metrics
//!   GlobalNetworkPolicy,  │                       └─▶ Node: HostProtected, taint
//!   FelixConfiguration ───┘
//!
//!   on the node, before the network:   guard lock ──▶ guard release
//! ```
//!
//! The crate owns the objects that carry its label
//! (`app.kubernetes.io/managed-by: kubewright-hostendpoint`), the condition
//! `HostProtected` and the taint `kubewright.io/host-unprotected` of Nodes,
//! and on a node the nftables table `inet kubewright_boot`. It owns nothing
//! else, and touches nothing else.
//!
//! Invariants:
//!
//! - **Nothing is deleted on missing information.** A kind that could not be
//!   listed, a template that cannot be read, a node that reports nothing: what
//!   is there stays. A node's endpoints go after a grace time *and* a 404 from
//!   the API server itself, and mass deletions stop and ask.
//! - **What protects comes before what removes.**
//! - **At rest nothing is written**, and a heartbeat is rest.
//! - **What is wrong with one template, node or endpoint is said there** and
//!   stops nothing else.
//! - Everything from [`api`] to [`plan`] is pure: no clock, no I/O.
//!
//! | module | what it is |
//! |---|---|
//! | [`api`] | `HostEndpointTemplate` and Calico's `HostEndpoint` in both groups |
//! | [`templates`], [`selection`], [`selector`], [`naming`], [`validate`] | checking what users write |
//! | [`node`], [`endpoint`], [`precreation`], [`labels`] | what is kept of what was seen |
//! | [`wanted`], [`preflight`], [`problem`] | what a node should have, and what stands against it |
//! | [`observed`], [`plan`], [`report`] | the index, the planner, a plan for people |
//! | [`controller`], [`protection`], [`options`] | the running controller |
//! | [`defaults`], [`calico_import`], [`rbac`] | what is installed to begin with |
//! | [`guard`] | the boot guard on the node |

pub mod api;
pub mod calico_import;
pub mod controller;
pub mod defaults;
pub mod endpoint;
pub mod events;
pub mod guard;
pub mod labels;
mod metadata;
pub mod naming;
pub mod node;
pub mod observed;
pub mod options;
pub mod plan;
pub mod precreation;
pub mod preflight;
pub mod problem;
pub mod protection;
pub mod rbac;
pub mod report;
pub mod selection;
pub mod selector;
pub mod templates;
pub mod validate;
pub mod wanted;
