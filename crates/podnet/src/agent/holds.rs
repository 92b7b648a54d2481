//! Which attachments are left alone for a while, each for itself: one that fails must not be tried
//! again with every change of another, and none is ever given up.

use std::collections::HashMap;

use kubewright_attachment::backoff::Backoff;
use kubewright_attachment::desired::Desired;
use kubewright_attachment::problem::Reason;
use kubewright_attachment::status::Failure;
use tokio::time::Instant;

/// What is asked for: a change of any of it is tried at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Subject {
    network: String,
    interface: Option<String>,
    digest: String,
}

#[derive(Clone, Debug)]
struct Hold {
    failures: u32,
    until: Instant,
    failure: Failure,
}

/// The attachments of one pod that failed.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    held: HashMap<Subject, Hold>,
    /// Failures in a row of the pod as a whole, or of detaching.
    general: u32,
}

impl Holds {
    /// Before a work: what is not due yet is replaced by why it failed, so that it is neither
    /// tried nor taken away. Positions of the held ones come back.
    pub(crate) fn hold(&self, desired: &mut Desired, now: Instant) -> Vec<usize> {
        let mut held = Vec::new();
        for (position, wanted) in desired.wanted.iter_mut().enumerate() {
            let Some(subject) = subject(wanted) else { continue };
            if let Some(hold) = self.held.get(&subject).filter(|hold| hold.until > now) {
                wanted.attachment = Err(hold.failure.problem.clone());
                held.push(position);
            }
        }
        held
    }

    /// After a work, with what was `wanted` before anything was held: remembers what failed,
    /// forgets what did not, and gives the held ones their interface back in the report. Returns
    /// when to try again.
    pub(crate) fn learn(
        &mut self,
        wanted: &Desired,
        held: &[usize],
        failures: &mut [Failure],
        backoff: Backoff,
        now: Instant,
    ) -> Option<Instant> {
        let mut kept = HashMap::new();
        let mut general = false;
        let mut told: Vec<bool> = vec![false; failures.len()];
        for (position, of) in wanted.wanted.iter().enumerate() {
            let Some(subject) = subject(of) else { continue };
            let found = failures.iter().enumerate().position(|(index, failure)| {
                !told[index]
                    && failure.problem.reason == Reason::AttachFailed
                    && failure.name.as_deref() == Some(subject.network.as_str())
                    && match (&failure.interface, &subject.interface) {
                        (Some(its), Some(wanted)) => its == wanted,
                        _ => true,
                    }
            });
            let Some(index) = found else { continue };
            told[index] = true;
            if held.contains(&position) {
                if let Some(hold) = self.held.remove(&subject) {
                    failures[index] = hold.failure.clone();
                    kept.insert(subject, hold);
                }
                continue;
            }
            let before = self.held.remove(&subject).map_or(0, |hold| hold.failures);
            let pause = backoff.pause(before + 1, luck(&subject));
            let hold =
                Hold { failures: before + 1, until: now + pause, failure: failures[index].clone() };
            kept.insert(subject, hold);
        }
        for (index, failure) in failures.iter().enumerate() {
            general |= !told[index] && failure.problem.reason.is_passing();
        }
        self.held = kept;
        let earliest = self.held.values().map(|hold| hold.until).min();
        let general = general.then(|| now + self.failed(backoff));
        if general.is_none() {
            self.general = 0;
        }
        earliest.into_iter().chain(general).min()
    }

    /// The work as a whole failed: how long to wait.
    pub(crate) fn failed(&mut self, backoff: Backoff) -> std::time::Duration {
        self.general = self.general.saturating_add(1);
        backoff.pause(self.general, u64::from(self.general))
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.general == 0
    }
}

fn subject(wanted: &kubewright_attachment::desired::Wanted) -> Option<Subject> {
    let attachment = wanted.attachment.as_ref().ok()?;
    Some(Subject {
        network: wanted.network.to_string(),
        interface: wanted.interface.as_ref().map(ToString::to_string),
        digest: attachment.digest.clone(),
    })
}

/// Differs from pod to pod by time, and from attachment to attachment by name.
fn luck(subject: &Subject) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(subject)
}

#[cfg(test)]
mod tests;
