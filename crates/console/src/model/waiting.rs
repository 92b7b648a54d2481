//! Nodes that wait to be let in, and what was decided about others.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Badge, Notice, Tone, words};
use crate::world::request::{Decision, Request};
use crate::world::{Source, World};

/// How long a decision is shown.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// The most decisions that are shown.
const MOST_DECISIONS: usize = 10;

/// The most requests that are shown; whoever sends more does not do so to be read.
const MOST_WAITING: usize = 50;

/// Requests of kubelets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Waiting {
    pub(crate) waiting: Vec<Asking>,
    /// Those that wait and are not shown.
    pub(crate) more: usize,
    pub(crate) decided: Vec<Decided>,
    pub(crate) notice: Option<Notice>,
}

/// A node that waits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Asking {
    /// Name of the request.
    pub(crate) name: String,
    pub(crate) uid: String,
    /// The node; empty where the request is for none.
    pub(crate) node: String,
    pub(crate) requester: String,
    /// Hash of its key, as the node shows it too.
    pub(crate) fingerprint: String,
    pub(crate) age: String,
    /// Why it cannot be accepted.
    pub(crate) refusal: Option<String>,
    /// What to know before it is accepted.
    pub(crate) warnings: Vec<String>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Decided {
    pub(crate) name: String,
    pub(crate) node: String,
    pub(crate) badge: Badge,
    pub(crate) age: String,
    pub(crate) message: String,
}

/// What there is to show of requests.
pub(crate) fn waiting(world: &World, now: Timestamp) -> Waiting {
    let mut waiting: Vec<_> = world
        .requests
        .iter()
        .filter(|(_, request)| request.decision == Decision::Waiting)
        .collect();
    waiting.sort_by_key(|(name, request)| (request.created, *name));
    let more = waiting.len().saturating_sub(MOST_WAITING);
    let waiting: Vec<_> = waiting
        .into_iter()
        .take(MOST_WAITING)
        .map(|(name, request)| asking(world, name, request, now))
        .collect();
    let mut decided: Vec<_> =
        world.requests.iter().filter_map(|(name, request)| decided(name, request, now)).collect();
    decided.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.name.cmp(&other.name)));
    let decided = decided.into_iter().map(|(_, decided)| decided).take(MOST_DECISIONS).collect();
    let notice = Notice::of(world, Source::Requests, None);
    Waiting { waiting, more, decided, notice }
}

/// Why nobody is accepted under the name of a node that works.
pub(crate) const TAKEN: &str = "a node of this name is in the cluster and ready, so this is \
    somebody else, or it was set up anew; then remove the node first";

/// Why a request must not be accepted; the signer would not sign it either.
pub(crate) fn refusal(request: &Request) -> Option<String> {
    if let Err(why) = &request.node {
        return Some(words::clip(why, 200));
    }
    let known =
        |usage: &str| matches!(usage, "client auth" | "digital signature" | "key encipherment");
    if !request.usages.iter().any(|usage| usage == "client auth") {
        return Some("it is not for client authentication".to_owned());
    }
    let odd = request.usages.iter().find(|usage| !known(usage))?;
    Some(format!("it asks for the usage {:?}", words::clip(odd, 50)))
}

fn asking(world: &World, name: &str, request: &Request, now: Timestamp) -> Asking {
    let node = request.node.clone().unwrap_or_default();
    let own = request.requester.strip_prefix("system:node:") == Some(&node);
    let mut warnings = Vec::new();
    if !own && !request.is_bootstrap() {
        warnings.push("It was not sent with a bootstrap token.".to_owned());
    }
    let mut refusal = refusal(request);
    match world.nodes.get(&node) {
        Some(taken) if !own && taken.ready == "True" => {
            refusal = refusal.or(Some(TAKEN.to_owned()));
        }
        Some(_) if !own => warnings.push(
            "A node of this name is in the cluster already: whoever is accepted takes its place."
                .to_owned(),
        ),
        _ => {}
    }
    let twins = world.requests.iter().filter(|(other, twin)| {
        *other != name && twin.decision == Decision::Waiting && twin.node == request.node
    });
    if !node.is_empty() && twins.count() > 0 {
        warnings.push("Another request for the same node waits too.".to_owned());
    }
    Asking {
        name: name.to_owned(),
        uid: request.uid.clone(),
        node: words::clip(&node, 253),
        requester: words::clip(&request.requester, 120),
        fingerprint: request.fingerprint.clone(),
        age: words::age_of(now, request.created),
        refusal,
        warnings,
    }
}

fn decided(name: &str, request: &Request, now: Timestamp) -> Option<(Timestamp, Decided)> {
    let (badge, at, message) = match &request.decision {
        Decision::Waiting => return None,
        Decision::Accepted { at, issued: true, message } => {
            (Badge::new(Tone::Ok, "Accepted"), at, message)
        }
        Decision::Accepted { at, issued: false, message } => {
            (Badge::new(Tone::Busy, "Accepted, not signed yet"), at, message)
        }
        Decision::Rejected { at, message } => (Badge::new(Tone::Idle, "Rejected"), at, message),
        Decision::Failed { at, message } => (Badge::new(Tone::Bad, "Failed"), at, message),
    };
    let at = at.or(request.created)?;
    (now.duration_since(at) < RECENT).then(|| {
        let node = request.node.clone().unwrap_or_default();
        let decided = Decided {
            name: name.to_owned(),
            node: words::clip(&node, 253),
            badge,
            age: words::age(now, at),
            message: words::clip(message, 300),
        };
        (at, decided)
    })
}

#[cfg(test)]
mod tests;
