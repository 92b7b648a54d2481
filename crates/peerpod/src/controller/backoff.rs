//! Writes that failed: each waits on its own, so that one node that cannot be written, or a
//! DaemonSet that admission refuses, holds up nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::decide::{Action, Target};

/// The first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// What failed and is not to be tried again yet, by what it writes.
#[derive(Debug, Default)]
pub(crate) struct Backoff(BTreeMap<Target, Failed>);

#[derive(Debug)]
struct Failed {
    action: Action,
    why: String,
    pause: Duration,
    due: Instant,
}

impl Backoff {
    /// Those of these actions that may be tried now. One that is to write something else than what
    /// failed may be: what was wrong with it may have been mended.
    pub(super) fn due(&self, actions: Vec<Action>, now: Instant) -> Vec<Action> {
        let waits = |action: &Action| {
            let failed = self.0.get(&action.target());
            failed.is_some_and(|failed| failed.due > now && failed.action.is_like(action))
        };
        actions.into_iter().filter(|action| !waits(action)).collect()
    }

    /// An action failed: the next attempt waits, longer each time.
    pub(super) fn failed(&mut self, action: Action, why: String, now: Instant) {
        let target = action.target();
        let before = self.0.get(&target).filter(|failed| failed.action.is_like(&action));
        let pause = before.map_or(PAUSES.0, |failed| (failed.pause * 2).min(PAUSES.1));
        self.0.insert(target, Failed { action, why, pause, due: now + pause });
    }

    /// An action succeeded.
    pub(super) fn succeeded(&mut self, target: &Target) {
        self.0.remove(target);
    }

    /// Forgets what is not to be written any more.
    pub(super) fn keep_only(&mut self, actions: &[Action]) {
        let wanted: BTreeSet<Target> = actions.iter().map(Action::target).collect();
        self.0.retain(|target, _| wanted.contains(target));
    }

    /// When the next attempt is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().map(|failed| failed.due).min()
    }

    /// What the API server said to the last attempt at any write but that of a status.
    pub(crate) fn any(&self) -> Option<&str> {
        let writes = self.0.iter().filter(|(target, _)| !matches!(target, Target::Status(_)));
        writes.map(|(_, failed)| failed.why.as_str()).next()
    }

    /// What the API server said to the last attempt at this.
    pub(crate) fn why(&self, target: &Target) -> Option<&str> {
        self.0.get(target).map(|failed| failed.why.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(node: &str, seats: u64) -> Action {
        let (node, manager) = (node.to_owned(), "m".to_owned());
        Action::SetCapacity { node, manager, seats, allocatable: false }
    }

    fn refused(backoff: &mut Backoff, action: &Action, now: Instant) {
        backoff.failed(action.clone(), "no".to_owned(), now);
    }

    #[test]
    fn what_failed_waits_and_nothing_else_does() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut backoff = Backoff::default();
        refused(&mut backoff, &set("a", 1), now);
        let both = vec![set("a", 1), set("b", 1)];
        assert_eq!(backoff.due(both.clone(), now), [set("b", 1)]);
        assert_eq!(backoff.why(&set("a", 1).target()), Some("no"));
        assert_eq!(backoff.due(both.clone(), now + second), both);
        // Another number is another attempt.
        assert_eq!(backoff.due(vec![set("a", 2)], now), [set("a", 2)]);
        backoff.succeeded(&set("a", 2).target());
        assert_eq!((backoff.due(both.clone(), now), backoff.next()), (both, None));
    }

    #[test]
    fn each_pause_is_longer_up_to_a_minute() {
        let mut now = Instant::now();
        let mut backoff = Backoff::default();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            refused(&mut backoff, &set("a", 1), now);
            let due = backoff.next().unwrap_or(now);
            pauses.push((due - now).as_millis());
            now = due;
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        backoff.keep_only(&[set("b", 1)]);
        assert_eq!(backoff.next(), None, "it is not wanted any more");
    }
}
