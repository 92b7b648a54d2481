//! `kubewright workspace status`.

use std::process::ExitCode;

use kubewright_workspace::status::{Status, status};
use kubewright_workspace::sync::short;

use super::place::PlaceArgs;
use super::table::table;
use crate::failure::Outcome;
use crate::output::FormatArgs;

/// Show branches, changed files and drift from the lock
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let all = status(&place.open()?);
    args.format.output.print(&all, || {
        let rows: Vec<_> = all.iter().map(row).collect();
        table(["COMPONENT", "COMMIT", "BRANCH", "UPSTREAM", "CHANGED", "LOCK"], &rows)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn row(status: &Status) -> [String; 6] {
    let name = status.component.to_string();
    let Some(state) = &status.state else {
        let problem = status.problem.clone().unwrap_or_default();
        return [name, problem, String::new(), String::new(), String::new(), String::new()];
    };
    let upstream = state.ahead_behind.map_or_else(
        || "-".to_owned(),
        |(ahead, behind)| match (ahead, behind) {
            (0, 0) => "same".to_owned(),
            (ahead, behind) => format!("+{ahead} -{behind}"),
        },
    );
    let changed = match state.changes.len() {
        0 => "-".to_owned(),
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    };
    let branch = state.branch.clone().unwrap_or_else(|| "-".to_owned());
    [name, short(&state.commit).to_owned(), branch, upstream, changed, status.drift.to_string()]
}
