//! The events that an area publishes, listed.
//!
//! People look up a reason in the reference, which is generated from these lists. A list that is
//! kept beside the code forgets: in builds with debug assertions, and so in every test, who publishes
//! an event that its area does not list panics.

use super::{Event, Severity};

/// The reason is the API server's word for why it refused a request, such as `Forbidden`.
pub const REASON_OF_STATUS: &str = "*";

/// An event that an area publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Kind of the object it is about.
    pub about: &'static str,
    /// What the controller was about.
    pub action: &'static str,
    /// How serious it is.
    pub severity: Severity,
    /// What came of it, or [`REASON_OF_STATUS`].
    pub reason: &'static str,
    /// When it is published, as a sentence without a full stop.
    pub when: &'static str,
    /// What to do; empty where there is nothing to do.
    pub remedy: &'static str,
}

impl Entry {
    /// Something went as it should.
    pub const fn normal(
        about: &'static str,
        action: &'static str,
        reason: &'static str,
        when: &'static str,
    ) -> Self {
        Self { about, action, severity: Severity::Normal, reason, when, remedy: "" }
    }

    /// Something needs a look, and this is what to do.
    pub const fn warning(
        about: &'static str,
        action: &'static str,
        reason: &'static str,
        when: &'static str,
        remedy: &'static str,
    ) -> Self {
        Self { about, action, severity: Severity::Warning, reason, when, remedy }
    }

    fn describes(&self, kind: &str, event: &Event) -> bool {
        (self.about, self.action, self.severity) == (kind, event.action.as_str(), event.severity)
            && (self.reason == event.reason || self.reason == REASON_OF_STATUS)
    }
}

/// Whether the list has an event about an object of this kind.
pub(super) fn lists(catalogue: &[Entry], kind: &str, event: &Event) -> bool {
    catalogue.iter().any(|entry| entry.describes(kind, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_listed_by_kind_action_severity_and_reason() {
        let catalogue = [
            Entry::normal("Node", "Apply", "Applied", "w"),
            Entry::warning("Node", "Write", REASON_OF_STATUS, "w", "r"),
        ];
        let listed = |kind, event: &Event| lists(&catalogue, kind, event);
        assert!(listed("Node", &Event::normal("Apply", "Applied", "any note")));
        assert!(!listed("Pod", &Event::normal("Apply", "Applied", "")));
        assert!(!listed("Node", &Event::warning("Apply", "Applied", "")));
        assert!(!listed("Node", &Event::normal("Apply", "Refused", "")));
        assert!(listed("Node", &Event::warning("Write", "Forbidden", "")));
        assert!(!listed("Node", &Event::warning("Apply", "Forbidden", "")));
    }
}
