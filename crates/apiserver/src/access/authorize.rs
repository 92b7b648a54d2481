//! Whether a caller may: members of `system:masters` always, then nodes by what runs on
//! them, then RBAC.

use super::attributes::Attributes;
use super::identity::{Identity, MASTERS, node_name};
use super::node::Nodes;
use super::rbac::{Grants, Rbac};
use crate::error::Result;
use crate::store::Store;

/// An answer and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    /// Words for people; empty where there is nothing to say.
    pub(crate) reason: String,
}

/// The authorizers of a server, in the order in which they are asked.
pub(crate) struct Authorizer {
    nodes: Nodes,
    pub(super) rbac: Rbac,
}

impl Authorizer {
    pub(crate) fn new(store: &Store) -> Self {
        Self { nodes: Nodes::new(store.clone()), rbac: Rbac::new(store.clone()) }
    }

    /// Whether a caller may do something.
    pub(crate) fn decide(&self, asked: &Attributes<'_>) -> Decision {
        if asked.identity.is_in(MASTERS) {
            return Decision { allowed: true, reason: String::new() };
        }
        let node = self.nodes.decide(asked);
        if node.allowed {
            return node;
        }
        let rbac = self.rbac.decide(asked);
        if rbac.allowed {
            return rbac;
        }
        let reasons = [node.reason, rbac.reason];
        let reasons: Vec<String> = reasons.into_iter().filter(|text| !text.is_empty()).collect();
        Decision { allowed: false, reason: reasons.join("\n") }
    }

    /// Fails with 403 when a caller may not.
    pub(crate) fn require(&self, asked: &Attributes<'_>) -> Result<()> {
        let decision = self.decide(asked);
        if decision.allowed { Ok(()) } else { Err(asked.forbidden(&decision.reason)) }
    }

    /// Everything that a caller may do in a namespace, as far as that can be listed; true
    /// when it cannot be listed in full.
    pub(crate) fn grants(&self, identity: &Identity, namespace: &str) -> (Grants, bool) {
        let mut grants = self.rbac.grants(identity, namespace);
        let node = node_name(identity).is_some();
        if node {
            let problem = "node authorizer does not support user rule resolution";
            grants.problems.insert(0, problem.to_owned());
        }
        (grants, node)
    }
}
