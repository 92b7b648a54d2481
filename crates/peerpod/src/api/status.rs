//! What became of a config.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Types of the conditions.
pub mod condition {
    /// Everything below is as the spec says.
    pub const READY: &str = "Ready";
    /// Each node has the capacity that the plan gives it.
    pub const CAPACITY_ADVERTISED: &str = "CapacityAdvertised";
    /// The adaptor runs on every selected node.
    pub const DAEMON_SET_READY: &str = "DaemonSetReady";
    /// The webhook answers.
    pub const WEBHOOK_READY: &str = "WebhookReady";
    /// More peer pods run than the limit allows.
    pub const OVERCOMMITTED: &str = "Overcommitted";
    /// An older config is for the same nodes.
    pub const CONFLICTED: &str = "Conflicted";
}

/// Status of a config.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PeerPodConfigStatus {
    /// Whether everything has been set up once; kept for readers of the field.
    pub setup_completed: bool,
    /// Generation of the spec that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How many nodes are selected.
    pub nodes: u32,
    /// Capacity of all of them together.
    pub advertised: u64,
    /// Peer pods that run on them.
    pub allocated: u64,
    /// Conditions, by type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
