//! Capacity of nodes: the writes that make it what it should be.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Config, Decision, Survey, Target};
use crate::api::DeletionPolicy;
use crate::controller::world::World;
use crate::plan::Grant;

/// How far the nodes of a config are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Advertised {
    /// Selected nodes.
    pub(super) nodes: u64,
    /// Nodes that do not have their capacity yet.
    pub(super) pending: u64,
    /// Capacity that the nodes are to have.
    pub(super) seats: u64,
    /// Capacity that they have.
    pub(super) advertised: u64,
    /// Seats that running peer pods hold.
    pub(super) running: u64,
    /// Of a deleted config: nodes that still have something of it.
    pub(super) left: u64,
    /// A node that cannot be written, and what the API server says.
    pub(super) refused: Option<String>,
}

/// Plans the writes. Configs by key, with how far they are.
pub(super) fn advertise(
    survey: &Survey<'_>,
    webhook_left: bool,
    world: &World,
    decision: &mut Decision,
) -> BTreeMap<String, Advertised> {
    let mut all = BTreeMap::new();
    let mut wanted = BTreeSet::new();
    let mut settled = BTreeSet::new();
    for config in &survey.configs {
        let mut so_far = Advertised::default();
        let manager = config.manager();
        if config.conflict.is_none() {
            for grant in &config.capacity.grants {
                let Some(record) = world.nodes.get(&grant.node) else { continue };
                settled.insert(grant.node.as_str());
                so_far.nodes += 1;
                so_far.running = so_far.running.saturating_add(world.running(&grant.node));
                let seats = record.seats().unwrap_or(0);
                so_far.advertised = so_far.advertised.saturating_add(seats);
                let action = if config.is_deleted() {
                    retire(config, &grant.node, webhook_left, world)
                } else {
                    wanted.insert(grant.node.as_str());
                    so_far.seats = so_far.seats.saturating_add(grant.seats);
                    set(config, &manager, grant, world)
                };
                so_far.pending += u64::from(action.is_some());
                if action.is_some() && so_far.refused.is_none() {
                    let why = world.backoff.why(&Target::Node(grant.node.clone()));
                    so_far.refused = why.map(|why| format!("node {}: {why}", grant.node));
                }
                // Not before it is held: who deleted it meanwhile would leave the capacity behind.
                let action = action.filter(|_| config.is_held());
                decision.actions.extend(action);
            }
        }
        all.insert(config.key.clone(), so_far);
    }
    for (name, record) in &world.nodes {
        let kept = record.managers.iter().any(|manager| survey.kept.contains(manager));
        let Some(manager) = record.managers.first() else { continue };
        if !kept && !settled.contains(name.as_str()) {
            decision.actions.extend(leave(name, manager, world));
        }
    }
    for config in survey.configs.iter().filter(|config| config.is_deleted()) {
        let manager = config.manager();
        let left = world.nodes.iter().filter(|(name, record)| {
            record.managers.contains(&manager) && !wanted.contains(name.as_str())
        });
        let left = left.count() as u64;
        all.entry(config.key.clone()).or_default().left = left;
    }
    all
}

/// A node of a config: what differs from the plan.
fn set(config: &Config<'_>, manager: &str, grant: &Grant, world: &World) -> Option<Action> {
    let (record, seats) = (world.nodes.get(&grant.node)?, grant.seats);
    let allocatable = config.config.spec.write_allocatable || record.owns_allocatable;
    // A value that somebody else wrote is taken over even where it is right: what is not ours
    // would stay for ever.
    let differs = record.seats() != Some(seats)
        || !record.managers.iter().any(|owner| owner == manager)
        || (allocatable && record.allocatable_seats() != Some(seats));
    differs.then(|| Action::SetCapacity {
        node: grant.node.clone(),
        manager: manager.to_owned(),
        seats,
        allocatable,
    })
}

/// A node of a config that is deleted. Nothing new may come at once; what runs goes on, and the
/// capacity goes after the webhook.
fn retire(config: &Config<'_>, node: &str, webhook_left: bool, world: &World) -> Option<Action> {
    let waits = config.config.spec.deletion_policy == DeletionPolicy::Wait;
    if waits && world.running(node) > 0 {
        floor(node, &config.manager(), world)
    } else if webhook_left {
        None
    } else {
        remove(node, world)
    }
}

/// A node that no config selects any more.
fn leave(node: &str, manager: &str, world: &World) -> Option<Action> {
    if world.running(node) > 0 { floor(node, manager, world) } else { remove(node, world) }
}

/// No more than what runs there, so that nothing new comes.
fn floor(node: &str, manager: &str, world: &World) -> Option<Action> {
    let (record, seats) = (world.nodes.get(node)?, world.running(node));
    let (node, manager) = (node.to_owned(), manager.to_owned());
    (record.seats() != Some(seats)).then_some(Action::SetCapacity {
        node,
        manager,
        seats,
        allocatable: record.owns_allocatable,
    })
}

fn remove(node: &str, world: &World) -> Option<Action> {
    let record = world.nodes.get(node).filter(|record| !record.managers.is_empty())?;
    let value = record.capacity.clone()?;
    let allocatable = record.allocatable.clone();
    Some(Action::RemoveCapacity { node: node.to_owned(), value, allocatable })
}
