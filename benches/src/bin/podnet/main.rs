//! `cargo xtask bench podnet`: networks of running pods and of new ones, next to the bare plugins.
//!
//! Everything runs in a network namespace of its own, with real plugins and the embedded API
//! server; the container runtime is the one in miniature, which makes real namespaces.

mod attach;
mod burst;
mod clock;
mod creation;
mod links;
mod node;
mod rest;
mod stamp;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Parser;
use kubewright_benches::server;
use kubewright_testkit::Netns;

use links::Links;
use node::Node;

/// Measures pod networks.
#[derive(Parser)]
struct Options {
    /// The plugin kubewright-cni, as it is shipped.
    #[arg(long, env = "KUBEWRIGHT_BENCH_PLUGIN")]
    plugin: PathBuf,
    /// The program kubewright-podnet, as it is shipped.
    #[arg(long, env = "KUBEWRIGHT_BENCH_AGENT")]
    agent: PathBuf,
    /// Attachments that are measured one by one.
    #[arg(long, default_value_t = 200)]
    attachments: usize,
    /// Pods of the bursts.
    #[arg(long, value_delimiter = ',', default_values_t = [30, 110])]
    bursts: Vec<usize>,
    /// Rounds of each burst.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Pods that are created through the plugin, and without it.
    #[arg(long, default_value_t = 100)]
    creations: usize,
    /// Seconds for which the agent is watched at rest.
    #[arg(long, default_value_t = 20)]
    rest: u64,
}

/// Set in the process that is in the namespace of its own.
const INSIDE: &str = "KUBEWRIGHT_BENCH_INSIDE";

fn main() -> Result<ExitCode> {
    // First, as its time is measured.
    if stamp::is_called() {
        stamp::serve()?;
    }
    kubewright_operator::install_crypto_provider();
    match std::env::args_os().nth(1) {
        Some(first) if first == server::SERVE => {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(server::serve(None)).map(|()| ExitCode::SUCCESS)
        }
        _ => {
            let options = Options::parse();
            match std::env::var_os(INSIDE) {
                None => inside(),
                Some(_) => {
                    let runtime = tokio::runtime::Runtime::new()?;
                    runtime.block_on(run(&options)).map(|()| ExitCode::SUCCESS)
                }
            }
        }
    }
}

/// Runs this program again in a network namespace of its own, which is the node's then.
fn inside() -> Result<ExitCode> {
    let netns = Netns::new().context("a network namespace; run as root, with iproute2")?;
    let status = Command::new("nsenter")
        .arg(format!("--net={}", netns.path().display()))
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .status()
        .context("starting nsenter")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(options: &Options) -> Result<()> {
    rest::start_up(&options.plugin)?;
    let node = Node::start(&options.agent).await?;
    let links = Links::new();
    let most = options.bursts.iter().copied().max().unwrap_or_default().max(1);
    let pods = node.run("pod", most).await?;
    for (number, pod) in pods.iter().enumerate() {
        links.watch(number, &pod.netns)?;
    }
    attach::measure(&node, &links, &pods, options.attachments).await?;
    for &size in &options.bursts {
        burst::measure(&node, &links, &pods[..size], options.rounds).await?;
    }
    rest::measure(&node, &links, &pods, options.rest).await?;
    creation::measure(&node, &options.plugin, options.creations).await?;
    node.end(&pods).await
}
