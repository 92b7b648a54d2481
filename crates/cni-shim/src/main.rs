//! `kubewright-cni`: the CNI plugin that the container runtime calls for every pod.
//!
//! ```text
//! runtime ── CNI ──▶ kubewright-cni ── one line on a Unix socket ──▶ agent: caches, order, engine
//!                          │
//!                          └─ DEL, CHECK and GC while the agent is away: the engine, from records, in-process
//! ```
//!
//! It decides nothing itself and is gone after a millisecond or two, so it links neither an
//! asynchronous runtime nor a Kubernetes client. What it needs to know stands in the configuration
//! that `kubewright podnet install` writes, see [`PluginOptions`].
//!
//! [`PluginOptions`]: kubewright_attachment::protocol::PluginOptions

mod alone;
mod answer;
mod kubewright;
mod nested;

use std::process::ExitCode;

fn main() -> ExitCode {
    match nested::is_nested() {
        true => kubewright_cni::plugin::main(&nested::Nested),
        false => kubewright_cni::plugin::main(&kubewright::Kubewright),
    }
}
