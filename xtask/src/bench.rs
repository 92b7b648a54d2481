//! `cargo xtask bench`: runs a benchmark of the workspace, built for release.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use crate::package::Programs;

#[derive(Args)]
pub(crate) struct Options {
    /// What to measure.
    name: Benchmark,
    /// Passed to the benchmark; `--help` after `--` lists its own options.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// The benchmarks; each prints ratios against something measured beside it.
#[derive(Clone, Copy, ValueEnum)]
enum Benchmark {
    /// HostEndpoints per second and repair latency, next to a bare loop of concurrent creates.
    Hostendpoint,
    /// Writes, reconcile and rewrite times, webhook latency and memory of the peer-pod controller,
    /// next to the loop that it replaces.
    Peerpod,
    /// Start-up, memory, creates per second, list and watch latency of the embedded server.
    Apiserver,
    /// Attaching networks to running pods and new ones, next to the bare plugins.
    Podnet,
    /// Seeding, joins one by one and side by side, and accepting, next to their bounds.
    Node,
    /// Images pushed and workspaces bundled, next to buildah, skopeo and sha256sum.
    Workspace,
}

impl Benchmark {
    /// The program in `benches/` that measures it.
    fn program(self) -> &'static str {
        match self {
            Self::Hostendpoint => "hostendpoint",
            Self::Peerpod => "peerpod",
            Self::Apiserver => "apiserver",
            Self::Podnet => "podnet",
            Self::Node => "node",
            Self::Workspace => "workspace",
        }
    }
}

/// Builds and runs the benchmark; the code is its own.
///
/// # Errors
/// When cargo cannot be started, or the plugin not be built.
pub(crate) fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    if matches!(options.name, Benchmark::Podnet) {
        // Plugin and agent as they are shipped.
        command.env("KUBEWRIGHT_BENCH_PLUGIN", Programs::build_plugin(root, "release")?);
        command.env("KUBEWRIGHT_BENCH_AGENT", Programs::build_agent(root, "dist")?);
    }
    let status = command
        .current_dir(root)
        .args(["run", "--quiet", "--release", "--package", "kubewright-benches"])
        .args(["--bin", options.name.program(), "--"])
        .args(options.args.iter().skip_while(|arg| *arg == "--"))
        .status()
        .context("starting cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
