//! A graph for people and for other programs.

mod layers;
mod svg;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::{Graph, Reason};
use crate::name::ComponentName;

pub use svg::svg;

/// A graph as data.
#[derive(Clone, Debug, Serialize)]
pub struct Drawing<'a> {
    /// Each after what it needs.
    pub components: Vec<&'a ComponentName>,
    /// All edges.
    pub edges: Vec<Edge<'a>>,
}

/// One edge.
#[derive(Clone, Debug, Serialize)]
pub struct Edge<'a> {
    /// Who needs it.
    pub from: &'a ComponentName,
    /// What is needed.
    pub to: &'a ComponentName,
    /// How that is known.
    pub reasons: &'a [Reason],
}

/// A graph as data.
#[must_use]
pub fn data(graph: &Graph) -> Drawing<'_> {
    let edges = graph.edges().map(|(from, to, reasons)| Edge { from, to, reasons });
    Drawing { components: graph.order().iter().collect(), edges: edges.collect() }
}

/// A graph in lines: each component after what it needs, with its edges and their reasons.
#[must_use]
pub fn text(graph: &Graph) -> String {
    let edges = graph.edges().map(|(_, to, _)| to.as_str().len());
    let width = edges.max().unwrap_or(0);
    let mut text = String::new();
    for name in graph.order() {
        let _ = writeln!(text, "{name}");
        for (to, reasons) in graph.needs(name) {
            let _ = writeln!(text, "  {to:<width$}  {}", told(reasons));
        }
    }
    text
}

/// A graph for [Graphviz](https://graphviz.org/doc/info/lang.html).
#[must_use]
pub fn dot(graph: &Graph) -> String {
    let mut text = String::from("digraph workspace {\n  rankdir=BT;\n  node [shape=box];\n");
    for name in graph.order() {
        let _ = writeln!(text, "  \"{name}\";");
    }
    let implied = implied(graph);
    for (from, to, reasons) in graph.edges() {
        let style = if implied.contains(&(from, to)) { ", style=dashed" } else { "" };
        let reason = told(reasons).replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(text, "  \"{from}\" -> \"{to}\" [tooltip=\"{reason}\"{style}];");
    }
    text + "}\n"
}

/// Reasons in a line.
#[must_use]
pub fn told(reasons: &[Reason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Edges that follow from others: what they lead to is also needed by something else in between.
fn implied(graph: &Graph) -> BTreeSet<(&ComponentName, &ComponentName)> {
    let mut implied = BTreeSet::new();
    for from in graph.order() {
        for (to, _) in graph.needs(from) {
            let others = graph.needs(from).map(|(other, _)| other).filter(|other| *other != to);
            if graph.with_needs(others).contains(to) {
                implied.insert((from, to));
            }
        }
    }
    implied
}

#[cfg(test)]
mod tests;
