//! `kubewright workspace build`.

use std::process::ExitCode;

use kubewright_workspace::build::{self, BuildError, Built, Options, Outcome as Made, Report};
use kubewright_workspace::name::ComponentName;
use kubewright_workspace::sources::Sources;
use kubewright_workspace::workspace::Workspace;
use serde::Serialize;

use super::cause::Cause;
use super::place::{self, LocalArgs, PlaceArgs};
use super::progress::Voice;
use super::table::table;
use crate::failure::{Failure, Outcome};
use crate::output::FormatArgs;

/// Build components, each after what it needs, and only what changed
///
/// The trees stay as they are. After the first failure nothing new is begun.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Components, with what they need [default: all]
    #[arg(value_name = "COMPONENT")]
    names: Vec<String>,
    /// Only what differs from the lock, and what needs that
    #[arg(long)]
    affected: bool,
    #[command(flatten)]
    run: RunArgs,
    /// Say what would be built, and build nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// How to build, for all commands that do.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct RunArgs {
    /// Components at once [default: the number of processors]
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    #[command(flatten)]
    pub(super) local: LocalArgs,
}

impl RunArgs {
    pub(super) fn jobs(self) -> Option<usize> {
        self.jobs.map(usize::from)
    }
}

/// How many files are named at once.
const SHOWN: usize = 5;

#[derive(Serialize)]
struct Result<'a> {
    built: &'a [Built],
    failed: Vec<Cause>,
    left: &'a [ComponentName],
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let workspace = place.open()?;
    let names = place::components(&workspace, &args.names)?;
    let (sources, keys) = args.run.local.look(&workspace)?;
    let options =
        Options { names, affected: args.affected, jobs: args.run.jobs(), dry_run: args.dry_run };
    let stop = place::stop_on_signals()?;
    let report = build::build(&workspace, &sources, &keys, &options, &Voice::new(), &stop)?;
    let failed = report.failed.iter().map(|error| Cause::new(error.component(), error)).collect();
    let result = Result { built: &report.built, failed, left: &report.left };
    args.format.output.print(&result, || {
        let rows: Vec<_> = report.built.iter().map(row).collect();
        table(["COMPONENT", "KEY", "RESULT"], &rows)
    })?;
    Ok(conclude(&workspace, &sources, report))
}

fn row(built: &Built) -> [String; 3] {
    let result = match built.result {
        Made::Cached => "there already".to_owned(),
        Made::Pending => "to be built".to_owned(),
        Made::Built => format!("built in {:.1} s", built.milliseconds as f64 / 1000.0),
    };
    [built.component.to_string(), built.key.short().to_owned(), result]
}

/// Tells what failed; the exit code of a build.
pub(super) fn conclude(workspace: &Workspace, sources: &Sources, report: Report) -> ExitCode {
    if report.failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    for error in report.failed {
        eprint!("{}", explained(workspace, sources, error).report());
    }
    if !report.left.is_empty() {
        let left: Vec<&str> = report.left.iter().map(ComponentName::as_str).collect();
        eprintln!("not begun after that: {}", left.join(", "));
    }
    ExitCode::FAILURE
}

fn explained(workspace: &Workspace, sources: &Sources, error: BuildError) -> Failure {
    let advice = match &error {
        BuildError::Program { component, .. } => {
            let said = format!("all that it said is in .kubewright/log/{component}.log");
            match unseen(workspace, sources, component) {
                Some(unseen) => Some(format!("{said}; {unseen}")),
                None => Some(said),
            }
        }
        BuildError::TreeChanged { .. } => {
            Some("run it again; what builds write belongs into their outputs".to_owned())
        }
        _ => None,
    };
    let failure = Failure::new(error);
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}

/// Why a build may miss something that lies in a tree.
fn unseen(workspace: &Workspace, sources: &Sources, component: &ComponentName) -> Option<String> {
    let unseen = build::unseen(workspace, sources, component);
    let (shown, more) = unseen.split_at(unseen.len().min(SHOWN));
    let mut text = match shown.is_empty() {
        true => return None,
        false => format!(
            "builds see only files that git does not ignore, none of repositories inside, and no links out: {}",
            shown.join(", ")
        ),
    };
    if !more.is_empty() {
        text += &format!(" and {} more", more.len());
    }
    Some(text)
}
