//! `guard lock`: closes the node.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::args::LockArgs;
use super::edge::with_causes;
use super::nft::{Nft, NftCommand};
use super::process::ProcessError;
use super::record::{BootClock, Event, Record};
use super::ruleset::{Allowed, TABLE, lock_script};

/// Why the node could not be locked. It is then as open as it was before.
#[derive(Debug, thiserror::Error)]
#[error("cannot load the table inet {TABLE}, so this node is NOT locked by this call")]
pub struct LockError(#[source] pub ProcessError);

/// What `lock` did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Locked {
    /// Whether the table was loaded (not on a dry run).
    pub loaded: bool,
    /// The transaction.
    pub ruleset: String,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl Locked {
    /// The exit code of the command.
    pub fn exit_code(&self) -> u8 {
        0
    }
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.loaded {
            writeln!(f, "locked: only what the table inet {TABLE} allows reaches this node")?;
        } else {
            write!(f, "{}", self.ruleset)?;
        }
        for warning in &self.warnings {
            // The ruleset of a dry run stays loadable with the warnings in it.
            writeln!(f, "# warning: {warning}")?;
        }
        Ok(())
    }
}

/// Locks the node, or replaces the lock it has, in one transaction.
///
/// # Errors
/// [`LockError`] when nft did not load the table.
pub async fn run(args: &LockArgs) -> Result<Locked, LockError> {
    run_with(args, &NftCommand::new(&args.place.nft)).await
}

/// [`run`] with another packet filter.
///
/// # Errors
/// As [`run`].
pub async fn run_with(args: &LockArgs, nft: &dyn Nft) -> Result<Locked, LockError> {
    let allowed = args.allowed();
    let mut locked =
        Locked { loaded: false, ruleset: lock_script(&allowed), warnings: warnings(&allowed) };
    if args.dry_run {
        return Ok(locked);
    }
    nft.apply(&locked.ruleset).await.map_err(LockError)?;
    locked.loaded = true;
    tracing::info!(table = TABLE, "node locked");
    // After the table: a full /run must not keep the node open.
    if let Err(error) = note(args) {
        locked.warnings.push(error);
    }
    for warning in &locked.warnings {
        tracing::warn!("{warning}");
    }
    Ok(locked)
}

fn note(args: &LockArgs) -> Result<(), String> {
    let clock = BootClock::now().map_err(|error| with_causes(&error))?;
    Record::new(Event::Locked, &clock, Timestamp::now()).write(&args.place.state_dir).map_err(
        |error| {
            format!(
                "{}; --fail-open-after counts from the start of release instead",
                with_causes(&error)
            )
        },
    )
}

fn warnings(allowed: &Allowed) -> Vec<String> {
    let mut warnings = Vec::new();
    if allowed.ssh_from.is_empty() || allowed.ssh_ports.is_empty() {
        warnings.push(
            "no SSH is let through; if policy never comes into force, this node can only be opened from its console (set --ssh-from)"
                .to_owned(),
        );
    }
    if allowed.nodes.is_empty() || allowed.services.is_empty() {
        warnings.push(
            "no cluster service is let through; a control plane node cannot form a cluster like this (set --nodes-from)"
                .to_owned(),
        );
    }
    warnings
}

#[cfg(test)]
mod tests;
