//! The addresses of the machine, and the networks that these are in.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use crate::host::{Command, CommandError, Host};

/// An address of an interface that reaches further than the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// The interface.
    pub interface: String,
    /// The address, with the length of its network.
    pub network: IpNet,
    /// Whether it is there to stay.
    lasting: bool,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    ifname: String,
    #[serde(default)]
    addr_info: Vec<Info>,
}

/// As `ip -json` prints it: what does not hold is left out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    local: String,
    prefixlen: u8,
    temporary: bool,
    deprecated: bool,
    tentative: bool,
    secondary: bool,
}

/// The addresses of the interfaces, those first that are there to stay.
///
/// # Errors
/// When `ip` cannot be run.
pub async fn locals(host: &Host) -> Result<Vec<Local>, CommandError> {
    let shown = ["-j", "address", "show", "scope", "global"];
    Ok(parse(&host.run(&Command::new("ip", shown)).await?.stdout))
}

fn parse(text: &str) -> Vec<Local> {
    let links: Vec<Link> = serde_json::from_str(text).unwrap_or_default();
    let mut locals: Vec<Local> = links
        .into_iter()
        .flat_map(|link| {
            let addresses = link.addr_info.into_iter();
            addresses.filter_map(move |info| {
                let address: IpAddr = info.local.parse().ok()?;
                Some(Local {
                    interface: link.ifname.clone(),
                    network: IpNet::new(address, info.prefixlen).ok()?,
                    // Privacy addresses change, and floating ones go elsewhere.
                    lasting: !(info.temporary
                        || info.deprecated
                        || info.tentative
                        || info.secondary),
                })
            })
        })
        .collect();
    locals.sort_by_key(|local| !local.lasting);
    locals
}

/// The first address of an interface in a family.
#[must_use]
pub fn on(locals: &[Local], interface: &str, v4: bool) -> Option<IpAddr> {
    let mut own = locals.iter().filter(|local| local.interface == interface);
    let found = own.find(|local| local.network.addr().is_ipv4() == v4);
    found.map(|local| local.network.addr())
}

/// The interface of an address.
#[must_use]
pub fn interface_of(locals: &[Local], address: IpAddr) -> Option<&str> {
    let found = locals.iter().find(|local| local.network.addr() == address);
    found.map(|local| local.interface.as_str())
}

/// The networks that addresses are in: there the other machines of a cluster are, as a rule.
#[must_use]
pub fn networks(locals: &[Local], addresses: &[String]) -> Vec<String> {
    let own: Vec<IpAddr> = addresses.iter().filter_map(|text| text.parse().ok()).collect();
    let found = locals.iter().filter(|local| own.contains(&local.network.addr()));
    // One of everything would end the proxy.
    let found = found.filter(|local| local.network.prefix_len() > 0);
    found.map(|local| local.network.trunc().to_string()).collect()
}

/// The addresses that others know this machine by, where nobody has given it one: those that it
/// reaches the outside from, as kubeadm and the kubelet choose them.
pub async fn chosen(host: &Host) -> Vec<String> {
    let mut addresses = Vec::new();
    // Of networks that are nobody's (RFC 5737, RFC 3849).
    for (family, outside) in [("-4", "192.0.2.1"), ("-6", "2001:db8::1")] {
        let command = Command::new("ip", [family, "-j", "route", "get", outside]);
        // A machine without a route, or a family, has no such address.
        let Ok(output) = host.run(&command).await else { continue };
        let routes: serde_json::Value = serde_json::from_str(&output.stdout).unwrap_or_default();
        addresses.extend(routes[0]["prefsrc"].as_str().map(str::to_owned));
    }
    addresses
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// As iproute2 6.1 prints it, cut short.
    const SHOWN: &str = r#"[{},{"ifindex":2,"ifname":"eth0","addr_info":[
        {"family":"inet","local":"10.9.0.7","prefixlen":16,"broadcast":"10.9.255.255","scope":"global","label":"eth0"},
        {"family":"inet","local":"10.9.0.100","prefixlen":16,"scope":"global","secondary":true},
        {"family":"inet6","local":"fd00:9::abcd","prefixlen":64,"scope":"global","temporary":true,"dynamic":true},
        {"family":"inet6","local":"fd00:9::7","prefixlen":64,"scope":"global","dynamic":true,"mngtmpaddr":true}]},
        {"ifindex":3,"ifname":"eth1","addr_info":[{"family":"inet","local":"192.0.2.7","prefixlen":24}]}]"#;

    #[test]
    fn addresses_that_last_come_first() {
        let locals = parse(SHOWN);
        assert_eq!(locals.len(), 5);
        assert_eq!(on(&locals, "eth0", true), "10.9.0.7".parse().ok());
        assert_eq!(on(&locals, "eth0", false), "fd00:9::7".parse().ok());
        assert_eq!(on(&locals, "eth1", false), None);
        assert_eq!(interface_of(&locals, "192.0.2.7".parse().unwrap()), Some("eth1"));
        let own = ["fd00:9::7".to_owned(), "10.9.0.7".to_owned()];
        assert_eq!(networks(&locals, &own), ["10.9.0.0/16", "fd00:9::/64"]);
        assert!(parse("").is_empty() && parse("[{\"addr_info\":[{}]}]").is_empty());
    }
}
