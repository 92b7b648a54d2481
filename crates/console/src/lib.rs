//! The web console: what is going on, live, and who may come in.
//!
//! ```text
//!  API server ──watch──▶ observer ──▶ world (facts) ──▶ model ──▶ page (HTML) ──▶ browser
//!                                        │  pure from here on ──┘       │            │
//!  /metrics ──▶ metrics ─────────────────┘                              └── live ────┤ events
//!  API server ◀── acceptance ◀── server (sessions, forms) ◀──────────────────────────┘ forms
//! ```
//!
//! It is rendered here and works without JavaScript; a script of a few kilobytes replaces the parts
//! that change, as server-sent events tell.
//!
//! What always holds:
//!
//! - **It does what its user may do.** With its own credentials it answers its own user over
//!   loopback only. Otherwise users sign in with a token of theirs, and everything they see and do
//!   is done with it.
//! - **Every write has a form behind it**: a token tied to the session, from a page of the same
//!   origin, under a name that the console answers to.
//! - **All text is hostile**: names, annotations and messages of the cluster are escaped, cut to a
//!   length, and never become markup, styles or scripts. No page has inline scripts or styles.
//! - **Tokens are in no URL, log, page or file.**

mod acceptance;
mod metrics;
mod model;
mod observer;
mod page;
pub mod rbac;
mod server;
mod world;

pub use acceptance::{Acceptance, AcceptanceError, Approval, Asked};
pub use metrics::MetricsSource;
pub use server::{Access, Certificate, CertificateError, Console, ConsoleError, Settings};
