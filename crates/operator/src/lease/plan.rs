//! What one candidate does next about the Lease: a pure function of what it saw and when.
//!
//! There is no clock and no I/O here. [`View`] is told what happened and at which local time;
//! [`plan`] answers with the next [`Action`]; `election.rs` performs it, and the property test in
//! `plan/tests/simulation.rs` performs it against a lossy network in simulated time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use super::Timing;

/// The part of a Lease that matters to an election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `metadata.resourceVersion`.
    pub version: String,
    /// `spec.holderIdentity`; `None` after a voluntary release.
    pub holder: Option<String>,
    /// `spec.leaseDurationSeconds` as the holder wrote it; `None` where it is not set.
    pub duration: Option<Duration>,
}

/// What a candidate does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing before this local time, unless something is heard of the Lease.
    Wait(Instant),
    /// Read the Lease.
    Read,
    /// Create the Lease with ourselves as holder.
    Create,
    /// Become holder of the Lease, if it still has this version.
    Acquire {
        /// `resourceVersion` to name in the update.
        version: String,
    },
    /// Prolong our own Lease, if it still has this version.
    Renew {
        /// `resourceVersion` to name in the update.
        version: String,
    },
    /// Empty the holder of our own Lease, if it still has this version.
    Release {
        /// `resourceVersion` to name in the update.
        version: String,
    },
    /// Released, or nothing to release.
    Done,
}

/// Why a write of the Lease did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Someone else wrote first: 409 on create or update, 404 on update.
    Overtaken,
    /// No answer, or one that does not tell whether the write happened.
    Unknown,
}

/// What a candidate knows, with the local times at which it learnt it.
#[derive(Clone, Debug)]
pub struct View {
    identity: String,
    timing: Timing,
    seen: Option<Sighting>,
    /// Set when the outcome of a write is not known, or when someone overtook us.
    stale: bool,
    certain_until: Option<Instant>,
    term: u64,
    not_before: Option<Instant>,
    poll_at: Option<Instant>,
    /// Until when the holder we saw last may still be writing after the Lease vanished.
    vacant_from: Option<Instant>,
    releasing: bool,
}

#[derive(Clone, Debug)]
struct Sighting {
    /// `None`: there is no Lease.
    record: Option<Record>,
    /// When this version was received first.
    since: Instant,
}

impl View {
    /// A candidate that has seen nothing yet. `identity` must be unique among all processes.
    pub fn new(identity: impl Into<String>, timing: Timing) -> Self {
        Self {
            identity: identity.into(),
            timing,
            seen: None,
            stale: true,
            certain_until: None,
            term: 0,
            not_before: None,
            poll_at: None,
            vacant_from: None,
            releasing: false,
        }
    }

    /// Until when this candidate may write, if it may at `now`.
    pub fn certain_until(&self, now: Instant) -> Option<Instant> {
        self.certain_until.filter(|until| now < *until)
    }

    /// Number of the current or last period of uninterrupted leadership; 0 before the first.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Who holds the Lease as far as we know.
    pub fn holder(&self) -> Option<&str> {
        self.seen.as_ref()?.record.as_ref()?.holder.as_deref()
    }

    /// A read was answered; `None` means there is no Lease.
    pub fn saw(&mut self, record: Option<Record>, received: Instant) {
        let record = record.map(|mut r| {
            r.holder = r.holder.filter(|holder| !holder.is_empty());
            r
        });
        if record.as_ref().is_some_and(|r| !self.is_mine(r)) {
            self.certain_until = None;
        }
        let held_by_other = self
            .seen
            .as_ref()
            .and_then(|s| s.record.as_ref())
            .filter(|r| record.is_none() && r.holder.is_some() && !self.is_mine(r));
        if let Some(vanished) = held_by_other {
            self.vacant_from = Some(received + self.duration_of(vanished));
        }
        match &mut self.seen {
            Some(sighting) if sighting.record == record => {}
            seen => *seen = Some(Sighting { record, since: received }),
        }
        self.stale = false;
        self.poll_at = Some(received + self.jittered(self.timing.retry_period()));
    }

    /// A create, acquire or renew succeeded and was answered with this record.
    pub fn wrote(&mut self, record: Record, sent: Instant, received: Instant) {
        let mine = self.is_mine(&record);
        if mine && self.certain_until(received).is_none() {
            self.term += 1;
        }
        self.saw(Some(record), received);
        if mine {
            // Counted from before the server could know of it: see the module above.
            self.certain_until = Some(sent + self.timing.renew_deadline());
            self.vacant_from = None;
            self.not_before = Some(sent + self.timing.retry_period());
        }
    }

    /// The release succeeded: others may write from now on.
    pub fn released(&mut self) {
        self.seen = None;
        self.stale = false;
        self.certain_until = None;
    }

    /// A read or write did not succeed.
    pub fn refused(&mut self, refusal: Refusal, now: Instant) {
        self.stale = true;
        let pause = match refusal {
            // Look soon who it was, yet never spin against another client that keeps writing.
            Refusal::Overtaken => self.timing.retry_period() / 10,
            Refusal::Unknown => self.jittered(self.timing.retry_period()),
        };
        self.not_before = Some(now + pause);
    }

    /// Something was heard of the Lease: a candidate looks at once instead of at its next turn.
    pub fn heard(&mut self, now: Instant) {
        self.poll_at = Some(now);
    }

    /// From now on the plan is to release the Lease.
    pub fn release(&mut self) {
        self.releasing = true;
    }

    fn is_mine(&self, record: &Record) -> bool {
        record.holder.as_deref() == Some(&self.identity)
    }

    fn duration_of(&self, record: &Record) -> Duration {
        record.duration.unwrap_or(self.timing.lease_duration())
    }

    /// Up to a fifth more, different for each candidate, so that candidates do not look in step.
    fn jittered(&self, period: Duration) -> Duration {
        let mut hasher = DefaultHasher::new();
        self.identity.hash(&mut hasher);
        let thousandths = u32::try_from(hasher.finish() % 200).unwrap_or(0);
        period + period * thousandths / 1000
    }
}

/// The next action of the candidate with this view at this local time.
pub fn plan(view: &View, now: Instant) -> Action {
    let Some(seen) = view.seen.as_ref().filter(|_| !view.stale) else {
        return match view.not_before {
            _ if view.releasing && (view.seen.is_none() || view.certain_until(now).is_none()) => {
                Action::Done
            }
            Some(at) if now < at && !view.releasing => Action::Wait(at),
            _ => Action::Read,
        };
    };
    if view.releasing {
        return match &seen.record {
            Some(record) if view.is_mine(record) => {
                Action::Release { version: record.version.clone() }
            }
            _ => Action::Done,
        };
    }
    if let Some(at) = view.not_before.filter(|at| now < *at) {
        return Action::Wait(at);
    }
    let free_from = match &seen.record {
        None if view.certain_until(now).is_some() => now,
        None => view.vacant_from.unwrap_or(now),
        Some(record) if view.is_mine(record) => {
            return Action::Renew { version: record.version.clone() };
        }
        Some(Record { holder: None, .. }) => now,
        Some(record) => seen.since + view.duration_of(record),
    };
    if free_from <= now {
        return match &seen.record {
            None => Action::Create,
            Some(record) => Action::Acquire { version: record.version.clone() },
        };
    }
    match view.poll_at.filter(|at| now < *at) {
        Some(at) => Action::Wait(at.min(free_from)),
        None => Action::Read,
    }
}

#[cfg(test)]
mod tests;
