//! The kubelet in miniature: gives each pod of its node a sandbox, and says so in the pod's status.
//!
//! ```text
//!  pods of the node ──watch──▶ ┌──────┐ steps, one pod after the other ┌─────────┐
//!                              │ plan │ ─────────────────────────────▶ │ execute │──▶ CRI: run, stop
//!  its sandboxes ────CRI─────▶ └──────┘      pods beside each other    └─────────┘──▶ API: status, end
//! ```
//!
//! No container runs: a pod is Running when its sandbox is ready. Invariants: it keeps nothing of its
//! own, neither in memory nor on disk, so it may be killed at any instant; sandboxes are its own by
//! a label with the name of the node, and it never touches another; nothing is ended before the pods
//! were listed; one pod that hangs holds up no other.

mod agent;
mod config;
mod plan;
mod status;

pub use agent::{DrainError, Kubelet};

/// Label of a sandbox: node whose kubelet in miniature made it.
const NODE: &str = "local.kubewright.io/node";

/// The node whose kubelet this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub node: String,
    /// Its address, which pods with `hostNetwork` have too.
    pub address: String,
}

#[cfg(test)]
mod tests;
