//! The world as the controller has seen it: an index that takes objects and
//! says which nodes have to be looked at again. It knows no clock, no server
//! and no tasks, so everything above it is tested by handing in objects.
//!
//! ```text
//!  nodes ─┐                                   ┌─ dirty nodes ──▶ plan_node
//!  templates ─┤  apply / remove / relisted    │
//!  endpoints ─┼──────────▶ Observed ─ settle ─┤
//!  announcements ┘            │               └─ claims: name → nodes
//!  policies ─┘                └─ missing: node → since when
//! ```
//!
//! A kind that has not been listed completely is *unknown*: nothing is
//! concluded from an object's absence before that.

mod announcements;
mod changes;
mod claims;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::CalicoGroup,
    endpoint::Endpoint,
    labels::{Interner, Shared},
    node::NodeFacts,
    preflight::Preflight,
    templates::Template,
    wanted::{Candidate, WantedSet, wanted},
};

pub use announcements::{Announcement, AnnouncementKind};
pub use changes::Kind;

use announcements::Announcements;
use claims::Claims;

/// Limits of what may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a node has to be gone before its endpoints are removed.
    pub grace: SignedDuration,
    /// More than this share of the nodes losing endpoints at once is a mass
    /// deletion, in percent …
    pub mass_percent: u8,
    /// … if it is also more than this number of nodes.
    pub mass_nodes: usize,
    /// Mass deletions are confirmed beforehand.
    pub mass_confirmed: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            grace: SignedDuration::from_secs(30),
            mass_percent: 10,
            mass_nodes: 3,
            mass_confirmed: false,
        }
    }
}

/// A node that has endpoints and is not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Since when, by this process's observation.
    pub since: Timestamp,
    /// Whether the API server itself has said, after the grace time, that
    /// there is no such node.
    pub confirmed: bool,
}

/// The world as observed.
#[derive(Debug)]
pub struct Observed {
    /// Group in which endpoints are read and written.
    pub group: CalicoGroup,
    /// Limits of what may be removed.
    pub limits: Limits,
    /// Policies and failsafe ports.
    pub preflight: Preflight,
    interner: Interner,
    nodes: HashMap<Shared, NodeFacts>,
    templates: BTreeMap<Shared, Template>,
    endpoints: HashMap<Shared, Endpoint>,
    by_node: HashMap<Shared, BTreeSet<Shared>>,
    /// Nodes with endpoints of ours, and how many.
    managed: HashMap<Shared, usize>,
    announcements: Announcements,
    claims: Claims,
    missing: HashMap<Shared, Missing>,
    listed: BTreeSet<Kind>,
    /// Objects seen since the list of a kind began.
    relisting: BTreeMap<Kind, HashSet<Shared>>,
    /// Nodes to plan again.
    dirty: BTreeSet<Shared>,
    /// Nodes whose claims have to be made again, too.
    stale: BTreeSet<Shared>,
    all_stale: bool,
}

impl Observed {
    /// Nothing seen yet.
    pub fn new(group: CalicoGroup, limits: Limits, preflight: Preflight) -> Self {
        Self {
            group,
            limits,
            preflight,
            interner: Interner::default(),
            nodes: HashMap::new(),
            templates: BTreeMap::new(),
            endpoints: HashMap::new(),
            by_node: HashMap::new(),
            managed: HashMap::new(),
            announcements: Announcements::default(),
            claims: Claims::default(),
            missing: HashMap::new(),
            listed: BTreeSet::new(),
            relisting: BTreeMap::new(),
            dirty: BTreeSet::new(),
            stale: BTreeSet::new(),
            all_stale: false,
        }
    }

    /// Whether all objects of a kind are known.
    pub fn is_listed(&self, kind: Kind) -> bool {
        self.listed.contains(&kind)
    }

    /// Whether enough is known to write anything: without the templates
    /// nothing is wanted, without the endpoints somebody else's could be
    /// overwritten.
    pub fn can_write(&self) -> bool {
        self.is_listed(Kind::Templates) && self.is_listed(Kind::Endpoints)
    }

    /// A registered node.
    pub fn node(&self, name: &str) -> Option<&NodeFacts> {
        self.nodes.get(name)
    }

    /// An endpoint.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.get(name)
    }

    /// Endpoints whose `spec.node` is this node, by name.
    pub fn endpoints_of(&self, node: &str) -> impl Iterator<Item = &Endpoint> {
        self.by_node.get(node).into_iter().flatten().filter_map(|name| self.endpoints.get(name))
    }

    /// Templates by name.
    pub fn templates(&self) -> &BTreeMap<Shared, Template> {
        &self.templates
    }

    /// How many nodes have endpoints of ours.
    pub fn protected_nodes(&self) -> usize {
        self.managed.len()
    }

    /// Since when a node with endpoints is missing.
    pub fn missing(&self, node: &str) -> Option<Missing> {
        self.missing.get(node).copied()
    }

    /// Whether an announcement, or a template, still speaks of the node.
    pub fn is_announced(&self, node: &str, template: Option<&str>) -> bool {
        self.announcements.speak_of(node)
            || template
                .and_then(|template| self.templates.get(template))
                .is_some_and(|template| template.static_nodes.contains(node))
    }

    /// What the node should have, and until when that holds.
    pub fn wanted(&self, node: &Shared, now: Timestamp) -> (WantedSet, Option<Timestamp>) {
        let templates = self.templates.values();
        if let Some(facts) = self.nodes.get(node) {
            return (wanted(Candidate::Registered(facts), templates), None);
        }
        let (early, until) = self.announcements.expecting(node, &self.templates, now);
        let candidate = Candidate::Expected { name: node, templates: &early };
        (wanted(candidate, templates), until)
    }

    /// The node that may have the endpoint of this name, if any wants it: the
    /// one that has it, else the first in the alphabet.
    pub fn claimant(&self, name: &str) -> Option<&Shared> {
        let claimants = self.claims.of(name);
        let incumbent = self.endpoints.get(name).filter(|endpoint| endpoint.is_managed());
        incumbent
            .and_then(|endpoint| claimants.iter().find(|node| **node == endpoint.node))
            .or_else(|| claimants.first())
    }

    /// Every node that anything is known about, by name.
    pub fn all_nodes(&self) -> BTreeSet<Shared> {
        let statics = self.templates.values().flat_map(|template| &template.static_nodes);
        self.nodes
            .keys()
            .chain(self.by_node.keys())
            .chain(self.announcements.nodes())
            .cloned()
            .chain(statics.map(|name| Shared::from(name.as_str())))
            .collect()
    }
}
