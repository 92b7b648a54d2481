//! What the controller knows about a node: the few fields that decide about
//! endpoints, in compact form.

mod wire;

use std::{collections::BTreeMap, net::IpAddr};

use serde::Deserialize;

use crate::{
    api::{
        AddressKind, CALICO_INTERFACES_ANNOTATION, GUARD_ANNOTATION, PROTECTED_CONDITION,
        UNPROTECTED_TAINT,
    },
    labels::{Interner, Labels, Shared},
};

pub use wire::PrunedNode;

/// A registered node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFacts {
    /// Its name.
    pub name: Shared,
    /// Its labels.
    pub labels: Labels,
    /// Its addresses, in the order of their kinds, each once.
    pub addresses: Vec<(AddressKind, IpAddr)>,
    /// The interfaces calico-node has reported; `None` until it first ran.
    pub interfaces: Option<Vec<Interface>>,
    /// How far the node is protected.
    pub protection: Protection,
}

/// An interface of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: Shared,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// What a node says about its protection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Whether the startup taint is on the node.
    pub tainted: bool,
    /// Status and reason of the condition `HostProtected`.
    pub condition: Option<(String, String)>,
    /// What the boot guard of the current boot reports.
    pub guard: Option<GuardReport>,
    /// Whether calico-node has declared the node's network up
    /// (`NetworkUnavailable` is `False` with reason `CalicoIsUp`).
    pub calico_up: bool,
}

/// State of the boot guard of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardReport {
    /// The boot guard's table stands.
    Locked,
    /// It has handed over to Felix.
    Released,
}

impl NodeFacts {
    /// Takes from a node what matters.
    pub fn new(node: &PrunedNode, interner: &mut Interner) -> Self {
        let empty = BTreeMap::new();
        let annotations = node.metadata.annotations.as_ref().unwrap_or(&empty);
        Self {
            name: interner.share(node.metadata.name.as_deref().unwrap_or_default()),
            labels: interner.labels(node.metadata.labels.as_ref().unwrap_or(&empty)),
            addresses: addresses(node, annotations),
            interfaces: annotations
                .get(CALICO_INTERFACES_ANNOTATION)
                .and_then(|text| interfaces(text, interner)),
            protection: protection(node, annotations),
        }
    }
}

/// Annotations of calico-node that hold addresses.
const ADDRESS_ANNOTATIONS: &[(&str, AddressKind)] = &[
    ("projectcalico.org/IPv4Address", AddressKind::Bgp),
    ("projectcalico.org/IPv6Address", AddressKind::Bgp),
    ("projectcalico.org/IPv4IPIPTunnelAddr", AddressKind::Tunnel),
    ("projectcalico.org/IPv4VXLANTunnelAddr", AddressKind::Tunnel),
    ("projectcalico.org/IPv6VXLANTunnelAddr", AddressKind::Tunnel),
    ("projectcalico.org/IPv4WireguardInterfaceAddr", AddressKind::WireGuard),
    ("projectcalico.org/IPv6WireguardInterfaceAddr", AddressKind::WireGuard),
];

fn addresses(
    node: &PrunedNode,
    annotations: &BTreeMap<String, String>,
) -> Vec<(AddressKind, IpAddr)> {
    let annotated = ADDRESS_ANNOTATIONS
        .iter()
        .filter_map(|(key, kind)| Some((*kind, annotations.get(*key)?.as_str())));
    let reported = node.status.addresses.iter().filter_map(|address| {
        let kind = match address.type_.as_str() {
            "InternalIP" => AddressKind::InternalIp,
            "ExternalIP" => AddressKind::ExternalIp,
            _ => return None,
        };
        Some((kind, address.address.as_str()))
    });
    let mut addresses = Vec::new();
    for (kind, text) in annotated.chain(reported) {
        if let Some(address) = parse_address(text)
            && !addresses.contains(&(kind, address))
        {
            addresses.push((kind, address));
        }
    }
    addresses
}

/// An address, with or without prefix length.
fn parse_address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

fn interfaces(text: &str, interner: &mut Interner) -> Option<Vec<Interface>> {
    #[derive(Deserialize)]
    struct Reported {
        name: String,
        #[serde(default)]
        addresses: Vec<String>,
    }
    // What cannot be read counts as not reported: unknown, never "no interfaces".
    let reported: Vec<Reported> = serde_json::from_str(text).ok()?;
    let mut interfaces: Vec<_> = reported
        .into_iter()
        .map(|interface| Interface {
            name: interner.share(&interface.name),
            addresses: interface
                .addresses
                .iter()
                .filter_map(|address| parse_address(address))
                .collect(),
        })
        .collect();
    interfaces.sort_by(|a, b| a.name.cmp(&b.name));
    interfaces.dedup_by(|a, b| a.name == b.name);
    Some(interfaces)
}

fn protection(node: &PrunedNode, annotations: &BTreeMap<String, String>) -> Protection {
    let condition =
        |type_: &str| node.status.conditions.iter().find(|condition| condition.type_ == type_);
    Protection {
        tainted: node.spec.taints.iter().any(|taint| taint.key == UNPROTECTED_TAINT),
        condition: condition(PROTECTED_CONDITION)
            .map(|condition| (condition.status.clone(), condition.reason.clone())),
        guard: annotations
            .get(GUARD_ANNOTATION)
            .and_then(|report| guard_report(report, &node.status.node_info.boot_id)),
        calico_up: condition("NetworkUnavailable").is_some_and(|condition| {
            condition.status == "False" && condition.reason == "CalicoIsUp"
        }),
    }
}

fn guard_report(report: &str, boot_id: &str) -> Option<GuardReport> {
    match report.split_once('/')? {
        (_, boot) if boot != boot_id || boot.is_empty() => None,
        ("locked", _) => Some(GuardReport::Locked),
        ("released", _) => Some(GuardReport::Released),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
