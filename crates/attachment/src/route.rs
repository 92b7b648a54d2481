//! The default route of a pod, handed from one interface to another and back.
//!
//! The standard's `default-route` names the attachment that carries it. The routes of the same
//! family that were there give way; they are written into the record first, and come back when
//! the attachment goes, which nobody else would see to in a pod that runs. They come back as they
//! were: what the kernel told of them is what it is told again.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use netlink_packet_core::{Emitable as _, NLM_F_CREATE, NLM_F_REPLACE, Parseable as _};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHopFlags,
    RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};

use crate::link;
use crate::name::InterfaceName;
use crate::netlink::Netlink;

/// A default route of the main table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRoute {
    /// Interface it leads out of; of several, the first.
    pub interface: String,
    /// Whether it is for IPv6.
    pub v6: bool,
    /// Next hop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Priority; lower goes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// All of it: the kernel's message without its header, in base64. Routes of our own making have
    /// none, nor has what older versions have recorded; these are what the fields above say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Several default routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DefaultRoutes(pub Vec<DefaultRoute>);

impl DefaultRoutes {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The default routes of this thread's namespace that give way to those of an interface: all of
/// the families that the gateways are of, or, without gateways, that the interface has a default
/// route of.
pub(crate) fn giving_way(
    interface: &InterfaceName,
    gateways: &[IpAddr],
) -> io::Result<DefaultRoutes> {
    let all = list()?;
    let is_own = |route: &DefaultRoute| route.interface == interface.as_str();
    let concerns = |v6: bool| match gateways.is_empty() {
        true => all.iter().any(|route| is_own(route) && route.v6 == v6),
        false => gateways.iter().any(|gateway| gateway.is_ipv6() == v6),
    };
    let others = all.iter().filter(|route| !is_own(route) && concerns(route.v6));
    Ok(DefaultRoutes(others.cloned().collect()))
}

/// Removes these routes, and makes those of an interface by its gateways.
pub(crate) fn take_over(
    interface: &InterfaceName,
    gateways: &[IpAddr],
    others: &DefaultRoutes,
) -> io::Result<()> {
    let indexes = indexes()?;
    let mut netlink = Netlink::open()?;
    for route in &others.0 {
        let Some(message) = message(route, &indexes) else { continue };
        match netlink.change(RouteNetlinkMessage::DelRoute(message), 0) {
            // ESRCH: it is gone already.
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::SRCH.raw_os_error()) => {
                return Err(error);
            }
            _ => {}
        }
    }
    let own = |gateway: &IpAddr| DefaultRoute {
        interface: interface.to_string(),
        v6: gateway.is_ipv6(),
        gateway: Some(*gateway),
        metric: None,
        message: None,
    };
    make(&mut netlink, &indexes, gateways.iter().map(own))
}

/// Puts routes back whose interfaces are still there.
pub(crate) fn put_back(routes: &DefaultRoutes) -> io::Result<()> {
    make(&mut Netlink::open()?, &indexes()?, routes.0.iter().cloned())
}

fn make(
    netlink: &mut Netlink,
    indexes: &BTreeMap<String, u32>,
    routes: impl Iterator<Item = DefaultRoute>,
) -> io::Result<()> {
    let mut made = Ok(());
    for route in routes {
        if let Some(message) = message(&route, indexes) {
            let message = RouteNetlinkMessage::NewRoute(message);
            // One that cannot be made keeps no other from coming back.
            made = made.and(netlink.change(message, NLM_F_CREATE | NLM_F_REPLACE));
        }
    }
    made
}

fn list() -> io::Result<Vec<DefaultRoute>> {
    let names: BTreeMap<u32, String> =
        indexes()?.into_iter().map(|(name, index)| (index, name)).collect();
    let mut netlink = Netlink::open()?;
    let mut all = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut question = RouteMessage::default();
        question.header.address_family = family;
        let answers = netlink.dump(RouteNetlinkMessage::GetRoute(question))?;
        all.extend(answers.into_iter().filter_map(|answer| read(answer, &names)));
    }
    Ok(all)
}

fn read(message: RouteNetlinkMessage, names: &BTreeMap<u32, String>) -> Option<DefaultRoute> {
    let RouteNetlinkMessage::NewRoute(message) = message else { return None };
    let RouteHeader { address_family, destination_prefix_length, table, kind, .. } = message.header;
    let is_default = destination_prefix_length == 0
        && table == RouteHeader::RT_TABLE_MAIN
        && kind == RouteType::Unicast;
    if !is_default {
        return None;
    }
    let (mut interface, mut gateway, mut metric) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => interface = names.get(index).cloned(),
            RouteAttribute::MultiPath(hops) => {
                interface = hops.iter().find_map(|hop| names.get(&hop.interface_index).cloned());
            }
            RouteAttribute::Gateway(RouteAddress::Inet(v4)) => gateway = Some((*v4).into()),
            RouteAttribute::Gateway(RouteAddress::Inet6(v6)) => gateway = Some((*v6).into()),
            RouteAttribute::Priority(priority) => metric = Some(*priority),
            _ => {}
        }
    }
    let v6 = address_family == AddressFamily::Inet6;
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    let message = Some(STANDARD.encode(bytes));
    Some(DefaultRoute { interface: interface?, v6, gateway, metric, message })
}

/// What the kernel is told to make or remove a route; none when its interfaces are gone.
fn message(route: &DefaultRoute, indexes: &BTreeMap<String, u32>) -> Option<RouteMessage> {
    let recorded = route.message.as_deref().and_then(|text| STANDARD.decode(text).ok());
    let recorded = recorded.and_then(|bytes| RouteMessage::parse(&bytes).ok());
    match recorded {
        Some(message) => as_a_request(message, indexes),
        None => Some(composed(route, *indexes.get(&route.interface)?)),
    }
}

/// What the kernel has told of a route, without what it says of its state: that it would refuse.
fn as_a_request(
    mut message: RouteMessage,
    indexes: &BTreeMap<String, u32>,
) -> Option<RouteMessage> {
    // No index is used again in a namespace, so this is the interface that it was.
    let is_there = |index: u32| indexes.values().any(|other| *other == index);
    message.header.flags &= RouteFlags::Onlink | RouteFlags::Pervasive;
    for attribute in &mut message.attributes {
        match attribute {
            RouteAttribute::Oif(index) if !is_there(*index) => return None,
            RouteAttribute::MultiPath(hops) => {
                hops.retain(|hop| is_there(hop.interface_index));
                for hop in hops.iter_mut() {
                    hop.flags &= RouteNextHopFlags::Onlink | RouteNextHopFlags::Pervasive;
                }
                if hops.is_empty() {
                    return None;
                }
            }
            _ => {}
        }
    }
    // The kernel spells out what a next hop object stands for, and takes either but not both.
    let by_object = message.attributes.iter().any(|it| matches!(it, RouteAttribute::NhId(_)));
    message.attributes.retain(|attribute| match attribute {
        RouteAttribute::CacheInfo(_) => false,
        RouteAttribute::Oif(_)
        | RouteAttribute::Gateway(_)
        | RouteAttribute::Via(_)
        | RouteAttribute::MultiPath(_) => !by_object,
        _ => true,
    });
    Some(message)
}

fn composed(route: &DefaultRoute, index: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: if route.v6 { AddressFamily::Inet6 } else { AddressFamily::Inet },
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Boot,
        // A route without a next hop leads to the link itself.
        scope: if route.gateway.is_none() && !route.v6 {
            RouteScope::Link
        } else {
            RouteScope::Universe
        },
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message.attributes.push(RouteAttribute::Oif(index));
    let gateway = route.gateway.map(|gateway| match gateway {
        IpAddr::V4(v4) => RouteAddress::Inet(v4),
        IpAddr::V6(v6) => RouteAddress::Inet6(v6),
    });
    message.attributes.extend(gateway.map(RouteAttribute::Gateway));
    message.attributes.extend(route.metric.map(RouteAttribute::Priority));
    message
}

fn indexes() -> io::Result<BTreeMap<String, u32>> {
    Ok(link::here()?.into_iter().map(|link| (link.name, link.index)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// What older versions have recorded, and what someone has damaged, leads somewhere.
    #[test]
    fn a_route_without_its_message_is_made_of_its_fields() {
        let old = r#"{"interface":"eth0","v6":false,"gateway":"10.0.0.1","metric":7}"#;
        let mut route: DefaultRoute = serde_json::from_str(old).unwrap();
        let indexes = BTreeMap::from([("eth0".to_owned(), 3)]);
        for damaged in [None, Some("?"), Some("AA==")] {
            route.message = damaged.map(str::to_owned);
            let message = message(&route, &indexes).unwrap();
            let gateway = RouteAddress::Inet([10, 0, 0, 1].into());
            for attribute in [
                RouteAttribute::Oif(3),
                RouteAttribute::Gateway(gateway),
                RouteAttribute::Priority(7),
            ] {
                assert!(message.attributes.contains(&attribute), "{message:?}");
            }
        }
        assert_eq!(message(&route, &BTreeMap::new()), None, "its interface is gone");
    }
}
