//! What the parts of the agent share: the node they work on.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kubewright_attachment::desired::Resolution;
use kubewright_attachment::engine::Engine;
use kubewright_operator::Context;
use tokio::sync::{mpsc, watch};

use super::core::Message;
use super::lookup::SharedDefinitions;
use super::metrics::AreaMetrics;
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

    /// Tells the core. It outlives everyone who has something to tell, but for the end of the
    /// process.
    pub(crate) fn tell(&self, message: Message) {
        let _ = self.core.send(message);
    }
}
