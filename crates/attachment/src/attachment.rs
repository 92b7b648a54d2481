//! One attachment, complete: what a plugin is called with, and a digest to notice changes by.

use std::collections::BTreeMap;
use std::net::IpAddr;

use kubewright_cni::{ArgsError, CniArgs, ConfigError, NetworkConfig};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::annotation::{Dialect, Mac, Request};
use crate::network::NetworkKey;
use crate::pod::{Pod, SandboxId};

/// A request and the configuration of its network, made one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The network.
    pub network: NetworkKey,
    /// Its configuration with what the request adds to it, a list of plugins.
    pub config: Value,
    /// Hardware address asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// Values by capability.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub capability_args: Map<String, Value>,
    /// Gateways of the default route, where this attachment carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_route: Option<Vec<IpAddr>>,
    /// Changes with anything that makes a difference to the interface.
    pub digest: String,
}

/// A request that its network cannot fulfil.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "annotation {dialect}: [{element}].{field} asks for what network {network} cannot do: none of its plugins declares the capability {capability:?}"
)]
pub struct CapabilityMissing {
    /// How it was asked for.
    pub dialect: Dialect,
    /// Position of the element.
    pub element: usize,
    /// Its field.
    pub field: &'static str,
    /// The network.
    pub network: NetworkKey,
    /// The capability that some plugin must declare.
    pub capability: &'static str,
}

impl Attachment {
    /// Joins a request with its network and with a device that the kubelet allocated to the pod.
    ///
    /// Without one, an id in the request itself reaches plugins that declare the capability
    /// `deviceID` and no others: whoever defines a network decides whether the authors of pods may
    /// choose among the node's devices.
    ///
    /// # Errors
    /// [`CapabilityMissing`]: the standard rules that such a request must fail.
    pub fn new(
        request: &Request,
        network: NetworkKey,
        config: &NetworkConfig,
        device_id: Option<&str>,
    ) -> Result<Self, CapabilityMissing> {
        let capability_args = capability_args(request, &network, config, device_id)?;
        let config = with_request(config.to_json(), request, device_id);
        let (mac, default_route) = (request.mac, request.default_route.clone());
        Ok(Self { network, config, mac, capability_args, default_route, digest: String::new() }
            .with_digest())
    }

    /// An attachment that a foreign meta-plugin makes: it looks the network up by itself.
    #[must_use]
    pub fn by_meta_plugin(request: &Request, network: NetworkKey, config: &NetworkConfig) -> Self {
        Self {
            network,
            config: config.to_json(),
            mac: request.mac,
            capability_args: Map::new(),
            default_route: request.default_route.clone(),
            digest: String::new(),
        }
        .with_digest()
    }

    fn with_digest(mut self) -> Self {
        let parts =
            json!([self.network, self.config, self.mac, self.capability_args, self.default_route,]);
        self.digest = digest(&parts);
        self
    }

    /// The configuration, ready for plugins.
    ///
    /// # Errors
    /// [`ConfigError`] when it comes from a record that was tampered with.
    pub fn network_config(&self) -> Result<NetworkConfig, ConfigError> {
        NetworkConfig::from_value(self.config.clone())
    }

    /// `CNI_ARGS`, as podagent handed them over.
    ///
    /// # Errors
    /// [`ArgsError`]; names and addresses are checked before, so none is expected.
    pub fn args(&self, pod: &Pod, sandbox: &SandboxId) -> Result<CniArgs, ArgsError> {
        let mut args = CniArgs::new()
            .with("IgnoreUnknown", "1")?
            .with("K8S_POD_NAMESPACE", pod.namespace())?
            .with("K8S_POD_NAME", pod.name())?
            .with("K8S_POD_INFRA_CONTAINER_ID", sandbox.as_str())?
            .with("K8S_POD_UID", pod.uid())?
            .with("K8S_POD_NETWORK", self.network.name())?;
        if let Some(mac) = self.mac {
            let mac = mac.to_string();
            args.set("K8S_POD_IFMAC", &mac)?;
            if self.network.dialect() == Dialect::Kaloom {
                // Kaloom's delegates read the first, the common plugins the second.
                args.set("CNI_IFMAC", &mac)?;
                args.set("MAC", &mac)?;
            }
        }
        Ok(args)
    }
}

/// Values by capability; a value without its capability is refused.
fn capability_args(
    request: &Request,
    network: &NetworkKey,
    config: &NetworkConfig,
    device_id: Option<&str>,
) -> Result<Map<String, Value>, CapabilityMissing> {
    let declared = config.capabilities();
    let missing = |field, capability| CapabilityMissing {
        dialect: request.dialect,
        element: request.element,
        field,
        network: network.clone(),
        capability,
    };
    let mut args = Map::new();
    let some = |value: &[Value]| (!value.is_empty()).then(|| json!(value));
    let ips = (!request.ips.is_empty()).then(|| json!(request.ips));
    let supplied = [
        ("ips", "ips", ips),
        ("mac", "mac", request.mac.map(|mac| json!(mac))),
        ("portMappings", "portMappings", some(&request.port_mappings)),
        ("bandwidth", "bandwidth", request.bandwidth.clone()),
        (
            "infiniband-guid",
            "infinibandGUID",
            request.infiniband_guid.as_ref().map(|guid| json!(guid)),
        ),
    ];
    for (field, capability, value) in supplied {
        let Some(value) = value else { continue };
        if declared.contains(capability) {
            args.insert(capability.to_owned(), value);
        } else if request.dialect == Dialect::Standard {
            return Err(missing(field, capability));
        }
    }
    let Some(device) = device_id.or(request.device_id.as_deref()) else { return Ok(args) };
    if declared.contains("deviceID") {
        args.insert("deviceID".to_owned(), device.into());
    } else if device_id.is_none() {
        return Err(missing("deviceID", "deviceID"));
    }
    // What the kubelet has decided is no error for a plugin that does not care.
    Ok(args)
}

/// The configuration with the arguments of the request in every plugin.
fn with_request(mut config: Value, request: &Request, device_id: Option<&str>) -> Value {
    let mut cni_args = request.cni_args.clone();
    if let Some(claim) = &request.ipam_claim {
        cni_args.insert("ipam-claim-reference".to_owned(), claim.as_str().into());
    }
    let plugins = config.get_mut("plugins").and_then(Value::as_array_mut);
    for plugin in plugins.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(device) = device_id {
            plugin.insert("deviceID".to_owned(), device.into());
        }
        if !cni_args.is_empty() {
            let cni = object(plugin, "args").and_then(|args| object(args, "cni"));
            cni.into_iter().for_each(|cni| cni.extend(cni_args.clone()));
        }
    }
    config
}

/// The object under a key; what else was there gives way.
fn object<'a>(parent: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    if !parent.get(key).is_some_and(Value::is_object) {
        parent.insert(key.to_owned(), json!({}));
    }
    parent.get_mut(key).and_then(Value::as_object_mut)
}

/// Digest of a value, whatever the order of the keys of its objects.
///
/// It tells a change from none and keeps no secret; the order matters because one program may
/// keep that of the text and another may sort.
pub(crate) fn digest(value: &Value) -> String {
    let hash = Md5::digest(sorted(value).to_string().as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let by_key: BTreeMap<_, _> = object.iter().collect();
            by_key.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(array) => array.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
