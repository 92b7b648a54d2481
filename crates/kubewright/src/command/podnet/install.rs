//! `kubewright podnet install` and `uninstall`: the node's first CNI configuration.

use std::process::ExitCode;

use kubewright_podnet::install::{self, Change, FileChange, InstallError, Report};

use crate::failure::{Failure, Outcome};
use crate::output::FormatArgs;

/// Make kubewright the node's first CNI configuration
///
/// Copies the plugin kubewright-cni into the container runtime's plugin directory and writes
/// 00-kubewright.conflist beside the network configurations that are there; those are never touched.
/// The configuration stays when the agent stops: pods that start meanwhile wait for it instead of
/// missing networks for ever.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    install: install::InstallArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// Give the node its previous first CNI configuration back
///
/// Removes only kubewright's own files. The plugin stays while interfaces are recorded, since
/// container runtimes may still call it to detach them; run it again when those pods are gone.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct UninstallArgs {
    #[command(flatten)]
    uninstall: install::UninstallArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn install(args: &InstallArgs) -> Outcome {
    let report = install::install(&args.install).map_err(|error| {
        let advice = advice(&error);
        let failure = Failure::new(error).context("kubewright is not installed on this node");
        match advice {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    })?;
    said(&report, "default network", args.install.dry_run, args.format)
}

pub(super) fn uninstall(args: &UninstallArgs) -> Outcome {
    let report = install::uninstall(&args.uninstall).map_err(|error| {
        Failure::new(error).context("kubewright is not uninstalled from this node")
    })?;
    said(&report, "first is now", args.uninstall.dry_run, args.format)
}

/// What to do, where the error does not say it.
fn advice(error: &InstallError) -> Option<&'static str> {
    match error {
        InstallError::Program { .. } => {
            Some("name a plugin that was built for this node with --plugin")
        }
        InstallError::Io { .. } => Some(
            "run as root, and say with --cni-conf-dir and --cni-bin-dir where the container runtime looks",
        ),
        _ => None,
    }
}

fn said(report: &Report, other: &str, dry_run: bool, format: FormatArgs) -> Outcome {
    format.output.print(report, || {
        let mut text = String::new();
        for FileChange { file, change } in [&report.plugin, &report.configuration] {
            text += &format!("{}: {}\n", file.display(), words(*change, dry_run));
        }
        if let Some(network) = &report.other {
            text += &format!("{other}: {} ({})\n", network.name, network.file.display());
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn words(change: Change, dry_run: bool) -> &'static str {
    match (change, dry_run) {
        (Change::Written, false) => "written",
        (Change::Written, true) => "would be written",
        (Change::Removed, false) => "removed",
        (Change::Removed, true) => "would be removed",
        (Change::Unchanged, _) => "unchanged",
        (Change::Kept, _) => "kept, since interfaces are recorded",
    }
}
