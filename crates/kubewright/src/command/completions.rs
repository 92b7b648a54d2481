//! `kubewright completions`

use std::process::ExitCode;

use clap_complete::Shell;

use crate::failure::Outcome;
use crate::{generated, output};

/// Print the completions for a shell
///
/// For bash, for example: `kubewright completions bash > /etc/bash_completion.d/kubewright`
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Outcome {
    output::print(&generated::completions(args.shell)?)?;
    Ok(ExitCode::SUCCESS)
}
