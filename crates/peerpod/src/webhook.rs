//! The webhook that makes pods peer pods.
//!
//! ```text
//!  API server ──TLS──▶ server ──▶ review (pure) ──▶ mutation (pure)
//!                        ▲
//!             certificate, exchanged while it serves ◀── Secret ◀── rotation (pure), by the
//!                                                                   controller that leads
//! ```

pub mod certificate;
pub mod metrics;
pub mod review;
pub mod rotation;
pub mod server;
pub mod tls;
