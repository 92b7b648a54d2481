//! Nodes and how they are.

use jiff::Timestamp;
use serde::Serialize;

use super::{Badge, Filter, Notice, Rows, Tone, words};
use crate::world::node::Node;
use crate::world::{Source, World};

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NodeRow {
    pub(crate) name: String,
    pub(crate) state: Badge,
    /// More about the state.
    pub(crate) detail: String,
    pub(crate) roles: Vec<String>,
    pub(crate) addresses: Vec<String>,
    pub(crate) version: String,
    pub(crate) age: String,
}

/// The nodes that a filter takes, those in trouble first.
pub(crate) fn nodes(world: &World, filter: &Filter, now: Timestamp) -> Rows<NodeRow> {
    let mut rows: Vec<_> = world.nodes.iter().map(|(name, node)| row(name, node, now)).collect();
    rows.retain(|row| {
        let texts = [row.name.as_str(), &row.state.text, &row.version];
        filter.takes(texts.into_iter().chain(row.addresses.iter().map(String::as_str)))
    });
    rows.sort_by(|a, b| a.state.tone.cmp(&b.state.tone).then_with(|| a.name.cmp(&b.name)));
    let notice = Notice::of(world, Source::Nodes, None).or_else(|| {
        world.nodes.is_empty().then(|| {
            let text = "Join one: on it, run the command that this prints.";
            Notice::empty("No nodes yet", text, Some("kubewright node token create"))
        })
    });
    Rows::of(rows, notice)
}

fn row(name: &str, node: &Node, now: Timestamp) -> NodeRow {
    let (state, detail) = state(node, now);
    NodeRow {
        name: name.to_owned(),
        state,
        detail,
        roles: node.roles().into_iter().map(|role| words::clip(role, 63)).collect(),
        addresses: node.addresses.iter().map(|address| words::clip(address, 45)).collect(),
        version: words::clip(&node.version, 40),
        age: words::age_of(now, node.created),
    }
}

/// How a node is, and more about it.
pub(crate) fn state(node: &Node, now: Timestamp) -> (Badge, String) {
    let since = node.ready_since.map(|since| format!("for {}", words::age(now, since)));
    let since = since.unwrap_or_default();
    let told = match node.ready_message.is_empty() {
        true => since.clone(),
        false => format!("{since}: {}", words::clip(&node.ready_message, 200)),
    };
    match node.ready.as_str() {
        _ if node.deleting => (Badge::new(Tone::Busy, "Leaving"), String::new()),
        "True" if node.cordoned => {
            (Badge::new(Tone::Warn, "Cordoned"), "takes no new pods".to_owned())
        }
        "True" => (Badge::new(Tone::Ok, "Ready"), since),
        "False" => (Badge::new(Tone::Bad, "Not ready"), told),
        "" => (Badge::new(Tone::Busy, "Joining"), "the kubelet has not reported yet".to_owned()),
        _ => (Badge::new(Tone::Bad, "Silent"), told),
    }
}

#[cfg(test)]
mod tests;
