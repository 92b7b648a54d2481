//! HostEndpoints as they are, and as the templates of the product say they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube::{Api, Client};
use kubewright_hostendpoint::api::{CalicoGroup, HostEndpoint};

use super::course::Wrong;
use super::watched::{Objects, Watched, some_of};

/// An endpoint as it should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Role {
    pub(super) interface: &'static str,
    /// Value of the label `host-endpoint`.
    label: &'static str,
}

/// Every worker has these.
pub(super) const WORKER: [Role; 2] =
    [Role { interface: "bond0", label: "ingress" }, Role { interface: "tunl0", label: "tunl" }];

/// VPN nodes have these too.
pub(super) const VPN: [Role; 2] =
    [Role { interface: "vti1", label: "vpn" }, Role { interface: "vti2", label: "vpn" }];

/// `<node>-<interface>`.
pub(super) fn name(node: &str, role: &Role) -> String {
    format!("{node}-{}", role.interface)
}

fn names<'n>(nodes: impl IntoIterator<Item = &'n str>, roles: &[Role]) -> BTreeSet<String> {
    let named = |node| roles.iter().map(move |role| name(node, role));
    nodes.into_iter().flat_map(named).collect()
}

/// What tells whether an object was written or made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) uid: String,
    pub(super) version: String,
}

impl Version {
    pub(super) fn of(endpoint: &HostEndpoint) -> Self {
        let meta = &endpoint.metadata;
        Self {
            uid: meta.uid.clone().unwrap_or_default(),
            version: meta.resource_version.clone().unwrap_or_default(),
        }
    }
}

pub(super) type Versions = BTreeMap<String, Version>;

/// The HostEndpoints of the cluster.
pub(super) struct Endpoints {
    pub(super) api: Api<HostEndpoint>,
    watched: Watched<HostEndpoint>,
}

impl Endpoints {
    pub(super) fn watch(client: &Client) -> Self {
        let api = Api::all_with(client.clone(), &CalicoGroup::CrdV1);
        Self { watched: Watched::start(api.clone()), api }
    }

    /// Waits until all of these nodes have endpoints of these roles as they should be.
    pub(super) async fn stand<'n>(
        &mut self,
        nodes: impl IntoIterator<Item = &'n str>,
        roles: &[Role],
        limit: Duration,
    ) -> Result<Versions, Wrong> {
        let nodes: Vec<&str> = nodes.into_iter().collect();
        self.until(limit, |seen| {
            let wrong: Vec<String> = nodes
                .iter()
                .flat_map(|node| roles.iter().map(move |role| (*node, role)))
                .filter_map(|(node, role)| fault(seen, node, role))
                .collect();
            match wrong.is_empty() {
                true => Ok(versions(seen)),
                false => Err(some_of(wrong)),
            }
        })
        .await
    }

    /// Waits until none of these nodes has an endpoint of these roles.
    pub(super) async fn are_gone<'n>(
        &mut self,
        nodes: impl IntoIterator<Item = &'n str>,
        roles: &[Role],
        limit: Duration,
    ) -> Result<Versions, Wrong> {
        let names = names(nodes, roles);
        self.until(limit, |seen| {
            let left: Vec<_> = names.iter().filter(|name| seen.contains_key(*name)).collect();
            match left.is_empty() {
                true => Ok(versions(seen)),
                false => Err(format!("still there: {}", some_of(left))),
            }
        })
        .await
    }

    /// Watches for `span` that none of these endpoints goes.
    pub(super) async fn stay<'n>(
        &mut self,
        nodes: impl IntoIterator<Item = &'n str>,
        roles: &[Role],
        span: Duration,
    ) -> Result<(), Wrong> {
        let names = names(nodes, roles);
        let gone = self.until(span, |seen| {
            let gone: Vec<_> = names.iter().filter(|name| !seen.contains_key(*name)).collect();
            (!gone.is_empty()).then(|| some_of(gone)).ok_or_else(String::new)
        });
        match gone.await {
            Ok(gone) => Err(Wrong::failed(format!("gone: {gone}"))),
            Err(_) => Ok(()),
        }
    }

    /// Waits until `test` finds what it looks for.
    pub(super) async fn until<T>(
        &mut self,
        limit: Duration,
        test: impl FnMut(&Objects<HostEndpoint>) -> Result<T, String>,
    ) -> Result<T, Wrong> {
        self.watched.until(limit, test).await
    }
}

fn versions(seen: &Objects<HostEndpoint>) -> Versions {
    seen.iter().map(|(name, endpoint)| (name.clone(), Version::of(endpoint))).collect()
}

/// What is wrong with the endpoint of a node, if anything.
pub(super) fn fault(seen: &Objects<HostEndpoint>, node: &str, role: &Role) -> Option<String> {
    let name = name(node, role);
    let Some(endpoint) = seen.get(&name) else { return Some(format!("{name} is missing")) };
    let label = |key: &str| {
        let labels = endpoint.metadata.labels.as_ref();
        labels.and_then(|labels| labels.get(key)).map_or("", String::as_str)
    };
    let spec = &endpoint.spec;
    let fields = [
        ("label host-endpoint", label("host-endpoint"), role.label),
        ("label nodetype", label("nodetype"), "worker"),
        ("spec.node", spec.node.as_str(), node),
        ("spec.interfaceName", spec.interface_name.as_str(), role.interface),
    ];
    let (field, is, should) = fields.into_iter().find(|(_, is, should)| is != should)?;
    Some(format!("{name}: {field} is {is:?}, not {should:?}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_is_named_with_what_should_be_there() {
        let endpoint = |label: &str| {
            let value = json!({
                "metadata": { "name": "a-bond0",
                    "labels": { "host-endpoint": label, "nodetype": "worker" } },
                "spec": { "node": "a", "interfaceName": "bond0" },
            });
            let endpoint: HostEndpoint = serde_json::from_value(value).unwrap();
            Objects::from([("a-bond0".to_owned(), Arc::new(endpoint))])
        };
        let role = &WORKER[0];
        assert_eq!(fault(&endpoint("ingress"), "a", role), None);
        assert_eq!(
            fault(&endpoint("x"), "a", role).unwrap(),
            "a-bond0: label host-endpoint is \"x\", not \"ingress\""
        );
        assert_eq!(fault(&Objects::new(), "a", role).unwrap(), "a-bond0 is missing");
    }
}
