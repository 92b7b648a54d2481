//! The picture of the networks: networks on the left, pods by node on the right, a line for each
//! interface. Where everything is, is decided here; the template only draws it.
//!
//! ```text
//!   ┌ network ┐                ┌ node ────────────┐
//!   │ bridge  ●────────────────●─ net1  10.9.0.2  │
//!   └─────────┘          ╭─────●─ net2  10.8.0.2  │
//!   ┌ network ┐          │     └──────────────────┘
//!   │ macvlan ●──────────╯
//! ```

use std::collections::BTreeMap;

use kubewright_podnet::change::State;
use serde::Serialize;

use super::networks::{self, NetworkRow};
use super::words;
use crate::world::World;

/// Width of the drawing.
const WIDTH: u32 = 900;
/// Left edge and width of the networks.
const NETWORK: (u32, u32) = (8, 260);
/// Left edge and width of the frames of nodes, which hold the pods.
const NODE: (u32, u32) = (440, 452);
const NETWORK_HEIGHT: u32 = 58;
const GAP: u32 = 14;
const NODE_TITLE: u32 = 30;
const POD_TITLE: u32 = 28;
const INTERFACE: u32 = 24;
/// The most pods that are drawn; more are told in words.
const MOST_PODS: usize = 24;
/// The most interfaces of a pod that are drawn.
const MOST_INTERFACES: usize = 8;

/// A drawing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) networks: Vec<NetworkBox>,
    pub(crate) nodes: Vec<NodeBox>,
    pub(crate) lines: Vec<Line>,
    /// Pods that did not fit.
    pub(crate) left_out: usize,
    /// The same in words.
    pub(crate) description: String,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NetworkBox {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) name: String,
    /// The name as the list has it.
    pub(crate) full: String,
    pub(crate) detail: String,
    /// `ok`, `cluster` for that of the cluster, `unknown` where nothing defines it.
    pub(crate) kind: &'static str,
}

/// A node with pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NodeBox {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) name: String,
    pub(crate) pods: Vec<PodBox>,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PodBox {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) name: String,
    pub(crate) interfaces: Vec<Port>,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Port {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) name: String,
    pub(crate) address: String,
    /// `attached`, `pending`, `failed` or `unasked`.
    pub(crate) state: &'static str,
}

/// From a network to an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    pub(crate) path: String,
    pub(crate) state: &'static str,
    /// What it connects, in words.
    pub(crate) title: String,
}

/// The drawing; nothing when there is nothing to draw.
pub(crate) fn picture(world: &World) -> Option<Picture> {
    let mut by_node: BTreeMap<&str, Vec<Drawn<'_>>> = BTreeMap::new();
    let (mut pods, mut left_out) = (0, 0);
    for (_, pod) in world.pods.iter() {
        let Ok(attachments) = &pod.attachments else { continue };
        if !attachments.iter().any(|attachment| attachment.network.contains('/')) {
            continue;
        }
        if pods == MOST_PODS {
            left_out += 1;
            continue;
        }
        pods += 1;
        let interfaces = attachments.iter().take(MOST_INTERFACES).collect();
        let name = format!("{}/{}", pod.namespace, pod.name);
        by_node.entry(&pod.node).or_default().push(Drawn { name, interfaces });
    }
    let (nodes, ports) = place_pods(&by_node);
    let networks = place_networks(networks::networks(world), &ports);
    if networks.is_empty() && nodes.is_empty() {
        return None;
    }
    let lines: Vec<_> = ports.iter().filter_map(|port| line(port, &networks)).collect();
    let bottom = nodes.iter().map(|node| node.y + node.height);
    let bottom = bottom.chain(networks.iter().map(|network| network.y + network.height));
    let height = bottom.max().unwrap_or(0) + GAP;
    let titles: Vec<_> = lines.iter().map(|line| line.title.as_str()).collect();
    let counts = format!(
        "{} and {}. ",
        words::count(networks.len(), "network", "networks"),
        words::count(pods, "pod", "pods")
    );
    let description = words::clip(&(counts + &titles.join("; ")), 2000);
    Some(Picture { width: WIDTH, height, networks, nodes, lines, left_out, description })
}

/// A pod that is drawn.
struct Drawn<'a> {
    name: String,
    interfaces: Vec<&'a kubewright_podnet::change::Attachment>,
}

/// Where an interface is, and what it belongs to.
struct Placed<'a> {
    x: u32,
    y: u32,
    network: &'a str,
    state: &'static str,
    words: String,
}

fn place_pods<'a>(by_node: &BTreeMap<&'a str, Vec<Drawn<'a>>>) -> (Vec<NodeBox>, Vec<Placed<'a>>) {
    let (mut nodes, mut ports, mut y) = (Vec::new(), Vec::new(), GAP);
    for (node, drawn) in by_node {
        let top = y;
        y += NODE_TITLE;
        let mut pods = Vec::new();
        for pod in drawn {
            let (x, width) = (NODE.0 + 12, NODE.1 - 24);
            let rows = u32::try_from(pod.interfaces.len()).unwrap_or(0);
            let height = POD_TITLE + rows * INTERFACE + 8;
            let mut interfaces = Vec::new();
            for (row, attachment) in (0u32..).zip(&pod.interfaces) {
                let y = y + POD_TITLE + row * INTERFACE + INTERFACE / 2;
                let state = word(attachment.state);
                let interface = match attachment.interface.as_str() {
                    "" => "…".to_owned(),
                    name => words::clip(name, 15),
                };
                let address = words::clip(&attachment.ips.join(", "), 34);
                ports.push(Placed {
                    x,
                    y,
                    network: &attachment.network,
                    state,
                    words: format!("{interface} of {}, {state} {address}", pod.name)
                        .trim_end()
                        .to_owned(),
                });
                interfaces.push(Port { x, y, name: interface, address, state });
            }
            let name = short(&pod.name, 48);
            pods.push(PodBox { x, y, width, height, name, interfaces });
            y += height + 10;
        }
        y += 4;
        let name = if node.is_empty() { "no node yet" } else { node };
        let name = words::clip(name, 52);
        let (x, width) = NODE;
        nodes.push(NodeBox { x, y: top, width, height: y - top, name, pods });
        y += GAP;
    }
    (nodes, ports)
}

/// Networks stand near the middle of their interfaces, so that few lines cross.
fn place_networks(rows: Vec<NetworkRow>, ports: &[Placed<'_>]) -> Vec<NetworkBox> {
    let mut rows: Vec<_> = rows
        .into_iter()
        .filter(|row| {
            row.defined || ports.iter().any(|port| words::clip(port.network, 120) == row.name)
        })
        .map(|row| {
            let own: Vec<_> = ports
                .iter()
                .filter(|port| words::clip(port.network, 120) == row.name)
                .map(|port| port.y)
                .collect();
            let count = u32::try_from(own.len()).unwrap_or(u32::MAX).max(1);
            let middle = if own.is_empty() { u32::MAX } else { own.iter().sum::<u32>() / count };
            (middle, row)
        })
        .collect();
    rows.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.name.cmp(&other.name)));
    let wishes: Vec<_> = rows.iter().map(|(middle, _)| *middle).collect();
    let mut boxes = Vec::new();
    for (y, (_, row)) in stack(&wishes).into_iter().zip(rows) {
        let made = match (row.plugin.as_str(), row.link.as_str()) {
            _ if row.cluster => "network of the cluster".to_owned(),
            ("", _) if !row.defined => "not defined".to_owned(),
            ("", _) => "configured on the node".to_owned(),
            (plugin, "") => plugin.to_owned(),
            (plugin, link) => format!("{plugin} {link}"),
        };
        let subnets = row.subnets.first().map(|subnet| format!(" · {subnet}"));
        boxes.push(NetworkBox {
            x: NETWORK.0,
            y,
            width: NETWORK.1,
            height: NETWORK_HEIGHT,
            name: short(&row.name, 27),
            full: row.name,
            detail: words::clip(&(made + &subnets.unwrap_or_default()), 38),
            kind: match (row.cluster, row.defined) {
                (true, _) => "cluster",
                (false, true) => "ok",
                (false, false) => "unknown",
            },
        });
    }
    boxes
}

/// Tops of boxes whose middles should be at these places, in this order, without overlap. They are
/// pushed down where they would, and then moved up together, so that none is pushed far.
fn stack(middles: &[u32]) -> Vec<u32> {
    let (mut next, mut pushed, mut wishes) = (GAP, 0, 0);
    let mut tops = Vec::new();
    for middle in middles {
        let wished = match *middle {
            // Nothing is on it.
            u32::MAX => next,
            middle => middle.saturating_sub(NETWORK_HEIGHT / 2),
        };
        let top = next.max(wished);
        pushed += top - wished.min(top);
        wishes += u32::from(*middle != u32::MAX);
        tops.push(top);
        next = top + NETWORK_HEIGHT + GAP;
    }
    let room = tops.first().map_or(0, |first| first - GAP);
    let up = (pushed / wishes.max(1)).min(room);
    tops.iter().map(|top| top - up).collect()
}

fn line(port: &Placed<'_>, networks: &[NetworkBox]) -> Option<Line> {
    let full = words::clip(port.network, 120);
    let network = networks.iter().find(|network| network.full == full)?;
    let (x0, y0) = (network.x + network.width, network.y + network.height / 2);
    let (x1, y1) = (port.x, port.y);
    let bend = (x1 - x0) / 2;
    Some(Line {
        path: format!("M{x0} {y0}C{} {y0} {} {y1} {x1} {y1}", x0 + bend, x1 - bend),
        state: if network.kind == "cluster" { "cluster" } else { port.state },
        title: format!("{full}: {}", port.words),
    })
}

/// A `namespace/name` that fits; where it does not, the name alone.
fn short(full: &str, most: usize) -> String {
    match full.rsplit_once('/') {
        Some((_, name)) if full.chars().count() > most => {
            format!("…/{}", words::clip(name, most - 3))
        }
        _ => words::clip(full, most),
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Attached => "attached",
        State::Pending => "pending",
        State::Failed => "failed",
        State::Unasked => "unasked",
    }
}

#[cfg(test)]
mod tests;
