//! `kubewright peerpod`: capacity for peer pods, and their webhook.

mod plan;
mod webhook;

use clap::Subcommand;
use kubewright_operator::ClientArgs;

use super::controllers::{self, PeerPodRunArgs};
use crate::failure::Outcome;

/// Give nodes capacity for peer pods, and make pods peer pods
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Run the peer-pod controller alone
    Run(RunArgs),
    Plan(plan::Args),
    Webhook(webhook::Args),
}

#[derive(Clone, Debug, clap::Args)]
struct RunArgs {
    #[command(flatten)]
    run: PeerPodRunArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl Args {
    /// Whether it goes on until it is stopped, and logs what it does.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.verb, Verb::Run(_) | Verb::Webhook(_))
    }
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.verb {
        Verb::Run(args) => controllers::run_peerpod(&args.run, &args.client).await,
        Verb::Plan(args) => plan::run(&args).await,
        Verb::Webhook(args) => webhook::run(args).await,
    }
}
