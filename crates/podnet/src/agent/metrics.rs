//! What is counted, beside what every controller counts.

use kubewright_attachment::engine::Change;
use kubewright_attachment::problem::Reason;
use kubewright_attachment::status::Failure;
use kubewright_operator::metrics::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;
use tokio::time::Instant;

/// Seconds from the news about a pod to the end of the work on it.
const BUCKETS: [f64; 12] = [0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0];

const ATTACHED: &str = "attached";
const ADOPTED: &str = "adopted";
const DETACHED: &str = "detached";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCommand {
    command: &'static str,
    result: &'static str,
}

/// Metrics of this area. Registered once per process: an agent that starts again counts on.
#[derive(Clone)]
pub(crate) struct AreaMetrics {
    changes: Family<ByKind, Counter>,
    failures: Family<ByReason, Counter>,
    failing: Gauge,
    pods: Gauge,
    requests: Family<ByCommand, Counter>,
    displaced: Gauge,
    delay: Histogram,
}

impl AreaMetrics {
    /// Those of the process, added when they are first asked for.
    pub(crate) fn of(process: &Metrics) -> Self {
        process.area(|registry| {
            let metrics = Self {
                changes: Family::default(),
                failures: Family::default(),
                failing: Gauge::default(),
                pods: Gauge::default(),
                requests: Family::default(),
                displaced: Gauge::default(),
                delay: Histogram::new(BUCKETS),
            };
            let m = metrics.clone();
            let ours = registry.sub_registry_with_prefix("podnet");
            ours.register("changes", "Interfaces attached, adopted and detached", m.changes);
            ours.register("failures", "Attempts that failed, by reason", m.failures);
            ours.register(
                "failing_pods",
                "Pods whose networks are not what they ask for",
                m.failing,
            );
            ours.register("pods", "Pods of this node", m.pods);
            ours.register("requests", "Calls of the plugin, by what became of them", m.requests);
            let help = "Whether another network configuration has the place of the plugin's";
            ours.register("displaced", help, m.displaced);
            let help = "Time from the news about a pod to the end of the work on it";
            ours.register_with_unit("reaction", help, Unit::Seconds, m.delay);
            metrics
        })
    }

    /// Moves each of them once, so that a document can show them with their labels. Values that
    /// depend on a cluster are words in capitals.
    pub(crate) fn exemplify(&self) {
        for kind in [ATTACHED, ADOPTED, DETACHED] {
            self.changes.get_or_create(&ByKind { kind }).inc();
        }
        for reason in Reason::ALL {
            self.failures.get_or_create(&ByReason { reason: reason.to_string() }).inc();
        }
        self.pods(0, 0);
        self.displaced(false);
        for command in ["ADD", "DEL", "CHECK", "STATUS", "GC"] {
            self.answered(command, true);
            self.answered(command, false);
        }
    }

    /// A work on a pod ended.
    pub(crate) fn worked(&self, since: Instant, changes: &[Change], failures: &[Failure]) {
        if !changes.is_empty() {
            self.delay.observe(since.elapsed().as_secs_f64());
        }
        for change in changes {
            let kind = match change {
                Change::Attached { .. } => ATTACHED,
                Change::Adopted { .. } => ADOPTED,
                Change::Detached { .. } => DETACHED,
            };
            self.changes.get_or_create(&ByKind { kind }).inc();
        }
        for failure in failures {
            let reason = failure.problem.reason.to_string();
            self.failures.get_or_create(&ByReason { reason }).inc();
        }
    }

    /// How many pods there are, and how many of them are not what they should be.
    pub(crate) fn pods(&self, all: usize, failing: usize) {
        self.pods.set(i64::try_from(all).unwrap_or(i64::MAX));
        self.failing.set(i64::try_from(failing).unwrap_or(i64::MAX));
    }

    /// Whether the container runtime uses another configuration than the plugin's.
    pub(crate) fn displaced(&self, displaced: bool) {
        self.displaced.set(displaced.into());
    }

    /// The plugin was answered.
    pub(crate) fn answered(&self, command: &'static str, ok: bool) {
        let result = if ok { "ok" } else { "error" };
        self.requests.get_or_create(&ByCommand { command, result }).inc();
    }
}
