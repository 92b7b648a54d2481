//! The embedded server with real clients: in process and over TLS.
#![allow(clippy::unwrap_used)]

mod accounts;
mod cluster;
mod flood;
mod garbage;
mod patches;
mod replay;
mod restart;
mod runtime;
