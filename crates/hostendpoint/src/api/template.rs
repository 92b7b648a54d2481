//! `HostEndpointTemplate`: which nodes get which HostEndpoints.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use kubewright_operator::schema::label_selector;

use super::{EndpointPort, HostEndpointTemplateStatus};

/// Spec of a template: on every node that `nodeSelector` selects, one
/// HostEndpoint for each interface that a rule in `interfaces` finds.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kubewright.io",
    version = "v1alpha1",
    kind = "HostEndpointTemplate",
    status = "HostEndpointTemplateStatus",
    shortname = "het",
    category = "kubewright",
    derive = "Default",
    derive = "PartialEq",
    doc = "Says which nodes get which Calico HostEndpoints.",
    printcolumn = r#"{"name": "Nodes", "type": "integer", "jsonPath": ".status.matchedNodes"}"#,
    printcolumn = r#"{"name": "Endpoints", "type": "integer", "jsonPath": ".status.endpoints"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name": "Reason", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "self.endpointName.contains('{node}')",
        "message": "endpointName must contain {node}, or the endpoints of all nodes would share a name",
    },
    {
        "rule": "self.endpointName.contains('{interface}') || (self.interfaces.size() == 1 && !has(self.interfaces[0].pattern))",
        "message": "endpointName must contain {interface} where more than one interface can match",
    },
]))]
pub struct HostEndpointTemplateSpec {
    /// Nodes the template is for; empty selects every node.
    #[serde(default)]
    #[schemars(schema_with = "label_selector")]
    pub node_selector: LabelSelector,
    /// Interfaces to protect.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub interfaces: Vec<InterfaceRule>,
    /// Name of the endpoints; `{node}`, `{interface}` and `{template}` are
    /// replaced.
    #[serde(default = "default_endpoint_name")]
    #[schemars(length(min = 1, max = 253))]
    pub endpoint_name: String,
    /// Labels of the endpoints, for Calico's policies to select them by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Which labels of the node the endpoints get too; none by default.
    #[serde(default)]
    pub copy_labels: LabelCopy,
    /// Annotations of the endpoints.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Calico profiles that decide where no policy selects the endpoint.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub profiles: Vec<String>,
    /// Named ports for policies to refer to.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub ports: Vec<EndpointPort>,
    /// Kinds of the node's addresses to write into `expectedIPs`; none by
    /// default. Rules with `cidrs` write the addresses they match.
    #[serde(default, rename = "expectedIPs")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub expected_ips: Vec<AddressKind>,
    /// What to do where an endpoint of that name exists that is not ours.
    #[serde(default)]
    pub adopt: AdoptPolicy,
    /// What to do where an endpoint would cut its node off.
    #[serde(default)]
    pub lockout: LockoutPolicy,
    /// Nodes to prepare endpoints for before they register.
    #[serde(default)]
    pub pre_creation: PreCreation,
}

/// Finds interfaces of a node; exactly one of `name`, `pattern`, `cidrs` and
/// `all` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(has(self.name) ? 1 : 0) + (has(self.pattern) ? 1 : 0) + (has(self.cidrs) ? 1 : 0) + (has(self.all) && self.all ? 1 : 0) == 1",
    "message": "exactly one of name, pattern, cidrs and all must be given",
}]))]
pub struct InterfaceRule {
    /// This interface, whether the node reports it or not: tunnels too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-zA-Z0-9_.-]{1,15}$"))]
    pub name: Option<String>,
    /// Every interface the node reports (calico-node writes them into the
    /// annotation `projectcalico.org/Interfaces`) whose whole name matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub pattern: Option<String>,
    /// One endpoint without interface name, for the addresses of the node
    /// that lie in these networks; no endpoint where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "atomic"))]
    pub cidrs: Option<Vec<String>>,
    /// One endpoint for all interfaces of the node (`interfaceName: "*"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
    /// What `{interface}` becomes in the endpoint's name instead of the
    /// interface's own (`all` and `cidr` for the rules of that name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))]
    pub alias: Option<String>,
}

/// Which labels of a node are copied to its endpoints. Keys are matched whole;
/// `*` stands for any text. A key is copied if it matches `allow` and not
/// `deny`; labels of the template win over copied ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelCopy {
    /// Keys to copy.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub allow: Vec<String>,
    /// Keys not to copy.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub deny: Vec<String>,
}

/// Where an address of a node comes from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum AddressKind {
    /// BGP addresses of calico-node.
    #[serde(rename = "BGP")]
    Bgp,
    /// Addresses of the IP-in-IP and VXLAN tunnels.
    Tunnel,
    /// Addresses of the WireGuard interfaces.
    WireGuard,
    /// `InternalIP` of `status.addresses`.
    #[serde(rename = "InternalIP")]
    InternalIp,
    /// `ExternalIP` of `status.addresses`.
    #[serde(rename = "ExternalIP")]
    ExternalIp,
}

/// What to do with an endpoint that has the wanted name but is not ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AdoptPolicy {
    /// Leave it alone and report it.
    #[default]
    Never,
    /// Take it over if it is for the same node and interface.
    Matching,
    /// Take it over and make it what the template says. Endpoints of Calico's
    /// own controller are never taken over.
    Always,
}

/// What to do where an endpoint would cut its node off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LockoutPolicy {
    /// Do not create the endpoint and say why.
    #[default]
    Refuse,
    /// Create it and say why it is dangerous.
    Warn,
    /// Create it without looking.
    Ignore,
}

/// Nodes that get their endpoints before they register. Until the node is
/// there, its labels are unknown and `nodeSelector` is not asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreCreation {
    /// Names of nodes that are to come, for as long as they stand here.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub nodes: BTreeSet<String>,
    /// Nodes whose kubelet client certificate has been approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<CertificatePreCreation>,
    /// Nodes that Cluster API Machines announce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<MachinePreCreation>,
    /// Seconds after its approval that a certificate announces a node which
    /// has not registered.
    #[serde(default = "default_expire_after_seconds")]
    #[schemars(range(min = 60, max = 604_800))]
    pub expire_after_seconds: u32,
}

impl Default for PreCreation {
    fn default() -> Self {
        Self {
            nodes: BTreeSet::new(),
            certificates: None,
            machines: None,
            expire_after_seconds: default_expire_after_seconds(),
        }
    }
}

/// Pre-creation from approved certificate signing requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificatePreCreation {
    /// Only nodes whose whole name matches; control-plane nodes ask for
    /// certificates too.
    #[serde(default = "default_name_pattern")]
    #[schemars(length(min = 1, max = 1024))]
    pub name_pattern: String,
}

/// Pre-creation from Cluster API Machines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachinePreCreation {
    /// Machines that count, by their own labels.
    #[serde(default)]
    #[schemars(schema_with = "label_selector")]
    pub selector: LabelSelector,
}

fn default_endpoint_name() -> String {
    "{node}-{interface}".to_owned()
}

fn default_name_pattern() -> String {
    ".*".to_owned()
}

fn default_expire_after_seconds() -> u32 {
    3600
}
