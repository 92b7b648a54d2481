//! What the approver knows, and what follows from it. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::ResourceExt;

use super::POLICY_KEY;
use crate::acceptance::{
    Census, Flaw, Policy, PolicyError, Request, ServerPlaces, Verdict, decide,
};
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
    /// Those that wait.
    requests: BTreeMap<String, Entry>,
    /// Those that somebody said yes to: they hold the names that they were for.
    accepted: BTreeMap<String, Request>,
    nodes: BTreeMap<String, Node>,
    policy: Policy,
    server: Option<ServerPlaces>,
}

impl World {
    /// Nobody and nothing yet, and what a policy says of them.
    pub fn following(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// A request is there, or has changed. Those that were turned away, and those of others, are
    /// not kept.
    pub fn request(&mut self, object: CertificateSigningRequest) {
        let name = object.name_any();
        self.forget_request(&name);
        let Some(request) = Request::of(&object) else { return };
        match (answer(&object), request) {
            (Answer::Pending, request) => {
                self.requests.insert(name, Entry { object, request });
            }
            (Answer::Accepted | Answer::Issued(_), Ok(request)) => self.hold(name, request),
            _ => {}
        }
    }

    fn hold(&mut self, name: String, mut request: Request) {
        // The certificate is of no interest here.
        request.answer = Answer::Accepted;
        self.accepted.insert(name, request);
    }

    /// A request has gone, or was turned away.
    pub fn forget_request(&mut self, name: &str) {
        self.requests.remove(name);
        self.accepted.remove(name);
    }

    /// Somebody may have said yes to a request, and its watch has not told so yet: the name that
    /// it is for is given to nobody else meanwhile.
    pub fn accepted_request(&mut self, name: &str) {
        if let Some(Entry { request: Ok(request), .. }) = self.requests.remove(name) {
            self.hold(name.to_owned(), request);
        }
    }

    /// Only these requests are there.
    pub fn keep_requests(&mut self, keep: impl Fn(&str) -> bool) {
        self.requests.retain(|name, _| keep(name));
        self.accepted.retain(|name, _| keep(name));
    }

    /// Where the API server is; nothing while that is not known.
    pub fn set_server(&mut self, server: Option<ServerPlaces>) {
        self.server = server;
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

    /// The policy is this, or there is none. One that is wrong lets nobody in.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn policy(&mut self, map: Option<&ConfigMap>) -> Result<(), PolicyError> {
        let text = map.and_then(|map| map.data.as_ref()?.get(POLICY_KEY));
        let read = text.map_or_else(|| Ok(Policy::default()), |text| Policy::parse(text));
        let (policy, result) = match read {
            Ok(policy) => (policy, Ok(())),
            Err(error) => (Policy::unreadable(), Err(error)),
        };
        self.policy = policy;
        result
    }

    /// What is to be said to each request that waits.
    pub fn plan(&self) -> Vec<Answered> {
        if self.requests.is_empty() {
            return Vec::new();
        }
        let waiting = self.requests.values().filter_map(|entry| entry.request.as_ref().ok());
        let requests = waiting.chain(self.accepted.values());
        let census = Census::new(self.nodes.values(), requests, self.server.as_ref());
        let judged = self.requests.values().map(|Entry { object, request }| Answered {
            object: object.clone(),
            request: request.clone(),
            verdict: match request {
                Err(flaw) => Verdict::Wait { why: flaw.to_string() },
                Ok(request) => decide(request, &census, &self.policy),
            },
        });
        judged.collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::join::{Key, Wish, certificate_request};

    /// What a machine asks that is to be node `a`.
    fn asked() -> CertificateSigningRequest {
        let node = "a".parse().unwrap();
        let wish = Wish { node: &node, expiration: None, address: None };
        let mut object = certificate_request(&Key::generate().unwrap(), &wish).unwrap();
        object.spec.username = Some("system:bootstrap:abcdef".to_owned());
        object.spec.groups = Some(vec!["system:bootstrappers".to_owned()]);
        object
    }

    fn world() -> World {
        let policy = "apiVersion: node.kubewright.io/v1alpha1\nkind: AcceptancePolicy\nrules: [{ nodes: ['*'] }]";
        let mut world = World::following(Policy::parse(policy).unwrap());
        world.set_server(Some(ServerPlaces::default()));
        world
    }

    fn accepts(world: &World) -> bool {
        let [one] = <[_; 1]>::try_from(world.plan()).unwrap();
        matches!(one.verdict, Verdict::Accept { .. })
    }

    #[test]
    fn a_name_that_was_just_given_away_is_not_given_away_again() {
        let (first, second) = (asked(), asked());
        let mut world = world();
        world.request(first.clone());
        assert!(accepts(&world));
        // It was accepted, and the watch tells of the next one before it tells of that.
        world.accepted_request(&first.name_any());
        world.request(second.clone());
        assert!(!accepts(&world));
        // What was accepted long ago is told when a watch begins.
        let mut world = self::world();
        let mut accepted = first.clone();
        accepted.status = serde_json::from_value(serde_json::json!({
            "conditions": [{ "type": "Approved", "status": "True" }] }))
        .unwrap();
        world.request(accepted);
        world.request(second);
        assert!(!accepts(&world));
        world.forget_request(&first.name_any());
        assert!(accepts(&world));
    }
}
