//! Who may become a node: requests that wait, and what people and policies say to them.
//!
//! ```text
//!  CertificateSigningRequest ─▶ Request (parsed, checked) ─▶ decide (pure) ─▶ Verdict
//!               policy, Census (nodes, rivals, API server) ──▲                  │
//!  people: pending, accept, reject, remove ──────────▶ approval subresource ◀────┘
//! ```
//!
//! A request is judged by what is in it, never by its name; the address in it is what the node
//! says of itself, and no proof of anything.

mod answer;
mod census;
mod decision;
mod glob;
mod pem;
mod people;
mod policy;
mod removal;
mod request;
#[cfg(test)]
mod tests;

use k8s_openapi::api::core::v1::Node;

pub use answer::{AnswerError, approve, deny};
pub use census::{Census, ServerPlaces};
pub use decision::{Verdict, decide};
pub use people::{AcceptError, Decided, accept, pending, reject, withdraw};
pub use policy::{Action, Policy, PolicyError, Rule};
pub use removal::{Removal, RemovalError, Removed, check, remove};
pub use request::{Flaw, Kind, Request, SERVING_SIGNER};

/// Whether a node says that it is ready, and is believed.
pub fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True")
}
