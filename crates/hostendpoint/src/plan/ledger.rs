//! The mass-deletion guard: how many nodes are about to lose protection.
//!
//! A node counts from the moment it is missing, not only when its grace time
//! is over, so that the hundredth of a hundred vanished nodes counts when the
//! first one's endpoints would go.

use std::collections::{BTreeSet, HashMap};

use super::Action;
use crate::{labels::Shared, observed::Observed};

/// Nodes that are about to lose protection, with the templates concerned.
#[derive(Debug, Default)]
pub struct Ledger {
    losing: HashMap<Shared, BTreeSet<Shared>>,
}

/// What may be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many nodes would lose protection without confirmation.
    pub nodes: usize,
    /// How many nodes are protected.
    pub total: usize,
    /// Templates whose deletions are stopped.
    pub stopped: BTreeSet<Shared>,
}

impl Ledger {
    /// Records what a node is about to lose. Returns whether that changed.
    pub fn record(&mut self, node: &Shared, templates: &BTreeSet<Shared>) -> bool {
        if templates.is_empty() {
            return self.losing.remove(node).is_some();
        }
        if self.losing.get(node) == Some(templates) {
            return false;
        }
        self.losing.insert(node.clone(), templates.clone());
        true
    }

    /// Decides. Templates whose deletions are confirmed do not count.
    pub fn verdict(&self, observed: &Observed) -> Verdict {
        let limits = observed.limits;
        let total = observed.protected_nodes();
        let mut verdict = Verdict { total, ..Verdict::default() };
        // The usual case without looking closer.
        if limits.mass_confirmed
            || !is_mass(self.losing.len(), total, limits.mass_nodes, limits.mass_percent)
        {
            return verdict;
        }
        let mut per_template: HashMap<&Shared, usize> = HashMap::new();
        for template in self.losing.values().flatten() {
            *per_template.entry(template).or_default() += 1;
        }
        let unconfirmed: BTreeSet<&Shared> = per_template
            .iter()
            .filter(|(name, nodes)| {
                !observed
                    .templates()
                    .get(**name)
                    .is_some_and(|template| template.confirmation.allows(**nodes))
            })
            .map(|(name, _)| *name)
            .collect();
        verdict.nodes = self
            .losing
            .values()
            .filter(|templates| templates.iter().any(|template| unconfirmed.contains(template)))
            .count();
        if is_mass(verdict.nodes, total, limits.mass_nodes, limits.mass_percent) {
            verdict.stopped = unconfirmed.into_iter().cloned().collect();
        }
        verdict
    }
}

impl Verdict {
    /// Whether the step must not be taken.
    pub fn stops(&self, action: &Action) -> bool {
        matches!(action, Action::Delete { template, loses: true, .. } if self.stopped.contains(template))
    }
}

fn is_mass(nodes: usize, total: usize, most: usize, percent: u8) -> bool {
    nodes > most && nodes * 100 > total * usize::from(percent)
}
