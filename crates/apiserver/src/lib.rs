//! An embedded Kubernetes control plane for one machine: for trying out and for tests.
//!
//! ```text
//!   kube::Client ──in process──┐
//!                              ▼
//!   kubectl ──TLS──▶ http ──▶ rest ──▶ store ──▶ redb (optional)
//!                    │  ▲      │         │
//!          access ◀──┘  │      │         └──▶ watchers (at their own pace)
//!   (who, may they?)  views    ├── builtin   what Kubernetes knows of its own kinds
//!                              ├── crd       what a CustomResourceDefinition says
//!                              ├── patch     JSON, merge, strategic, server-side apply
//!                              └── decode, meta, schema, selector, field, error
//! ```
//!
//! Invariants:
//!
//! * Objects are JSON throughout; what is known of their types is data (`schema`).
//! * Everything from `decode` to `patch` is pure; only `store` and `server` have state.
//! * A write is visible only when it is durable, and every write has a version of its own.
//! * A watcher never holds a writer back.
//!
//! What must hold is Kubernetes 1.28 as recorded in `tests/oracle`. Pods are stored, not run.

mod access;
pub mod builtin;
pub mod crd;
pub mod decode;
pub mod error;
pub mod field;
mod http;
pub mod meta;
pub mod names;
pub mod patch;
mod protobuf;
pub use kubewright_quantity as quantity;
pub mod resource;
mod rest;
pub mod schema;
pub mod selector;
mod server;
pub mod store;
mod subresource;
mod warning;
mod webhook;
mod wire;

pub use access::{Identity, KeyError, MASTERS, TokenError};
pub use error::{Error, Result};
pub use server::{Builder, NodeHealth, ServeError, Server, StartError, pki};

/// The examples of `README.md`, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
