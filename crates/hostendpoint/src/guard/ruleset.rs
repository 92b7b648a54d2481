//! From configuration to the ruleset that closes the node. Pure text; no I/O.
//!
//! # Why a drop of ours is enough, whatever Calico does
//! In netfilter every base chain of a hook sees a packet in the order of the
//! chains' priorities. `accept` only ends the evaluation in its own base chain;
//! `drop` is final for the packet. So an accept in Calico's or kube-proxy's
//! chains (iptables: priority 0, or native nftables: the same) cannot undo a
//! drop here, and an accept here takes nothing away from what they drop later.
//! The table can therefore be added and removed independently of Calico.
//!
//! The priority of -310 puts the chains before everything else that usually
//! sits on these two hooks. It is not needed for the drop to hold, but without
//! it another chain could act on a packet before it is dropped: a `reject` of
//! kube-proxy would tell a scanner which service ports exist, and Felix would
//! write flow logs about traffic that never arrived. Connection tracking is
//! attached in `prerouting`, so its state is known at any priority here.
//!
//! # Why output is left alone
//! What is exposed before policy is in force is what *listens* on the node. The
//! node itself must reach DHCP, DNS, time, its registry and the API server for
//! the policy to ever arrive, and answers come back as established traffic.
//! There is no output chain, so nothing the node starts is hindered.
//!
//! # Why locking again opens nothing
//! The script adds the table (so that deleting it cannot fail), deletes it and
//! builds it anew, all in one netlink transaction. The kernel switches
//! generations when the whole batch is valid; until then the old chains judge
//! every packet, and after it the new ones. A script that does not parse
//! changes nothing.
//!
//! Each chain ends in a `drop` of its own although its policy is drop. Rules
//! come into force with the switch of generations, but the policy of a new chain
//! is set afterwards, one change of the batch at a time, and by then the old
//! chain may be unhooked: with the policy alone a packet slips through now and
//! then. (The other way round the old chain, emptied, drops for a moment what is
//! allowed; senders repeat themselves.) The policy stays for whoever lists the
//! table, and in case someone flushes the chain.

use std::fmt::Write as _;

use super::cidr::{Cidr, disjoint};
use super::service::{Service, Transport};

/// The name of the guard's table, of family `inet`.
pub const TABLE: &str = "kubewright_boot";

/// The priority of both chains; see the module's documentation.
pub const PRIORITY: i32 = -310;

/// What stays reachable while the node is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// From where SSH may come. None: no SSH.
    pub ssh_from: Vec<Cidr>,
    /// The TCP ports that SSH listens on.
    pub ssh_ports: Vec<u16>,
    /// Where the other nodes (and load balancers of the API) are.
    pub nodes: Vec<Cidr>,
    /// What those may reach here.
    pub services: Vec<Service>,
    /// ICMP echo requests answered per second and address family. 0: none.
    pub echo_per_second: u32,
}

/// The script that locks the node: one transaction for `nft -f -`.
///
/// Every value in it is typed (addresses, numbers) and written out by this
/// function, so no configuration can carry syntax into it.
pub fn lock_script(allowed: &Allowed) -> String {
    let (nodes4, nodes6) = by_family(&allowed.nodes);
    let (ssh4, ssh6) = by_family(&allowed.ssh_from);

    let mut input = String::new();
    let mut rule = |text: &str| {
        let _ = writeln!(input, "\t\t{text}");
    };
    rule("iifname \"lo\" accept");
    rule("ct state established,related accept");
    // Errors about connections that were begun before tracking was loaded count
    // as invalid; path MTU discovery must survive that.
    rule("icmp type { destination-unreachable, time-exceeded, parameter-problem } accept");
    rule(
        "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept",
    );
    // RFC 4861: a hop limit of 255 proves that the sender is on the link.
    rule(
        "ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept",
    );
    // RFC 2710 and 3810: sent from link-local addresses. Without answers to
    // queries, snooping switches stop delivering neighbour solicitations.
    rule(
        "ip6 saddr fe80::/10 icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept",
    );
    rule("ct state invalid drop");
    // Offers come from an address nobody asked, so they are not established.
    rule("meta nfproto ipv4 udp sport 67 udp dport 68 accept");
    rule("ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept");
    for (family, sources) in [("ip", &ssh4), ("ip6", &ssh6)] {
        if let (Some(from), Some(ports)) = (saddr(family, sources), ssh_ports(&allowed.ssh_ports)) {
            rule(&format!("{from} tcp dport {ports} accept"));
        }
    }
    for (family, sources) in [("ip", &nodes4), ("ip6", &nodes6)] {
        let Some(from) = saddr(family, sources) else {
            continue;
        };
        for service in service_matches(&allowed.services) {
            rule(&format!("{from} {service} accept"));
        }
    }
    if allowed.echo_per_second > 0 {
        for echo in ["icmp type echo-request", "icmpv6 type echo-request"] {
            rule(&format!("{echo} limit rate {}/second accept", allowed.echo_per_second));
        }
    }
    rule("counter drop");

    // Connections that exist already (the node was locked again while it runs)
    // go on; no packet that begins one passes, so none can come to exist.
    format!(
        "add table inet {TABLE}\n\
         delete table inet {TABLE}\n\
         table inet {TABLE} {{\n\
         \tchain input {{\n\
         \t\ttype filter hook input priority {PRIORITY}; policy drop;\n\
         {input}\
         \t}}\n\
         \tchain forward {{\n\
         \t\ttype filter hook forward priority {PRIORITY}; policy drop;\n\
         \t\tct state established,related accept\n\
         \t\tcounter drop\n\
         \t}}\n\
         }}\n"
    )
}

/// The script that opens the node: one transaction, and nothing to do if the
/// table is gone already.
pub fn release_script() -> String {
    format!("add table inet {TABLE}\ndelete table inet {TABLE}\n")
}

fn by_family(ranges: &[Cidr]) -> (Vec<Cidr>, Vec<Cidr>) {
    disjoint(ranges.to_vec()).into_iter().partition(Cidr::is_ipv4)
}

/// `ip saddr { 10.0.0.0/8, 192.0.2.1/32 }`, or nothing when there is no source.
fn saddr(family: &str, sources: &[Cidr]) -> Option<String> {
    (!sources.is_empty()).then(|| format!("{family} saddr {}", set(sources)))
}

fn ssh_ports(ports: &[u16]) -> Option<String> {
    let mut ports = ports.to_vec();
    ports.sort_unstable();
    ports.dedup();
    (!ports.is_empty()).then(|| set(&ports))
}

/// One match per transport protocol, and one for the whole protocols.
fn service_matches(services: &[Service]) -> Vec<String> {
    let mut matches = Vec::new();
    for transport in [Transport::Tcp, Transport::Udp, Transport::Sctp] {
        let ranges = services.iter().filter_map(|service| match service {
            Service::Ports(of, ports) if *of == transport => Some((*ports.start(), *ports.end())),
            _ => None,
        });
        let ranges: Vec<String> = joined(ranges.collect())
            .into_iter()
            .map(
                |(first, last)| {
                    if first == last { first.to_string() } else { format!("{first}-{last}") }
                },
            )
            .collect();
        if !ranges.is_empty() {
            matches.push(format!("{} dport {}", transport.name(), set(&ranges)));
        }
    }
    let mut protocols: Vec<u8> = services
        .iter()
        .filter_map(|service| match service {
            Service::Protocol(number) => Some(*number),
            Service::Ports(..) => None,
        })
        .collect();
    protocols.sort_unstable();
    protocols.dedup();
    if !protocols.is_empty() {
        matches.push(format!("meta l4proto {}", set(&protocols)));
    }
    matches
}

/// Sorts port ranges and joins those that overlap or touch.
fn joined(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.sort_unstable();
    let mut kept: Vec<(u16, u16)> = Vec::new();
    for (first, last) in ranges {
        match kept.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => kept.push((first, last)),
        }
    }
    kept
}

fn set<T: ToString>(elements: &[T]) -> String {
    let elements: Vec<String> = elements.iter().map(ToString::to_string).collect();
    format!("{{ {} }}", elements.join(", "))
}

#[cfg(test)]
mod tests;
