//! `kubewright podnet agent`: the agent of one node, and a kubeconfig for it.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Subcommand, ValueHint};
use kube::Client;
use kubewright_operator::listen::Listen;
use kubewright_operator::{ClientArgs, Manager, ManagerOptions, Shutdown};
use kubewright_podnet::agent::Agent;
use kubewright_podnet::kubeconfig::{self, Kubeconfig};
use kubewright_podnet::options::AgentArgs;

use crate::cli::wait;
use crate::failure::{Failure, Outcome};
use crate::manifests::{AGENT, NAMESPACE};
use crate::output;

/// Threads that wait for the API server and the container runtime; plugins have threads of their
/// own. More of them make the process larger and no pod faster.
const THREADS: usize = 2;

/// Attach the running pods of this node to the networks that their annotations name
///
/// Takes the options of podagent, too, with one dash or two.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    agent: AgentArgs,
    /// Where to answer /metrics, /healthz and /readyz: without an address on all of them, IPv4 and
    /// IPv6; port 0 takes a free one
    #[arg(
        long,
        value_name = "[ADDRESS]:PORT",
        default_value = "127.0.0.1:8087",
        help_heading = "Operation"
    )]
    health_address: Listen,
    /// Seconds that plugins have to finish when the agent is told to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 20, help_heading = "Operation")]
    drain: u32,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Kubeconfig(KubeconfigArgs),
}

/// Write a kubeconfig for an agent that is no pod
///
/// The token of the agent's service account is in a second file, FILE.token. Run it again before the
/// token expires: an agent that runs takes the new one within a minute. Only their owner can read the
/// files. On standard output there is one file with the token in it.
#[derive(Clone, Debug, clap::Args)]
struct KubeconfigArgs {
    /// Service account of the agent
    #[arg(long, value_name = "NAME", default_value = AGENT)]
    service_account: String,
    /// Namespace of the service account
    #[arg(long, value_name = "NAME", default_value = NAMESPACE)]
    namespace: String,
    /// Hours that the token is good for; the API server may grant less
    #[arg(long, value_name = "HOURS", default_value_t = 8760, value_parser = clap::value_parser!(u32).range(1..=87600))]
    hours: u32,
    /// Where to write it; `-` is standard output
    #[arg(short = 'f', long, value_name = "FILE", value_hint = ValueHint::FilePath, default_value = "-")]
    file: PathBuf,
}

impl Args {
    pub(super) fn serves(&self) -> bool {
        self.verb.is_none()
    }
}

pub(super) fn run(args: Args, client: ClientArgs) -> Outcome {
    match args.verb {
        Some(Verb::Kubeconfig(kubeconfig)) => wait(write_kubeconfig(kubeconfig, client)),
        None => {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.worker_threads(THREADS).enable_all().build();
            let runtime = runtime.context("cannot start the runtime")?;
            let outcome = runtime.block_on(serve(args, client));
            // A plugin that neither ends nor dies keeps nobody; its record tells the next agent.
            runtime.shutdown_background();
            outcome
        }
    }
}

async fn serve(args: Args, client: ClientArgs) -> Outcome {
    let cannot = |failure: Failure| failure.context("cannot run the agent of pod networks");
    let options = args.agent.options().map_err(Failure::usage).map_err(cannot)?;
    let client = client.client().await.map_err(Failure::new).map_err(cannot)?;
    let shutdown = Shutdown::on_signals()?;
    let settings = ManagerOptions {
        // There is one agent on each node, and it has to work while the API server is away.
        election: None,
        health: Some(args.health_address.address()),
        drain: Duration::from_secs(args.drain.into()),
        ..ManagerOptions::default()
    };
    let manager = Manager::bind(client, settings).await.map_err(Failure::new).map_err(cannot)?;
    manager.controller(Agent::new(options)).run(shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

async fn write_kubeconfig(args: KubeconfigArgs, client: ClientArgs) -> Outcome {
    let config = client.config().await?;
    kubewright_operator::install_crypto_provider();
    let api = Client::try_from(config.clone()).context("cannot set up a client")?;
    let seconds = i64::from(args.hours) * 3600;
    let made =
        kubeconfig::of_account(&api, &config, &args.namespace, &args.service_account, seconds);
    let made = made.await.map_err(|error| {
        Failure::new(error).advise("apply the output of `kubewright manifests podnet` first, or name another --service-account")
    })?;
    if args.file == Path::new("-") {
        output::print(&output::yaml(&made.with_token())?)?;
    } else {
        write(&args.file, &made)?;
        eprintln!("{} is good until {}", args.file.display(), made.expires);
    }
    Ok(ExitCode::SUCCESS)
}

/// First the token: a kubeconfig never names a file that is not there.
fn write(file: &Path, made: &Kubeconfig) -> anyhow::Result<()> {
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{} names no file", file.display()))?;
    let token = format!("{name}.token");
    let content = output::yaml(&made.with_token_file(&token))?;
    for (file, text) in [(&*file.with_file_name(&token), made.token()), (file, &content)] {
        write_private(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Beside the file and then in its place, so that nobody ever reads half of it or more than
/// they may.
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = file.with_file_name(name);
    let mut options = std::fs::OpenOptions::new();
    let written =
        options.write(true).create_new(true).mode(0o600).open(&beside).and_then(|mut out| {
            out.write_all(text.as_bytes())?;
            out.sync_all()
        });
    let renamed = written.and_then(|()| std::fs::rename(&beside, file));
    if renamed.is_err() {
        // What went wrong is told already.
        let _ = std::fs::remove_file(&beside);
    }
    renamed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_with_a_token_is_its_owners_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, "old, and for everyone").unwrap();
        write_private(&file, "secret").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "secret");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_private(&folder.path().join("no/such"), "secret").is_err());
    }
}
