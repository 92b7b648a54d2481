//! `kubewright workspace skew`.

use std::process::ExitCode;

use kubewright_workspace::graph::skew::skew;
use kubewright_workspace::sources::Sources;

use super::place::PlaceArgs;
use super::table::table;
use crate::failure::Outcome;
use crate::output::FormatArgs;

/// Show which version of each other the components pin, and how far that is from what lies here
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let workspace = place.open()?;
    let graph = Sources::of(&workspace)?.graph;
    let pins = skew(&graph, |name| workspace.repository(name));
    args.format.output.print(&pins, || {
        let rows = pins.iter().map(|pin| {
            let (from, to) = (pin.from.to_string(), pin.to.to_string());
            [from, to, pin.version.clone(), pin.distance.to_string()]
        });
        table(["COMPONENT", "PINS", "AT", "DISTANCE"], &rows.collect::<Vec<_>>())
    })?;
    Ok(ExitCode::SUCCESS)
}
