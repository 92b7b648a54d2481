//! What the parts of the agent share: the node they work on.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kubewright_attachment::desired::Resolution;
use kubewright_attachment::engine::Engine;
use kubewright_operator::Context;
use tokio::sync::{Semaphore, mpsc, watch};

use super::core::Message;
use super::front::{Front, Turn};
use super::lookup::SharedDefinitions;
use super::metrics::AreaMetrics;
use super::places::Places;
use super::pods::Pods;
use super::sandboxes::Sandboxes;
use crate::definition::Definitions;
use crate::options::Options;
use crate::pod_resources::PodResources;

/// The node. Locks are held for a look or a change, never while waiting.
pub(crate) struct Node {
    pub(crate) options: Options,
    pub(crate) context: Context,
    pub(crate) metrics: AreaMetrics,
    pub(crate) engine: Engine,
    pub(crate) resolution: Resolution,
    pub(crate) runtime: kubewright_cri::Client,
    pub(crate) pod_resources: PodResources,
    pub(crate) front: Mutex<Front>,
    /// For what the plugin asks; pods that run have the places of the core.
    pub(crate) places: Places,
    /// For writes to the API server.
    pub(crate) writers: Semaphore,
    pub(crate) definitions: SharedDefinitions,
    pub(crate) pods: RwLock<Pods>,
    pub(crate) sandboxes: Mutex<Sandboxes>,
    /// Counts what was seen of pods and definitions, for those who wait for it.
    pub(crate) news: watch::Sender<u64>,
    pub(crate) core: mpsc::UnboundedSender<Message>,
}

impl Node {
    pub(crate) fn pods(&self) -> RwLockReadGuard<'_, Pods> {
        self.pods.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pods_mut(&self) -> RwLockWriteGuard<'_, Pods> {
        self.pods.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn definitions(&self) -> RwLockReadGuard<'_, Definitions> {
        self.definitions.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn definitions_mut(&self) -> RwLockWriteGuard<'_, Definitions> {
        self.definitions.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sandboxes(&self) -> MutexGuard<'_, Sandboxes> {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn front(&self) -> MutexGuard<'_, Front> {
        self.front.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks who makes the networks of sandboxes. Blocking.
    pub(crate) fn look_in_front(&self) {
        let mut front = self.front();
        let conf_dir = self.options.conf_dir.display();
        match front.look(&self.options.conf_dir, self.engine.cni()) {
            Some(Turn::Displaced(ours)) => tracing::warn!(
                %conf_dir,
                ours = ours.map(|file| file.display().to_string()),
                "another network configuration has the place of kubewright's, or it is being \
                 uninstalled: pods start without the networks that they ask for, until \
                 `kubewright podnet install` is run again; Cilium leaves it in its place with \
                 cni.exclusive=false"
            ),
            Some(Turn::Over) => tracing::info!(%conf_dir, "nothing is in the plugin's place"),
            None => {}
        }
        self.metrics.displaced(front.is_displaced());
    }

    /// Tells the core. It outlives everyone who has something to tell, but for the end of the
    /// process.
    pub(crate) fn tell(&self, message: Message) {
        let _ = self.core.send(message);
    }
}
