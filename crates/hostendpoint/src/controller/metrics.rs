//! What is counted, beside what every controller counts.

use std::{collections::HashMap, sync::atomic::AtomicU64};

use kubewright_operator::metrics::Metrics;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Unit,
};
use tokio::time::Instant;

use crate::labels::Shared;

/// Seconds from a node's first sight to its protection.
const DELAY_BUCKETS: [f64; 12] =
    [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    verb: &'static str,
    result: &'static str,
}

/// Metrics of this area. Registered once per process: a controller that
/// starts again counts on.
#[derive(Clone, Default)]
pub(super) struct AreaMetrics {
    delay: DelayHistogram,
    unprotected_seconds: Counter<f64, AtomicU64>,
    unprotected_nodes: Gauge,
    writes: Family<Write, Counter>,
    drift_repairs: Counter,
    orphans: Counter,
    blocked_deletions: Counter,
    blocked_nodes: Gauge,
}

#[derive(Clone)]
struct DelayHistogram(Histogram);

impl Default for DelayHistogram {
    fn default() -> Self {
        Self(Histogram::new(DELAY_BUCKETS))
    }
}

impl AreaMetrics {
    /// Those of the process, added when they are first asked for.
    pub(super) fn of(process: &Metrics) -> Self {
        process.area(|registry| {
            let metrics = Self::default();
            let m = metrics.clone();
            let ours = registry.sub_registry_with_prefix("hostendpoint");
            ours.register_with_unit("protection_delay", "Time from the first sight of a node without its endpoints to the acknowledgement of the last of them", Unit::Seconds, m.delay.0);
            ours.register_with_unit("unprotected", "Time that nodes were without endpoints they should have, summed over nodes", Unit::Seconds, m.unprotected_seconds);
            ours.register("unprotected_nodes", "Nodes without endpoints they should have", m.unprotected_nodes);
            ours.register("writes", "Writes of endpoints by verb and result", m.writes);
            ours.register("drift_repairs", "Endpoints of ours that were changed by others and repaired", m.drift_repairs);
            ours.register("orphans_removed", "Endpoints of ours that nothing wanted and that were removed", m.orphans);
            ours.register("mass_deletions_blocked", "Times that the mass-deletion guard has begun to hold deletions back", m.blocked_deletions);
            ours.register("mass_deletion_nodes", "Nodes whose endpoints are held back by the mass-deletion guard", m.blocked_nodes);
            metrics
        })
    }

    /// Moves each of them once, so that a document can show them with their labels.
    pub(super) fn exemplify(&self) {
        for verb in ["create", "adopt", "repair", "delete"] {
            self.wrote(verb, true);
            self.wrote(verb, false);
        }
        // What is tried without it being known what it would have been, and what is done to nodes.
        for verb in ["apply", "get", "read", "patch status of", "remove taint from"] {
            self.wrote(verb, false);
        }
        self.blocked(0, true);
    }

    pub(super) fn wrote(&self, verb: &'static str, ok: bool) {
        let result = if ok { "ok" } else { "error" };
        self.writes.get_or_create(&Write { verb, result }).inc();
        match (verb, ok) {
            ("repair", true) => drop(self.drift_repairs.inc()),
            ("delete", true) => drop(self.orphans.inc()),
            _ => {}
        }
    }

    pub(super) fn blocked(&self, nodes: usize, begins: bool) {
        self.blocked_nodes.set(i64::try_from(nodes).unwrap_or(i64::MAX));
        if begins {
            self.blocked_deletions.inc();
        }
    }
}

/// Whether a node is without endpoints it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exposed {
    Yes,
    No,
    /// It is not registered.
    Gone,
}

/// Since when nodes are without endpoints they should have.
#[derive(Default)]
pub(super) struct Exposure {
    since: HashMap<Shared, Instant>,
}

impl Exposure {
    /// A node was planned.
    pub(super) fn record(
        &mut self,
        node: &Shared,
        state: Exposed,
        now: Instant,
        metrics: &AreaMetrics,
    ) {
        if state == Exposed::Yes {
            self.since.entry(node.clone()).or_insert(now);
        } else if let Some(since) = self.since.remove(node) {
            let seconds = (now - since).as_secs_f64();
            metrics.unprotected_seconds.inc_by(seconds);
            // A node that has gone was never protected.
            if state == Exposed::No {
                metrics.delay.0.observe(seconds);
            }
        }
        metrics.unprotected_nodes.set(i64::try_from(self.since.len()).unwrap_or(i64::MAX));
    }
}
