//! `kubewright workspace dev-vm`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueHint;
use kubewright_workspace::dev_vm::Machine;
use kubewright_workspace::git::Repository;
use kubewright_workspace::name::{GitUrl, Reference};

use super::place::PlaceArgs;
use crate::failure::Outcome;
use crate::output;

/// Write a cloud-init file for a virtual machine to develop on
///
/// Any cloud and any hypervisor that knows cloud-init takes it as user data.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Repository with the workspace.toml [default: where this one was cloned from]
    #[arg(long, value_name = "URL")]
    repository: Option<GitUrl>,
    /// Its branch or tag
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<Reference>,
    /// Name of the machine
    #[arg(long, value_name = "NAME", default_value = "workspace")]
    name: String,
    /// File of public SSH keys that may log in as `dev`; may be given more than once
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ssh_key: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    let repository = match &args.repository {
        Some(repository) => repository.clone(),
        None => {
            let root = place.open()?.root;
            Repository::at(&root).origin().with_context(|| {
                format!("{} was cloned from nowhere: give --repository", root.display())
            })?
        }
    };
    let mut keys = Vec::new();
    for file in &args.ssh_key {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let lines =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        keys.extend(lines.map(str::to_owned));
    }
    let (reference, name) = (args.reference.clone(), args.name.clone());
    output::print(&Machine { repository, reference, name, keys }.user_data()?)?;
    Ok(ExitCode::SUCCESS)
}
