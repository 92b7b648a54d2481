//! `kubewright node`: seed a cluster, join nodes to it, and decide who may.

mod accept;
mod cloud_init;
mod config;
mod configuration;
mod control_plane;
mod init;
mod join;
mod kubeadm;
mod pending;
mod refusal;
mod reject;
mod remove;
mod reset;
mod serve;
mod status;
mod token;
mod unspoken;

use clap::Subcommand;

use self::configuration::ConfigurationArgs;
pub(crate) use self::refusal::refusal;
use crate::failure::{Failure, Outcome};

/// Seed a cluster, join nodes to it, and accept, reject and remove them
///
/// With kubeadm where that is installed; else with an engine of its own, which starts no pods, so
/// that everything else can be tried on any machine.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Init(init::Args),
    Join(join::Args),
    Status(status::Args),
    Token(token::Args),
    Pending(pending::Args),
    Accept(accept::Args),
    Reject(reject::Args),
    Remove(remove::Args),
    Reset(Box<reset::Args>),
    Config(config::Args),
    CloudInit(cloud_init::Args),
    Serve(serve::Args),
}

impl Args {
    /// Whether it goes on until it is stopped, and logs what it does.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.verb, Verb::Serve(_))
    }
}

pub(crate) fn run(args: Args) -> Outcome {
    // Before there are threads, which the runtime has.
    if args.verb.configuration().is_some_and(|it| it.on_host) {
        kubewright_node::host::enter().map_err(Failure::new)?;
    }
    crate::cli::wait(act(args.verb))
}

impl Verb {
    /// That of those that change the machine.
    fn configuration(&self) -> Option<&ConfigurationArgs> {
        match self {
            Self::Init(args) => Some(&args.configuration),
            Self::Join(args) => Some(&args.configuration),
            Self::Reset(args) => Some(&args.configuration),
            _ => None,
        }
    }
}

async fn act(verb: Verb) -> Outcome {
    match verb {
        Verb::Init(args) => init::run(&args).await,
        Verb::Join(args) => join::run(&args).await,
        Verb::Status(args) => status::run(&args).await,
        Verb::Token(args) => token::run(&args).await,
        Verb::Pending(args) => pending::run(&args).await,
        Verb::Accept(args) => accept::run(&args).await,
        Verb::Reject(args) => reject::run(&args).await,
        Verb::Remove(args) => remove::run(&args).await,
        Verb::Reset(args) => reset::run(&args).await,
        Verb::Config(args) => config::run(&args),
        Verb::CloudInit(args) => cloud_init::run(&args),
        Verb::Serve(args) => serve::run(&args).await,
    }
}
