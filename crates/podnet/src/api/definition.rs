//! `k8s.cni.cncf.io/v1`, section 3 of the multi-network standard.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Spec of a definition.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "k8s.cni.cncf.io",
    version = "v1",
    kind = "NetworkAttachmentDefinition",
    plural = "network-attachment-definitions",
    singular = "network-attachment-definition",
    shortname = "net-attach-def",
    namespaced,
    derive = "Default",
    derive = "PartialEq",
    doc = "A network that pods can be attached to, by their annotation `k8s.v1.cni.cncf.io/networks`."
)]
pub struct NetworkAttachmentDefinitionSpec {
    /// CNI configuration, in JSON: a plugin or a list of plugins. Without it, the configuration
    /// of this name in the node's CNI configuration folder is used.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub config: String,
}
