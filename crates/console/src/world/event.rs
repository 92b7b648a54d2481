//! Events.

use jiff::Timestamp;
use serde_json::Value;

use super::{text, time};

/// An Event, in the form of `events.k8s.io/v1`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Event {
    /// When it happened last.
    pub(crate) at: Option<Timestamp>,
    pub(crate) warning: bool,
    pub(crate) reason: String,
    pub(crate) note: String,
    /// Kind of the object that it is about.
    pub(crate) kind: String,
    /// `namespace/name` of the object, or its name.
    pub(crate) object: String,
    /// Who tells it.
    pub(crate) reporter: String,
    /// How often it happened.
    pub(crate) count: i64,
}

impl Event {
    /// What is shown of an Event. Those written by way of `v1` have their facts in the deprecated
    /// fields.
    pub(crate) fn of(object: &Value) -> Self {
        let times = [
            &object["series"]["lastObservedTime"],
            &object["deprecatedLastTimestamp"],
            &object["eventTime"],
            &object["deprecatedFirstTimestamp"],
            &object["metadata"]["creationTimestamp"],
        ];
        let regarding = &object["regarding"];
        let name = text(&regarding["name"]);
        let reporter = text(&object["reportingController"]);
        Self {
            at: times.into_iter().find_map(time),
            warning: object["type"] == "Warning",
            reason: text(&object["reason"]),
            note: text(&object["note"]),
            kind: text(&regarding["kind"]),
            object: match regarding["namespace"].as_str() {
                Some(namespace) if !namespace.is_empty() => format!("{namespace}/{name}"),
                _ => name,
            },
            reporter: match reporter.is_empty() {
                true => text(&object["deprecatedSource"]["component"]),
                false => reporter,
            },
            count: object["series"]["count"]
                .as_i64()
                .or(object["deprecatedCount"].as_i64())
                .unwrap_or(1)
                .max(1),
        }
    }
}
