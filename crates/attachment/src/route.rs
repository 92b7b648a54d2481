//! The default route of a pod, handed from one interface to another and back.
//!
//! The standard's `default-route` names the attachment that carries it. The routes of the same
//! family that were there give way; they are written into the record first, and come back when
//! the attachment goes, which nobody else would see to in a pod that runs.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};

use crate::link;
use crate::name::InterfaceName;
use crate::netlink::Netlink;

/// A default route of the main table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRoute {
    /// Interface it leads out of.
    pub interface: String,
    /// Whether it is for IPv6.
    pub v6: bool,
    /// Next hop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Priority; lower goes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
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
        let Some(index) = indexes.get(&route.interface) else { continue };
        match netlink.change(RouteNetlinkMessage::DelRoute(message(route, *index)), 0) {
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
    for route in routes {
        if let Some(index) = indexes.get(&route.interface) {
            let message = RouteNetlinkMessage::NewRoute(message(&route, *index));
            netlink.change(message, NLM_F_CREATE | NLM_F_REPLACE)?;
        }
    }
    Ok(())
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
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => interface = names.get(&index).cloned(),
            RouteAttribute::Gateway(RouteAddress::Inet(v4)) => gateway = Some(v4.into()),
            RouteAttribute::Gateway(RouteAddress::Inet6(v6)) => gateway = Some(v6.into()),
            RouteAttribute::Priority(priority) => metric = Some(priority),
            _ => {}
        }
    }
    let v6 = address_family == AddressFamily::Inet6;
    Some(DefaultRoute { interface: interface?, v6, gateway, metric })
}

fn message(route: &DefaultRoute, index: u32) -> RouteMessage {
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
