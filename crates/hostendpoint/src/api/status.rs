//! Status of a template.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::{Deserialize, Serialize};

/// What the controller reports about a template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostEndpointTemplateStatus {
    /// Generation of the template that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Nodes that the template selects, nodes that are only expected included.
    #[serde(default)]
    pub matched_nodes: i64,
    /// HostEndpoints of this template that the API server has acknowledged.
    #[serde(default)]
    pub endpoints: i64,
    /// `Valid`, `Ready`, `DeletionBlocked`, `LockoutRisk`.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Types of the conditions of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// The template itself can be used.
    Valid,
    /// Every endpoint it asks for exists.
    Ready,
    /// Deletions are held back by the mass-deletion guard.
    DeletionBlocked,
    /// Endpoints of the template cut, or would cut, a node off.
    LockoutRisk,
}

impl ConditionType {
    /// The `type` in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "Valid",
            Self::Ready => "Ready",
            Self::DeletionBlocked => "DeletionBlocked",
            Self::LockoutRisk => "LockoutRisk",
        }
    }
}
