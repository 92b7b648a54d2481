//! `kubewright workspace sync`.

use std::process::ExitCode;

use kubewright_workspace::name::ComponentName;
use kubewright_workspace::sync::plan::Step;
use kubewright_workspace::sync::{self, Options, Synced, short};
use serde::Serialize;

use super::cause::Cause;
use super::place::{self, PlaceArgs};
use super::progress::Voice;
use super::table::table;
use crate::failure::{Failure, Outcome};
use crate::output::FormatArgs;

/// Clone and fetch repositories, and bring their trees to what the lock has
///
/// A tree with changed files or commits of its own is never moved. What the lock has is taken as it
/// is; --update asks the repositories what is new.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Components [default: all]
    #[arg(value_name = "COMPONENT")]
    names: Vec<String>,
    /// Pin what the branches and tags are now
    #[arg(short, long)]
    update: bool,
    /// Say what would be done with trees and lock, and leave them
    #[arg(long)]
    dry_run: bool,
    /// Repositories at once
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    #[command(flatten)]
    format: FormatArgs,
}

/// One component, well or not.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Done(&'a Synced),
    Failed(Cause),
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let mut workspace = place.open()?;
    let mut names = place::components(&workspace, &args.names)?;
    if names.is_empty() {
        names = workspace.manifest.component.keys().cloned().collect();
    }
    names.retain(|name| workspace.manifest.component[name].git.is_some());
    let names: Vec<&ComponentName> = names.iter().collect();
    let options =
        Options { update: args.update, dry_run: args.dry_run, jobs: args.jobs.map(usize::from) };
    let stop = place::stop_on_signals()?;
    let results = sync::sync(&mut workspace, &names, &options, &Voice::new(), &stop)?;
    // Bases may lie in what was just synced.
    if !args.dry_run && results.iter().all(Result::is_ok) {
        kubewright_workspace::image::base::pin(&mut workspace, args.update)?;
    }
    let lines: Vec<Line<'_>> = names
        .iter()
        .zip(&results)
        .map(|(component, result)| match result {
            Ok(synced) => Line::Done(synced),
            Err(error) => Line::Failed(Cause::new(Some(component), error)),
        })
        .collect();
    args.format.output.print(&lines, || {
        let rows = results.iter().flatten().map(|synced| {
            let component = synced.component.to_string();
            [component, short(&synced.commit).to_owned(), told(synced, args.dry_run)]
        });
        table(["COMPONENT", "COMMIT", "RESULT"], &rows.collect::<Vec<_>>())
    })?;
    let mut code = ExitCode::SUCCESS;
    for error in results.into_iter().filter_map(Result::err) {
        eprint!("{}", Failure::new(error).report());
        code = ExitCode::FAILURE;
    }
    Ok(code)
}

fn told(synced: &Synced, dry_run: bool) -> String {
    let done = match (&synced.step, dry_run) {
        (Step::Nothing, _) => return "up to date".to_owned(),
        (Step::Leave { why }, _) => return format!("left alone: it {why}"),
        (Step::Add, false) => "cloned",
        (Step::Add, true) => "to be cloned",
        (Step::Move | Step::Advance, false) => "moved",
        (Step::Move | Step::Advance, true) => "to be moved",
    };
    match &synced.before {
        Some(before) => format!("{done}, was locked at {}", short(before)),
        None => done.to_owned(),
    }
}
