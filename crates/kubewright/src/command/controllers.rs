//! `kubewright controllers`: all cluster-wide controllers.

use std::process::ExitCode;

use clap::ValueEnum;
use kubewright_hostendpoint::controller::HostEndpoints;
use kubewright_hostendpoint::options::HostEndpointArgs;
use kubewright_node::approver::{Approver, NodeArgs};
use kubewright_operator::manager::{ManagerArgs, ManagerError};
use kubewright_operator::{ClientArgs, Manager, Shutdown};
use kubewright_peerpod::PeerPods;
use kubewright_peerpod::options::{PeerPodArgs, environment};

use crate::failure::{Failure, Outcome};

/// Run the cluster-wide controllers
///
/// Any number of replicas may run: of each controller one of them leads, by a Lease, and the
/// others stand by.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these controllers [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CONTROLLER,...")]
    only: Vec<Controller>,
    #[command(flatten)]
    hostendpoint: HostEndpointArgs,
    #[command(flatten)]
    peerpod: PeerPodArgs,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    manager: ManagerArgs,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// A controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Controller {
    /// Calico HostEndpoints for nodes.
    Hostendpoint,
    /// Capacity for peer pods, their adaptor and their webhook.
    Peerpod,
    /// Requests of nodes for certificates, answered as a policy says.
    Node,
}

impl Controller {
    /// Lease that replicas compete for. Of the area, not of the command: `hostendpoint run` and
    /// `controllers` must not write side by side.
    pub(crate) fn lease(self) -> &'static str {
        match self {
            Self::Hostendpoint => "kubewright-hostendpoint",
            Self::Peerpod => "kubewright-peerpod",
            Self::Node => "kubewright-node",
        }
    }
}

pub(crate) async fn run(args: Args) -> Outcome {
    let all = Controller::value_variants();
    let chosen = if args.only.is_empty() { all } else { args.only.as_slice() };
    let dry_run = args.hostendpoint.options().dry_run;
    if dry_run && chosen != [Controller::Hostendpoint] {
        let error = anyhow::anyhow!("--dry-run is of the HostEndpoint controller alone");
        return Err(Failure::usage(error).advise("add --only hostendpoint"));
    }
    let config = args.client.config().await.map_err(Failure::new).map_err(cannot)?;
    supervise(chosen[0], &args.manager, &args.client, dry_run, |mut manager| {
        if chosen.contains(&Controller::Hostendpoint) {
            manager = host_endpoints(manager, &args.hostendpoint);
        }
        if chosen.contains(&Controller::Peerpod) {
            manager = peer_pods(manager, &args.peerpod);
        }
        if chosen.contains(&Controller::Node) {
            let approver =
                Approver::new(args.node.options(config.cluster_url.host()), manager.metrics());
            manager = manager.controller_by_lease(Controller::Node.lease(), approver);
        }
        manager
    })
    .await
}

/// How the HostEndpoint controller runs alone.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HostEndpointRunArgs {
    #[command(flatten)]
    area: HostEndpointArgs,
    #[command(flatten)]
    manager: ManagerArgs,
}

/// Runs the HostEndpoint controller alone.
pub(crate) async fn run_hostendpoint(args: &HostEndpointRunArgs, client: &ClientArgs) -> Outcome {
    let dry_run = args.area.options().dry_run;
    let add = |manager| host_endpoints(manager, &args.area);
    supervise(Controller::Hostendpoint, &args.manager, client, dry_run, add).await
}

/// How the peer-pod controller runs alone.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PeerPodRunArgs {
    #[command(flatten)]
    area: PeerPodArgs,
    #[command(flatten)]
    manager: ManagerArgs,
}

/// Runs the peer-pod controller alone.
pub(crate) async fn run_peerpod(args: &PeerPodRunArgs, client: &ClientArgs) -> Outcome {
    let add = |manager| peer_pods(manager, &args.area);
    supervise(Controller::Peerpod, &args.manager, client, false, add).await
}

fn host_endpoints(manager: Manager, args: &HostEndpointArgs) -> Manager {
    let controller = HostEndpoints { options: args.options() };
    manager.controller_by_lease(Controller::Hostendpoint.lease(), controller)
}

fn peer_pods(manager: Manager, args: &PeerPodArgs) -> Manager {
    let options = args.options(std::env::var(environment::RELATED_IMAGE).ok());
    let controller = PeerPods::new(options, manager.metrics());
    manager.controller_by_lease(Controller::Peerpod.lease(), controller)
}

fn cannot(failure: Failure) -> Failure {
    failure.context("cannot run the controllers")
}

async fn supervise(
    first: Controller,
    args: &ManagerArgs,
    client: &ClientArgs,
    dry_run: bool,
    add: impl FnOnce(Manager) -> Manager,
) -> Outcome {
    let client = client.client().await.map_err(Failure::new).map_err(cannot)?;
    let shutdown = Shutdown::on_signals()?;
    let mut settings = args.options(&client, first.lease()).map_err(Failure::usage)?;
    if dry_run {
        // A Lease is written like anything else.
        settings.election = None;
    }
    let bound: Result<Manager, ManagerError> = Manager::bind(client, settings).await;
    let manager = bound.map_err(Failure::new).map_err(cannot)?;
    add(manager).run(shutdown).await?;
    Ok(ExitCode::SUCCESS)
}
