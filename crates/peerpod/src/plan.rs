//! What each node is to advertise: pure, from a config and the nodes as they are.
//!
//! ```text
//!  config ─▶ selector ─▶ nodes ─▶ eligible? ─▶ shares (weight, floor, cap) ─▶ allocation
//!  configs ─▶ the oldest for a node decides; a younger one for the same node is conflicted
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use k8s_openapi::api::core::v1::{Taint, Toleration};

use crate::allocation::{Share, allocate};
use crate::api::{LimitScope, NodeSelector, PeerPodConfigSpec, SelectorError};

/// A node as observed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What keeps new peer pods from it, for longer than the debounce.
    pub obstacle: Option<Obstacle>,
    /// Peer pods that run there.
    pub running: u64,
    /// Its capacity of the resource, if it has a readable one.
    pub advertised: Option<u64>,
}

/// Why a node takes no new peer pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// `spec.unschedulable`.
    Cordoned,
    /// Its condition `Ready` is not `True`.
    NotReady,
    /// A taint that the adaptor does not tolerate.
    Taint {
        /// Key of the taint.
        key: String,
    },
}

impl Obstacle {
    /// In a word, for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cordoned => "cordoned",
            Self::NotReady => "not_ready",
            Self::Taint { .. } => "taint",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cordoned => f.write_str("cordoned"),
            Self::NotReady => f.write_str("not ready"),
            Self::Taint { key } => write!(f, "taint {key}"),
        }
    }
}

/// What a node is to advertise, and why so many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Name of the node.
    pub node: String,
    /// The capacity.
    pub seats: u64,
    /// What decided it.
    pub reason: Reason,
}

/// What decided a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its share of the limit.
    Share,
    /// Its own limit.
    Limit,
    /// The most it may get.
    Cap,
    /// More run there than its share.
    Running,
    /// It takes no new ones.
    Ineligible(Obstacle),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share => f.write_str("share of the limit"),
            Self::Limit => f.write_str("limit of the node"),
            Self::Cap => f.write_str("maximum of the node"),
            Self::Running => f.write_str("peer pods running"),
            Self::Ineligible(obstacle) => write!(f, "peer pods running; {obstacle}"),
        }
    }
}

/// What a config comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// One grant for each selected node, by name.
    pub grants: Vec<Grant>,
    /// Seats that no node may take.
    pub unplaced: u64,
    /// Running peer pods beyond the limit.
    pub overcommitted: u64,
}

impl Capacity {
    /// All seats together.
    pub fn total(&self) -> u64 {
        self.grants.iter().fold(0, |sum, grant| sum.saturating_add(grant.seats))
    }
}

/// Why nothing can be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The limit is no number.
    #[error(
        "spec.limit is {limit:?}, which is not a number of peer pods; write it in decimal without leading zeros, such as \"20\""
    )]
    Limit {
        /// What it is.
        limit: String,
    },
    /// The node selector cannot be read.
    #[error("spec selects no nodes")]
    Selector(#[from] SelectorError),
    /// The selector of an override cannot be read.
    #[error("spec.overrides[{index}] selects no nodes")]
    Override {
        /// Its position.
        index: usize,
        /// Why.
        #[source]
        source: SelectorError,
    },
}

/// Spreads the limit of a config over the nodes that it selects.
///
/// # Errors
/// [`PlanError`] for a spec that the schema of the CRD would not take.
pub fn capacity(spec: &PeerPodConfigSpec, nodes: &[Node]) -> Result<Capacity, PlanError> {
    let limit = spec.limit().ok_or_else(|| PlanError::Limit { limit: spec.limit.clone() })?;
    let rules = Rules::of(spec)?;
    let mut selected: Vec<(&Node, Terms)> =
        nodes.iter().filter_map(|node| Some((node, rules.terms(node)?))).collect();
    selected.sort_unstable_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    Ok(match spec.limit_scope {
        LimitScope::Cluster => spread(limit, &selected),
        LimitScope::PerNode => each(limit, &selected),
    })
}

/// The selectors of a spec, compiled.
struct Rules {
    selector: NodeSelector,
    overrides: Vec<(NodeSelector, Terms)>,
    otherwise: Terms,
}

/// What a spec says about a node.
#[derive(Clone, Copy)]
struct Terms {
    weight: u32,
    limit: Option<u64>,
    cap: u64,
}

impl Rules {
    fn of(spec: &PeerPodConfigSpec) -> Result<Self, PlanError> {
        let cap = spec.max_per_node.map_or(u64::MAX, u64::from);
        let mut overrides = Vec::with_capacity(spec.overrides.len());
        for (index, rule) in spec.overrides.iter().enumerate() {
            let selector = NodeSelector::compile(rule.label_selector.clone())
                .map_err(|source| PlanError::Override { index, source })?;
            let terms = Terms {
                weight: rule.weight.unwrap_or(1),
                limit: rule.limit.map(u64::from),
                cap: rule.max.map_or(cap, u64::from),
            };
            overrides.push((selector, terms));
        }
        let otherwise = Terms { weight: 1, limit: None, cap };
        Ok(Self { selector: spec.selector()?, overrides, otherwise })
    }

    /// What is said about a node; `None` where it is not selected.
    fn terms(&self, node: &Node) -> Option<Terms> {
        if !self.selector.selects(&node.labels) {
            return None;
        }
        let rule = self.overrides.iter().find(|(selector, _)| selector.selects(&node.labels));
        Some(rule.map_or(self.otherwise, |(_, terms)| *terms))
    }
}

fn spread(limit: u64, nodes: &[(&Node, Terms)]) -> Capacity {
    let shares: Vec<Share<'_>> = nodes.iter().map(|(node, terms)| share(node, *terms)).collect();
    let spread = allocate(limit, &shares);
    // Where a node got no more than its floor: would it have got that much without?
    let unbound: Vec<Share<'_>> =
        shares.iter().map(|share| Share { floor: 0, ..share.clone() }).collect();
    let unbound = allocate(limit, &unbound).seats;
    let grants = nodes
        .iter()
        .zip(spread.seats.iter().zip(&unbound))
        .map(|((node, terms), (&seats, &unbound))| {
            let reason = match &node.obstacle {
                Some(obstacle) => Reason::Ineligible(obstacle.clone()),
                None if seats > unbound && seats == node.running => Reason::Running,
                None if seats == terms.cap => Reason::Cap,
                None => Reason::Share,
            };
            Grant { node: node.name.clone(), seats, reason }
        })
        .collect();
    Capacity { grants, unplaced: spread.unplaced, overcommitted: spread.beyond }
}

fn share(node: &Node, terms: Terms) -> Share<'_> {
    Share {
        name: &node.name,
        weight: if node.obstacle.is_some() { 0 } else { terms.weight },
        floor: node.running,
        cap: terms.cap,
        held: node.advertised.unwrap_or(0),
    }
}

fn each(limit: u64, nodes: &[(&Node, Terms)]) -> Capacity {
    let mut overcommitted = 0u64;
    let grants = nodes
        .iter()
        .map(|(node, terms)| {
            let own = terms.limit.unwrap_or(limit).min(terms.cap);
            overcommitted = overcommitted.saturating_add(node.running.saturating_sub(own));
            let (seats, reason) = match &node.obstacle {
                Some(obstacle) => (node.running, Reason::Ineligible(obstacle.clone())),
                None if node.running > own => (node.running, Reason::Running),
                None if own == terms.cap => (own, Reason::Cap),
                None => (own, Reason::Limit),
            };
            Grant { node: node.name.clone(), seats, reason }
        })
        .collect();
    Capacity { grants, unplaced: 0, overcommitted }
}

/// A config among others.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// `namespace/name`.
    pub key: &'a str,
    /// The nodes that it selects.
    pub nodes: Vec<&'a str>,
}

/// For each claim, the key of an older one for a node of its own. The oldest come first.
///
/// A claim that is conflicted itself is in nobody's way.
pub fn conflicts(oldest_first: &[Claim<'_>]) -> Vec<Option<String>> {
    let mut taken: HashMap<&str, &str> = HashMap::new();
    let mut found = Vec::with_capacity(oldest_first.len());
    for claim in oldest_first {
        let older = claim.nodes.iter().find_map(|node| taken.get(node)).map(|&key| key.to_owned());
        if older.is_none() {
            taken.extend(claim.nodes.iter().map(|&node| (node, claim.key)));
        }
        found.push(older);
    }
    found
}

/// The first taint that keeps new pods away and is not tolerated.
pub fn untolerated<'a>(taints: &'a [Taint], tolerations: &[Toleration]) -> Option<&'a Taint> {
    taints
        .iter()
        .filter(|taint| taint.effect == "NoSchedule" || taint.effect == "NoExecute")
        .find(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint)))
}

/// `Toleration.ToleratesTaint` of Kubernetes.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let given = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.is_empty());
    if given(&toleration.effect) && toleration.effect.as_deref() != Some(&taint.effect) {
        return false;
    }
    if given(&toleration.key) && toleration.key.as_deref() != Some(&taint.key) {
        return false;
    }
    match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => {
            given(&toleration.key)
                && toleration.value.as_deref().unwrap_or_default()
                    == taint.value.as_deref().unwrap_or_default()
        }
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests;
