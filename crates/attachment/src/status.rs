//! `k8s.v1.cni.cncf.io/network-status` as the standard shapes it, and our own errors beside it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use kubewright_cni::{CniResult, Dns};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::link::Link;
use crate::name::InterfaceName;
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

    /// Whether it is what a meta-plugin has told of the cluster's network as this record has it, and
    /// not as it was in a sandbox before. A meta-plugin tells all of its attachments at once.
    #[must_use]
    pub fn is_report_of(&self, record: &Record) -> bool {
        let mac = record.link.as_ref().and_then(|link| link.mac).map(|mac| mac.to_string());
        let same_mac =
            self.mac.is_empty() || mac.is_none_or(|mac| mac.eq_ignore_ascii_case(&self.mac));
        let ips = record.result.iter().flat_map(|result| &result.ips);
        let ips: Vec<String> = ips.map(|ip| ip.address.address.to_string()).collect();
        let same_ips = self.ips.iter().all(|ip| ips.is_empty() || ips.contains(ip));
        // That of Calico names no interface.
        let same_interface =
            self.interface.is_empty() || self.interface == record.interface.as_str();
        self.default && same_interface && same_mac && same_ips
    }

    /// Whether an interface is as this entry tells: of its name, hardware address and addresses, as far
    /// as it tells them. Calico's tells addresses only, and an interface may get more than its plugin
    /// gave it.
    #[must_use]
    pub(crate) fn describes(&self, link: &Link) -> bool {
        let told: Option<BTreeSet<IpAddr>> = self.ips.iter().map(|ip| ip.parse().ok()).collect();
        let real: BTreeSet<IpAddr> = link.addresses.iter().map(|(address, _)| *address).collect();
        let mac = link.mac.map(|mac| mac.to_string()).unwrap_or_default();
        let interface = match self.interface.as_str() {
            "" => InterfaceName::DEFAULT,
            told => told,
        };
        interface == link.name
            && (self.mac.is_empty() || self.mac.eq_ignore_ascii_case(&mac))
            && told.is_some_and(|told| !told.is_empty() && told.is_subset(&real))
    }

    /// Completes what a record says of an attachment that someone else made: what that one has told
    /// of it stays, since others read it, and where nothing was told the interface tells its
    /// addresses. `known`: what ADD answered is on record.
    #[must_use]
    pub(crate) fn completed(mut self, known: bool, reported: &[Self], link: Option<&Link>) -> Self {
        // The entry of a sandbox before this one has another address.
        let is_it = |entry: &&Self| {
            let same_mac = self.mac.is_empty() || self.mac.eq_ignore_ascii_case(&entry.mac);
            entry.name == self.name
                && entry.interface == self.interface
                && (entry.mac.is_empty() || same_mac)
        };
        if let Some(entry) = reported.iter().find(is_it).cloned() {
            if !known {
                (self.ips, self.dns, self.gateway) = (entry.ips, entry.dns, entry.gateway);
            }
            if self.mac.is_empty() {
                self.mac = entry.mac;
            }
            self.mtu = self.mtu.or(entry.mtu);
            self.device_info = entry.device_info;
            self.extra = entry.extra;
        }
        if !known && self.ips.is_empty() {
            let addresses = link.into_iter().flat_map(|link| &link.addresses);
            self.ips = addresses.map(|(address, _)| address.to_string()).collect();
        }
        self
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
