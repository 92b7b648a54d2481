//! `kubewright workspace`: from many repositories to images, manifests, bundles and releases.

mod build;
mod bundle;
mod cause;
mod deploy;
mod dev_vm;
mod graph;
mod image;
mod index;
mod init;
mod manifests;
mod meter;
mod place;
mod progress;
mod push;
mod registry;
mod release;
mod skew;
mod status;
mod sync;
mod table;
mod why;

use clap::Subcommand;

use self::place::PlaceArgs;
use crate::failure::Outcome;

/// Build images, manifests, bundles and releases from many repositories
///
/// A file workspace.toml names the repositories and what becomes of them. Builds use the
/// repositories as they lie there, with each other, and never write into them.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Init(init::Args),
    Sync(sync::Args),
    Status(status::Args),
    Graph(graph::Args),
    Why(why::Args),
    Skew(skew::Args),
    Build(build::Args),
    Image(image::Args),
    Index(index::Args),
    Push(push::Args),
    Manifests(manifests::Args),
    Bundle(bundle::Args),
    Deploy(deploy::Args),
    Release(release::Args),
    DevVm(dev_vm::Args),
}

pub(crate) fn run(args: Args) -> Outcome {
    match args.verb {
        Verb::Init(verb) => init::run(&verb, &args.place),
        Verb::Sync(verb) => sync::run(&verb, &args.place),
        Verb::Status(verb) => status::run(&verb, &args.place),
        Verb::Graph(verb) => graph::run(&verb, &args.place),
        Verb::Why(verb) => why::run(&verb, &args.place),
        Verb::Skew(verb) => skew::run(&verb, &args.place),
        Verb::Build(verb) => build::run(&verb, &args.place),
        Verb::Image(verb) => image::run(&verb, &args.place),
        Verb::Index(verb) => index::run(&verb, &args.place),
        Verb::Push(verb) => push::run(&verb, &args.place),
        Verb::Manifests(verb) => manifests::run(&verb, &args.place),
        Verb::Bundle(verb) => bundle::run(&verb, &args.place),
        Verb::Deploy(verb) => deploy::run(verb, &args.place),
        Verb::Release(verb) => release::run(&verb, &args.place),
        Verb::DevVm(verb) => dev_vm::run(&verb, &args.place),
    }
}
