//! What a controller is, and what it is given.

use std::future::Future;

use tower::BoxError;

use crate::events::Events;
use crate::health::{Check, Readiness};
use crate::metrics::{ControllerMetrics, Metrics};
use crate::shutdown::Shutdown;

/// Something that keeps the world as it should be until it is told to stop.
///
/// A controller is its configuration: it is cloned for each run, and keeps no state between runs
/// but what it finds in the cluster. [`crate::Manager`] runs it under a leader election; anyone
/// else runs it with [`Context::standalone`].
pub trait Controller: Clone + Send + Sync + 'static {
    /// Why a run ended before it was told to stop.
    type Error: Into<BoxError> + Send;

    /// A short name in kebab case, in logs, metrics, events and readiness: `hostendpoint`.
    fn name(&self) -> &str;

    /// Works until [`Context::shutdown`]. To return earlier, with or without an error, is a failure.
    fn run(self, context: Context) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// What a controller works with during one run.
#[derive(Clone)]
#[non_exhaustive]
pub struct Context {
    /// Counts every write as this controller's and, given by a manager, refuses it while this
    /// process does not lead.
    pub client: kube::Client,
    /// Publishes events of this controller.
    pub events: Events,
    /// The metrics of this controller.
    pub metrics: ControllerMetrics,
    /// The line of this controller in `/readyz`: ready from its start, unless it says otherwise.
    pub ready: Check,
    /// When to stop.
    pub shutdown: Shutdown,
}

impl Context {
    /// For one controller on its own, in a process whose author sees to it that it runs once.
    /// The metrics and the readiness are new ones; `context.metrics.process()` renders them.
    pub fn standalone(name: &str, client: kube::Client, shutdown: Shutdown) -> Self {
        let ready = Readiness::new().check(name);
        Self::new(name, client, &Metrics::new(), ready, shutdown)
    }

    /// From the parts of an operator; `client` is used as it is, with a count of its writes.
    pub fn new(
        name: &str,
        client: kube::Client,
        metrics: &Metrics,
        ready: Check,
        shutdown: Shutdown,
    ) -> Self {
        let metrics = metrics.controller(name);
        let client = metrics.count(client);
        ready.ready();
        Self { events: Events::new(client.clone(), name), client, metrics, ready, shutdown }
    }
}
