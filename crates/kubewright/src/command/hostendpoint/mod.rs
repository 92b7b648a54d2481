//! `kubewright hostendpoint`: the HostEndpoints of nodes, and the boot guard.

mod guard;
pub(crate) mod node;
mod plan;

use clap::Subcommand;
use kubewright_operator::ClientArgs;

use super::controllers::{self, HostEndpointRunArgs};
use crate::failure::Outcome;

/// Keep Calico HostEndpoints for nodes, and guard nodes while they boot
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Run the HostEndpoint controller alone
    Run(HostEndpointRunArgs),
    Plan(plan::Args),
    Guard(guard::Args),
}

impl Args {
    /// Whether it goes on until it is stopped, and logs what it does.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.verb, Verb::Run(_) | Verb::Guard(_))
    }
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.verb {
        Verb::Run(run) => controllers::run_hostendpoint(&run, &args.client).await,
        Verb::Plan(plan) => plan::run(&plan, &args.client).await,
        Verb::Guard(guard) => guard::run(guard, args.client).await,
    }
}
