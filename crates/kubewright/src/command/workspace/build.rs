//! `kubewright workspace build`.

use std::process::ExitCode;

use kubewright_workspace::build::{self, BuildError, Built, Options, Outcome as Made, Report};
use kubewright_workspace::name::ComponentName;
use serde::Serialize;

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

#[derive(Serialize)]
struct Result<'a> {
    built: &'a [Built],
    failed: Vec<String>,
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
    let failed: Vec<String> = report.failed.iter().map(ToString::to_string).collect();
    let result = Result { built: &report.built, failed, left: &report.left };
    args.format.output.print(&result, || {
        let rows: Vec<_> = report.built.iter().map(row).collect();
        table(["COMPONENT", "KEY", "RESULT"], &rows)
    })?;
    Ok(conclude(report))
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
pub(super) fn conclude(report: Report) -> ExitCode {
    if report.failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    for error in report.failed {
        eprint!("{}", explained(error).report());
    }
    if !report.left.is_empty() {
        let left: Vec<&str> = report.left.iter().map(ComponentName::as_str).collect();
        eprintln!("not begun after that: {}", left.join(", "));
    }
    ExitCode::FAILURE
}

fn explained(error: BuildError) -> Failure {
    let advice = match &error {
        BuildError::Program { component, .. } => {
            Some(format!("all that it said is in .kubewright/log/{component}.log"))
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
