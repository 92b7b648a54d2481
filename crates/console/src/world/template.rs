//! HostEndpointTemplates, as their status tells of them.

use serde_json::Value;

use super::peer_pods::Condition;

/// A template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    /// Nodes that it selects.
    pub(crate) nodes: i64,
    /// Endpoints that stand.
    pub(crate) endpoints: i64,
    pub(crate) conditions: Vec<Condition>,
}

impl Template {
    /// What is shown of a template.
    pub(crate) fn of(object: &Value) -> Self {
        let status = &object["status"];
        Self {
            nodes: status["matchedNodes"].as_i64().unwrap_or(0),
            endpoints: status["endpoints"].as_i64().unwrap_or(0),
            conditions: Condition::all(object),
        }
    }
}
