//! What is to be done next: one entry for each pod, however often it has changed meanwhile.
//!
//! ```text
//!  changed(pod) ─▶ ready ─▶ next() ─▶ running ─▶ done(pod, retry) ─┬▶ idle
//!                    ▲                  │ changed(pod)             ├▶ ready, when it has changed
//!                    └──────────────────┴────── due ◀──────────────┘▶ delayed, when it is to be retried
//! ```
//!
//! A pod is worked on by one worker at a time, and each work takes the newest state: a hundred
//! changes during one are one more.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// The pods to be worked on, by UID.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    ready: VecDeque<String>,
    since: HashMap<String, Instant>,
    running: HashSet<String>,
    /// Changed while running.
    again: HashSet<String>,
    delayed: BTreeSet<(Instant, String)>,
    due: HashMap<String, Instant>,
}

impl Queue {
    /// A pod is to be worked on, now.
    pub(crate) fn add(&mut self, pod: &str, now: Instant) {
        self.cancel_delay(pod);
        if self.running.contains(pod) {
            self.again.insert(pod.to_owned());
        } else if !self.since.contains_key(pod) {
            self.since.insert(pod.to_owned(), now);
            self.ready.push_back(pod.to_owned());
        }
    }

    /// A pod is to be worked on then, or earlier if something else asks for it.
    pub(crate) fn add_at(&mut self, pod: &str, at: Instant) {
        if self.since.contains_key(pod) || self.again.contains(pod) {
            return;
        }
        if self.due.get(pod).is_some_and(|due| *due <= at) {
            return;
        }
        self.cancel_delay(pod);
        self.due.insert(pod.to_owned(), at);
        self.delayed.insert((at, pod.to_owned()));
    }

    /// The pod that waits longest; it is running from now on.
    pub(crate) fn next(&mut self) -> Option<String> {
        let pod = self.ready.pop_front()?;
        self.since.remove(&pod);
        self.running.insert(pod.clone());
        Some(pod)
    }

    /// Takes a pod for something that is not in the queue, such as a call of the runtime; false
    /// when it is being worked on.
    pub(crate) fn seize(&mut self, pod: &str) -> bool {
        if self.running.contains(pod) {
            return false;
        }
        if self.since.remove(pod).is_some() {
            self.ready.retain(|ready| ready != pod);
            self.again.insert(pod.to_owned());
        }
        self.running.insert(pod.to_owned())
    }

    /// A work has ended, and is to be tried again after `retry`.
    pub(crate) fn done(&mut self, pod: &str, retry: Option<Duration>, now: Instant) {
        self.running.remove(pod);
        if self.again.remove(pod) {
            self.add(pod, now);
        } else if let Some(delay) = retry {
            self.add_at(pod, now + delay);
        }
    }

    /// Makes ready what is due.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some((at, pod)) = self.delayed.first().cloned() {
            if at > now {
                break;
            }
            self.add(&pod, now);
        }
    }

    /// When the next delay is over.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// How many wait, those with a delay left out, and since when the oldest.
    pub(crate) fn waiting(&self) -> (usize, Option<Instant>) {
        (self.ready.len(), self.ready.front().and_then(|pod| self.since.get(pod)).copied())
    }

    /// Whether nothing runs.
    #[cfg(test)]
    pub(crate) fn is_quiet(&self) -> bool {
        self.running.is_empty()
    }

    fn cancel_delay(&mut self, pod: &str) {
        if let Some(due) = self.due.remove(pod) {
            self.delayed.remove(&(due, pod.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_hundred_changes_during_one_work_are_one_more() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add("a", now);
        queue.add("a", now);
        queue.add("b", now);
        assert_eq!(queue.waiting(), (2, Some(now)));
        assert_eq!(queue.next().unwrap(), "a");
        for _ in 0..100 {
            queue.add("a", now);
        }
        assert_eq!(queue.next().unwrap(), "b");
        assert_eq!(queue.next(), None, "a pod is never worked on twice at once");
        queue.done("b", None, now);
        queue.done("a", Some(SECOND), now);
        assert_eq!(queue.next_due(), None, "a change is not delayed");
        assert_eq!(queue.next().unwrap(), "a");
        queue.done("a", None, now);
        assert!(queue.is_quiet() && queue.next().is_none());
    }

    #[test]
    fn a_retry_comes_when_it_is_due_or_when_something_changes() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add("a", now);
        queue.next().unwrap();
        queue.done("a", Some(SECOND), now);
        assert_eq!(queue.next_due(), Some(now + SECOND));
        queue.expire(now);
        assert_eq!(queue.next(), None);
        queue.add_at("a", now + 2 * SECOND);
        assert_eq!(queue.next_due(), Some(now + SECOND), "the earliest counts");
        queue.expire(now + SECOND);
        assert_eq!(queue.next().unwrap(), "a");
        queue.done("a", Some(SECOND), now);
        queue.add("a", now);
        assert_eq!(queue.next_due(), None);
        assert_eq!(queue.next().unwrap(), "a");
    }

    #[test]
    fn who_seizes_a_pod_keeps_the_queue_away_from_it() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        assert!(queue.seize("a"));
        assert!(!queue.seize("a"));
        queue.add("a", now);
        assert_eq!(queue.next(), None);
        queue.done("a", None, now);
        assert_eq!(queue.next().unwrap(), "a");
        assert!(!queue.seize("a"));
        queue.done("a", None, now);
        queue.add("a", now);
        assert!(queue.seize("a"), "it waits only");
        assert_eq!(queue.next(), None);
        queue.done("a", None, now);
        assert_eq!(queue.next().unwrap(), "a", "and is not forgotten");
    }
}
