//! `kubewright version`

use std::process::ExitCode;

use serde::Serialize;

use crate::failure::Outcome;
use crate::output::{self, FormatArgs};

/// Print the version
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: &'static str,
    /// The oldest Kubernetes it works with.
    kubernetes: &'static str,
    platform: String,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        kubernetes: "1.28 and newer",
        platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    };
    args.format.output.print(&version, || {
        output::pairs(&[
            ("kubewright", version.version.to_owned()),
            ("kubernetes", version.kubernetes.to_owned()),
            ("platform", version.platform.clone()),
        ])
    })?;
    Ok(ExitCode::SUCCESS)
}
