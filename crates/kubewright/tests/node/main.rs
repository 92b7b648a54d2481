//! `kubewright node` on machines of its own: network namespaces on one switch, each with an address
//! and a state of its own, over real TLS.
#![allow(clippy::unwrap_used)]

mod lab;
#[path = "../sandbox/mod.rs"]
mod sandbox;

mod acceptance;
mod refusals;
mod reset;
mod roles;
mod secrets;
mod weather;
