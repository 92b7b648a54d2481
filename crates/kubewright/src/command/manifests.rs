//! `kubewright manifests`

use std::process::ExitCode;

use clap::ValueEnum;
use kubewright_hostendpoint::options::DefaultsArgs;

use crate::failure::Outcome;
use crate::manifests::{self, Area, PodnetPlugin, Settings};
use crate::output;

/// Print the manifests that install kubewright in a cluster
///
/// The CustomResourceDefinitions come first, with `kubewright crds`. Then:
/// `kubewright manifests --image IMAGE | kubectl apply --server-side -f -`
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Only what this area needs [default: all areas]
    #[arg(value_enum, value_name = "AREA")]
    area: Option<Area>,
    /// Namespace of the controllers
    #[arg(long, value_name = "NAME", default_value = manifests::NAMESPACE)]
    namespace: String,
    /// Image that holds kubewright
    #[arg(long, value_name = "IMAGE", default_value = manifests::IMAGE)]
    image: String,
    /// How many controllers run at the same time; one of them leads
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(i32).range(0..))]
    replicas: i32,
    /// What becomes of the CNI plugin on each node: take it away before the agent is deleted
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    podnet_plugin: PodnetPlugin,
    /// How to write them
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
    #[command(flatten)]
    defaults: DefaultsArgs,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// Kinds and names
    Table,
    /// One List
    Json,
    /// One document each
    #[default]
    Yaml,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let settings = Settings {
        area: args.area,
        namespace: args.namespace.clone(),
        image: args.image.clone(),
        replicas: args.replicas,
        podnet_plugin: args.podnet_plugin,
        defaults: args.defaults.defaults(),
    };
    let objects = manifests::all(&settings)?;
    match args.output {
        Output::Table => output::print(&manifests::table(&objects))?,
        Output::Json => output::print(&output::json(&manifests::list(&objects)?)?)?,
        Output::Yaml => output::print(&output::documents(&objects)?)?,
    }
    Ok(ExitCode::SUCCESS)
}
