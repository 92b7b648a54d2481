//! Ways through a graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use super::{Graph, Reason};
use crate::name::ComponentName;

/// Why one component needs another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// A shortest way: each step with its reasons.
    pub path: Vec<Step>,
    /// What else the first one needs that leads to the last one.
    pub also_through: Vec<ComponentName>,
}

/// One edge of a way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Who needs it.
    pub from: ComponentName,
    /// What is needed.
    pub to: ComponentName,
    /// How that is known.
    pub reasons: Vec<Reason>,
}

/// Why `from` needs `to`, if it does.
#[must_use]
pub fn why(graph: &Graph, from: &ComponentName, to: &ComponentName) -> Option<Why> {
    let neighbours = |name: &ComponentName| graph.needs(name).map(|(to, _)| to).collect();
    let way = shortest(from, to, neighbours)?;
    let path: Vec<Step> = way
        .windows(2)
        .map(|pair| {
            let reasons = graph.needs(&pair[0]).find(|(to, _)| **to == pair[1]);
            let reasons = reasons.map(|(_, reasons)| reasons.to_vec()).unwrap_or_default();
            Step { from: pair[0].clone(), to: pair[1].clone(), reasons }
        })
        .collect();
    let first = path.first().map(|step| &step.to);
    let leads = |name: &&ComponentName| graph.with_needs([*name]).contains(to);
    let also = graph.needs(from).map(|(name, _)| name).filter(leads);
    let also_through = also.filter(|name| Some(*name) != first).cloned().collect();
    Some(Why { path, also_through })
}

/// A shortest circle among components of which each needs another one of them, or something that
/// does.
pub(super) fn circle(
    needs: &BTreeMap<ComponentName, BTreeMap<ComponentName, Vec<Reason>>>,
    among: &BTreeSet<&ComponentName>,
) -> Option<Vec<ComponentName>> {
    let circles = among.iter().filter_map(|start| {
        let neighbours = |name: &ComponentName| {
            let edges = needs.get(name).into_iter().flat_map(BTreeMap::keys);
            edges.filter(|to| among.contains(to)).collect()
        };
        shortest(start, start, neighbours)
    });
    circles.min_by_key(Vec::len)
}

/// A way of at least one step.
fn shortest<'a>(
    from: &'a ComponentName,
    to: &ComponentName,
    neighbours: impl Fn(&ComponentName) -> Vec<&'a ComponentName>,
) -> Option<Vec<ComponentName>> {
    let mut before: BTreeMap<&ComponentName, &ComponentName> = BTreeMap::new();
    let mut left = VecDeque::from([from]);
    while let Some(name) = left.pop_front() {
        for next in neighbours(name) {
            if next == to {
                let mut way = vec![to.clone(), name.clone()];
                let mut at = name;
                while at != from {
                    at = before.get(at)?;
                    way.push(at.clone());
                }
                way.reverse();
                return Some(way);
            }
            if next != from && !before.contains_key(next) {
                before.insert(next, name);
                left.push_back(next);
            }
        }
    }
    None
}
