//! `guard release`: opens the node once its policy is in force.
//!
//! Removing the table is the last step, so a release that is killed anywhere
//! leaves the node locked, or is done. Dropping the future of [`run`] is as
//! safe: shutdown is a `select!` around it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::args::ReleaseArgs;
use super::chains::BootTable;
use super::edge::{Edge, with_causes};
use super::endpoints::EndpointSource;
use super::felix::FelixUrlError;
use super::process::ProcessError;
use super::readiness::{Decision, Gate, Missing, missing};
use super::record::{self, BootClock, Event, Found, Record};
use super::ruleset::{TABLE, release_script};

/// However short a poll was asked for: nft lists the whole ruleset for each.
const SHORTEST_POLL: Duration = Duration::from_millis(10);

/// Why `release` ended without a result. The node is as locked as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The packet filter cannot be read, and waiting will not change that.
    #[error("cannot see whether this node is protected, so it stays as it is")]
    Observe(#[source] ProcessError),
    /// The table could not be removed.
    #[error("cannot remove the table inet {TABLE}, so this node stays locked")]
    Remove(#[source] ProcessError),
    /// The URL of Felix is none.
    #[error("cannot ask Felix")]
    Felix(#[source] FelixUrlError),
}

/// What `release` came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Released {
    /// Everything was in place; the node is open and protected by Calico.
    Released,
    /// The operator had it opened; nothing was looked at.
    ReleasedByOperator,
    /// It was opened because the time to fail open had passed.
    FailedOpen {
        /// What was missing: the node may be exposed.
        missing: Vec<Missing>,
    },
    /// The node was not locked to begin with, or someone else removed the table.
    NotLocked {
        /// What is missing: if anything, the node is exposed.
        missing: Vec<Missing>,
    },
    /// Still locked: time ran out, or this was a dry run.
    StillLocked {
        /// What is missing. On a dry run this may be nothing.
        missing: Vec<Missing>,
    },
}

impl Released {
    /// The exit code of the command: 0 only if the node is open *and* nothing
    /// was missing, or the operator said so.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Released | Self::ReleasedByOperator => 0,
            Self::NotLocked { missing } if missing.is_empty() => 0,
            Self::NotLocked { .. } | Self::FailedOpen { .. } | Self::StillLocked { .. } => 1,
        }
    }
}

impl fmt::Display for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = match self {
            Self::Released => {
                return writeln!(f, "released: Calico's policy is in force on this node");
            }
            Self::ReleasedByOperator => {
                return writeln!(
                    f,
                    "RELEASED BY OPERATOR: nothing was checked, this node may be exposed"
                );
            }
            Self::FailedOpen { missing } => {
                writeln!(f, "FAILED OPEN: the time given has passed, this node may be exposed")?;
                missing
            }
            Self::NotLocked { missing } if missing.is_empty() => {
                return writeln!(
                    f,
                    "not locked: there is nothing to release, and nothing is missing"
                );
            }
            Self::NotLocked { missing } => {
                writeln!(
                    f,
                    "NOT LOCKED: the guard's table is not there, this node may be exposed"
                )?;
                missing
            }
            Self::StillLocked { missing } if missing.is_empty() => {
                return writeln!(f, "still locked: nothing is missing");
            }
            Self::StillLocked { missing } => {
                writeln!(f, "still locked")?;
                missing
            }
        };
        missing.iter().try_for_each(|missing| writeln!(f, "missing: {missing}"))
    }
}

/// Waits until the node may be opened, and opens it.
///
/// # Errors
/// [`ReleaseError`]; the node is then as locked as it was.
pub async fn run(
    args: &ReleaseArgs,
    endpoints: &dyn EndpointSource,
) -> Result<Released, ReleaseError> {
    let edge =
        Edge::of_node(&args.readiness, &args.place, endpoints).map_err(ReleaseError::Felix)?;
    run_with(args, &edge).await
}

/// [`run`] on another edge.
///
/// # Errors
/// As [`run`].
pub async fn run_with(args: &ReleaseArgs, edge: &Edge<'_>) -> Result<Released, ReleaseError> {
    if args.now {
        tracing::warn!(
            "RELEASE BY OPERATOR: opening this node without checking that its policy is in force"
        );
        open(args, edge, Event::ReleasedByOperator).await?;
        return Ok(Released::ReleasedByOperator);
    }
    let started = Instant::now();
    let uptime = BootClock::now().ok().map(|clock| clock.uptime).unwrap_or_default();
    let mut gate = Gate::new(args.timing(), locked_at(args, uptime));
    let mut said: Option<Vec<Missing>> = None;
    loop {
        let seen = edge.observe().await.map_err(ReleaseError::Observe)?;
        let missing = missing(&seen, &args.readiness.requirements());
        if seen.ruleset.as_ref().is_ok_and(|ruleset| ruleset.boot_table() == BootTable::Absent) {
            if !missing.is_empty() {
                tracing::warn!(
                    table = TABLE,
                    "the guard's table is gone and this node is not protected yet"
                );
            }
            return Ok(Released::NotLocked { missing });
        }
        if args.dry_run {
            return Ok(Released::StillLocked { missing });
        }
        say_what_changed(&mut said, &missing);
        let now = uptime + started.elapsed();
        match gate.step(now, &missing, seen.endpoints.as_deref().unwrap_or_default()) {
            Decision::Release => {
                open(args, edge, Event::Released).await?;
                tracing::info!("node released: its policy is in force");
                return Ok(Released::Released);
            }
            Decision::FailOpen => {
                tracing::error!(
                    missing = missing.len(),
                    "FAILING OPEN: the time given has passed and this node is opened although its policy is not in force"
                );
                open(args, edge, Event::FailedOpen).await?;
                return Ok(Released::FailedOpen { missing });
            }
            Decision::Settle { remaining } => {
                tracing::debug!(?remaining, "nothing is missing; waiting for it to hold")
            }
            Decision::Wait => {}
        }
        if args.timeout.is_some_and(|timeout| started.elapsed() >= timeout) {
            return Ok(Released::StillLocked { missing });
        }
        tokio::time::sleep(args.poll_interval.max(SHORTEST_POLL)).await;
    }
}

/// One line per thing that came or went, not one per poll.
fn say_what_changed(said: &mut Option<Vec<Missing>>, missing: &[Missing]) {
    let before = said.as_deref().unwrap_or_default();
    for new in missing.iter().filter(|missing| !before.contains(missing)) {
        tracing::info!("locked, missing: {new}");
    }
    for gone in before.iter().filter(|before| !missing.contains(before)) {
        tracing::info!("no longer missing: {gone}");
    }
    *said = Some(missing.to_vec());
}

/// Since when, in time since boot, the node is locked: as recorded, or else since
/// now, which can only make failing open later.
fn locked_at(args: &ReleaseArgs, uptime: Duration) -> Duration {
    let recorded = record::read(&args.place.state_dir).and_then(|found| match found {
        Found::Record(record) => Ok(record.locked_at(&BootClock::now()?)),
        Found::Nothing | Found::Corrupt { .. } => Ok(None),
    });
    match recorded {
        Ok(at) => at.unwrap_or(uptime),
        Err(error) => {
            tracing::warn!("{}", with_causes(&error));
            uptime
        }
    }
}

/// Writes down why, then removes the table: in this order, so that whatever is
/// lost is the record and never the lock.
async fn open(args: &ReleaseArgs, edge: &Edge<'_>, event: Event) -> Result<(), ReleaseError> {
    let noted = BootClock::now().and_then(|clock| {
        Record::new(event, &clock, Timestamp::now()).write(&args.place.state_dir)
    });
    if let Err(error) = noted {
        tracing::warn!("{}", with_causes(&error));
    }
    edge.nft.apply(&release_script()).await.map_err(ReleaseError::Remove)
}

#[cfg(test)]
mod tests;
