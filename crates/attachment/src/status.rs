//! `k8s.v1.cni.cncf.io/network-status` as the standard shapes it, and our own errors beside it.

use std::net::IpAddr;

use kubewright_cni::{CniResult, Dns};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::problem::Problem;
use crate::record::{Record, Role, State};

/// Annotation of the multi-network standard.
pub const NETWORK_STATUS: &str = "k8s.v1.cni.cncf.io/network-status";
/// Our annotation of what is not as asked for; absent when all is well.
pub const NETWORK_ERRORS: &str = "kubewright.io/network-errors";

/// One attachment in `network-status`. Fields are written in the order the peers write them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// `namespace/name` of the network, or the name of the cluster's.
    pub name: String,
    /// Name of the interface.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interface: String,
    /// Its addresses, without prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    /// Its hardware address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// Maximum transmission unit, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Whether it is the cluster's network, or carries the default route.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// How names are resolved; always there.
    #[serde(default)]
    pub dns: Dns,
    /// Of a device, as its plugin describes it.
    #[serde(rename = "device-info", default, skip_serializing_if = "Option::is_none")]
    pub device_info: Option<Value>,
    /// Gateways of the default route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateway: Vec<String>,
    /// What else someone wrote.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Entry {
    /// What a record says of an attachment; none while it is not attached.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        if record.state != State::Attached {
            return None;
        }
        let default = record.role == Role::Default;
        let carries_default = default || record.default_route.is_some();
        let mut entry = Self {
            name: record.network_name(),
            interface: record.interface.to_string(),
            default,
            ..Self::default()
        };
        if let Some(mac) = record.link.as_ref().and_then(|link| link.mac) {
            entry.mac = mac.to_string();
        }
        if let Some(result) = &record.result {
            entry.add(result, carries_default);
        }
        if let Some(gateways) = record.default_route.as_ref().filter(|given| !given.is_empty()) {
            entry.gateway = gateways.iter().map(ToString::to_string).collect();
        }
        Some(entry)
    }

    /// An entry from a result alone, as libcni's cache keeps it.
    #[must_use]
    pub fn from_result(name: &str, interface: &str, default: bool, result: &CniResult) -> Self {
        let (name, interface) = (name.to_owned(), interface.to_owned());
        let mut entry = Self { name, interface, default, ..Self::default() };
        entry.add(result, default);
        entry
    }

    fn add(&mut self, result: &CniResult, carries_default: bool) {
        let inside = result.interfaces.iter().position(|interface| {
            interface.name == self.interface && !interface.sandbox.is_empty()
        });
        if let Some(interface) = inside.and_then(|position| result.interfaces.get(position)) {
            self.mtu = interface.mtu;
            if self.mac.is_empty() {
                self.mac.clone_from(&interface.mac);
            }
        }
        // An address that names no interface, or one of a result without any, is the container's.
        let is_ours = |index: Option<i64>| match (index, inside) {
            (Some(index), Some(position)) => i64::try_from(position) == Ok(index),
            _ => true,
        };
        let own: Vec<_> = result.ips.iter().filter(|ip| is_ours(ip.interface)).collect();
        self.ips = own.iter().map(|ip| ip.address.address.to_string()).collect();
        self.dns = result.dns.clone();
        if carries_default {
            let defaults = result.routes.iter().filter(|route| route.dst.prefix == 0);
            let mut gateways: Vec<IpAddr> = defaults
                .filter_map(|route| {
                    let same = |ip: &IpAddr| ip.is_ipv6() == route.dst.address.is_ipv6();
                    let own = own.iter().filter_map(|ip| ip.gateway).find(same);
                    route.gateway.or(own)
                })
                .collect();
            gateways.dedup();
            self.gateway = gateways.iter().map(ToString::to_string).collect();
        }
    }
}

/// Reads the annotation. What cannot be read says nothing: it is only a hint at what others did.
/// Gateways that are no addresses, as one peer writes, are left out.
#[must_use]
pub fn parse(annotation: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = serde_json::from_str(annotation).unwrap_or_default();
    for entry in &mut entries {
        entry.gateway.retain(|gateway| gateway.parse::<IpAddr>().is_ok());
    }
    entries
}

/// Writes either annotation.
#[must_use]
pub fn to_annotation<T: Serialize>(entries: &[T]) -> String {
    // Strings, numbers and maps with text keys always serialise.
    serde_json::to_string(entries).unwrap_or_default()
}

/// One element of [`NETWORK_ERRORS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// `namespace/name` of the network, where one is concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of the interface, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// What is wrong.
    #[serde(flatten)]
    pub problem: Problem,
}

#[cfg(test)]
mod tests;
