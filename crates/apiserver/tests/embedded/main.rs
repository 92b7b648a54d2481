//! The embedded server with real clients: in process and over TLS.
#![allow(clippy::unwrap_used)]

mod access;
mod accounts;
mod certificates;
mod cluster;
mod conversion;
mod flood;
mod garbage;
mod hook;
mod lifecycle;
mod patches;
mod protobuf;
mod races;
mod replay;
mod restart;
mod runtime;
mod versions;
mod webhooks;
