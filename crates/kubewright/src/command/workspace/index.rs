//! `kubewright workspace index`.

use std::process::ExitCode;

use kubewright_workspace::image::{Images, Made};
use kubewright_workspace::name::ComponentName;
use serde::Serialize;

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
    /// Say what would be joined, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// What would be done for an image.
#[derive(Serialize)]
struct Row<'a> {
    component: &'a ComponentName,
    reference: String,
    result: &'static str,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let workspace = place.open()?;
    let names = place::components(&workspace, &args.names)?;
    let (sources, keys) = args.local.look(&workspace)?;
    let images = Images::of(&workspace, &sources, &keys)?;
    let wanted: Vec<_> = wanted(&images, &names).collect();
    let unmade =
        |error| Failure::new(error).advise("make the images first: kubewright workspace image");
    if args.dry_run {
        let rows = wanted.into_iter().map(|(name, image)| {
            let joined = images.joined(name, image).map_err(unmade)?;
            let result = if joined { "there already" } else { "to be joined" };
            Ok(Row { component: name, reference: images.reference(name, image), result })
        });
        let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
        args.format.output.print(&rows, || {
            let cells = rows.iter().map(|row| [row.reference.clone(), row.result.to_owned()]);
            table(["IMAGE", "RESULT"], &cells.collect::<Vec<_>>())
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut made: Vec<Made> = Vec::new();
    for (name, image) in wanted {
        made.push(images.index(name, image).map_err(unmade)?);
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
