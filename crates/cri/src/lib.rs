//! The Container Runtime Interface, as far as networks of pods need it: which sandboxes there are,
//! where their network namespace is, and how to make and end one.
//!
//! ```text
//!  Endpoint::discover ──▶ Client ──runtime.v1 over a Unix socket──▶ containerd, cri-o, …
//!                           │                                        or server::serve(runtime)
//!        ready_sandbox(UID) │ sandbox(id)
//!                           ▼
//!                        Sandbox { network: Node | Namespace(path) | Closed | Unknown, pid, … }
//! ```
//!
//! Invariants: a sandbox is found by the pod's UID *and* its state, never by a container, so a pod
//! without containers has its sandbox and a restarted one its newest; a path of a network namespace
//! is handed out only while the sandbox is ready and the namespace open; every call ends within its
//! timeout; every error names the endpoint, the call and the object.

pub mod client;
pub mod endpoint;
pub mod filter;
pub mod label;
pub mod message;
mod method;
pub mod sandbox;
pub mod server;

pub use client::{CallError, Client, Timeouts};
pub use endpoint::{Endpoint, EndpointError};
pub use sandbox::{Network, Sandbox};
