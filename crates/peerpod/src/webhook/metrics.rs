//! What the webhook counts.

use std::time::Duration;

use kubewright_operator::metrics::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::review::Verdict;

/// Seconds for one pod: from a few microseconds to a loaded machine.
const BUCKETS: [f64; 8] = [0.000_025, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.005, 0.05];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByVerdict {
    verdict: &'static str,
}

/// Metrics of the webhook. Cheap to clone.
#[derive(Clone)]
pub struct WebhookMetrics {
    reviews: Family<ByVerdict, Counter>,
    duration: Histogram,
}

impl Default for WebhookMetrics {
    fn default() -> Self {
        Self { reviews: Family::default(), duration: Histogram::new(BUCKETS) }
    }
}

impl WebhookMetrics {
    /// Those of a kubewright process, added when they are first asked for.
    pub fn of_process(process: &Metrics) -> Self {
        process.area(|registry| {
            let metrics = Self::default();
            metrics.register(registry.sub_registry_with_prefix("peerpod"));
            metrics
        })
    }

    pub(crate) fn register(&self, area: &mut Registry) {
        let ours = area.sub_registry_with_prefix("webhook");
        let m = self.clone();
        ours.register("reviews", "Admission reviews answered, by verdict", m.reviews);
        let help = "Time from a review to its answer";
        ours.register_with_unit("duration", help, Unit::Seconds, m.duration);
    }

    /// Moves each of them once, so that a document can show them with their labels. Values that
    /// depend on a cluster are words in capitals.
    pub fn exemplify(&self) {
        for verdict in [Verdict::Ignored, Verdict::Mutated, Verdict::Unchanged, Verdict::Denied] {
            self.answered(verdict, Duration::ZERO);
        }
        self.malformed();
    }

    pub(super) fn answered(&self, verdict: Verdict, took: Duration) {
        let verdict = match verdict {
            Verdict::Ignored => "ignored",
            Verdict::Mutated => "mutated",
            Verdict::Unchanged => "unchanged",
            Verdict::Denied => "denied",
        };
        self.reviews.get_or_create(&ByVerdict { verdict }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    pub(super) fn malformed(&self) {
        self.reviews.get_or_create(&ByVerdict { verdict: "malformed" }).inc();
    }
}
