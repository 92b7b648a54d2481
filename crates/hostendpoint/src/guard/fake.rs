//! A node made of values, for the tests of the verbs.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::BoxFuture;

use super::chains::Family;
use super::edge::Edge;
use super::endpoints::{EndpointError, EndpointSource, ProtectedEndpoint, Selects};
use super::felix::{Felix, FelixState};
use super::links::{Link, Links, LinksError};
use super::nft::Nft;
use super::process::ProcessError;

/// What the node is like, and what was done to it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) locked: bool,
    pub(crate) policed: bool,
    pub(crate) felix: FelixState,
    pub(crate) endpoints: Option<Vec<&'static str>>,
    /// What `nft` answers instead of working.
    pub(crate) nft_fails: Option<fn() -> ProcessError>,
    pub(crate) scripts: Vec<String>,
    pub(crate) looks: usize,
    /// Called before each look with the number of looks so far.
    pub(crate) before_look: fn(&mut Node, usize),
}

/// A node that can be asked and changed from all sides.
#[derive(Clone, Debug)]
pub(crate) struct FakeNode(Arc<Mutex<Node>>);

impl FakeNode {
    /// Locked, with everything in place for `bond0`.
    pub(crate) fn in_place() -> Self {
        Self(Arc::new(Mutex::new(Node {
            locked: true,
            policed: true,
            felix: FelixState::Ready,
            endpoints: Some(vec!["bond0"]),
            nft_fails: None,
            scripts: Vec::new(),
            looks: 0,
            before_look: |_, _| {},
        })))
    }

    pub(crate) fn with(self, change: impl FnOnce(&mut Node)) -> Self {
        change(&mut self.node());
        self
    }

    pub(crate) fn node(&self) -> MutexGuard<'_, Node> {
        self.0.lock().unwrap()
    }

    pub(crate) fn edge(&self) -> Edge<'_> {
        Edge {
            nft: Box::new(self.clone()),
            links: Box::new(self.clone()),
            felix: Box::new(self.clone()),
            endpoints: self,
        }
    }
}

impl Nft for FakeNode {
    fn apply<'a>(&'a self, script: &'a str) -> BoxFuture<'a, Result<(), ProcessError>> {
        Box::pin(async move {
            let mut node = self.node();
            if let Some(error) = node.nft_fails {
                return Err(error());
            }
            node.locked = script.contains("policy drop");
            node.scripts.push(script.to_owned());
            Ok(())
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<String, ProcessError>> {
        Box::pin(async move {
            let node = self.node();
            if let Some(error) = node.nft_fails {
                return Err(error());
            }
            let chain = |name| {
                format!(
                    r#",{{"chain": {{"family": "inet", "table": "kubewright_boot", "name": "{name}", "hook": "{name}", "policy": "drop"}}}}"#
                )
            };
            Ok(match node.locked {
                true => format!(
                    r#"{{"nftables": [{{"table": {{"family": "inet", "name": "kubewright_boot"}}}}{}{}]}}"#,
                    chain("input"),
                    chain("forward")
                ),
                false => r#"{"nftables": []}"#.to_owned(),
            })
        })
    }

    fn legacy(&self) -> BoxFuture<'_, Result<Vec<(Family, String)>, ProcessError>> {
        Box::pin(async move {
            let rules = "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:cali-fh-bond0 - [0:0]\n:cali-th-bond0 - [0:0]\n-A INPUT -j cali-fh-bond0\n-A OUTPUT -j cali-th-bond0\nCOMMIT\n";
            Ok(if self.node().policed { vec![(Family::Ip, rules.to_owned())] } else { Vec::new() })
        })
    }
}

impl Links for FakeNode {
    fn list(&self) -> BoxFuture<'_, Result<Vec<Link>, LinksError>> {
        Box::pin(async { Ok(vec![Link { name: "bond0".to_owned(), addresses: Vec::new() }]) })
    }
}

impl Felix for FakeNode {
    fn state(&self) -> BoxFuture<'_, FelixState> {
        Box::pin(async { self.node().felix.clone() })
    }
}

impl EndpointSource for FakeNode {
    /// The first that an observation asks.
    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<ProtectedEndpoint>, EndpointError>> {
        Box::pin(async {
            let mut node = self.node();
            let (change, looks) = (node.before_look, node.looks);
            change(&mut node, looks);
            node.looks += 1;
            let endpoint = |name: &&str| ProtectedEndpoint {
                name: format!("node-1-{name}"),
                selects: Selects::Interface((*name).to_owned()),
            };
            match &node.endpoints {
                Some(names) => Ok(names.iter().map(endpoint).collect()),
                None => Err(EndpointError::Api {
                    node: "node-1".to_owned(),
                    source: "connection refused".into(),
                }),
            }
        })
    }
}
