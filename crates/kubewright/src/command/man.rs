//! `kubewright man`

use std::process::ExitCode;

use anyhow::anyhow;

use crate::failure::{Failure, Outcome};
use crate::{generated, output};

/// Print a manual page
///
/// To read it: `kubewright man hostendpoint plan | man -l -`
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The command whose page is wanted [default: kubewright itself]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let page = generated::manual(&args.command)?.ok_or_else(|| {
        let name = args.command.join(" ");
        Failure::usage(anyhow!("there is no command `kubewright {name}`"))
            .advise("`kubewright help` lists the commands")
    })?;
    output::print(&page)?;
    Ok(ExitCode::SUCCESS)
}
