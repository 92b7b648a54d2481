//! `kubewright workspace manifests`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueHint;
use kubewright_workspace::image::Images;
use kubewright_workspace::manifest_images::{self, By, Rendered, render};
use kubewright_workspace::workspace::Workspace;

use super::place::{LocalArgs, PlaceArgs};
use super::table::table;
use crate::failure::{Failure, Outcome};
use crate::output::{self, FormatArgs};

/// Set the images of this workspace in Kubernetes manifests
///
/// Comments and order stay. An image that no component makes is an error, unless [manifests]
/// external names it. Images of the workspace that arguments, variables and ConfigMaps mention are
/// set too. Files of sources that are gone are removed from the folder.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// By digest, of images that are made; not by tag
    #[arg(long)]
    digest: bool,
    /// Folder to write to, or `-` for standard output [default: .kubewright/manifests]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Say what would be set, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    local: LocalArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let workspace = place.open()?;
    let (sources, keys) = args.local.look(&workspace)?;
    let images = Images::of(&workspace, &sources, &keys)?;
    let by = if args.digest { By::Digest } else { By::Tag };
    let rendered = render(&workspace, &images, by).map_err(Failure::new)?;
    if args.out.as_deref() == Some(Path::new("-")) {
        let texts: Vec<&str> = rendered.iter().map(|one| one.text.trim_end()).collect();
        output::print(&(texts.join("\n---\n") + "\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.dry_run {
        write(&workspace, args.out.as_deref(), &rendered)?;
    }
    args.format.output.print(&rendered, || {
        let rows = rendered.iter().flat_map(|one| {
            one.images.iter().map(|image| {
                let place = format!("{}:{}", one.name, image.line);
                [place, image.from.clone(), image.to.clone()]
            })
        });
        table(["MANIFEST", "IMAGE", "IS NOW"], &rows.collect::<Vec<_>>())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn write(workspace: &Workspace, out: Option<&Path>, rendered: &[Rendered]) -> Result<(), Failure> {
    let folder = match out {
        Some(folder) => folder.to_owned(),
        None => workspace.state_folder("manifests")?,
    };
    let written = manifest_images::write(&folder, rendered)?;
    for name in &written.removed {
        eprintln!("removed {name}: no source makes it any longer");
    }
    for name in &written.changed {
        eprintln!("left {name}: no source makes it any longer, but it was changed");
    }
    eprintln!("written to {}", folder.display());
    Ok(())
}
