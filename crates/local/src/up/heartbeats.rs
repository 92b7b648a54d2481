//! The heartbeats of the simulated nodes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, stream};
use kube::Client;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::nodes::{HEARTBEAT, SimulatedNode, heartbeat, join, leave};

/// Heartbeats sent at the same time.
const AT_ONCE: usize = 16;

/// Nodes that say they are alive every [`HEARTBEAT`], until this is dropped.
pub(super) struct Heartbeats {
    client: Client,
    nodes: Arc<Mutex<Nodes>>,
    task: AbortHandle,
}

impl Drop for Heartbeats {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Heartbeats {
    pub(super) fn start(client: Client) -> Self {
        let nodes = Arc::default();
        let task = tokio::spawn(forever(Arc::clone(&nodes))).abort_handle();
        Self { client, nodes, task }
    }

    /// Registers these nodes and keeps them alive from now on.
    pub(super) async fn join(
        &self,
        nodes: impl IntoIterator<Item = SimulatedNode>,
    ) -> kube::Result<()> {
        let joins = nodes.into_iter().map(|node| async move {
            join(&self.client, &node).await?;
            self.adopt(node, self.client.clone());
            Ok(())
        });
        all(joins).await
    }

    /// Keeps a node alive from now on that has joined by itself, with what it has joined with.
    pub(super) fn adopt(&self, node: SimulatedNode, client: Client) {
        lock(&self.nodes).insert(node.name.clone(), (node, client));
    }

    /// Takes these nodes away.
    pub(super) async fn leave(&self, names: &[String]) -> kube::Result<()> {
        for name in names {
            lock(&self.nodes).remove(name);
        }
        all(names.iter().map(|name| leave(&self.client, name))).await
    }

    /// One heartbeat of every node; how many that were.
    pub(super) async fn beat(&self) -> kube::Result<usize> {
        let nodes = snapshot(&self.nodes);
        let count = nodes.len();
        beat(nodes).await?;
        Ok(count)
    }
}

async fn forever(nodes: Arc<Mutex<Nodes>>) {
    let mut ticks = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A node that left meanwhile is not found; so is one that a user of `up` deleted.
        if let Err(error) = beat(snapshot(&nodes)).await {
            tracing::debug!(%error, "a heartbeat was not taken");
        }
    }
}

async fn beat(nodes: Vec<(SimulatedNode, Client)>) -> kube::Result<()> {
    all(nodes.into_iter().map(|(node, client)| async move { heartbeat(&client, &node).await }))
        .await
}

/// Does all of them, some at the same time, and returns the first error.
async fn all<F: Future<Output = kube::Result<()>>>(
    work: impl IntoIterator<Item = F>,
) -> kube::Result<()> {
    let results: Vec<_> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    results.into_iter().collect()
}

/// Each with a client that says for it that it is alive.
type Nodes = BTreeMap<String, (SimulatedNode, Client)>;

fn lock(nodes: &Mutex<Nodes>) -> std::sync::MutexGuard<'_, Nodes> {
    nodes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn snapshot(nodes: &Mutex<Nodes>) -> Vec<(SimulatedNode, Client)> {
    lock(nodes).values().cloned().collect()
}
