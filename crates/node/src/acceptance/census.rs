//! What is known of the cluster that a request is judged by. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Node, NodeAddress};
use kube::ResourceExt;

use super::request::{Kind, Request};
use crate::embedded::CONTROL_PLANE_LABEL;
use crate::join::{Answer, NodeName};

/// Names and addresses by which the API server is known: no node may serve as it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerPlaces {
    /// Of its Service: no machine has them.
    pub service: BTreeSet<IpAddr>,
    /// Where it listens, or what stands before it: machines of the control plane have them, too.
    pub machines: BTreeSet<IpAddr>,
    /// Names, apart from those that it has in every cluster: of these machines, too. `*.DOMAIN` is
    /// for all names right below the domain.
    pub names: BTreeSet<String>,
}

impl ServerPlaces {
    /// A name or address at which it is reached, also with the brackets of a URL.
    pub fn reached_at(&mut self, host: &str) {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(address) => drop(self.machines.insert(address.to_canonical())),
            Err(_) => drop(self.names.insert(plain(host))),
        }
    }

    /// Whether a name in [`plain`] spelling is one of its names, which may be patterns as
    /// certificates have them: the star stands for one label.
    fn is_called(&self, name: &str) -> bool {
        let pattern = name.split_once('.').map(|(_, domain)| format!("*.{domain}"));
        self.names.contains(name) || pattern.is_some_and(|pattern| self.names.contains(&pattern))
    }

    /// All that is in others.
    pub(crate) fn add(&mut self, others: &Self) {
        self.service.extend(&others.service);
        self.machines.extend(&others.machines);
        self.names.extend(others.names.iter().cloned());
    }
}

/// While it is so, whatever anybody asks for may be the API server's.
const UNKNOWN_SERVER: &str = "where the API server is cannot be read, or not yet; the controllers \
     need the rights that `kubewright manifests controllers` prints";

/// The cluster, as far as it matters to who asks.
#[derive(Debug, Default)]
pub struct Census<'a> {
    nodes: BTreeMap<&'a str, &'a Node>,
    /// Which nodes say that an address is theirs.
    holders: BTreeMap<IpAddr, Vec<&'a str>>,
    /// Which nodes have a name, or say so.
    holders_of_names: BTreeMap<String, Vec<&'a str>>,
    /// Requests of machines that ask, or were accepted, to be a node.
    claims: BTreeMap<&'a str, Vec<&'a Request>>,
    server: Option<&'a ServerPlaces>,
}

impl<'a> Census<'a> {
    /// Of all nodes, all requests of nodes whatever was said to them, and of where the API server
    /// is, if that is known.
    pub fn new(
        nodes: impl IntoIterator<Item = &'a Node>,
        requests: impl IntoIterator<Item = &'a Request>,
        server: Option<&'a ServerPlaces>,
    ) -> Self {
        let mut census = Self { server, ..Self::default() };
        for node in nodes {
            let Some(name) = node.metadata.name.as_deref() else { continue };
            census.nodes.insert(name, node);
            for address in addresses(node) {
                census.holders.entry(address).or_default().push(name);
            }
            for alias in names(node).chain([name]) {
                census.holders_of_names.entry(plain(alias)).or_default().push(name);
            }
        }
        for request in requests {
            let turned_away =
                matches!(request.answer, Answer::Rejected { .. } | Answer::Failed { .. });
            // A node that renews has a new key each time, and its Node stands for it.
            if request.kind == Kind::Client && !turned_away && !request.is_renewal() {
                census.claims.entry(request.node.as_str()).or_default().push(request);
            }
        }
        census
    }

    /// The node of a name.
    pub(super) fn node(&self, name: &str) -> Option<&'a Node> {
        self.nodes.get(name).copied()
    }

    /// Whether a machine with another key asks, or was accepted, to be the same node.
    pub(super) fn has_rival(&self, request: &Request) -> bool {
        let claims = self.claims.get(request.node.as_str()).into_iter().flatten();
        claims.into_iter().any(|claim| {
            claim.fingerprint != request.fingerprint && !claim.is_given_up_for(request)
        })
    }

    /// Why a node may not have a name: clients that trust the cluster's authority would take the
    /// machine for the API server, for what stands behind a Service, or for another node. The
    /// Node is none for who is about to become one.
    pub(super) fn objection_to_name(
        &self,
        own: &NodeName,
        node: Option<&Node>,
        name: &str,
    ) -> Option<String> {
        let name = plain(name);
        let of_server = || Some(format!("{name} is a name of the API server, or of a Service"));
        if is_reserved(&name) {
            return of_server();
        }
        if !node.is_some_and(is_control_plane) {
            match self.server {
                None => return Some(UNKNOWN_SERVER.to_owned()),
                Some(server) if server.is_called(&name) => return of_server(),
                Some(_) => {}
            }
        }
        let other = other(self.holders_of_names.get(&name), own.as_str())?;
        Some(format!("{name} is a name of node {other}"))
    }

    /// Why a node may not serve at an address of its own status, which it writes itself.
    pub(super) fn objection_to_address(&self, node: &Node, address: IpAddr) -> Option<String> {
        if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
            return Some(format!("{address} is no address of one machine"));
        }
        let Some(server) = self.server else {
            return Some(UNKNOWN_SERVER.to_owned());
        };
        let elsewhere = server.machines.contains(&address) && !is_control_plane(node);
        if server.service.contains(&address) || elsewhere {
            return Some(format!("{address} is an address of the API server"));
        }
        let other = other(self.holders.get(&address), node.metadata.name.as_deref()?)?;
        Some(format!("{address} is an address of node {other}, too"))
    }
}

/// Who of those that hold something is not this node.
fn other<'a>(holders: Option<&Vec<&'a str>>, node: &str) -> Option<&'a str> {
    holders.into_iter().flatten().copied().find(|holder| *holder != node)
}

/// Administrators and kubeadm say so. A kubelet cannot say it of itself: the admission plugin
/// `NodeRestriction` keeps it from labels of this domain.
fn is_control_plane(node: &Node) -> bool {
    node.labels().contains_key(CONTROL_PLANE_LABEL)
}

/// A DNS name as others with another spelling are the same.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Names that the API server has in every cluster, and Services.
fn is_reserved(name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    name == "kubernetes"
        || name.starts_with("kubernetes.default")
        || labels.first() == Some(&"localhost")
        || labels.last() == Some(&"localhost")
        || labels.iter().skip(1).any(|label| *label == "svc")
}

/// What a node says of where it is: kind and text.
fn places(node: &Node) -> impl Iterator<Item = &NodeAddress> {
    node.status.iter().flat_map(|status| status.addresses.iter().flatten())
}

/// The names of a node, as it says.
pub(super) fn names(node: &Node) -> impl Iterator<Item = &str> {
    let kinds = ["Hostname", "InternalDNS", "ExternalDNS"];
    let listed = places(node).filter(move |it| kinds.contains(&it.type_.as_str()));
    listed.map(|it| it.address.as_str())
}

/// The addresses of a node, as it says.
pub(super) fn addresses(node: &Node) -> impl Iterator<Item = IpAddr> {
    let listed = places(node).filter(|it| matches!(it.type_.as_str(), "InternalIP" | "ExternalIP"));
    listed.filter_map(|it| it.address.parse::<IpAddr>().ok()).map(|it| it.to_canonical())
}
