//! What the approver knows, and what follows from it. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::ResourceExt;

use super::POLICY_KEY;
use crate::acceptance::{Flaw, Policy, PolicyError, Request, Verdict, decide};
use crate::join::{Answer, answer};

/// A request with its object.
#[derive(Debug, Clone)]
struct Entry {
    object: CertificateSigningRequest,
    request: Result<Request, Flaw>,
}

/// What is to be done about a request.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The request as it was seen.
    pub object: CertificateSigningRequest,
    /// What is in it, or what is wrong with it.
    pub request: Result<Request, Flaw>,
    /// What is to be said.
    pub verdict: Verdict,
}

/// Requests, nodes and the policy.
#[derive(Debug, Default)]
pub struct World {
    requests: BTreeMap<String, Entry>,
    nodes: BTreeMap<String, Node>,
    policy: Policy,
}

impl World {
    /// A request is there, or has changed. Those that are answered, and those of others, are not
    /// kept.
    pub fn request(&mut self, object: CertificateSigningRequest) {
        let name = object.name_any();
        let waits = answer(&object) == Answer::Pending;
        match Request::of(&object).filter(|_| waits) {
            Some(request) => drop(self.requests.insert(name, Entry { object, request })),
            None => drop(self.requests.remove(&name)),
        }
    }

    /// A request has gone, or was answered by us.
    pub fn forget_request(&mut self, name: &str) {
        self.requests.remove(name);
    }

    /// Only these requests are there.
    pub fn keep_requests(&mut self, keep: impl Fn(&str) -> bool) {
        self.requests.retain(|name, _| keep(name));
    }

    /// A node is there, or has changed.
    pub fn node(&mut self, mut node: Node) {
        // Most of a Node is of no interest here, and there may be thousands.
        node.metadata.managed_fields = None;
        if let Some(status) = &mut node.status {
            (status.images, status.node_info) = (None, None);
        }
        self.nodes.insert(node.name_any(), node);
    }

    /// A node has gone.
    pub fn forget_node(&mut self, name: &str) {
        self.nodes.remove(name);
    }

    /// Only these nodes are there.
    pub fn keep_nodes(&mut self, keep: impl Fn(&str) -> bool) {
        self.nodes.retain(|name, _| keep(name));
    }

    /// The policy is this, or there is none. One that is wrong counts as none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn policy(&mut self, map: Option<&ConfigMap>) -> Result<(), PolicyError> {
        self.policy = Policy::default();
        let text = map.and_then(|map| map.data.as_ref()?.get(POLICY_KEY));
        if let Some(text) = text {
            self.policy = Policy::parse(text)?;
        }
        Ok(())
    }

    /// What is to be said to each request that waits.
    pub fn plan(&self) -> Vec<Answered> {
        let judged = self.requests.values().map(|Entry { object, request }| Answered {
            object: object.clone(),
            request: request.clone(),
            verdict: match request {
                Err(flaw) => Verdict::Wait { why: flaw.to_string() },
                Ok(request) => decide(request, self.nodes.get(request.node.as_str()), &self.policy),
            },
        });
        judged.collect()
    }
}
