//! Seeds a cluster, joins nodes to it, and decides who may.
//!
//! A machine becomes a node by knowing two things: a token, which proves to the cluster that the
//! machine was expected, and the pin of its authority, which proves to the machine that the cluster
//! is the one that was meant. Everything here is about getting from these two to a Node that says
//! it is alive, whatever dies on the way, and about saying no.
//!
//! ```text
//!  config (one file) ──▶ engine ─┬─▶ kubeadm:  preflight ─▶ phases ─▶ addon, machine
//!                                └─▶ embedded: init ─▶ formation (rights, cluster-info) ─▶ token
//!                                              join ─▶ discovery ─▶ join ─▶ service (heartbeats)
//!                                       each step through the journal
//!
//!  requests for certificates ──▶ acceptance (people, policy) and approver (controller)
//! ```
//!
//! # What always holds
//!
//! * Killed at any instruction, the next run goes on where this one was, and ends where it would
//!   have ended ([`journal`]). Run again when it is done, it changes nothing.
//! * Nothing that a stranger says is believed: a cluster is trusted when it is signed, pinned, and
//!   says the same over a verified connection ([`discovery`]).
//! * A request is judged by what is in it, parsed and checked as its signer will ([`acceptance`]);
//!   the name of a living node is not given away, and no policy means no.
//! * Secrets are in files of mode 0600 and in one Secret of the cluster: in no argument, log, error
//!   or ConfigMap. A token has no `Display`.
//! * Joining, tokens and accepting know nothing of the embedded engine: they work against any API
//!   server.

pub mod acceptance;
pub mod addon;
pub mod approver;
pub mod cloud_init;
pub mod config;
pub mod discovery;
pub mod embedded;
pub mod file;
pub mod formation;
pub mod host;
pub mod join;
pub mod journal;
pub mod kubeadm;
pub mod machine;
pub mod preflight;
pub mod rbac;
pub mod reset;
pub mod service;
pub mod token;
