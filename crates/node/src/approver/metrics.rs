//! What is counted, beside what every controller counts.

use kubewright_operator::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::acceptance::Kind;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByAnswer {
    kind: &'static str,
    answer: &'static str,
}

/// Metrics of the approver. Cheap to clone.
#[derive(Clone, Default)]
pub struct ApproverMetrics {
    answers: Family<ByAnswer, Counter>,
    waiting: Gauge,
    policy_faults: Gauge,
}

impl ApproverMetrics {
    /// Those of a kubewright process, added when they are first asked for.
    pub fn of_process(process: &Metrics) -> Self {
        process.area(|registry| {
            let metrics = Self::default();
            let ours = registry.sub_registry_with_prefix("node");
            let m = metrics.clone();
            let help = "Requests of nodes for certificates that were answered";
            ours.register("requests_answered", help, m.answers);
            let help = "Requests of nodes that wait for somebody";
            ours.register("requests_waiting", help, m.waiting);
            let help = "Whether the acceptance policy is wrong, so that no node is accepted by it";
            ours.register("policy_faults", help, m.policy_faults);
            metrics
        })
    }

    /// Moves each of them once, so that a document can show them with their labels. Values that
    /// depend on a cluster are words in capitals.
    pub fn exemplify(&self) {
        for kind in [Kind::Client, Kind::Serving] {
            self.answered(kind, "accepted");
            self.answered(kind, "rejected");
        }
        self.waiting(0);
        self.policy(false);
    }

    pub(super) fn answered(&self, kind: Kind, answer: &'static str) {
        let kind = match kind {
            Kind::Client => "client",
            Kind::Serving => "serving",
        };
        self.answers.get_or_create(&ByAnswer { kind, answer }).inc();
    }

    pub(super) fn waiting(&self, count: usize) {
        self.waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn policy(&self, wrong: bool) {
        self.policy_faults.set(i64::from(wrong));
    }
}
