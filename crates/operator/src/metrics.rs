//! What can be counted about every controller, in the OpenMetrics text format.

mod counting;
mod process;

pub use counting::{CountingLayer, Outcome};

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

/// The `Content-Type` of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds: from a reconcile that only looks into a cache to one that waits for a slow server.
const DURATION_BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByController {
    controller: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    controller: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByWrite {
    controller: String,
    verb: &'static str,
    group: String,
    resource: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLease {
    lease: String,
}

type Histograms = Family<ByResult, Histogram, fn() -> Histogram>;

/// The metrics of this process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    areas: Arc<Mutex<HashMap<TypeId, Box<dyn Any + Send>>>>,
    reconciles: Histograms,
    queue_depth: Family<ByController, Gauge>,
    queue_age: Family<ByController, Gauge<f64, std::sync::atomic::AtomicU64>>,
    restarts: Family<ByController, Counter>,
    writes: Family<ByWrite, Counter>,
    leader: Family<ByLease, Gauge>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A registry with the metrics of the process and of controllers, all starting with `kubewright`
    /// but those of the process, whose names are every Prometheus client's.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::ProcessCollector));
        let ours = registry.sub_registry_with_prefix("kubewright");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        ours.register("build", "Version of kubewright", build);
        let reconciles = Histograms::new_with_constructor(|| Histogram::new(DURATION_BUCKETS));
        let metrics = Self {
            registry: Arc::default(),
            areas: Arc::default(),
            reconciles,
            queue_depth: Family::default(),
            queue_age: Family::default(),
            restarts: Family::default(),
            writes: Family::default(),
            leader: Family::default(),
        };
        let m = metrics.clone();
        let help = "Time one reconcile took, by its result";
        ours.register_with_unit("reconcile_duration", help, Unit::Seconds, m.reconciles);
        ours.register("queue_depth", "Objects waiting to be reconciled", m.queue_depth);
        let help = "Time the object has waited that waits longest";
        ours.register_with_unit("queue_oldest_age", help, Unit::Seconds, m.queue_age);
        let help = "Times a controller failed and was started again";
        ours.register("controller_restarts", help, m.restarts);
        let help = "Requests to the API server that may change something, by what became of them";
        ours.register("writes", help, m.writes);
        let help = "Whether this process leads by the lease (1) or stands by (0)";
        ours.register("leader", help, m.leader);
        Self { registry: Arc::new(Mutex::new(registry)), ..metrics }
    }

    /// The metrics of an area, which `add` makes and registers when they are first asked for, in a
    /// registry whose names start with `kubewright`.
    ///
    /// Controllers run once in each term of leadership. Metrics that each run registered anew would
    /// stand twice under one name, which Prometheus refuses, and begin at zero.
    pub fn area<T: Clone + Send + 'static>(&self, add: impl FnOnce(&mut Registry) -> T) -> T {
        let mut areas = self.areas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = areas.get(&TypeId::of::<T>()).and_then(|area| area.downcast_ref()) {
            return T::clone(known);
        }
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let area = add(registry.sub_registry_with_prefix("kubewright"));
        areas.insert(TypeId::of::<T>(), Box::new(area.clone()));
        area
    }

    /// Everything, as `/metrics` serves it; see [`CONTENT_TYPE`].
    pub fn render(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }

    /// Moves each of these metrics once, so that a document can show them with their labels. Values
    /// that depend on a cluster are words in capitals.
    pub fn exemplify(&self) {
        let controller = self.controller("CONTROLLER");
        controller.reconciled(Duration::ZERO, &Ok::<_, ()>(()));
        controller.reconciled(Duration::ZERO, &Err::<(), _>(()));
        controller.queue(0, None);
        controller.restarted();
        for verb in ["create", "update", "patch", "delete", "deletecollection"] {
            for outcome in Outcome::ALL {
                let request = crate::request::RequestInfo {
                    verb,
                    group: "GROUP".to_owned(),
                    resource: "RESOURCE".to_owned(),
                };
                controller.wrote(request, outcome);
            }
        }
        self.leads("NAMESPACE/NAME", true);
    }

    /// The metrics of one controller.
    pub fn controller(&self, name: &str) -> ControllerMetrics {
        ControllerMetrics { metrics: self.clone(), name: name.into() }
    }

    pub(crate) fn leads(&self, lease: &str, leads: bool) {
        let lease = ByLease { lease: lease.to_owned() };
        self.leader.get_or_create(&lease).set(i64::from(leads));
    }
}

/// The metrics of one controller. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ControllerMetrics {
    metrics: Metrics,
    name: Arc<str>,
}

impl ControllerMetrics {
    /// The metrics of the whole process.
    pub fn process(&self) -> &Metrics {
        &self.metrics
    }

    /// A reconcile ended after `took`.
    pub fn reconciled<T, E>(&self, took: Duration, result: &Result<T, E>) {
        let result = if result.is_ok() { "ok" } else { "error" };
        let labels = ByResult { controller: self.name.to_string(), result };
        self.metrics.reconciles.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Performs and measures one reconcile.
    pub async fn reconcile<T, E>(
        &self,
        reconcile: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let result = reconcile.await;
        self.reconciled(started.elapsed(), &result);
        result
    }

    /// This many objects wait, the first of them for this long.
    pub fn queue(&self, depth: usize, oldest: Option<Duration>) {
        let controller = ByController { controller: self.name.to_string() };
        let depth = i64::try_from(depth).unwrap_or(i64::MAX);
        self.metrics.queue_depth.get_or_create(&controller).set(depth);
        let age = oldest.map_or(0.0, |age| age.as_secs_f64());
        self.metrics.queue_age.get_or_create(&controller).set(age);
    }

    /// The same client, counting every write as this controller's.
    pub fn count(&self, client: kube::Client) -> kube::Client {
        crate::client::layered(client, CountingLayer::new(self.clone()))
    }

    pub(crate) fn restarted(&self) {
        let controller = ByController { controller: self.name.to_string() };
        self.metrics.restarts.get_or_create(&controller).inc();
    }

    pub(crate) fn wrote(&self, request: crate::request::RequestInfo, outcome: Outcome) {
        let labels = ByWrite {
            controller: self.name.to_string(),
            verb: request.verb,
            group: request.group,
            resource: request.resource,
            result: outcome.as_str(),
        };
        self.metrics.writes.get_or_create(&labels).inc();
    }
}

#[cfg(test)]
mod tests;
