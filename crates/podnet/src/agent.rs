//! The agent of one node: keeps the interfaces of its running pods as their annotations say.
//!
//! ```text
//!  API server ── watch ──▶ Pods, Definitions ─┐           container runtime ── CRI ─┐
//!                              │ sightings    │ read                                │
//!                              ▼              ▼                                     ▼
//!  plugin ── socket ──▶ serve ──seize──▶ core ── one per pod, newest state ──▶ work (blocking)
//!  (ADD, DEL, …)                          ▲  │                                 find, resolve,
//!                                         │  └──▶ notices: status, errors,     Engine::reconcile
//!                                         │       Events (only what changed)        │
//!                                         └─────────────── outcome ─────────────────┘
//! ```
//!
//! Invariants:
//! * A pod is worked on by one at a time, the plugin's calls included, and always towards its
//!   newest annotation. A plugin that hangs stops its pod only.
//! * Nothing is detached because something is not known: not without the runtime's word, and not
//!   from a sandbox that is there while the pods of the node have not all been listed.
//! * What failed is tried again, each attachment in its own time, without end.
//! * At rest nothing is written, neither to the API server nor to the disk.
//! * Detaching needs neither the API server nor a definition.

mod adding;
mod core;
mod front;
mod holds;
mod lookup;
mod lost;
mod metrics;
mod node;
mod places;
mod pods;
mod publish;
mod queue;
mod report;
mod sandboxes;
mod seized;
mod serve;
mod socket;
mod sysctl;
mod watch;
mod work;

use std::sync::{Arc, Mutex, RwLock};

use kubewright_attachment::desired::Resolution;
use kubewright_attachment::engine::{Engine, EngineError, Options as EngineOptions};
use kubewright_attachment::meta_plugin::{MetaPlugin, MetaPluginError};
use kubewright_operator::Metrics;
use kubewright_operator::controller::{Context, Controller};
use tokio::sync::{Semaphore, mpsc, watch as channel};

use crate::events;
use crate::options::Options;
use crate::pod_resources::PodResources;
use metrics::AreaMetrics;
use node::Node;
use places::Places;
pub use socket::SocketError;

/// Name of the agent in logs, metrics, events and readiness.
pub const NAME: &str = "podnet";

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The records or plugins.
    #[error("cannot work on this node")]
    Engine(#[from] EngineError),
    /// The meta-plugin.
    #[error(transparent)]
    MetaPlugin(#[from] MetaPluginError),
    /// The socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// The agent.
#[derive(Clone)]
pub struct Agent {
    options: Options,
}

impl Agent {
    /// The agent of a node.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    fn engine(&self) -> Result<Engine, EngineError> {
        let options = &self.options;
        let defaults = EngineOptions::new(&options.state_dir, &options.bin_dirs);
        Engine::open(EngineOptions {
            root: options.host_root.clone(),
            cache_dir: options.cache_dir.clone(),
            naming: options.interface_names,
            timeout: options.plugin_timeout,
            patience: options.plugin_timeout * 2,
            ..defaults
        })
    }
}

/// Moves each metric of the agent once, among those of a process, so that a document can show them
/// with their labels.
pub fn exemplify_metrics(process: &Metrics) {
    AreaMetrics::of(process).exemplify();
}

impl Controller for Agent {
    type Error = AgentError;

    fn name(&self) -> &str {
        NAME
    }

    async fn run(self, mut context: Context) -> Result<(), AgentError> {
        context.events = context.events.listed(events::CATALOGUE);
        let options = self.options.clone();
        let mut resolution = Resolution::new(&options.conf_dir);
        resolution.isolate_namespaces = options.isolate_namespaces;
        resolution.meta_plugin = options.meta_plugin.as_deref().map(MetaPlugin::new).transpose()?;
        sysctl::make_writable();
        let engine = self.engine()?;
        let listener = socket::bind(&options.socket)?;
        context.ready.not_ready(format!("pods of node {} not known yet", options.node));
        tracing::info!(node = options.node, runtime = %options.runtime, "looking after the networks of this node's pods");

        let (sight, sightings) = mpsc::unbounded_channel();
        let (tell, messages) = mpsc::unbounded_channel();
        let shutdown = context.shutdown.clone();
        let client = context.client.clone();
        let node = Arc::new(Node {
            metrics: AreaMetrics::of(context.metrics.process()),
            runtime: kubewright_cri::Client::new(options.runtime.clone()),
            pod_resources: PodResources::new(&options.pod_resources),
            places: Places::new(options.workers),
            writers: Semaphore::new(core::WRITERS),
            definitions: RwLock::default(),
            pods: RwLock::default(),
            sandboxes: Mutex::default(),
            front: Mutex::default(),
            news: channel::Sender::new(0),
            core: tell,
            options,
            context,
            engine,
            resolution,
        });
        node.look_in_front();
        let _watches = watch::start(&client, &node.options.node, &sight);
        let server = Arc::new(serve::Server::new(node.clone()));
        let path = node.options.socket.clone();
        let serving = tokio::spawn(socket::serve(listener, path, server, shutdown));
        core::Core::new(node, sightings, messages).run().await;
        if let Err(error) = serving.await {
            tracing::error!(%error, "the socket's server panicked");
        }
        Ok(())
    }
}
