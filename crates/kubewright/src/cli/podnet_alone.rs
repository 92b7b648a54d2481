//! `kubewright-podnet`: what `kubewright podnet` is, as a program of its own, for nodes.
//!
//! The agent runs on every node, and a page of a program that is touched costs the sixteen around
//! it: alone it needs little more than half of the memory (docs/benchmarks.md).

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};
use kubewright_operator::LogArgs;
use kubewright_podnet::options::with_two_dashes;

use super::start;
use crate::command::podnet;

/// Attach running pods to networks, and detach them: `kubewright podnet`, alone.
#[derive(Debug, Parser)]
#[command(name = "kubewright-podnet", version, propagate_version = false)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Podnet {
    #[command(flatten)]
    podnet: podnet::Args,
    #[command(flatten)]
    log: LogArgs,
}

/// Parses the arguments of this process, does what they ask for and returns its exit code.
pub fn main() -> ExitCode {
    let matches = Podnet::command().get_matches_from(with_two_dashes(std::env::args_os()));
    let cli = Podnet::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let serves = cli.podnet.serves();
    start(&matches, cli.log, serves, || podnet::run(cli.podnet))
}
