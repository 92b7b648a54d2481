//! The command line of kubewright, and what is generated from it.
//!
//! ```text
//!  main ─▶ Cli (parsed) ─▶ telemetry ─▶ command::* ─▶ exit code
//!                                          │   └──▶ Failure: what, causes, what to do
//!                                          └──────▶ output: table, json, yaml
//!  cargo xtask gen ─▶ generated::files ─▶ CRDs, manifests, man pages, completions, docs/reference
//! ```
//!
//! A command is one file below `command`: its arguments and a `run`. It prints results to
//! standard output and everything else to standard error.
//!
//! Exit codes: 0 done; 1 failed; 2 not understood, or for `plan`: there are changes to make.

mod acceptance;
mod advice;
pub mod cli;
mod command;
mod failure;
pub mod generated;
mod manifests;
mod output;
mod plugin;
mod reference;

pub use cli::main;
