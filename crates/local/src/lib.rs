//! One machine: the embedded control plane as a process, simulated nodes, a kubelet and a container
//! runtime in miniature, and the checks of `kubewright up`.
//!
//! ```text
//!  kubewright local start ──spawns──▶ kubewright local serve ──▶ apiserver over TLS
//!        ▲ "ready" on a pipe               │
//!        └─────────────────────────────────┘ run directory: lock, record, kubeconfig, log
//!
//!  kubewright up ──▶ apiserver in process ──▶ nodes ──▶ controllers ──▶ checks, one line each
//!                                               └─▶ kubelet ──CRI──▶ runtime, both in miniature
//! ```
//!
//! Invariants: a control plane is found by its run directory only, one per directory; a
//! process is signalled only after its start time was compared, so that a recycled process
//! id never gets the signal; a check that cannot run here is skipped with its reason, never
//! passed.

pub mod control_plane;
pub mod kubelet;
pub mod nodes;
pub mod runtime;
pub mod up;
