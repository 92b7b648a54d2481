//! Where others reach this machine.

use std::net::IpAddr;

use super::ContextError;
use super::Purpose;
use crate::config::NodeConfiguration;
use crate::config::subnet::networks;
use crate::discovery::Endpoint;
use crate::host::Host;
use crate::machine::address::{self, Local, chosen, interface_of, locals, on};

/// The addresses that a machine is told, and is spared the proxy for.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// Of its API server; nothing when kubeadm is to find one.
    pub(super) address: Option<String>,
    /// Of its kubelet: the same, and one of the other family where the cluster has both. A kubelet
    /// that is told nothing, or one, is a Node of one family.
    pub(super) node: Option<String>,
    /// Its own, and the networks that they are in, where there is a proxy.
    pub(super) direct: Vec<String>,
}

impl Reach {
    /// Looks at the machine.
    pub(super) async fn of(
        host: &Host,
        configuration: &NodeConfiguration,
        purpose: Purpose,
    ) -> Result<Self, ContextError> {
        let bind = &configuration.network.bind;
        let proxy = configuration.network.proxy.is_set();
        let family = Family::of(configuration, purpose);
        let known = match locals(host).await {
            Err(error) if !bind.interface.is_empty() => return Err(error.into()),
            known => known.unwrap_or_default(),
        };
        let main = match bind.address.parse() {
            Ok(address) => Some(address),
            Err(_) if bind.interface.is_empty() => None,
            Err(_) => Some(family.first(&known, &bind.interface)?),
        };
        let chosen = if proxy || family.both { chosen(host).await } else { Vec::new() };
        let node = match (main, family.both) {
            (Some(main), true) => {
                let interface = interface_of(&known, main);
                let other = interface.and_then(|it| on(&known, it, !main.is_ipv4()));
                let outwards = || {
                    let mut all = chosen.iter().filter_map(|text| text.parse::<IpAddr>().ok());
                    all.find(|it| it.is_ipv4() != main.is_ipv4())
                };
                pair(Some(main).into_iter().chain(other.or_else(outwards)))
            }
            (None, true) => {
                let all = chosen.iter().filter_map(|text| text.parse::<IpAddr>().ok());
                let mut all: Vec<IpAddr> = all.collect();
                all.sort_by_key(|it| it.is_ipv4() != family.v4);
                // What there is one of the kubelet finds itself.
                (all.len() == 2).then(|| pair(all)).flatten()
            }
            (main, false) => pair(main),
        };
        let address = main.map(|it| it.to_string());
        let mut direct = Vec::new();
        if proxy {
            direct.extend(address.clone());
            direct.extend(chosen);
            direct.extend(address::networks(&known, &direct));
        }
        Ok(Self { address, node, direct })
    }
}

fn pair(addresses: impl IntoIterator<Item = IpAddr>) -> Option<String> {
    let all: Vec<String> = addresses.into_iter().map(|it| it.to_string()).collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// Of which families the cluster is.
#[derive(Clone, Copy, Debug)]
struct Family {
    /// Whether the first is IPv4.
    v4: bool,
    /// Whether it is of both.
    both: bool,
    /// Whether it has to be that one: API servers take no other. Who joins may not know it.
    sure: bool,
}

impl Family {
    fn of(configuration: &NodeConfiguration, purpose: Purpose) -> Self {
        let services = networks(&configuration.network.service_subnet).unwrap_or_default();
        let seeder = configuration.cluster_formation.seeder.parse::<Endpoint>().ok();
        let seeder = seeder.and_then(|it| it.host().parse::<IpAddr>().ok());
        let first = services.first().map(ipnet::IpNet::addr);
        Self {
            v4: seeder.or(first).is_none_or(|address| address.is_ipv4()),
            both: services.len() == 2,
            sure: purpose == Purpose::Init,
        }
    }

    fn first(self, known: &[Local], interface: &str) -> Result<IpAddr, ContextError> {
        let other = || on(known, interface, !self.v4).filter(|_| !self.sure);
        on(known, interface, self.v4).or_else(other).ok_or_else(|| ContextError::NoAddress {
            interface: interface.to_owned(),
            family: match (self.sure, self.v4) {
                (false, _) => "",
                (true, true) => "IPv4 ",
                (true, false) => "IPv6 ",
            },
        })
    }
}
