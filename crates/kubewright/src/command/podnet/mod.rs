//! `kubewright podnet`: networks of running pods.

mod agent;
mod change;
mod install;
mod list;

use clap::Subcommand;
use kubewright_operator::ClientArgs;

use crate::cli::wait;
use crate::failure::Outcome;

/// Attach running pods to networks, and detach them
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Agent(Box<agent::Args>),
    Attach(change::AttachArgs),
    Detach(change::DetachArgs),
    List(list::Args),
    Install(install::InstallArgs),
    Uninstall(install::UninstallArgs),
}

impl Args {
    /// Whether it goes on until it is stopped, and logs what it does.
    pub(crate) fn serves(&self) -> bool {
        matches!(&self.verb, Verb::Agent(args) if args.serves())
    }
}

pub(crate) fn run(args: Args) -> Outcome {
    match args.verb {
        Verb::Agent(agent) => agent::run(*agent, args.client),
        Verb::Attach(attach) => wait(change::attach(attach, args.client)),
        Verb::Detach(detach) => wait(change::detach(detach, args.client)),
        Verb::List(list) => wait(list::run(list, args.client)),
        Verb::Install(args) => install::install(&args),
        Verb::Uninstall(args) => install::uninstall(&args),
    }
}
