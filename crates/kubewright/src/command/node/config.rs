//! `kubewright node config`: the configuration of a machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueHint;
use kubewright_node::config::{self, DEFAULT_FILE, Source, Variable};

use super::unspoken::Unspoken;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Check the configuration of a machine, print its defaults, or migrate one of kubic-init
///
/// A file of kubic-init is read as it is by every command; --migrate prints what it means here, the
/// token that it holds among it.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// Print every key with its default
    #[arg(long, group = "what")]
    defaults: bool,
    /// Say whether the file is right, and everything that is wrong with it
    ///
    /// On any machine: what it names may be on another one. A kubeadm that is not on this one is a
    /// warning; `node init` and `node join` see to the rest before they change anything.
    #[arg(long, group = "what")]
    check: bool,
    /// Print the file as it is written today
    #[arg(long, group = "what")]
    migrate: bool,
    /// The file [default: /etc/kubewright/node.yaml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// One value of the configuration, in place of the file's
    #[arg(long = "var", value_name = "PATH=VALUE")]
    variables: Vec<Unspoken<Variable>>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    if args.defaults {
        output::print(&output::yaml(&config::defaults())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = args.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    let source = Source::new(Some(file.clone()), Unspoken::all(&args.variables)?);
    let loaded = config::load(&source).map_err(Failure::usage)?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    if args.migrate {
        output::print(&output::yaml(&loaded.document)?)?;
    } else if args.check {
        let kubeadm = &loaded.configuration.paths.kubeadm;
        if !kubeadm.is_empty() && !Path::new(kubeadm).is_file() {
            eprintln!("warning: paths.kubeadm: there is no such program on this machine");
        }
        output::print(&format!("{} is right\n", file.display()))?;
    } else {
        // All of it as it is understood, without its secrets.
        output::print(&output::yaml(&loaded.configuration)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
