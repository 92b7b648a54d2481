//! What to do: pure, from the world as seen to actions and statuses.
//!
//! ```text
//!  world ─▶ survey: configs oldest first, conflicts, grants ─┬─▶ webhook ─▶ Apply, Delete
//!                                                            ├─▶ capacity ─▶ SetCapacity, RemoveCapacity
//!                                                            ├─▶ adaptor ─▶ Apply, Delete
//!                                                            └─▶ finalizers, statuses
//! ```
//!
//! A deleted config is taken apart in this order: webhook, capacity, adaptor. Each waits until the
//! one before is gone.

mod capacity;
mod condition;
mod lifecycle;
mod part;
mod survey;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::sighting::Kind;
use super::world::World;
use crate::api::PeerPodConfigStatus;
use crate::mutation::Settings;
use crate::objects::webhook::Address;
use crate::options::Options;
use crate::webhook::rotation::Step;

pub(crate) use self::survey::{Config, Survey, survey};

/// Finalizer of configs.
pub(super) const FINALIZER: &str = "kubewright.io/peerpod";

/// Something to write.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Hold a config until everything of it is gone.
    AddFinalizer { config: String },
    /// Let it go.
    RemoveFinalizer { config: String },
    /// Give a node this capacity, and allocatable too where it is asked for or was once: to apply
    /// less than before can take cpu and memory of the node along.
    SetCapacity { node: String, manager: String, seats: u64, allocatable: bool },
    /// Take the resource off a node; `value` is what it has now.
    RemoveCapacity { node: String, value: String, allocatable: Option<String> },
    /// Write an owned object.
    Apply { kind: Kind, manifest: Value },
    /// Delete an owned object.
    Delete { kind: Kind, name: String, uid: String },
    /// Go on with the webhook's certificates.
    Certificates(Step),
    /// Say what became of a config.
    Status { config: String, status: PeerPodConfigStatus },
}

/// What an action writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// The finalizer of a config.
    Finalizer(String),
    /// Capacity of a node.
    Node(String),
    /// An owned object, by its name.
    Owned(Kind, String),
    /// The Secrets with the webhook's certificates.
    Certificates,
    /// The status of a config.
    Status(String),
}

impl Action {
    pub(super) fn target(&self) -> Target {
        match self {
            Self::AddFinalizer { config } | Self::RemoveFinalizer { config } => {
                Target::Finalizer(config.clone())
            }
            Self::SetCapacity { node, .. } | Self::RemoveCapacity { node, .. } => {
                Target::Node(node.clone())
            }
            Self::Apply { kind, manifest } => {
                let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
                Target::Owned(*kind, name.to_owned())
            }
            Self::Delete { kind, name, .. } => Target::Owned(*kind, name.clone()),
            Self::Certificates(_) => Target::Certificates,
            Self::Status { config, .. } => Target::Status(config.clone()),
        }
    }

    /// Whether another action on the same target is another attempt at the same. A status has the
    /// time in it.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Status { .. }, Self::Status { .. })) || self == other
    }
}

/// What is to be done, and when to look again without a change.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub(super) actions: Vec<Action>,
    pub(super) again: Option<Timestamp>,
    /// Since when nodes are kept from taking peer pods, and by what; to be kept in the world.
    pub(super) obstacles: BTreeMap<String, (String, Timestamp)>,
    /// What a webhook in this process is to do with pods.
    pub(super) webhook: Option<Settings>,
    /// How things are, for the metrics.
    pub(super) tally: Tally,
}

/// How things are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// By config: its limit, what its nodes advertise, and what is held.
    pub(crate) configs: BTreeMap<String, Seats>,
    /// Nodes that take no new peer pods, by why.
    pub(crate) obstacles: BTreeMap<&'static str, u64>,
    /// Upstream's PeerPods.
    pub(crate) peer_pods: u64,
    /// Those of them that nobody cleans up, by `namespace/name`.
    pub(crate) orphans: Vec<String>,
}

/// Seats of a config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seats {
    pub(crate) limit: u64,
    pub(crate) advertised: u64,
    pub(crate) held: u64,
}

impl Decision {
    fn look_again(&mut self, at: Timestamp) {
        self.again = Some(self.again.map_or(at, |again| again.min(at)));
    }
}

/// What is to be done now. Nothing, while something has not been seen.
pub(super) fn decide(
    world: &World,
    options: &Options,
    address: Option<&Address>,
    now: Timestamp,
) -> Decision {
    let mut decision = Decision::default();
    if !world.is_whole() {
        return decision;
    }
    let survey = survey(world, options, now);
    if let Some(at) = survey.again {
        decision.look_again(at);
    }
    let mut keeper = part::Keeper { world, options, survey: &survey, decision: &mut decision };
    let webhook = keeper.webhook(address, now);
    let advertised = capacity::advertise(&survey, webhook.left, world, &mut decision);
    let capacity_left = advertised.values().any(|advertised| advertised.left > 0);
    let mut keeper = part::Keeper { world, options, survey: &survey, decision: &mut decision };
    let adaptor = keeper.adaptor(webhook.left || capacity_left);
    lifecycle::finalizers(&survey, &advertised, [&webhook, &adaptor], &mut decision);
    let told = (world.backoff.any(), now);
    condition::report(&survey, &advertised, &adaptor, &webhook, told, &mut decision);
    condition::report_unreadable(&survey, now, &mut decision);
    tally(&survey, &advertised, world, options, now, &mut decision);
    decision.obstacles = survey.obstacles;
    decision
}

fn tally(
    survey: &Survey<'_>,
    advertised: &BTreeMap<String, capacity::Advertised>,
    world: &World,
    options: &Options,
    now: Timestamp,
    decision: &mut Decision,
) {
    let mut tally = Tally::default();
    for config in &survey.configs {
        let so_far = advertised.get(&config.key).cloned().unwrap_or_default();
        let limit = config.config.spec.limit().unwrap_or(0);
        let seats = Seats { limit, advertised: so_far.advertised, held: so_far.running };
        tally.configs.insert(config.key.clone(), seats);
    }
    for node in &survey.nodes {
        if let Some(obstacle) = &node.obstacle {
            *tally.obstacles.entry(obstacle.word()).or_default() += 1;
        }
    }
    let patience = jiff::SignedDuration::try_from(options.orphan_patience);
    for (key, peer_pod) in &world.peer_pods {
        tally.peer_pods += 1;
        if !peer_pod.held {
            continue;
        }
        let due = match (peer_pod.deleted, &patience) {
            (Some(at), Ok(patience)) => at.saturating_add(*patience).unwrap_or(Timestamp::MAX),
            (None, _) if !peer_pod.owned => Timestamp::MIN,
            _ => continue,
        };
        if due <= now {
            tally.orphans.push(key.clone());
        } else {
            decision.look_again(due);
        }
    }
    decision.tally = tally;
}

#[cfg(test)]
mod tests;
