//! Who calls, and whether they may.
//!
//! ```text
//! request ─ authenticate ─▶ Identity ─ impersonate ─▶ Identity ─ Attributes ─▶ Authorizer
//!            │ credentials             (may they?)                 ├─ system:masters
//!            │ bootstrap_token                                     ├─ node   ◀─ follow ─ store
//!            └ account (key, claims)                               └─ rbac   ◀─ follow ─ store
//! ```
//!
//! Beside the path of a request: `policy` is what every cluster begins with; `escalation`,
//! `node::restriction` and `signers` look at what is about to be written.

pub(crate) mod account;
mod attributes;
mod authenticate;
mod authorize;
mod bootstrap_token;
mod credentials;
pub(crate) mod escalation;
pub(crate) mod follow;
mod identity;
mod impersonate;
pub(crate) mod node;
pub(crate) mod policy;
pub(crate) mod rbac;
pub(crate) mod signers;

pub use account::KeyError;
pub(crate) use attributes::{Attributes, On, Place};
pub(crate) use authenticate::{authenticate, by_token, own_audience};
pub(crate) use authorize::Authorizer;
pub(crate) use credentials::Credentials;
pub use credentials::TokenError;
pub(crate) use identity::AUTHENTICATED;
pub use identity::{Identity, MASTERS};
pub(crate) use impersonate::{Refusal, impersonate};
