//! The interfaces that are really there.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkMessage};

use crate::annotation::Mac;
use crate::netlink::Netlink;
use crate::netns::{Netns, NetnsError};
use crate::record::LinkIdentity;

/// An interface of a network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its index, never used again in its namespace.
    pub index: u32,
    /// Its hardware address, where it has one of six bytes.
    pub mac: Option<Mac>,
    /// Its addresses with the length of their prefix, those of the link's scope left out.
    pub addresses: Vec<(IpAddr, u8)>,
}

impl Link {
    /// What tells it from another one that gets its name.
    #[must_use]
    pub fn identity(&self) -> LinkIdentity {
        LinkIdentity { index: self.index, mac: self.mac }
    }
}

/// The interfaces are not known.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// The namespace cannot be entered.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// The kernel does not tell.
    #[error("listing the interfaces of a network namespace")]
    Netlink(#[source] io::Error),
}

/// The interfaces of a namespace, in order of their index.
///
/// # Errors
/// [`LinksError`].
pub fn list(netns: &Netns) -> Result<Vec<Link>, LinksError> {
    netns.ask(ask)?.map_err(LinksError::Netlink)
}

/// The interfaces of this thread's namespace.
pub(crate) fn here() -> io::Result<Vec<Link>> {
    ask(&mut Netlink::open()?)
}

fn ask(netlink: &mut Netlink) -> io::Result<Vec<Link>> {
    let links = netlink.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    let mut by_index: BTreeMap<u32, Link> = links.into_iter().filter_map(link).collect();
    let addresses = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    for (index, address) in netlink.dump(addresses)?.into_iter().filter_map(address) {
        if let Some(link) = by_index.get_mut(&index) {
            link.addresses.push(address);
        }
    }
    Ok(by_index.into_values().collect())
}

fn link(message: RouteNetlinkMessage) -> Option<(u32, Link)> {
    let RouteNetlinkMessage::NewLink(message) = message else { return None };
    let index = message.header.index;
    let (mut name, mut mac) = (None, None);
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(given) => name = Some(given),
            LinkAttribute::Address(bytes) => mac = Mac::from_bytes(&bytes),
            _ => {}
        }
    }
    Some((index, Link { name: name?, index, mac, addresses: Vec::new() }))
}

fn address(message: RouteNetlinkMessage) -> Option<(u32, (IpAddr, u8))> {
    let RouteNetlinkMessage::NewAddress(message) = message else { return None };
    let (mut local, mut peer) = (None, None);
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(address),
            AddressAttribute::Address(address) => peer = Some(address),
            _ => {}
        }
    }
    let address = local.or(peer)?;
    let is_link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    (!is_link_local).then_some((message.header.index, (address, message.header.prefix_len)))
}
