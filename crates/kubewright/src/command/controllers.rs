//! `kubewright controllers`: all cluster-wide controllers.

use std::process::ExitCode;

use clap::ValueEnum;
use kubewright_hostendpoint::controller::HostEndpoints;
use kubewright_hostendpoint::options::HostEndpointArgs;
use kubewright_operator::manager::ManagerArgs;
use kubewright_operator::{ClientArgs, Manager, Shutdown};

use crate::failure::{Failure, Outcome};

/// Lease that replicas compete for. Of the area, not of the command: `hostendpoint run` and
/// `controllers` must not write side by side.
const LEASE: &str = "kubewright-hostendpoint";

/// Run the cluster-wide controllers
///
/// Any number of replicas may run: one of them leads, by a Lease, and the others stand by.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these controllers [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CONTROLLER,...")]
    only: Vec<Controller>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// A controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Controller {
    /// Calico HostEndpoints for nodes.
    Hostendpoint,
}

/// How controllers run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    hostendpoint: HostEndpointArgs,
    #[command(flatten)]
    manager: ManagerArgs,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let all = Controller::value_variants();
    let chosen = if args.only.is_empty() { all } else { args.only.as_slice() };
    supervise(chosen, &args.run, &args.client).await
}

/// Runs the HostEndpoint controller alone.
pub(crate) async fn run_hostendpoint(args: &RunArgs, client: &ClientArgs) -> Outcome {
    supervise(&[Controller::Hostendpoint], args, client).await
}

async fn supervise(chosen: &[Controller], args: &RunArgs, client: &ClientArgs) -> Outcome {
    let cannot = |failure: Failure| failure.context("cannot run the controllers");
    let client = client.client().await.map_err(Failure::new).map_err(cannot)?;
    let shutdown = Shutdown::on_signals()?;
    let options = args.hostendpoint.options();
    let mut settings = args.manager.options(&client, LEASE).map_err(Failure::usage)?;
    if options.dry_run {
        // A Lease is written like anything else.
        settings.election = None;
    }
    let bound = Manager::bind(client, settings).await.map_err(Failure::new);
    let mut manager = bound.map_err(cannot)?;
    if chosen.contains(&Controller::Hostendpoint) {
        manager = manager.controller(HostEndpoints { options });
    }
    manager.run(shutdown).await?;
    Ok(ExitCode::SUCCESS)
}
