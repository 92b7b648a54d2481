//! Leases of kubewright's controllers.

use jiff::Timestamp;
use serde_json::Value;

use super::{text, time};

/// A lease.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lease {
    /// Who holds it; empty where nobody does.
    pub(crate) holder: String,
    /// Since when.
    pub(crate) acquired: Option<Timestamp>,
    /// When it was renewed last.
    pub(crate) renewed: Option<Timestamp>,
    /// Seconds after which it lapses.
    pub(crate) duration: i64,
    /// How often it has changed hands.
    pub(crate) transitions: i64,
}

impl Lease {
    /// What is shown of a lease; nothing for those of others, such as nodes.
    pub(crate) fn of(object: &Value) -> Option<Self> {
        if !text(&object["metadata"]["name"]).starts_with("kubewright") {
            return None;
        }
        let spec = &object["spec"];
        Some(Self {
            holder: text(&spec["holderIdentity"]),
            acquired: time(&spec["acquireTime"]),
            renewed: time(&spec["renewTime"]),
            duration: spec["leaseDurationSeconds"].as_i64().unwrap_or(15),
            transitions: spec["leaseTransitions"].as_i64().unwrap_or(0),
        })
    }

    /// Whether `later` differs by its renewal alone, which is no news.
    pub(crate) fn is_renewed(&self, later: &Self) -> bool {
        Self { renewed: None, ..self.clone() } == Self { renewed: None, ..later.clone() }
    }
}
