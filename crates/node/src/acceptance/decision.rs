//! What is to be said to a request. Pure.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Node;

use super::is_ready;
use super::policy::{Action, Policy};
use super::request::{Kind, Request};

/// What is to be said to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Accept {
        /// Why.
        why: String,
    },
    /// No.
    Reject {
        /// Why.
        why: String,
    },
    /// Nothing: somebody has to look, or something has to change first.
    Wait {
        /// Why.
        why: String,
    },
}

/// What is to be said to a request, given the Node of that name, if there is one.
pub fn decide(request: &Request, node: Option<&Node>, policy: &Policy) -> Verdict {
    match request.kind {
        Kind::Serving => serving(request, node),
        Kind::Client => client(request, node, policy),
    }
}

fn client(request: &Request, node: Option<&Node>, policy: &Policy) -> Verdict {
    let name = &request.node;
    if request.is_renewal() {
        return match node {
            Some(_) => Verdict::Accept { why: format!("{name} renews its certificate") },
            // It was removed, and its certificate is still good.
            None => Verdict::Wait { why: format!("{name} asks for itself and is no node") },
        };
    }
    let Some((number, rule)) = policy.rule_for(request) else {
        return Verdict::Wait {
            why: format!("no rule is for it; `kubewright node accept {name}` accepts it"),
        };
    };
    let why = match rule.reason.trim() {
        "" => format!("rule {number} of the acceptance policy"),
        reason => reason.to_owned(),
    };
    match rule.action {
        Action::Reject => Verdict::Reject { why },
        Action::Accept if node.is_some_and(is_ready) => {
            Verdict::Wait { why: format!("a node {name} is in the cluster and Ready") }
        }
        Action::Accept => Verdict::Accept { why },
    }
}

/// The names of a serving certificate must be those of the Node, which only it and the cloud write.
fn serving(request: &Request, node: Option<&Node>) -> Verdict {
    let name = &request.node;
    let Some(node) = node else {
        return Verdict::Wait { why: format!("there is no node {name}") };
    };
    let status = node.status.as_ref();
    let all = status.and_then(|status| status.addresses.as_deref()).unwrap_or_default();
    let of = |kinds: &[&str]| {
        let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        all.iter().filter(move |it| kinds.contains(&it.type_)).map(|it| it.address.as_str())
    };
    let dns: Vec<&str> = of(&["Hostname", "InternalDNS", "ExternalDNS"]).collect();
    let addresses: Vec<IpAddr> =
        of(&["InternalIP", "ExternalIP"]).filter_map(|text| text.parse().ok()).collect();
    if request.names.is_empty() && request.addresses.is_empty() {
        return Verdict::Wait { why: "it is for no name and no address".to_owned() };
    }
    let odd = request.names.iter().find(|name| !dns.contains(&name.as_str())).cloned();
    let odd = odd.or_else(|| {
        let odd = request.addresses.iter().find(|address| !addresses.contains(address));
        odd.map(ToString::to_string)
    });
    match odd {
        Some(odd) => Verdict::Wait { why: format!("{odd} is no address of node {name}") },
        None => Verdict::Accept { why: format!("its names are those of node {name}") },
    }
}
