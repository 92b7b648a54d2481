//! `kubewright manifests`

use std::process::ExitCode;

use clap::ValueEnum;
use kubewright_attachment::name::{NameError, check_namespace};
use kubewright_hostendpoint::options::DefaultsArgs;
use kubewright_oci::reference::{Reference, ReferenceError};

use crate::failure::Outcome;
use crate::manifests::{self, Area, PodnetPlugin, Settings};
use crate::output;

/// Print the manifests that install kubewright in a cluster
///
/// The CustomResourceDefinitions come first, with `kubewright crds`. Then:
/// `kubewright manifests --image IMAGE | kubectl apply --server-side -f -`
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Only what these areas need [default: all areas]
    ///
    /// The controllers of all of them share one Deployment, which runs those that were applied
    /// last: name all areas that the cluster is to have.
    #[arg(value_enum, value_name = "AREA")]
    areas: Vec<Area>,
    /// Namespace of the controllers
    #[arg(long, value_name = "NAME", default_value = manifests::NAMESPACE, value_parser = namespace)]
    namespace: String,
    /// Image that holds kubewright
    #[arg(long, value_name = "IMAGE", default_value = manifests::IMAGE, value_parser = image)]
    image: String,
    /// How many controllers run at the same time; one of them leads
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(i32).range(0..))]
    replicas: i32,
    /// What becomes of the CNI plugin on each node: take it away before the agent is deleted
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    podnet_plugin: PodnetPlugin,
    /// With a policy that lets each agent change pods of its own node only (Kubernetes 1.30 or newer)
    #[arg(long)]
    podnet_policy: bool,
    /// With Services and ServiceMonitors, for the Prometheus operator
    #[arg(long)]
    service_monitors: bool,
    /// With the Grafana dashboard, as a ConfigMap that Grafana's sidecar finds
    #[arg(long)]
    dashboard: bool,
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

/// A name that an API server takes for a namespace.
fn namespace(text: &str) -> Result<String, NameError> {
    check_namespace(text)?;
    Ok(text.to_owned())
}

/// An image, as it was written: which registry is meant by none is the runtime's to say.
fn image(text: &str) -> Result<String, ReferenceError> {
    text.parse::<Reference>()?;
    Ok(text.to_owned())
}

pub(crate) fn run(args: &Args) -> Outcome {
    let settings = Settings {
        areas: args.areas.clone(),
        namespace: args.namespace.clone(),
        image: args.image.clone(),
        replicas: args.replicas,
        podnet_plugin: args.podnet_plugin,
        defaults: args.defaults.defaults(),
        podnet_policy: args.podnet_policy,
        service_monitors: args.service_monitors,
        dashboard: args.dashboard,
    };
    let objects = manifests::all(&settings)?;
    match args.output {
        Output::Table => output::print(&manifests::table(&objects))?,
        Output::Json => output::print(&output::json(&manifests::list(&objects)?)?)?,
        Output::Yaml => output::print(&output::documents(&objects)?)?,
    }
    Ok(ExitCode::SUCCESS)
}
