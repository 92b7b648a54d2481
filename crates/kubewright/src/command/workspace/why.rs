//! `kubewright workspace why`.

use std::fmt::Write as _;
use std::process::ExitCode;

use kubewright_workspace::graph::{self, Why, draw};
use kubewright_workspace::sources::Sources;

use super::place::PlaceArgs;
use crate::failure::Outcome;
use crate::output::FormatArgs;

/// Say why one component needs another
///
/// Ends with exit code 1 when it does not.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The component that needs
    #[arg(value_name = "COMPONENT")]
    from: String,
    /// The component that is needed
    #[arg(value_name = "NEEDED")]
    to: String,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let workspace = place.open()?;
    let names = super::place::components(&workspace, &[args.from.clone(), args.to.clone()])?;
    let graph = Sources::of(&workspace)?.graph;
    let why = graph::why(&graph, &names[0], &names[1]);
    args.format.output.print(&why, || match &why {
        None => format!("{} does not need {}\n", args.from, args.to),
        Some(why) => told(why),
    })?;
    Ok(if why.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(why: &Why) -> String {
    let mut text = String::new();
    for step in &why.path {
        let _ = writeln!(text, "{} → {}: {}", step.from, step.to, draw::told(&step.reasons));
    }
    if !why.also_through.is_empty() {
        let also: Vec<&str> = why.also_through.iter().map(|name| name.as_str()).collect();
        let _ = writeln!(text, "also through {}", also.join(", "));
    }
    text
}
