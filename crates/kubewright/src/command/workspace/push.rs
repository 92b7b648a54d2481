//! `kubewright workspace push`.

use std::process::ExitCode;
use std::sync::Arc;

use kubewright_workspace::image::Images;
use kubewright_workspace::push;

use super::image::wanted;
use super::meter::Meter;
use super::place::{self, LocalArgs, PlaceArgs};
use super::registry::{RegistryArgs, told};
use super::table::table;
use crate::failure::{Failure, Outcome};
use crate::output::FormatArgs;

/// Push the images of all platforms, joined, to the registry of the workspace
///
/// What is there is not sent again, and what was interrupted goes on. Credentials are those that
/// `docker login` or `skopeo login` stored.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Components [default: all that have images]
    #[arg(value_name = "COMPONENT")]
    names: Vec<String>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    local: LocalArgs,
    /// Say what would be pushed, and push nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let workspace = place.open()?;
    let names = place::components(&workspace, &args.names)?;
    if workspace.manifest.workspace.registry.is_none() {
        let error = anyhow::anyhow!("the workspace has no registry to push to");
        return Err(Failure::usage(error).advise("set `registry` under [workspace]"));
    }
    let (sources, keys) = args.local.look(&workspace)?;
    let images = Images::of(&workspace, &sources, &keys)?;
    let wanted: Vec<_> = wanted(&images, &names).collect();
    let mut joined = Vec::new();
    for (name, image) in wanted {
        let index = images.index(name, image).map_err(|error| {
            Failure::new(error).advise("make the images first: kubewright workspace image")
        })?;
        joined.push((index.reference, index.descriptor));
    }
    if args.dry_run {
        let names: Vec<&String> = joined.iter().map(|(name, _)| name).collect();
        args.format.output.print(&names, || {
            let rows: Vec<_> = joined
                .iter()
                .map(|(name, image)| [name.clone(), image.digest.to_string()])
                .collect();
            table(["TO BE PUSHED", "DIGEST"], &rows)
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let meter = Arc::new(Meter::new("push", 0));
    let options = args.registry.options(&meter);
    let stop = place::stop_on_signals()?;
    let done = push::push(images.layout(), &joined, &options, &stop, &mut |done| {
        meter.line(&format!("{}: {}", done.reference, told(done)));
    })?;
    args.format.output.print(&done, || {
        let rows: Vec<_> =
            done.iter().map(|done| [done.reference.clone(), done.digest.clone()]).collect();
        table(["IMAGE", "DIGEST"], &rows)
    })?;
    Ok(ExitCode::SUCCESS)
}
