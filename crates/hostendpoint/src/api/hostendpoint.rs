//! Calico's HostEndpoint, the part of it we read and write.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, core::ClusterResourceScope};
use serde::{Deserialize, Deserializer, Serialize};

use super::CalicoGroup;

/// Calico's HostEndpoint, in either API group: the group is the dynamic type,
/// so `Api::<HostEndpoint>::all_with(client, &group)` reads and writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostEndpoint {
    /// `group/version`; may be missing in items of a list.
    #[serde(default)]
    pub api_version: String,
    /// Always `HostEndpoint`.
    #[serde(default)]
    pub kind: String,
    /// Name, labels, annotations. On `crd.projectcalico.org/v1` see
    /// [`super::CalicoMetadata`], which overrides them.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What is protected.
    #[serde(default)]
    pub spec: HostEndpointSpec,
}

impl HostEndpoint {
    /// An endpoint to be written in `group`.
    pub fn new(group: CalicoGroup, metadata: ObjectMeta, spec: HostEndpointSpec) -> Self {
        Self {
            api_version: group.api_version().to_owned(),
            kind: "HostEndpoint".to_owned(),
            metadata,
            spec,
        }
    }
}

impl Resource for HostEndpoint {
    type DynamicType = CalicoGroup;
    type Scope = ClusterResourceScope;

    fn kind(_: &CalicoGroup) -> Cow<'_, str> {
        "HostEndpoint".into()
    }

    fn group(group: &CalicoGroup) -> Cow<'_, str> {
        group.group().into()
    }

    fn version(group: &CalicoGroup) -> Cow<'_, str> {
        group.version().into()
    }

    fn plural(_: &CalicoGroup) -> Cow<'_, str> {
        "hostendpoints".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// `spec` of a HostEndpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostEndpointSpec {
    /// Name of the node. Calico does not check that it exists, which is what
    /// allows endpoints to stand before their node does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// `*`, an interface's name, or empty when `expectedIPs` say which one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interface_name: String,
    /// Addresses of the interface.
    #[serde(rename = "expectedIPs", skip_serializing_if = "Vec::is_empty")]
    pub expected_ips: Vec<String>,
    /// Profiles to apply where no policy selects the endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// Named ports that policies may refer to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<EndpointPort>,
}

/// A named port of a HostEndpoint.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct EndpointPort {
    /// Name that policies refer to.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: PortProtocol,
    /// 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}

/// Protocol of a named port. Calico's field is an int-or-string.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum PortProtocol {
    /// By name, as `TCP`.
    Name(String),
    /// By IP protocol number.
    Number(u8),
}

impl Default for PortProtocol {
    fn default() -> Self {
        Self::Name("TCP".to_owned())
    }
}

impl<'de> Deserialize<'de> for PortProtocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Name(String),
            Number(u8),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Name(name) => Self::Name(name),
            Either::Number(number) => Self::Number(number),
        })
    }
}

impl schemars::JsonSchema for PortProtocol {
    fn schema_name() -> Cow<'static, str> {
        "PortProtocol".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "enum": ["TCP", "UDP", "SCTP"],
        })
    }
}
