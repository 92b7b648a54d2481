//! What every kubewright controller shares, so that a controller is only what it is about.
//!
//! A controller compares the world with what is wanted and writes the difference. Everything around
//! that is the same for all of them, and most of it goes wrong in the same ways: two replicas write
//! at once, a repeated event floods the API server, a panic in one takes the others along, a pod is
//! killed in the middle of a write because nobody listened to SIGTERM. This crate does those things
//! once.
//!
//! ```text
//!  ClientArgs ──▶ kube::Client                                   Shutdown ◀── SIGTERM, SIGINT
//!                     │                                              │
//!  ┌── Manager ───────┼──────────────────────────────────────────────┼──────────────┐
//!  │                  ├─────────▶ Election ──▶ Leadership ──▶ Tenure │              │
//!  │                  │           (Lease, never gated)        │      │              │
//!  │                  ▼                                       ▼      ▼              │
//!  │   ┌─ Context ── Counting ──▶ Gate ◀──────────────── may we write?             │
//!  │   │   client ──────┘           │                                               │
//!  │   │   events (transitions only)│          HealthServer: /metrics               │
//!  │   │   metrics, ready, shutdown │                        /healthz               │
//!  │   ▼                            ▼                        /readyz                │
//!  │  Controller::run          API server                                           │
//!  └────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! * **One writer.** No write leaves the process unless it certainly leads. The gate is a layer of
//!   the client that a controller is given, so none can forget to ask; the argument why two
//!   processes are never certain at once is in [`lease`], and a property test plays it through.
//! * **Nothing from the past.** The client of one term of leadership stays closed in the next.
//! * **Every write is counted**, by controller, verb, resource and result, the refused ones too.
//! * **Zero writes at rest.** Saying the same about an object again writes no event. The Lease is
//!   the only thing written at rest.
//! * **A failure stays where it is.** A controller that fails, panics or returns is started again,
//!   ever later; the others do not notice.
//! * **An end in order.** Controllers finish first, then the Lease is released, so that the next
//!   replica takes over at once; a second signal, or the end of patience, cuts it short.
//!
//! # A controller
//!
//! ```no_run
//! use kubewright_operator::client::ClientArgs;
//! use kubewright_operator::lease::ElectionOptions;
//! use kubewright_operator::manager::ManagerOptions;
//! use kubewright_operator::{Context, Controller, Manager, Shutdown};
//!
//! #[derive(Clone)]
//! struct Gardener;
//!
//! impl Controller for Gardener {
//!     type Error = kube::Error;
//!
//!     fn name(&self) -> &str {
//!         "gardener"
//!     }
//!
//!     async fn run(self, context: Context) -> Result<(), kube::Error> {
//!         // Watch and reconcile with `context.client`.
//!         context.shutdown.triggered().await;
//!         Ok(())
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = ClientArgs::default().client().await?;
//! let options = ManagerOptions {
//!     election: Some(ElectionOptions::new("kube-system", "gardener")),
//!     health: Some("127.0.0.1:8086".parse()?),
//!     ..ManagerOptions::default()
//! };
//! let manager = Manager::bind(client.clone(), options).await?.controller(Gardener);
//! manager.run(Shutdown::on_signals()?).await?;
//!
//! // Or, in an operator of one's own:
//! let shutdown = Shutdown::new();
//! Gardener.run(Context::standalone("gardener", client, shutdown.clone())).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Required permissions: `get`, `list`, `watch`, `create` and `update` on `leases` of
//! `coordination.k8s.io` in the namespace of the Lease, and `create` on `events` of `events.k8s.io`.

pub mod causes;
pub mod client;
pub mod controller;
pub mod environment;
pub mod events;
pub mod health;
pub mod lease;
pub mod listen;
pub mod manager;
pub mod metrics;
pub mod pause;
pub mod rbac;
pub mod request;
pub mod schema;
pub mod shutdown;
pub mod telemetry;

#[cfg(test)]
mod double;

pub use causes::with_causes;
pub use client::{ClientArgs, install_crypto_provider};
pub use controller::{Context, Controller};
pub use events::{Event, Events};
pub use manager::{Manager, ManagerOptions};
pub use metrics::Metrics;
pub use pause::Pause;
pub use shutdown::Shutdown;
pub use telemetry::LogArgs;
