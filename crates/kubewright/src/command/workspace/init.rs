//! `kubewright workspace init`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueHint;
use kubewright_workspace::manifest::FILE;
use kubewright_workspace::manifest::import::{self, Imported};

use super::place::PlaceArgs;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Begin a workspace.toml from what is there
///
/// Takes a folder of checkouts, and finds out addresses, branches, programs and edges; or the list
/// of another tool: .gitmodules, west.yml, or a manifest of repo (.xml).
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// A folder of checkouts, or a list of repositories
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath, default_value = ".")]
    from: PathBuf,
    /// Write it to standard output
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let file = place.file().cloned().unwrap_or_else(|| PathBuf::from(FILE));
    let folder = std::path::absolute(&file).context("cannot tell the present folder")?;
    let folder = folder.parent().context("a workspace.toml is in a folder")?.to_owned();
    let Imported { text, left } = import::import(&args.from, &folder)?;
    for left in left {
        eprintln!("not taken: {left}");
    }
    if args.dry_run {
        output::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let written = std::fs::File::create_new(&file)
        .and_then(|mut out| std::io::Write::write_all(&mut out, text.as_bytes()));
    written.with_context(|| format!("cannot write {}", file.display())).map_err(|error| {
        Failure::new(error).advise(
            "look at what it would be with --dry-run, or name another file with --workspace",
        )
    })?;
    eprintln!("{} is written; look through it, then: kubewright workspace sync", file.display());
    Ok(ExitCode::SUCCESS)
}
