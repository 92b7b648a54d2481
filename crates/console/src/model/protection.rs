//! Which nodes their HostEndpoints protect, and which not, and for how long.
//!
//! What a node should have is asked of the controller's own planner, so that the console can never
//! be of another opinion.

use jiff::Timestamp;
use kubewright_hostendpoint::labels::Shared;
use kubewright_hostendpoint::plan::{NodePlan, plan_node};
use kubewright_hostendpoint::problem::ProblemKind;
use serde::Serialize;

use super::{Badge, Filter, Notice, Rows, Tone, words};
use crate::world::node::Node;
use crate::world::{Sight, Source, World};

/// How to get the controller.
pub(crate) const INSTALL: &str = "kubewright manifests hostendpoint | kubectl apply -f -";

/// Protection of a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NodeCoverage {
    pub(crate) node: String,
    pub(crate) state: Badge,
    /// For how long it is unprotected.
    pub(crate) unprotected: Option<String>,
    /// Endpoints that stand, of those wanted.
    pub(crate) present: usize,
    pub(crate) wanted: usize,
    /// Templates that select it.
    pub(crate) templates: Vec<String>,
    /// Interfaces that its endpoints cover.
    pub(crate) interfaces: Vec<String>,
    /// What is missing or wrong.
    pub(crate) problems: Vec<String>,
    /// Whether the startup taint keeps pods away.
    pub(crate) tainted: bool,
}

/// A template.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TemplateRow {
    pub(crate) name: String,
    pub(crate) nodes: i64,
    pub(crate) endpoints: i64,
    pub(crate) state: Badge,
    pub(crate) problems: Vec<String>,
}

/// Protection of the nodes that a filter takes, those without first.
pub(crate) fn coverage(world: &World, filter: &Filter, now: Timestamp) -> Rows<NodeCoverage> {
    let notice = notice(world);
    if matches!(world.sight(Source::Templates), Sight::Absent | Sight::Forbidden | Sight::Unseen) {
        return Rows::of(Vec::new(), notice);
    }
    let mut rows: Vec<_> =
        world.nodes.iter().map(|(name, node)| of_node(world, name, node, now)).collect();
    rows.retain(|row| filter.takes([row.node.as_str(), &row.state.text]));
    rows.sort_by(|a, b| a.state.tone.cmp(&b.state.tone).then_with(|| a.node.cmp(&b.node)));
    Rows::of(rows, notice)
}

fn notice(world: &World) -> Option<Notice> {
    Notice::of(world, Source::Templates, Some(INSTALL))
        .or_else(|| Notice::of(world, Source::Endpoints, None))
        .or_else(|| {
            world.templates.is_empty().then(|| {
                let text = "No HostEndpointTemplate says which nodes get HostEndpoints.";
                Notice::empty("Nothing is asked for", text, None)
            })
        })
}

fn of_node(world: &World, name: &str, node: &Node, now: Timestamp) -> NodeCoverage {
    let shared = Shared::from(name);
    let plan = plan_node(&world.coverage, &shared, now);
    let present = plan.tallies.values().map(|tally| tally.present).sum();
    let wanted = plan.tallies.values().map(|tally| tally.wanted).sum();
    let standing = world.coverage.endpoints_of(name);
    let interfaces = standing.map(|endpoint| match &*endpoint.interface {
        "" => "by address".to_owned(),
        "*" => "all".to_owned(),
        interface => words::clip(interface, 32),
    });
    let problems = plan.problems.iter().filter(|problem| {
        // Told by the status of the template, which has seen the policies.
        !matches!(problem.kind, ProblemKind::Lockout { .. })
    });
    let mut problems: Vec<_> =
        problems.map(|problem| words::clip(&problem.kind.to_string(), 300)).collect();
    let (state, since) = state(node, &plan, world.coverage.can_write());
    if let Some(protected) = node.protected.as_ref().filter(|protected| !protected.holds) {
        problems.insert(0, words::clip(&protected.message, 300));
    }
    NodeCoverage {
        node: name.to_owned(),
        state,
        unprotected: since.map(|since| words::age_of(now, since)),
        present,
        wanted,
        templates: plan.tallies.keys().map(|template| template.to_string()).collect(),
        interfaces: interfaces.collect(),
        problems,
        tainted: node.tainted,
    }
}

/// How protected a node is; and since when it is not, as far as that is known.
fn state(node: &Node, plan: &NodePlan, known: bool) -> (Badge, Option<Option<Timestamp>>) {
    match &node.protected {
        Some(protected) if protected.holds && (plan.is_protected() || !known) => {
            (Badge::new(Tone::Ok, "Protected"), None)
        }
        Some(protected) if protected.holds => (Badge::new(Tone::Warn, "Being repaired"), None),
        Some(protected) if protected.reason == "NoTemplate" && !node.tainted => {
            (Badge::new(Tone::Idle, "Not asked for"), None)
        }
        Some(protected) => (Badge::new(Tone::Bad, "Unprotected"), Some(protected.since)),
        None if !known => (Badge::new(Tone::Busy, "Unknown"), None),
        None if plan.tallies.is_empty() && !node.tainted => {
            (Badge::new(Tone::Idle, "Not asked for"), None)
        }
        None if plan.is_protected() && !node.tainted => (Badge::new(Tone::Ok, "Protected"), None),
        // Nothing tells since when; it has not been protected longer than it exists.
        None => (Badge::new(Tone::Bad, "Unprotected"), Some(node.created)),
    }
}

/// The templates, those in trouble first.
pub(crate) fn templates(world: &World) -> Vec<TemplateRow> {
    let mut rows: Vec<_> = world
        .templates
        .iter()
        .map(|(name, template)| {
            let wrong = |kind: &str, status: &str| match kind {
                "Valid" | "Ready" => status == "False",
                _ => status == "True",
            };
            let bad = template.conditions.iter().filter(|c| wrong(&c.kind, &c.status));
            // What cannot be read protects nobody, whether the controller has said so or not.
            let index = world.coverage.templates();
            let unreadable = index.get(name).and_then(|it| it.compiled.as_ref().err());
            let unreadable = unreadable.into_iter().flatten().map(ToString::to_string);
            let told = bad.map(|c| format!("{}: {}", c.reason, c.message));
            let problems: Vec<_> =
                unreadable.chain(told).map(|problem| words::clip(&problem, 300)).collect();
            let ready = template.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True");
            let state = match (problems.is_empty(), ready) {
                (false, _) => Badge::new(Tone::Warn, "Needs attention"),
                (true, true) => Badge::new(Tone::Ok, "Ready"),
                (true, false) => Badge::new(Tone::Busy, "Not reported yet"),
            };
            TemplateRow {
                name: name.to_owned(),
                nodes: template.nodes,
                endpoints: template.endpoints,
                state,
                problems,
            }
        })
        .collect();
    rows.sort_by(|a, b| a.state.tone.cmp(&b.state.tone).then_with(|| a.name.cmp(&b.name)));
    rows
}

#[cfg(test)]
mod tests;
