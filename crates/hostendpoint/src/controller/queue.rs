//! The queue: nodes, each at most once, with backoff.
//!
//! kube's scheduler does the same but hides how many items wait and for how
//! long, which the metrics have to say.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::labels::Shared;

/// First delay after a failure; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Longest delay after a failure.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// Nodes that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: VecDeque<Shared>,
    since: HashMap<Shared, Instant>,
    running: HashSet<Shared>,
    /// Came in while running.
    again: HashSet<Shared>,
    delayed: BTreeSet<(Instant, Shared)>,
    due: HashMap<Shared, Instant>,
    failures: BTreeMap<Shared, u32>,
}

impl Queue {
    /// The node has to be looked at, now. One that has failed and waits for
    /// its next attempt keeps waiting.
    pub(super) fn add(&mut self, node: Shared, now: Instant) {
        if self.failures.contains_key(&node) && self.due.contains_key(&node) {
            return;
        }
        if self.running.contains(&node) {
            self.again.insert(node);
        } else if !self.since.contains_key(&node) {
            self.since.insert(node.clone(), now);
            self.ready.push_back(node);
        }
    }

    /// The node has to be looked at then, if not earlier.
    pub(super) fn add_at(&mut self, node: Shared, at: Instant) {
        if let Some(due) = self.due.get(&node) {
            if *due <= at {
                return;
            }
            self.delayed.remove(&(*due, node.clone()));
        }
        self.due.insert(node.clone(), at);
        self.delayed.insert((at, node));
    }

    /// The next node; it is running until [`Self::done`].
    pub(super) fn next(&mut self) -> Option<Shared> {
        let node = self.ready.pop_front()?;
        self.since.remove(&node);
        self.running.insert(node.clone());
        Some(node)
    }

    /// Whether it is the node's turn.
    pub(super) fn is_running(&self, node: &Shared) -> bool {
        self.running.contains(node)
    }

    /// The node's turn is over.
    pub(super) fn done(&mut self, node: &Shared, failed: bool, now: Instant) {
        self.running.remove(node);
        let again = self.again.remove(node);
        if failed {
            let failures = self.failures.entry(node.clone()).or_default();
            let delay = FIRST_DELAY.saturating_mul(1 << (*failures).min(12)).min(LONGEST_DELAY);
            *failures += 1;
            self.forget_due(node);
            self.add_at(node.clone(), now + delay);
        } else {
            self.failures.remove(node);
            if again {
                self.add(node.clone(), now);
            }
        }
    }

    /// Whatever failed may be tried again now: its causes may have gone.
    pub(super) fn forgive(&mut self, now: Instant) {
        for (node, _) in std::mem::take(&mut self.failures) {
            self.forget_due(&node);
            self.add(node, now);
        }
    }

    /// Nodes whose time has come; they may need planning before they are
    /// added.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Shared> {
        let mut expired = Vec::new();
        while let Some((at, node)) = self.delayed.first().cloned() {
            if at > now {
                break;
            }
            self.delayed.remove(&(at, node.clone()));
            self.due.remove(&node);
            expired.push(node);
        }
        expired
    }

    fn forget_due(&mut self, node: &Shared) {
        if let Some(due) = self.due.remove(node) {
            self.delayed.remove(&(due, node.clone()));
        }
    }

    /// When the next delay is over.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// How many wait, those with a delay left out, and since when the oldest.
    pub(super) fn waiting(&self) -> (usize, Option<Instant>) {
        // Nodes come in in the order of time.
        let oldest = self.ready.front().and_then(|node| self.since.get(node)).copied();
        (self.ready.len(), oldest)
    }

    /// Whether nothing waits and nothing runs.
    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.running.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn node(name: &str) -> Shared {
        name.into()
    }

    #[test]
    fn a_node_is_there_once_and_comes_again_if_it_changes_while_running() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(node("a"), now);
        queue.add(node("b"), now);
        queue.add(node("a"), now);
        assert_eq!(queue.waiting().0, 2);
        assert_eq!(queue.next(), Some(node("a")));
        queue.add(node("a"), now);
        assert_eq!(queue.next(), Some(node("b")));
        assert_eq!(queue.next(), None);
        queue.done(&node("b"), false, now);
        queue.done(&node("a"), false, now);
        assert_eq!(queue.next(), Some(node("a")));
        queue.done(&node("a"), false, now);
        assert!(queue.is_idle());
    }

    #[test]
    fn failures_are_retried_with_growing_delays() {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        let mut delays = Vec::new();
        queue.add(node("a"), now);
        for _ in 0..12 {
            let a = queue.next().unwrap();
            queue.done(&a, true, now);
            queue.add(node("a"), now);
            assert_eq!(queue.next(), None, "it waits");
            let due = queue.next_due().unwrap();
            delays.push((due - now).as_millis());
            now = due;
            for node in queue.expired(now) {
                queue.add(node, now);
            }
        }
        assert_eq!(delays[..4], [100, 200, 400, 800]);
        assert_eq!(delays[11], 30_000);
        queue.next().unwrap();
        queue.done(&node("a"), false, now);
        assert!(queue.is_idle() && queue.next_due().is_none());
    }

    #[test]
    fn forgiving_lets_everything_that_failed_try_again() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(node("a"), now);
        queue.next().unwrap();
        queue.done(&node("a"), true, now);
        queue.forgive(now);
        assert_eq!(queue.next(), Some(node("a")));
        assert_eq!(queue.next_due(), None);
    }

    #[test]
    fn the_earliest_time_counts() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add_at(node("a"), now + Duration::from_secs(5));
        queue.add_at(node("a"), now + Duration::from_secs(9));
        queue.add_at(node("a"), now + Duration::from_secs(2));
        assert_eq!(queue.next_due(), Some(now + Duration::from_secs(2)));
        assert_eq!(queue.expired(now + Duration::from_secs(2)), [node("a")]);
        assert_eq!(queue.next_due(), None);
    }
}
