//! The boot guard: keeps a node's own interfaces closed from the moment it boots
//! until Calico's policy for them is in force.
//!
//! A HostEndpoint protects an interface only once Felix runs, has heard of it and
//! has written its chains. Until then every port of a booting node is open to
//! whoever reaches it. The guard closes that window with a table of its own in
//! the kernel's packet filter.
//!
//! ```text
//!  boot            network-pre.target        network-online           Felix in sync
//!   │ guard lock ──────┤                          │                        │
//!   ├──────────── inet kubewright_boot: input and forward drop ────────────┤ policy of Calico ──▶
//!                                                 │ guard release: looks ──┘
//!                                                   HostEndpoints, Felix, chains, stable
//! ```
//!
//! Invariants:
//!
//! - **The truth is the table in the kernel.** The record under `/run` explains
//!   it and decides nothing about it.
//! - **Locking is one transaction**, and so is releasing. There is no moment in
//!   which half a ruleset is in force ([`ruleset`] says why).
//! - **Removing the table is the last step** of a release. Killed anywhere, the
//!   node is locked, or released in full.
//! - **What is unknown is missing.** No answer from the API server, from Felix or
//!   from nft keeps the node locked. Only `--now` and `--fail-open-after` open a
//!   node that is not known to be protected, and both say so.
//!
//! Each verb is a function over its arguments ([`args`]): [`lock::run`],
//! [`release::run`], [`status::run`]. Results implement `Display` and
//! `Serialize`, and know the exit code of the command. What is asked of the node
//! stands behind the traits [`nft::Nft`], [`links::Links`], [`felix::Felix`] and
//! [`endpoints::EndpointSource`]; what follows from the answers is pure
//! ([`ruleset`], [`chains`], [`readiness`]).

pub mod args;
pub mod chains;
pub mod cidr;
mod edge;
pub mod endpoints;
#[cfg(test)]
mod fake;
pub mod felix;
pub mod links;
pub mod lock;
pub mod nft;
mod process;
pub mod readiness;
pub mod record;
pub mod release;
pub mod ruleset;
pub mod service;
pub mod status;

pub use args::{LockArgs, ReleaseArgs, StatusArgs};
pub use edge::Edge;
pub use endpoints::{EndpointError, EndpointSource, LocalEndpoints, ProtectedEndpoint, Selects};
pub use process::ProcessError;
