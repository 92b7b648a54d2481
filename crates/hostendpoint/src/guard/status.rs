//! `guard status`: explains what is still missing.

use std::fmt;

use serde::Serialize;

use super::args::StatusArgs;
use super::chains::BootTable;
use super::edge::{Edge, with_causes};
use super::endpoints::EndpointSource;
use super::felix::FelixUrlError;
use super::process::ProcessError;
use super::readiness::{Missing, missing};
use super::record::{self, BootClock, Event, Found, Record};
use super::ruleset::TABLE;

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The packet filter cannot be read.
    #[error("cannot see whether this node is locked")]
    Observe(#[source] ProcessError),
    /// The URL of Felix is none.
    #[error("cannot ask Felix")]
    Felix(#[source] FelixUrlError),
}

/// The state of the guard and of what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The table in the kernel; nothing when the ruleset could not be read.
    pub table: Option<BootTable>,
    /// What the record tells.
    pub record: Option<Record>,
    /// What is wrong beside what is missing: a corrupt record, a contradiction.
    pub notes: Vec<String>,
    /// The endpoints that are waited for, as `name (interface)`.
    pub endpoints: Vec<String>,
    /// What is missing; nothing: `release` opens the node once that has held.
    pub missing: Vec<Missing>,
}

impl Status {
    /// The exit code of the command: 0 if the table keeps everyone out or
    /// policy is in force, 1 if the node is exposed or nobody can tell.
    pub fn exit_code(&self) -> u8 {
        let closed = self.table == Some(BootTable::Locked);
        u8::from(!closed && !self.missing.is_empty())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lock = match self.table {
            Some(BootTable::Locked) => "locked",
            Some(BootTable::Damaged) => "damaged",
            Some(BootTable::Absent) => "not locked",
            None => "unknown",
        };
        writeln!(f, "node: {lock}")?;
        if let Some(record) = &self.record {
            let event = match record.event {
                Event::Locked => "locked",
                Event::Released => "released, policy in force",
                Event::ReleasedByOperator => "released by operator, unchecked",
                Event::FailedOpen => "FAILED OPEN",
            };
            writeln!(f, "last: {event} at {}", record.at)?;
        }
        for endpoint in &self.endpoints {
            writeln!(f, "endpoint: {endpoint}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for missing in &self.missing {
            writeln!(f, "missing: {missing}")?;
        }
        if self.missing.is_empty() {
            writeln!(f, "missing: nothing")?;
        }
        Ok(())
    }
}

/// Looks once.
///
/// # Errors
/// [`StatusError`] when there is nothing to tell.
pub async fn run(args: &StatusArgs, endpoints: &dyn EndpointSource) -> Result<Status, StatusError> {
    let edge =
        Edge::of_node(&args.readiness, &args.place, endpoints).map_err(StatusError::Felix)?;
    run_with(args, &edge).await
}

/// [`run`] on another edge.
///
/// # Errors
/// As [`run`].
pub async fn run_with(args: &StatusArgs, edge: &Edge<'_>) -> Result<Status, StatusError> {
    let seen = edge.observe().await.map_err(StatusError::Observe)?;
    let table = seen.ruleset.as_ref().ok().map(super::chains::Ruleset::boot_table);
    let mut notes = Vec::new();
    let record = match record::read(&args.place.state_dir) {
        Ok(Found::Record(record)) => Some(record),
        Ok(Found::Nothing) => None,
        Ok(Found::Corrupt { set_aside, reason }) => {
            notes.push(format!(
                "the record was corrupt ({reason}) and is now at {}",
                set_aside.display()
            ));
            None
        }
        Err(error) => {
            notes.push(with_causes(&error));
            None
        }
    };
    notes.extend(contradiction(table, record.as_ref()));
    let endpoints = seen.endpoints.as_deref().unwrap_or_default();
    Ok(Status {
        table,
        notes,
        endpoints: endpoints
            .iter()
            .map(|endpoint| format!("{} ({})", endpoint.name, endpoint.selects))
            .collect(),
        missing: missing(&seen, &args.readiness.requirements()),
        record,
    })
}

/// Where the kernel and the record disagree, the kernel is right, and someone
/// should know.
fn contradiction(table: Option<BootTable>, record: Option<&Record>) -> Option<String> {
    let this_boot = BootClock::now().ok();
    let record = record
        .filter(|record| this_boot.as_ref().is_some_and(|clock| clock.boot_id == record.boot_id));
    match (table?, record.map(|record| record.event)) {
        (BootTable::Absent, Some(Event::Locked)) => Some(format!(
            "the table inet {TABLE} was removed by something other than the guard (does nftables.service flush the ruleset?); lock again if something is missing"
        )),
        (BootTable::Damaged, _) => Some(format!(
            "a chain of the table inet {TABLE} was opened or removed by someone else; lock again"
        )),
        (
            BootTable::Locked,
            Some(Event::Released | Event::ReleasedByOperator | Event::FailedOpen),
        ) => Some("a release was cut short before it opened the node; release again".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
