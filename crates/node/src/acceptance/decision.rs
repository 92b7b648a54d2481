//! What is to be said to a request. Pure.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Node;

use super::census::{Census, addresses, names};
use super::is_ready;
use super::policy::{Action, Policy, Rule};
use super::request::{Kind, Request};
use crate::join::NodeName;

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

/// What is to be said to a request, given what is known of the cluster.
pub fn decide(request: &Request, census: &Census<'_>, policy: &Policy) -> Verdict {
    match request.kind {
        Kind::Serving => serving(request, census, policy),
        Kind::Client => client(request, census, policy),
    }
}

fn client(request: &Request, census: &Census<'_>, policy: &Policy) -> Verdict {
    let name = &request.node;
    let node = census.node(name.as_str());
    if request.is_renewal() {
        return match node {
            Some(_) => Verdict::Accept { why: format!("{name} renews its certificate") },
            // It was removed, and its certificate is still good.
            None => Verdict::Wait { why: format!("{name} asks for itself and is no node") },
        };
    }
    let Some((number, rule)) = policy.rule_for(request) else {
        let missed = policy.rule_but_for_address(request).map_or_else(String::new, |number| {
            format!(" (rule {number} asks for a network, and the request names no address)")
        });
        return Verdict::Wait {
            why: format!("no rule is for it{missed}; `kubewright node accept {name}` accepts it"),
        };
    };
    let why = match rule.reason.trim() {
        "" => format!("rule {number} of the acceptance policy"),
        reason => reason.to_owned(),
    };
    match rule.action {
        Action::Reject => Verdict::Reject { why },
        Action::Accept => match in_the_way(request, census, rule) {
            Some(why) => Verdict::Wait { why },
            None => Verdict::Accept { why },
        },
    }
}

/// What keeps a rule from giving a name to who asks.
fn in_the_way(request: &Request, census: &Census<'_>, rule: &Rule) -> Option<String> {
    let name = &request.node;
    if let Some(why) = census.objection_to_name(name, None, name.as_str()) {
        return Some(why);
    }
    let node = census.node(name.as_str());
    if node.is_some_and(is_ready) {
        return Some(format!("a node {name} is in the cluster and Ready"));
    }
    // The rule names the key: who has it is meant, whoever else asks or had the name.
    if !rule.fingerprints.is_empty() {
        return None;
    }
    if node.is_some() {
        return Some(format!(
            "a node {name} is there already: `kubewright node remove {name}` if the machine was set up anew, or accept it by hand"
        ));
    }
    census.has_rival(request).then(|| {
        format!(
            "another machine asks to be {name}, or was accepted; compare the fingerprints and accept one by hand"
        )
    })
}

/// The names of a serving certificate must be those of the Node. As the node writes these itself,
/// they must also be ones that no other machine and no Service has.
fn serving(request: &Request, census: &Census<'_>, policy: &Policy) -> Verdict {
    let name = &request.node;
    let Some(node) = census.node(name.as_str()) else {
        return Verdict::Wait { why: format!("there is no node {name}") };
    };
    if request.names.is_empty() && request.addresses.is_empty() {
        return Verdict::Wait { why: "it is for no name and no address".to_owned() };
    }
    let names = request.names.iter().filter_map(|asked| wrong_name(node, name, asked, census));
    let own: Vec<IpAddr> = addresses(node).collect();
    let places = request.addresses.iter().filter_map(|asked| {
        if !own.contains(asked) {
            return Some(format!("{asked} is no address of node {name}"));
        }
        policy.objection_to(asked).or_else(|| census.objection_to_address(node, *asked))
    });
    match names.chain(places).next() {
        Some(why) => Verdict::Wait { why },
        None => Verdict::Accept { why: format!("its names are those of node {name}") },
    }
}

fn wrong_name(node: &Node, name: &NodeName, asked: &str, census: &Census<'_>) -> Option<String> {
    let is_listed = names(node).any(|listed| listed == asked);
    let rest = asked.strip_prefix(name.as_str());
    let is_own = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if !is_listed || !is_own {
        return Some(format!("{asked} is no name of node {name}"));
    }
    census.objection_to_name(name, Some(node), asked)
}
