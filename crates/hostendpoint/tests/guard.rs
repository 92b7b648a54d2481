//! The boot guard against a real kernel: nftables in network namespaces.

#![allow(clippy::unwrap_used)]

#[path = "guard/atomic.rs"]
mod atomic;
#[path = "guard/chains.rs"]
mod chains;
#[path = "guard/crash.rs"]
mod crash;
#[path = "guard/lab.rs"]
mod lab;
#[path = "guard/traffic.rs"]
mod traffic;
