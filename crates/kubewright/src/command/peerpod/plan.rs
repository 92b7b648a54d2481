//! `kubewright peerpod plan`: who would get how many, and why.

use std::process::ExitCode;

use kubewright_operator::ClientArgs;
use kubewright_peerpod::controller::snapshot;
use kubewright_peerpod::options::PeerPodArgs;

use crate::failure::{Failure, Outcome};
use crate::output::{self, FormatArgs};

/// Exit code when there are changes to make.
const CHANGES: u8 = 2;

/// Show how many peer pods each node would advertise and why, and write nothing
///
/// Exit code 0 if there is nothing to do, 2 if there is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    options: PeerPodArgs,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: &Args) -> Outcome {
    let client = args.client.client().await?;
    // What images there are does not matter for numbers.
    let options = args.options.options(None);
    let report = snapshot(&client, &options)
        .await
        .map_err(|error| Failure::new(error).context("cannot see what there is to plan for"))?;
    args.format.output.print(&report, || report.render(output::stdout_colours()))?;
    Ok(if report.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(CHANGES) })
}
