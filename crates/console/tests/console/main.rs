//! The console against a cluster, by HTTP and in a real browser.

#![allow(clippy::unwrap_used)]

mod access;
mod browser;
mod cluster;
mod http;
mod looks;
mod scenarios;
