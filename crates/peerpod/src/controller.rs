//! The controller: watches feed one world; after a pause in which changes are gathered, the world
//! is looked at as a whole, and what is not as it should be is written.
//!
//! ```text
//!  watches (a task per kind) ──Sighting──▶ World ──debounce──▶ decide (pure) ──▶ execute
//!                                            ▲                                     │
//!                                            └────────── answers ──────────────────┘
//! ```
//!
//! All state belongs to one task. A decision about five thousand nodes takes milliseconds, so
//! nothing is gained by deciding about parts, and nothing can be missed.

mod backoff;
pub(crate) mod decide;
mod difference;
mod engine;
pub(crate) mod execute;
mod sighting;
mod snapshot;
mod tell;
mod watch;
pub(crate) mod world;

use kubewright_operator::Metrics;
use kubewright_operator::controller::{Context, Controller as Managed};
use kubewright_operator::shutdown::Shutdown;
use prometheus_client::registry::Registry;

use self::engine::Engine;
use crate::metrics::PeerPodMetrics;
use crate::options::Options;
use crate::webhook::certificate::CertificateError;
use crate::webhook::server::ServerError;

pub use self::snapshot::{SnapshotError, snapshot};

/// Name of the controller in logs, metrics, events and readiness.
pub const NAME: &str = "peerpod";

/// Field manager of everything but capacity, which has one for each config.
pub const FIELD_MANAGER: &str = "kubewright-peerpod";

/// Field manager of the capacity of a config, before the config's namespace and name.
pub const MANAGER_PREFIX: &str = sighting::record::MANAGER_PREFIX;

/// Finalizer of configs.
pub const FINALIZER: &str = decide::FINALIZER;

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// The webhook of this process cannot serve.
    #[error("cannot serve the webhook in this process")]
    Webhook(#[from] ServerError),
    /// It cannot have a certificate.
    #[error("cannot make a first certificate for the webhook")]
    Certificate(#[from] CertificateError),
    /// It cannot use its certificate.
    #[error("cannot use the first certificate of the webhook")]
    Tls(#[from] crate::webhook::tls::TlsError),
}

/// The controller on its own, for embedding: in a process whose author sees to it that it runs
/// once, and who installs what a process has one of (logging, signal handlers, a TLS provider).
///
/// ```no_run
/// # async fn example(client: kube::Client, shutdown: kubewright_operator::shutdown::Shutdown) {
/// use kubewright_peerpod::{controller::Controller, options::Options};
/// let ended = Controller::new(client, Options::default()).run(shutdown).await;
/// # }
/// ```
#[derive(Clone)]
pub struct Controller {
    client: kube::Client,
    options: Options,
    metrics: PeerPodMetrics,
}

impl Controller {
    /// A controller that talks to the API server through `client`.
    pub fn new(client: kube::Client, options: Options) -> Self {
        Self { client, options, metrics: PeerPodMetrics::default() }
    }

    /// Counts in this registry, under names that begin with `peerpod`.
    #[must_use]
    pub fn counting_in(self, registry: &mut Registry) -> Self {
        self.metrics.register(registry);
        self
    }

    /// Keeps capacity, adaptor and webhook as they should be until `shutdown`.
    ///
    /// # Errors
    /// [`ControllerError`] when the webhook is to run in this process and cannot.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), ControllerError> {
        let context = Context::standalone(NAME, self.client, shutdown);
        Engine::start(context, &self.options, self.metrics).await?.run().await;
        Ok(())
    }
}

/// The controller for an [`kubewright_operator::Manager`], which runs it under leader election.
#[derive(Clone)]
pub struct PeerPods {
    options: Options,
    metrics: PeerPodMetrics,
}

impl PeerPods {
    /// A controller whose metrics are among those of this process.
    pub fn new(options: Options, process: &Metrics) -> Self {
        Self { options, metrics: PeerPodMetrics::of_process(process) }
    }
}

impl Managed for PeerPods {
    type Error = ControllerError;

    fn name(&self) -> &str {
        NAME
    }

    async fn run(self, context: Context) -> Result<(), ControllerError> {
        Engine::start(context, &self.options, self.metrics).await?.run().await;
        Ok(())
    }
}
