//! The controller: watches feed [`crate::observed`], whose dirty nodes go
//! through a queue, one item per node; each is planned and carried out.
//!
//! ```text
//!  watches (a task per kind) ──Sighting──▶ ┌────────┐ dirty nodes ┌───────┐
//!                                          │ Engine │────────────▶│ queue │
//!  executions (a task per node) ◀──────────│ (one   │◀────────────└───────┘
//!        │          nodes, actions         │  task) │    next
//!        └──────────── Outcome ──────────▶ └────────┘──▶ status, events, metrics
//! ```
//!
//! All state belongs to one task, so nothing is locked and every decision
//! sees one consistent world; only waiting for the API server is concurrent.
//! An answer to a write is taken into the index at once: planning does not
//! wait for the watch to catch up.

mod engine;
mod execute;
mod metrics;
mod queue;
mod sighting;
mod snapshot;
mod status;
mod watch;

use std::convert::Infallible;

use kubewright_operator::{
    Metrics,
    controller::{Context, Controller as Managed},
    shutdown::Shutdown,
};

use self::metrics::AreaMetrics;
use crate::options::Options;

pub use snapshot::{Snapshot, SnapshotError, snapshot};

/// Name of the controller in logs, metrics, events and readiness.
pub const NAME: &str = "hostendpoint";

/// The controller on its own, for embedding.
///
/// ```no_run
/// # async fn example(client: kube::Client, shutdown: kubewright_operator::shutdown::Shutdown) {
/// use kubewright_hostendpoint::{controller::Controller, options::Options};
/// Controller::new(client, Options::default()).run(shutdown).await;
/// # }
/// ```
#[derive(Clone)]
pub struct Controller {
    client: kube::Client,
    options: Options,
}

impl Controller {
    /// A controller that talks to the API server through `client`.
    pub fn new(client: kube::Client, options: Options) -> Self {
        Self { client, options }
    }

    /// Keeps the endpoints as they should be until `shutdown`; writes that
    /// have begun are waited for.
    pub async fn run(self, shutdown: Shutdown) {
        let context = Context::standalone(NAME, self.client, shutdown);
        engine::run(context, self.options).await;
    }
}

/// The controller for an [`kubewright_operator::Manager`], which runs it
/// under leader election.
#[derive(Clone, Debug, Default)]
pub struct HostEndpoints {
    /// How it is set up.
    pub options: Options,
}

impl Managed for HostEndpoints {
    type Error = Infallible;

    fn name(&self) -> &str {
        NAME
    }

    async fn run(self, context: Context) -> Result<(), Infallible> {
        engine::run(context, self.options).await;
        Ok(())
    }
}

/// Moves each metric of the controller once, among those of a process, so that a document can show
/// them with their labels.
pub fn exemplify_metrics(process: &Metrics) {
    AreaMetrics::of(process).exemplify();
}

#[cfg(test)]
mod tests;
