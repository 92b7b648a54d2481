//! Sandboxes on record that the runtime does not list any more, or lists without their namespace: who
//! they are, and when they are to be detached.
//!
//! The runtime calls DEL for a sandbox that it made through us, before it takes the namespace. It does
//! not when the plugin was uninstalled meanwhile, and it may lose a DEL; then nobody else would give
//! anything back.

use std::collections::{BTreeMap, BTreeSet};

use kubewright_attachment::backoff::Backoff;
use kubewright_attachment::pod::SandboxId;
use tokio::time::Instant;

/// A sandbox and the UID of its pod.
pub(crate) type Missing = (String, SandboxId);

#[derive(Clone, Copy, Debug)]
struct Attempt {
    failures: u32,
    /// None while it is being detached.
    next: Option<Instant>,
}

/// The sandboxes.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    all: BTreeMap<Missing, Attempt>,
}

impl Lost {
    /// Those that are missing now. Whoever was missing the last time as well is to be detached, and
    /// comes back.
    pub(crate) fn look(&mut self, missing: BTreeSet<Missing>, now: Instant) -> Vec<Missing> {
        self.all.retain(|lost, attempt| missing.contains(lost) || attempt.next.is_none());
        let mut due = Vec::new();
        for lost in missing {
            match self.all.get_mut(&lost) {
                None => {
                    self.all.insert(lost, Attempt { failures: 0, next: Some(now) });
                }
                Some(attempt) if attempt.next.is_some_and(|next| next <= now) => {
                    attempt.next = None;
                    due.push(lost);
                }
                Some(_) => {}
            }
        }
        due
    }

    /// Detaching one has ended.
    pub(crate) fn detached(&mut self, lost: &Missing, done: bool, now: Instant) {
        match self.all.get_mut(lost) {
            Some(attempt) if !done => {
                attempt.failures = attempt.failures.saturating_add(1);
                let pause = Backoff::default().pause(attempt.failures, attempt.failures.into());
                attempt.next = Some(now + pause);
            }
            _ => drop(self.all.remove(lost)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_who_is_missing_twice_is_detached_and_then_ever_later() {
        let (mut all, now) = (Lost::default(), Instant::now());
        let lost: Missing = ("u".to_owned(), SandboxId::new("s").unwrap());
        let missing = || BTreeSet::from([lost.clone()]);
        assert_eq!(all.look(missing(), now), []);
        // It was about to be listed.
        assert_eq!(all.look(BTreeSet::new(), now), []);
        assert_eq!(all.look(missing(), now), []);
        assert_eq!(all.look(missing(), now), std::slice::from_ref(&lost));
        assert_eq!(all.look(missing(), now), [], "it is at work");
        all.detached(&lost, false, now);
        assert_eq!(all.look(missing(), now), [], "not yet again");
        let later = now + Duration::from_secs(1);
        assert_eq!(all.look(missing(), later), std::slice::from_ref(&lost));
        all.detached(&lost, true, later);
        assert_eq!(all.look(BTreeSet::new(), later), []);
    }
}
