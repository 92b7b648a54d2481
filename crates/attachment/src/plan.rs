//! What to do, given what should be, what is recorded and what is there. Pure.
//!
//! ```text
//!  Desired (annotations + definitions) ─┐
//!  Record ... (disk)                   ─┼─ plan ─> Detach ..., Adopt ..., Attach ..., Refuse ...
//!  Link ... (netns), sandbox, boot id  ─┘
//! ```
//!
//! Detaching comes first, so that names, addresses and devices are free before they are taken
//! again. Planning on the result of a plan that succeeded gives nothing but the same refusals.

use std::collections::BTreeMap;

use crate::desired::Desired;
use crate::link::Link;
use crate::name::{InterfaceName, Naming};
use crate::pod::{Pod, Sandbox};
use crate::problem::{Problem, Reason};
use crate::record::{Record, RecordId, State};
use crate::status::Entry;

mod claim;
mod naming;

use claim::Claims;

/// The sandbox of a pod, as far as the runtime knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Presence<'a> {
    /// There is a sandbox that serves the pod.
    Ready {
        /// The sandbox.
        sandbox: &'a Sandbox,
        /// The interfaces in its network namespace.
        links: &'a [Link],
    },
    /// The pod has no sandbox: it is over, or waits for its next one.
    Gone,
    /// The runtime cannot be asked now. Nothing is done.
    Unknown,
}

/// All that a plan depends on.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// What it should have.
    pub desired: &'a Desired,
    /// Whether it lives in the node's network.
    pub host_network: bool,
    /// Its sandbox.
    pub presence: Presence<'a>,
    /// Its records, of whatever sandbox.
    pub records: &'a [Record],
    /// What its `network-status` says.
    pub reported: &'a [Entry],
    /// Id of this boot.
    pub boot_id: &'a str,
    /// How interfaces are named that the pod does not name.
    pub naming: Naming,
}

/// Why something is detached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The pod does not ask for it any more.
    Unwanted,
    /// The pod asks for something else under this name, or its definition changed.
    Changed,
    /// ADD or DEL did not come to its end.
    Interrupted,
    /// Its interface is gone.
    LinkLost,
    /// It is of a sandbox that the pod does not have any more.
    SandboxGone,
    /// It is of an earlier boot.
    Rebooted,
}

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Call DEL, by the record alone.
    Detach {
        /// The record.
        record: RecordId,
        /// Why.
        why: Why,
    },
    /// Record what someone else attached.
    Adopt {
        /// Position in [`Desired::wanted`].
        wanted: usize,
        /// Its interface.
        interface: InterfaceName,
    },
    /// Call ADD, unless the record that must go first is still there.
    Attach {
        /// Position in [`Desired::wanted`].
        wanted: usize,
        /// Its interface.
        interface: InterfaceName,
        /// The record under the same name.
        after: Option<RecordId>,
    },
    /// Report.
    Refuse {
        /// Position in [`Desired::wanted`]; none when an annotation as a whole is refused.
        wanted: Option<usize>,
        /// Why.
        problem: Problem,
    },
}

/// Plans the steps, in the order they are to be taken.
#[must_use]
pub fn plan(observed: &Observed<'_>) -> Vec<Action> {
    let Presence::Ready { sandbox, links } = observed.presence else {
        return match observed.presence {
            Presence::Unknown => Vec::new(),
            _ => without_sandbox(observed),
        };
    };
    let (current, stale): (Vec<&Record>, Vec<&Record>) = attachments(observed)
        .partition(|record| record.sandbox == sandbox.id && record.boot_id == observed.boot_id);
    let mut detach: Vec<Action> =
        stale.into_iter().map(|record| detach(record, why_stale(record, observed))).collect();
    if observed.host_network {
        detach.extend(current.into_iter().map(|record| self::detach(record, Why::Unwanted)));
        return detach.into_iter().chain(refusals_of_host_network(observed)).collect();
    }
    let void = observed.desired.void.iter().map(|error| Action::Refuse {
        wanted: None,
        problem: Problem::from_error(Reason::InvalidAnnotation, error),
    });
    let claims = Claims::new(observed, &current, sandbox, links);
    let (released, then) = claims.settle();
    detach.into_iter().chain(released).chain(then).chain(void).collect()
}

/// For each record in the pod's sandbox that serves an attachment it asks for, the position of that
/// in [`Desired::wanted`].
#[must_use]
pub fn serving(observed: &Observed<'_>) -> BTreeMap<RecordId, usize> {
    let Presence::Ready { sandbox, links } = observed.presence else { return BTreeMap::new() };
    let of_sandbox = |record: &&Record| record.sandbox == sandbox.id;
    let current: Vec<&Record> = attachments(observed).filter(of_sandbox).collect();
    Claims::new(observed, &current, sandbox, links).serving()
}

/// The pod's own attachments, but for those that are the runtime's to take down.
///
/// A sandbox that was made through us goes through us, too: the runtime calls DEL for it, or whoever
/// compares the records with the runtime's sandboxes has the engine collect it. Until then it may be
/// one that the runtime does not list yet, because it is only being made. The cluster's network lives
/// and dies with the sandbox in any case.
fn attachments<'a>(observed: &Observed<'a>) -> impl Iterator<Item = &'a Record> {
    let records = observed.records;
    let current = match observed.presence {
        Presence::Ready { sandbox, .. } => Some(&sandbox.id),
        Presence::Gone | Presence::Unknown => None,
    };
    let boot_id = observed.boot_id;
    let is_runtimes = move |record: &Record| {
        let mut of_sandbox = records.iter().filter(|other| other.sandbox == record.sandbox);
        record.boot_id == boot_id
            && Some(&record.sandbox) != current
            && of_sandbox.any(|other| other.network().is_none())
    };
    records.iter().filter(move |record| record.network().is_some() && !is_runtimes(record))
}

fn without_sandbox(observed: &Observed<'_>) -> Vec<Action> {
    attachments(observed).map(|record| detach(record, why_stale(record, observed))).collect()
}

fn why_stale(record: &Record, observed: &Observed<'_>) -> Why {
    if record.boot_id == observed.boot_id { Why::SandboxGone } else { Why::Rebooted }
}

fn detach(record: &Record, why: Why) -> Action {
    Action::Detach { record: record.id(), why }
}

fn refusals_of_host_network(observed: &Observed<'_>) -> impl Iterator<Item = Action> {
    let problem = Problem::new(
        Reason::HostNetwork,
        format!(
            "pod {} is in the node's network (hostNetwork), where no interfaces are attached",
            observed.pod
        ),
    );
    (0..observed.desired.wanted.len())
        .map(move |wanted| Action::Refuse { wanted: Some(wanted), problem: problem.clone() })
}

/// Why a record in the current sandbox cannot stay as it is; none when it can.
fn fault(record: &Record, links: &[Link]) -> Option<Why> {
    let there = || links.iter().any(|link| link.name == record.interface.as_str());
    match record.state {
        State::Adding | State::Deleting => Some(Why::Interrupted),
        // What never had an interface here, a device handed to user space say, has lost none.
        State::Attached if record.link.is_some() && !there() => Some(Why::LinkLost),
        State::Attached => None,
    }
}

#[cfg(test)]
mod tests;
