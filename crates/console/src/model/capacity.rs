//! Peer-pod capacity: the limit, what nodes advertise, what pods hold.

use std::collections::BTreeMap;

use kubewright_peerpod::api::{LimitScope, condition};
use serde::Serialize;

use super::{Badge, Filter, Notice, Rows, Tone, words};
use crate::world::peer_pods::Config;
use crate::world::{Source, World};

/// How to get the controller.
pub(crate) const INSTALL: &str = "kubewright manifests peerpod | kubectl apply -f -";

/// Width of a whole bar, in units of the drawing.
pub(crate) const WIDTH: u64 = 1000;

/// Three amounts on one scale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bar {
    /// The most there may be; nothing where that is not limited by itself.
    pub(crate) limit: Option<u64>,
    pub(crate) advertised: u64,
    pub(crate) held: u64,
    /// Ends of the three, in units of a whole of [`WIDTH`].
    pub(crate) limit_end: u64,
    pub(crate) advertised_end: u64,
    pub(crate) held_end: u64,
    /// In words, for those who do not see it.
    pub(crate) label: String,
}

impl Bar {
    /// A bar of these amounts where a whole one is `scale`.
    fn new(limit: Option<u64>, advertised: u64, held: u64, scale: u64) -> Self {
        let end = |amount: u64| {
            let wide = u128::from(amount.min(scale)) * u128::from(WIDTH) / u128::from(scale.max(1));
            // What is there is seen, however little it is.
            u64::try_from(wide).unwrap_or(WIDTH).max(if amount > 0 { 4 } else { 0 })
        };
        let of = limit.map(|limit| format!(", limit {limit}")).unwrap_or_default();
        Self {
            limit,
            advertised,
            held,
            limit_end: limit.map_or(0, end),
            advertised_end: end(advertised),
            held_end: end(held),
            label: format!("{held} held of {advertised} advertised{of}"),
        }
    }
}

/// A config.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ConfigRow {
    pub(crate) name: String,
    pub(crate) state: Badge,
    pub(crate) scope: &'static str,
    pub(crate) nodes: u64,
    pub(crate) bar: Bar,
    pub(crate) problems: Vec<String>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NodeBar {
    pub(crate) node: String,
    /// The config that it is for; empty where there is none.
    pub(crate) config: String,
    pub(crate) bar: Bar,
    /// Whether it is full, or more than that.
    pub(crate) state: Option<Badge>,
}

/// The configs, by name.
pub(crate) fn configs(world: &World) -> Rows<ConfigRow> {
    let rows: Vec<_> = world.configs.iter().map(|(name, config)| row(name, config)).collect();
    let notice = Notice::of(world, Source::Configs, Some(INSTALL)).or_else(|| {
        rows.is_empty().then(|| {
            let text = "A PeerPodConfig says how many peer pods which nodes may run.";
            Notice::empty("No capacity is asked for", text, None)
        })
    });
    Rows::of(rows, notice)
}

fn row(name: &str, config: &Config) -> ConfigRow {
    let wrong = |kind: &str| matches!(kind, condition::OVERCOMMITTED | condition::CONFLICTED);
    let told = config.conditions.iter().filter(|c| match wrong(&c.kind) {
        true => c.status == "True",
        false => c.status == "False" && c.kind != condition::READY,
    });
    let problems = told.map(|c| words::clip(&format!("{}: {}", c.reason, c.message), 300));
    let unreadable = config.spec.as_ref().err().map(|error| words::clip(error, 300));
    let problems: Vec<_> = unreadable.into_iter().chain(problems).collect();
    let ready = config.conditions.iter().find(|c| c.kind == condition::READY);
    let state = match ready.map(|ready| ready.status.as_str()) {
        _ if config.spec.is_err() => Badge::new(Tone::Bad, "Unreadable"),
        Some("True") if problems.is_empty() => Badge::new(Tone::Ok, "Ready"),
        Some(_) => Badge::new(Tone::Warn, "Needs attention"),
        None => Badge::new(Tone::Busy, "Not reported yet"),
    };
    let limit = config.spec.as_ref().ok().and_then(|spec| {
        let limit = spec.limit()?;
        match spec.limit_scope {
            LimitScope::Cluster => Some(limit),
            LimitScope::PerNode => limit.checked_mul(config.nodes),
        }
    });
    let scope = match config.spec.as_ref().map(|spec| spec.limit_scope) {
        Ok(LimitScope::PerNode) => "for each node",
        _ => "for all nodes together",
    };
    let (advertised, held) = (config.advertised, config.allocated);
    let scale = limit.unwrap_or(0).max(advertised).max(held);
    let bar = Bar::new(limit, advertised, held, scale);
    ConfigRow { name: name.to_owned(), state, scope, nodes: config.nodes, bar, problems }
}

/// The nodes with capacity that a filter takes, by name.
pub(crate) fn nodes(world: &World, filter: &Filter) -> Rows<NodeBar> {
    let mut held: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, pod) in world.pods.iter() {
        let seats = held.entry(&pod.node).or_default();
        *seats = seats.saturating_add(pod.seats);
    }
    let selectors: Vec<_> = world
        .configs
        .iter()
        .filter_map(|(name, config)| {
            Some((name, config, config.spec.as_ref().ok()?.selector().ok()?))
        })
        .collect();
    let mut found = Vec::new();
    for (name, node) in world.nodes.iter() {
        let held = held.get(name).copied().unwrap_or(0);
        let config = selectors.iter().find(|(.., selector)| selector.selects(&node.labels));
        if node.advertised.is_none() && held == 0 && config.is_none() {
            continue;
        }
        let limit = config.and_then(|(_, config, _)| config.limit_per_node());
        let config = config.map(|&(name, ..)| name.to_owned()).unwrap_or_default();
        found.push((name.to_owned(), config, limit, node.advertised.unwrap_or(0), held));
    }
    let scale = found
        .iter()
        .map(|(.., limit, advertised, held)| limit.unwrap_or(0).max(*advertised).max(*held));
    let scale = scale.max().unwrap_or(0);
    found.retain(|(node, config, ..)| filter.takes([node.as_str(), config]));
    let rows = found.into_iter().map(|(node, config, limit, advertised, held)| NodeBar {
        node,
        config,
        bar: Bar::new(limit, advertised, held, scale),
        state: match held {
            0 => None,
            held if held > advertised => Some(Badge::new(Tone::Bad, "Overcommitted")),
            held if held == advertised => Some(Badge::new(Tone::Warn, "Full")),
            _ => None,
        },
    });
    Rows::of(rows.collect(), None)
}

#[cfg(test)]
mod tests;
