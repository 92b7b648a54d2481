//! Capacity for peer pods.

use kubewright_peerpod::api::{LimitScope, PeerPodConfigSpec};
use kubewright_quantity::Quantity;
use serde::Deserialize as _;
use serde_json::Value;

use super::{list, text};

/// A PeerPodConfig.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// Its spec, or why it cannot be read.
    pub(crate) spec: Result<PeerPodConfigSpec, String>,
    pub(crate) nodes: u64,
    pub(crate) advertised: u64,
    pub(crate) allocated: u64,
    pub(crate) conditions: Vec<Condition>,
}

/// A condition of a status.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Condition {
    /// The conditions of an object, in its order.
    pub(crate) fn all(object: &Value) -> Vec<Self> {
        let read = |condition: &Value| Self {
            kind: text(&condition["type"]),
            status: text(&condition["status"]),
            reason: text(&condition["reason"]),
            message: text(&condition["message"]),
        };
        list(&object["status"]["conditions"]).map(read).collect()
    }
}

impl Config {
    /// What is shown of a config.
    pub(crate) fn of(object: &Value) -> Self {
        let status = &object["status"];
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        Self {
            spec: PeerPodConfigSpec::deserialize(&object["spec"]).map_err(|e| e.to_string()),
            nodes: number(&status["nodes"]),
            advertised: number(&status["advertised"]),
            allocated: number(&status["allocated"]),
            conditions: Condition::all(object),
        }
    }

    /// The limit of one node, where the config has one for each.
    pub(crate) fn limit_per_node(&self) -> Option<u64> {
        let spec = self.spec.as_ref().ok()?;
        let own = match spec.limit_scope {
            LimitScope::PerNode => spec.limit(),
            LimitScope::Cluster => None,
        };
        let cap = spec.max_per_node.map(u64::from);
        own.into_iter().chain(cap).min()
    }
}

/// An amount of an extended resource, which is a whole number. The API server writes 1000 as `1k`.
pub(crate) fn seats(value: &Value) -> Option<u64> {
    let amount = Quantity::of(value).ok()?;
    u64::try_from(amount.value()).ok().filter(|_| amount.is_whole())
}
