//! `kubewright crds`

use std::process::ExitCode;

use clap::ValueEnum;

use crate::failure::Outcome;
use crate::{manifests, output};

/// Print the CustomResourceDefinitions of kubewright
///
/// To install them: `kubewright crds | kubectl apply --server-side -f -`
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// How to write them
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// Their names
    Table,
    /// One List
    Json,
    /// One document each
    #[default]
    Yaml,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let crds = manifests::crds();
    match args.output {
        Output::Table => {
            let names = crds.iter().filter_map(|crd| crd.metadata.name.as_deref());
            output::print(&names.map(|name| format!("{name}\n")).collect::<String>())?;
        }
        Output::Json => output::print(&output::json(&manifests::list(&crds)?)?)?,
        Output::Yaml => output::print(&output::documents(&crds)?)?,
    }
    Ok(ExitCode::SUCCESS)
}
