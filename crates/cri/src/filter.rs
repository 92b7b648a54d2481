//! Which sandboxes: made for a question, and applied to an answer.

use crate::label;
use crate::message::{PodSandbox, PodSandboxFilter, PodSandboxState, PodSandboxStateValue};

impl PodSandboxFilter {
    /// Of the pod with this UID; of a static pod give the hash of its configuration.
    #[must_use]
    pub fn of_uid(uid: &str) -> Self {
        Self::default().labelled(label::POD_UID, uid)
    }

    /// Of the pod with this name, whatever its UID.
    #[must_use]
    pub fn of_pod(namespace: &str, name: &str) -> Self {
        Self::default().labelled(label::POD_NAMESPACE, namespace).labelled(label::POD_NAME, name)
    }

    /// Only those with this label.
    #[must_use]
    pub fn labelled(mut self, key: &str, value: &str) -> Self {
        self.label_selector.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Only those that are ready.
    #[must_use]
    pub fn ready(mut self) -> Self {
        self.state = Some(PodSandboxStateValue { state: PodSandboxState::Ready.into() });
        self
    }

    /// Whether a sandbox matches.
    #[must_use]
    pub fn matches(&self, sandbox: &PodSandbox) -> bool {
        (self.id.is_empty() || self.id == sandbox.id)
            && self.state.is_none_or(|wanted| wanted.state == sandbox.state)
            && self.label_selector.iter().all(|(key, value)| sandbox.labels.get(key) == Some(value))
    }
}

/// The sandbox that was made last: of a pod with two the one that replaced the other.
#[must_use]
pub fn newest(sandboxes: impl IntoIterator<Item = PodSandbox>) -> Option<PodSandbox> {
    let attempt = |sandbox: &PodSandbox| sandbox.metadata.as_ref().map_or(0, |of| of.attempt);
    sandboxes.into_iter().max_by_key(|sandbox| (sandbox.created_at, attempt(sandbox)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::message::PodSandboxMetadata;

    fn sandbox(id: &str, created_at: i64, attempt: u32) -> PodSandbox {
        PodSandbox {
            id: id.to_owned(),
            metadata: Some(PodSandboxMetadata { attempt, ..Default::default() }),
            created_at,
            labels: [(label::POD_UID.to_owned(), "uid-1".to_owned())].into(),
            ..Default::default()
        }
    }

    #[test]
    fn every_part_of_a_filter_must_match() {
        let ready = sandbox("a", 1, 0);
        let stopped = PodSandbox { state: PodSandboxState::NotReady.into(), ..ready.clone() };
        let filter = PodSandboxFilter::of_uid("uid-1").ready();
        assert!(filter.matches(&ready));
        assert!(!filter.matches(&stopped));
        assert!(!PodSandboxFilter::of_uid("uid-2").matches(&ready));
        assert!(!PodSandboxFilter::of_pod("default", "web").matches(&ready));
        assert!(!PodSandboxFilter { id: "b".to_owned(), ..filter }.matches(&ready));
        assert!(PodSandboxFilter::default().matches(&stopped));
    }

    #[test]
    fn the_newest_is_the_last_made_and_at_the_same_time_the_last_attempt() {
        let id = |all: Vec<PodSandbox>| newest(all).map(|sandbox| sandbox.id);
        assert_eq!(id(vec![]), None);
        assert_eq!(id(vec![sandbox("a", 2, 0), sandbox("b", 1, 1)]).unwrap(), "a");
        assert_eq!(id(vec![sandbox("a", 2, 1), sandbox("b", 2, 0)]).unwrap(), "a");
    }
}
