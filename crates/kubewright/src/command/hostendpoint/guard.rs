//! `kubewright hostendpoint guard`: the boot guard of this node.

use std::convert::Infallible;
use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use kubewright_hostendpoint::guard::args::ReadinessArgs;
use kubewright_hostendpoint::guard::record::{self, BootClock, Found};
use kubewright_hostendpoint::guard::release::Released;
use kubewright_hostendpoint::guard::{
    EndpointSource, LockArgs, ReleaseArgs, StatusArgs, lock, release, status,
};
use kubewright_operator::{ClientArgs, Shutdown};
use serde::Serialize;

use super::node::{GuardWord, NodeArgs, ThisNode};
use crate::failure::{Failure, INTERRUPTED, Outcome};
use crate::output::{Format, FormatArgs};

/// How long the API server may take to hear that the node is open.
const FAREWELL: Duration = Duration::from_secs(60);

/// Close this node's interfaces from its start until its policy is in force
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Close this node's interfaces until its policy is in force
    Lock {
        #[command(flatten)]
        lock: LockArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Wait until policy is in force, then open the node
    Release {
        #[command(flatten)]
        release: ReleaseArgs,
        #[command(flatten)]
        node: NodeArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Say whether the node is locked and what is still missing: exit code 1 if it is exposed
    Status {
        #[command(flatten)]
        status: StatusArgs,
        #[command(flatten)]
        node: NodeArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
}

pub(crate) async fn run(args: Args, client: ClientArgs) -> Outcome {
    match args.verb {
        Verb::Lock { lock, format } => {
            let locked = lock::run(&lock).await.map_err(|error| {
                Failure::new(error).advise("run as root, with nftables installed")
            })?;
            said(&locked, format.output, locked.exit_code())
        }
        Verb::Release { release, node, format } => {
            let shutdown = Shutdown::on_signals()?;
            let this_node = ThisNode::new(client, &node);
            let source = source(&release.readiness, &this_node);
            let released = tokio::select! {
                released = release::run(&release, &*source) => released?,
                // The table is as it was: a release that is cut short opens nothing.
                () = shutdown.triggered() => return Ok(ExitCode::from(INTERRUPTED)),
                never = tell_locked(&release, &this_node) => match never {},
            };
            let code = said(&released, format.output, released.exit_code())?;
            if !release.dry_run {
                tell_released(&released, &this_node).await;
            }
            Ok(code)
        }
        Verb::Status { status, node, format } => {
            let this_node = ThisNode::new(client, &node);
            let source = source(&status.readiness, &this_node);
            let state = status::run(&status, &*source).await.map_err(|error| {
                Failure::new(error).advise("run as root, with nftables installed")
            })?;
            said(&state, format.output, state.exit_code())
        }
    }
}

/// Tells the controller that this node is locked, and goes on doing nothing.
async fn tell_locked(release: &ReleaseArgs, node: &ThisNode) -> Infallible {
    if let Ok(clock) = BootClock::now()
        && !release.dry_run
        && let Ok(Found::Record(record)) = record::read(&release.place.state_dir)
        && record.locked_at(&clock).is_some()
    {
        node.tell(GuardWord::Locked, &clock.boot_id).await;
    }
    std::future::pending().await
}

/// Tells the controller that this node is open and protected. One that was opened for another
/// reason is not known to be, and nothing is told: its startup taint stays.
async fn tell_released(released: &Released, node: &ThisNode) {
    let protected = match released {
        Released::Released => true,
        Released::NotLocked { missing } => missing.is_empty(),
        _ => false,
    };
    let Ok(clock) = BootClock::now() else { return };
    if !protected {
        return;
    }
    let told = node.tell(GuardWord::Released, &clock.boot_id);
    if tokio::time::timeout(FAREWELL, told).await.is_err() {
        tracing::warn!(
            "the controller could not be told within {FAREWELL:?}: run `guard release` again, or the startup taint stays"
        );
    }
}

/// What is given on the command line, or else what the API server says.
fn source(readiness: &ReadinessArgs, node: &ThisNode) -> Box<dyn EndpointSource> {
    match readiness.local_endpoints() {
        Some(local) => Box::new(local),
        None => Box::new(node.clone()),
    }
}

fn said(result: &(impl Display + Serialize), format: Format, code: u8) -> Outcome {
    format.print(result, || result.to_string())?;
    Ok(ExitCode::from(code))
}
