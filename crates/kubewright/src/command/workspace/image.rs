//! `kubewright workspace image`.

use std::process::ExitCode;

use kubewright_workspace::build::{self, Options, Outcome as Made};
use kubewright_workspace::image::Images;
use kubewright_workspace::manifest::Image;
use kubewright_workspace::name::ComponentName;
use serde::Serialize;

use super::build::{RunArgs, conclude};
use super::place::{self, PlaceArgs};
use super::progress::Voice;
use super::table::table;
use crate::failure::Outcome;
use crate::output::FormatArgs;

/// Make images of components, for each platform, building first what is not built
///
/// Files on a base need no daemon and no emulation; a Dockerfile needs buildah or docker. The same
/// sources give the same digest.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Components [default: all that have images]
    #[arg(value_name = "COMPONENT")]
    names: Vec<String>,
    #[command(flatten)]
    run: RunArgs,
    /// Say which images there would be, and make none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
struct Row {
    component: ComponentName,
    reference: String,
    platform: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    result: &'static str,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let workspace = place.open()?;
    let names = place::components(&workspace, &args.names)?;
    let (sources, keys) = args.run.local.look(&workspace)?;
    let stop = place::stop_on_signals()?;
    let images = Images::of(&workspace, &sources, &keys)?.stopping(&stop);
    let wanted: Vec<_> = wanted(&images, &names).collect();
    let voice = Voice::new();
    let platforms = workspace.manifest.workspace.platforms();
    // What has its images needs no build: they may have come in a bundle.
    let lacking = wanted.iter().filter(|(name, image)| {
        platforms.iter().any(|platform| images.ready(name, image, platform).is_none())
    });
    let names: Vec<ComponentName> = lacking.map(|(name, _)| (*name).clone()).collect();
    let options = Options {
        names: names.clone(),
        affected: false,
        jobs: args.run.jobs(),
        dry_run: args.dry_run,
    };
    if !names.is_empty() {
        let report = build::build(&workspace, &sources, &keys, &options, &voice, &stop)?;
        if !report.failed.is_empty() {
            return Ok(conclude(&workspace, &sources, report));
        }
        for built in report.built.iter().filter(|built| built.result == Made::Pending) {
            eprintln!("{} would be built first", built.component);
        }
    }
    let mut rows = Vec::new();
    for (name, image) in wanted {
        for platform in &platforms {
            let (component, platform_name) = (name.clone(), platform.to_string());
            let row = match args.dry_run {
                true => {
                    let reference = images.reference(name, image);
                    let ready = images.ready(name, image, platform).is_some();
                    let result = if ready { "there already" } else { "to be made" };
                    Row { component, reference, platform: platform_name, digest: None, result }
                }
                false => {
                    let made = images.make(name, image, platform)?;
                    let result = if made.cached { "there already" } else { "made" };
                    let (reference, digest) = (made.reference, Some(made.digest));
                    Row { component, reference, platform: platform_name, digest, result }
                }
            };
            rows.push(row);
        }
    }
    args.format.output.print(&rows, || {
        let cells = rows.iter().map(|row| {
            let digest = row.digest.clone().unwrap_or_default();
            [row.reference.clone(), row.platform.clone(), row.result.to_owned(), digest]
        });
        table(["IMAGE", "PLATFORM", "RESULT", "DIGEST"], &cells.collect::<Vec<_>>())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The images of these components; of all where there are none.
pub(super) fn wanted<'a>(
    images: &Images<'a>,
    names: &'a [ComponentName],
) -> impl Iterator<Item = (&'a ComponentName, &'a Image)> + use<'a> {
    images.all().filter(move |(name, _)| names.is_empty() || names.contains(name))
}
