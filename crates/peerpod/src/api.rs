//! `PeerPodConfig`: how many peer pods which nodes may run.
//!
//! Group, kind and the fields of the specification's first seven are those of the
//! peer-pod-controller of 2022, so that its objects keep working; what is ours comes beside them.
//! `nodeSelector` is `labelSelector` as earlier versions of it spelled it.

mod defaults;
mod rules;
mod selector;
mod status;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use kubewright_operator::schema::{any_object, label_selector, resources};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::selector::{NodeSelector, SelectorError};
pub use self::status::{PeerPodConfigStatus, condition};

/// Spec of a config: the nodes it selects may together run `limit` peer pods.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "confidentialcontainers.org",
    version = "v1alpha1",
    kind = "PeerPodConfig",
    namespaced,
    status = "PeerPodConfigStatus",
    shortname = "ppc",
    category = "kubewright",
    derive = "PartialEq",
    doc = "Says how many peer pods which nodes may run.",
    printcolumn = r#"{"name": "Limit", "type": "string", "jsonPath": ".spec.limit"}"#,
    printcolumn = r#"{"name": "Advertised", "type": "integer", "jsonPath": ".status.advertised"}"#,
    printcolumn = r#"{"name": "Allocated", "type": "integer", "jsonPath": ".status.allocated"}"#,
    printcolumn = r#"{"name": "Nodes", "type": "integer", "jsonPath": ".status.nodes"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!(has(self.labelSelector) && has(self.nodeSelector))",
        "message": "labelSelector and nodeSelector exclude each other; nodeSelector is the older name",
    },
    {
        "rule": "!has(self.overrides) || self.overrides.all(o, self.limitScope == 'PerNode' ? !has(o.weight) : !has(o.limit))",
        "message": "an override has a weight where limitScope is Cluster, and a limit where it is PerNode",
    },
]))]
pub struct PeerPodConfigSpec {
    /// Secret with the cloud's credentials, in the namespace of the controller.
    #[serde(default = "defaults::cloud_secret_name")]
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = rules::name()))]
    pub cloud_secret_name: String,
    /// ConfigMap with the cloud's settings, in the namespace of the controller.
    #[serde(default = "defaults::config_map_name")]
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = rules::name()))]
    pub config_map_name: String,
    /// How many peer pods may run, as a decimal number without leading zeros.
    #[schemars(length(max = 7), extend("x-kubernetes-validations" = rules::number()))]
    pub limit: String,
    /// Whether `limit` is for all selected nodes together, or for each.
    #[serde(default)]
    pub limit_scope: LimitScope,
    /// Nodes it is for; without a selector, all nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "label_selector")]
    pub label_selector: Option<LabelSelector>,
    /// The same under its older name, as a label selector or as a map of labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub node_selector: Option<Map<String, Value>>,
    /// Instance type of VMs whose pod names none; none is written by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub instance_type: Option<String>,
    /// The most that one node gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_per_node: Option<u32>,
    /// What is different for some nodes; the first that selects a node counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub overrides: Vec<Override>,
    /// Whether allocatable is written beside capacity. A kubelet copies it within about ten
    /// seconds by itself.
    #[serde(default)]
    pub write_allocatable: bool,
    /// What becomes of the nodes' capacity when the config is deleted while peer pods run.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// The cloud-api-adaptor on the selected nodes.
    #[serde(default)]
    pub adaptor: Adaptor,
    /// The webhook that makes pods peer pods.
    #[serde(default)]
    pub webhook: Webhook,
}

/// What a limit is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LimitScope {
    /// All selected nodes together.
    #[default]
    Cluster,
    /// Each selected node.
    PerNode,
}

/// What is different for some of the selected nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Override {
    /// The nodes.
    #[schemars(schema_with = "label_selector")]
    pub label_selector: LabelSelector,
    /// Their share against that of other nodes, which is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000))]
    pub weight: Option<u32>,
    /// The limit of each of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub limit: Option<u32>,
    /// The most that each of them gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max: Option<u32>,
}

/// What to do with running peer pods when a config is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Wait until none runs; no new one is admitted meanwhile.
    #[default]
    Wait,
    /// Do not wait: they run on, and nodes are overcommitted until they end.
    Orphan,
}

/// The DaemonSet of the cloud-api-adaptor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adaptor {
    /// Whether it is deployed; unset it where something else does.
    #[serde(default = "defaults::yes")]
    pub enabled: bool,
    /// Its image; by default that of the cloud's provider, or `CAA_IMAGE` of the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub image: Option<String>,
    /// Taints of nodes that it runs on all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub tolerations: Vec<Toleration>,
    /// How many nodes are updated at once: a number or a percentage.
    #[serde(default = "defaults::max_unavailable")]
    #[schemars(regex(pattern = r"^([1-9][0-9]{0,5}|[1-9][0-9]?%|100%)$"))]
    pub max_unavailable: String,
    /// What its container asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
}

impl Default for Adaptor {
    fn default() -> Self {
        Self {
            enabled: true,
            image: None,
            tolerations: Vec::new(),
            max_unavailable: defaults::max_unavailable(),
            resources: None,
        }
    }
}

/// The webhook for pods of a runtime class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Whether it is deployed and registered.
    #[serde(default = "defaults::yes")]
    pub enabled: bool,
    /// Pods of this runtime class become peer pods.
    #[serde(default = "defaults::runtime_class_name")]
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = rules::name()))]
    pub runtime_class_name: String,
    /// Namespaces whose pods are looked at; the system's own never are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "label_selector")]
    pub namespace_selector: Option<LabelSelector>,
    /// Pods that are looked at, of those of the runtime class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "label_selector")]
    pub object_selector: Option<LabelSelector>,
    /// How many replicas serve it.
    #[serde(default = "defaults::replicas")]
    #[schemars(range(min = 1, max = 16))]
    pub replicas: u16,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            enabled: true,
            runtime_class_name: defaults::runtime_class_name(),
            namespace_selector: None,
            object_selector: None,
            replicas: defaults::replicas(),
        }
    }
}

impl PeerPodConfigSpec {
    /// The nodes it selects.
    ///
    /// # Errors
    /// [`SelectorError`] for a selector that Kubernetes would not take.
    pub fn selector(&self) -> Result<NodeSelector, SelectorError> {
        NodeSelector::of(self.label_selector.as_ref(), self.node_selector.as_ref())
    }

    /// The limit as a number; `None` for a text that the schema would not take.
    pub fn limit(&self) -> Option<u64> {
        let plain = self.limit.bytes().all(|byte| byte.is_ascii_digit());
        let leading = self.limit.len() > 1 && self.limit.starts_with('0');
        if plain && !leading { self.limit.parse().ok() } else { None }
    }
}

#[cfg(test)]
mod tests;
