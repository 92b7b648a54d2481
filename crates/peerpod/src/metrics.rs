//! What is counted, beside what every controller counts.

use kubewright_operator::metrics::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::controller::decide::{Seats, Tally};
use crate::controller::execute::KINDS;
use crate::webhook::metrics::WebhookMetrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByConfig {
    config: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByObstacle {
    obstacle: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWrite {
    kind: &'static str,
    result: &'static str,
}

/// Metrics of this area. Cheap to clone; made and registered once, and then given to the
/// controller, which may run several times in a process.
#[derive(Clone, Default)]
pub struct PeerPodMetrics {
    limit: Family<ByConfig, Gauge>,
    advertised: Family<ByConfig, Gauge>,
    held: Family<ByConfig, Gauge>,
    obstacles: Family<ByObstacle, Gauge>,
    peer_pods: Gauge,
    orphans: Gauge,
    writes: Family<ByWrite, Counter>,
    pub(crate) webhook: WebhookMetrics,
}

impl PeerPodMetrics {
    /// Those of a kubewright process, added when they are first asked for.
    pub fn of_process(process: &Metrics) -> Self {
        process.area(|registry| {
            let metrics = Self::default();
            metrics.register(registry);
            metrics
        })
    }

    /// Adds the metrics to a registry; their names begin with `peerpod`.
    pub fn register(&self, registry: &mut Registry) {
        let ours = registry.sub_registry_with_prefix("peerpod");
        let m = self.clone();
        ours.register("limit", "Limit of a config", m.limit);
        ours.register("advertised", "Seats that the nodes of a config advertise", m.advertised);
        ours.register("held", "Seats of a config that running peer pods hold", m.held);
        let help = "Nodes that take no new peer pods, by why";
        ours.register("obstructed_nodes", help, m.obstacles);
        ours.register("peer_pod_objects", "PeerPod objects of the adaptor", m.peer_pods);
        let help = "PeerPod objects whose pod is gone and whose VM nobody cleans up";
        ours.register("orphaned_peer_pod_objects", help, m.orphans);
        ours.register("writes", "Objects written, by kind and result", m.writes);
        m.webhook.register(ours);
    }

    /// Moves each of them once, so that a document can show them with their labels. Values that
    /// depend on a cluster are words in capitals.
    pub fn exemplify(&self) {
        let mut tally = Tally::default();
        tally
            .configs
            .insert("NAMESPACE/NAME".to_owned(), Seats { limit: 0, advertised: 0, held: 0 });
        self.tally(&tally);
        for kind in KINDS {
            self.wrote(kind, true);
            self.wrote(kind, false);
        }
        self.webhook.exemplify();
    }

    pub(crate) fn tally(&self, tally: &Tally) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for family in [&self.limit, &self.advertised, &self.held] {
            family.clear();
        }
        for (config, seats) in &tally.configs {
            let config = ByConfig { config: config.clone() };
            self.limit.get_or_create(&config).set(whole(seats.limit));
            self.advertised.get_or_create(&config).set(whole(seats.advertised));
            self.held.get_or_create(&config).set(whole(seats.held));
        }
        for obstacle in ["cordoned", "not_ready", "taint"] {
            let count = tally.obstacles.get(obstacle).copied().unwrap_or(0);
            self.obstacles.get_or_create(&ByObstacle { obstacle }).set(whole(count));
        }
        self.peer_pods.set(whole(tally.peer_pods));
        self.orphans.set(whole(tally.orphans.len() as u64));
    }

    pub(crate) fn wrote(&self, kind: &'static str, ok: bool) {
        let result = if ok { "ok" } else { "error" };
        self.writes.get_or_create(&ByWrite { kind, result }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_that_is_gone_is_not_counted() {
        let process = Metrics::new();
        let metrics = PeerPodMetrics::of_process(&process);
        let seats = Seats { limit: 20, advertised: 15, held: 3 };
        let mut tally = Tally::default();
        tally.configs.insert("ns/a".to_owned(), seats);
        tally.orphans.push("ns/p".to_owned());
        metrics.tally(&tally);
        metrics.wrote("node", true);
        let text = process.render();
        for line in [
            "kubewright_peerpod_limit{config=\"ns/a\"} 20\n",
            "kubewright_peerpod_advertised{config=\"ns/a\"} 15\n",
            "kubewright_peerpod_held{config=\"ns/a\"} 3\n",
            "kubewright_peerpod_obstructed_nodes{obstacle=\"cordoned\"} 0\n",
            "kubewright_peerpod_orphaned_peer_pod_objects 1\n",
            "kubewright_peerpod_writes_total{kind=\"node\",result=\"ok\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        metrics.tally(&Tally::default());
        assert!(!process.render().contains("ns/a"));
    }
}
