//! `kubewright workspace release`.

use std::process::ExitCode;

use kubewright_workspace::build::{self, Options};
use kubewright_workspace::name::Reference;
use kubewright_workspace::release::Candidate;

use super::build::{RunArgs, conclude};
use super::place::{self, PlaceArgs};
use super::progress::Voice;
use super::table::table;
use crate::failure::Outcome;
use crate::output::FormatArgs;

/// Build, build again from nothing, compare, and tag
///
/// Trees with changes or off the lock are refused. Files, SHA256SUMS, digests of images and notes
/// from commits go to .kubewright/release/VERSION. Nothing is pushed. After an interruption the same
/// command goes on; what is released already is compared, and never replaced.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The version, which becomes a tag in every repository
    #[arg(value_name = "VERSION")]
    version: Reference,
    #[command(flatten)]
    run: RunArgs,
    /// Do all but the tags
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let workspace = place.open()?;
    let candidate = Candidate::new(&workspace, &args.version, args.run.local.wanted())?;
    let (stop, voice) = (place::stop_on_signals()?, Voice::new());
    let options = Options { jobs: args.run.jobs(), ..Options::default() };
    let (sources, keys) = (candidate.sources(), candidate.keys());
    let report = build::build(&workspace, sources, keys, &options, &voice, &stop)?;
    if !report.failed.is_empty() {
        return Ok(conclude(&workspace, sources, report));
    }
    eprintln!("building again, from nothing");
    let release = candidate.release(!args.dry_run, &voice, &stop)?;
    args.format.output.print(&release, || {
        let files = release.files.iter().map(|(name, sum)| [name.clone(), format!("sha256:{sum}")]);
        let images = release.images.iter().map(|(name, digest)| [name.clone(), digest.clone()]);
        table(["FILE OR IMAGE", "DIGEST"], &files.chain(images).collect::<Vec<_>>())
    })?;
    eprintln!("written to {}", release.folder.display());
    if !release.tagged.is_empty() {
        eprintln!(
            "{} repositories are tagged {}; push the tags when you are content",
            release.tagged.len(),
            args.version
        );
    }
    Ok(ExitCode::SUCCESS)
}
