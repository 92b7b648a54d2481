//! `networks.kaloom.com/v1`, as podagent and kactus read it.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Spec of a network.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "networks.kaloom.com",
    version = "v1",
    kind = "Network",
    plural = "networks",
    singular = "network",
    shortname = "net",
    namespaced,
    derive = "Default",
    derive = "PartialEq",
    doc = "A network that pods can be attached to while they run, by their annotation `networks`."
)]
pub struct NetworkSpec {
    /// CNI plugin that attaches to the network, where `config` does not name one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plugin: String,
    /// CNI configuration of the network, in JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub config: String,
}
