//! Where the sandboxes of pods are, as far as it is known without asking the runtime.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use kubewright_attachment::pod::Sandbox;
use tokio::time::Instant;

/// How long a sandbox may be in the making: the kubelet gives up after four minutes, and then the
/// runtime calls DEL.
const MAKING: Duration = Duration::from_secs(240);

/// How long the id of a sandbox that goes is remembered: the runtime tells of it as ready until it
/// is stopped.
const GOING: Duration = Duration::from_secs(240);

/// A sandbox in the making.
#[derive(Debug)]
struct Making {
    id: String,
    until: Instant,
}

/// Sandboxes by the UID of their pod.
#[derive(Debug, Default)]
pub(crate) struct Sandboxes {
    ready: HashMap<String, Sandbox>,
    /// The plugin has attached them, and the runtime does not tell of them yet.
    making: HashMap<String, Making>,
    /// The plugin has been told to detach them.
    going: HashMap<String, Instant>,
}

impl Sandboxes {
    /// The sandbox that was ready when it was seen last.
    pub(crate) fn ready(&self, uid: &str) -> Option<&Sandbox> {
        self.ready.get(uid)
    }

    /// The runtime says that it is ready.
    pub(crate) fn seen(&mut self, uid: &str, sandbox: Sandbox) {
        if !self.going.contains_key(sandbox.id.as_str()) {
            self.making.remove(uid);
            self.ready.insert(uid.to_owned(), sandbox);
        }
    }

    /// It is to be looked for again.
    pub(crate) fn forget(&mut self, uid: &str) {
        self.ready.remove(uid);
    }

    /// The plugin attaches a new one: until the runtime tells of it, its absence means nothing.
    pub(crate) fn making(&mut self, uid: &str, id: &str, now: Instant) {
        self.making_for(uid, id, now, MAKING);
    }

    /// The same, for no longer than that.
    pub(crate) fn making_for(&mut self, uid: &str, id: &str, now: Instant, patience: Duration) {
        self.ready.remove(uid);
        let making = Making { id: id.to_owned(), until: now + patience };
        self.making.insert(uid.to_owned(), making);
    }

    /// It was not made after all, or is made: the runtime has told of it, ready or not.
    pub(crate) fn not_making(&mut self, uid: &str, id: &str) {
        if self.making.get(uid).is_some_and(|making| making.id == id) {
            self.making.remove(uid);
        }
    }

    /// Whether one is in the making.
    pub(crate) fn is_making(&mut self, uid: &str, now: Instant) -> bool {
        self.making.retain(|_, making| making.until > now);
        self.making.contains_key(uid)
    }

    /// The plugin detaches it: nothing is attached to it any more. The UID of its pod comes back,
    /// if it is known.
    pub(crate) fn going(&mut self, id: &str, now: Instant) -> Option<String> {
        self.going.retain(|_, until| *until > now);
        self.going.insert(id.to_owned(), now + GOING);
        self.making.retain(|_, making| making.id != id);
        let uid = self.ready.iter().find(|(_, sandbox)| sandbox.id.as_str() == id);
        let uid = uid.map(|(uid, _)| uid.clone())?;
        self.ready.remove(&uid);
        Some(uid)
    }

    /// Whether it goes.
    pub(crate) fn is_going(&self, id: &str) -> bool {
        self.going.contains_key(id)
    }

    /// What the runtime has listed: forgets what is not among it, and returns whose it was.
    pub(crate) fn compare(&mut self, ready: &BTreeSet<String>) -> Vec<String> {
        let lost = self.ready.iter().filter(|(_, sandbox)| !ready.contains(sandbox.id.as_str()));
        let lost: Vec<String> = lost.map(|(uid, _)| uid.clone()).collect();
        for uid in &lost {
            self.ready.remove(uid);
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_that_goes_is_not_found_again() {
        let (mut all, now) = (Sandboxes::default(), Instant::now());
        let sandbox = Sandbox::new("s1", "/run/netns/a").unwrap();
        all.seen("u", sandbox.clone());
        assert_eq!(all.ready("u"), Some(&sandbox));
        assert_eq!(all.going("s1", now).as_deref(), Some("u"));
        all.seen("u", sandbox);
        assert_eq!(all.ready("u"), None);
        assert!(all.is_going("s1"));
        let next = Sandbox::new("s2", "/run/netns/b").unwrap();
        all.seen("u", next.clone());
        assert_eq!(all.ready("u"), Some(&next));
        assert_eq!(all.compare(&BTreeSet::from(["s2".to_owned()])), Vec::<String>::new());
        assert_eq!(all.compare(&BTreeSet::new()), ["u"]);
        assert_eq!(all.ready("u"), None);
    }

    #[test]
    fn one_in_the_making_is_waited_for_but_not_for_ever() {
        let (mut all, now) = (Sandboxes::default(), Instant::now());
        all.making("u", "s1", now);
        assert!(all.is_making("u", now));
        assert!(!all.is_making("u", now + MAKING));
        all.making("u", "s1", now);
        all.not_making("u", "s0");
        assert!(all.is_making("u", now), "that was the one before");
        all.seen("u", Sandbox::new("s1", "/run/netns/a").unwrap());
        assert!(!all.is_making("u", now));
    }
}
