//! `kubewright workspace index`.

use std::process::ExitCode;

use kubewright_workspace::image::{Images, Made};

use super::image::wanted;
use super::place::{self, LocalArgs, PlaceArgs};
use super::table::table;
use crate::failure::{Failure, Outcome};
use crate::output::FormatArgs;

/// Join the images of all platforms, so that each machine takes its own
///
/// Everything happens here, before anything is pushed.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Components [default: all that have images]
    #[arg(value_name = "COMPONENT")]
    names: Vec<String>,
    #[command(flatten)]
    local: LocalArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let workspace = place.open()?;
    let names = place::components(&workspace, &args.names)?;
    let (sources, keys) = args.local.look(&workspace)?;
    let images = Images::of(&workspace, &sources, &keys)?;
    let wanted: Vec<_> = wanted(&images, &names).collect();
    let mut made: Vec<Made> = Vec::new();
    for (name, image) in wanted {
        let index = images.index(name, image).map_err(|error| {
            Failure::new(error).advise("make the images first: kubewright workspace image")
        });
        made.push(index?);
    }
    args.format.output.print(&made, || {
        let rows = made.iter().map(|made| {
            let result = if made.cached { "there already" } else { "joined" };
            [made.reference.clone(), result.to_owned(), made.digest.clone()]
        });
        table(["IMAGE", "RESULT", "DIGEST"], &rows.collect::<Vec<_>>())
    })?;
    Ok(ExitCode::SUCCESS)
}
