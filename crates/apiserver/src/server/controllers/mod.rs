//! The controllers that an API server needs beside it to be whole.
//!
//! Each is level-driven: it looks at everything, does what is due, and sleeps until
//! something of its kind changes. Nothing is remembered between two looks, except by the
//! garbage collector: it keeps an index of owners, which it can rebuild at any time.

mod accounts;
mod aggregation;
mod authorities;
mod bootstrap_tokens;
mod certificates;
mod definitions;
mod evictions;
mod garbage;
mod interrupted;
mod namespaces;
mod nodes;
mod timed;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::task::TaskTracker;

use super::Core;
use crate::store::ResourceKey;
pub(super) use definitions::Compiled;
pub use nodes::NodeHealth;

/// How soon work that waits for something else is looked at again.
const RETRY: Duration = Duration::from_millis(50);

/// How many looks in a row may follow from each other before the server is ready.
const CHAIN: usize = 8;

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing is left to do until something changes.
    Settled,
    /// What was done may make more due at once.
    Again,
    /// Something else must happen first.
    Unfinished,
}

/// Looks at everything once.
type Sync = fn(&Core) -> BoxFuture<'_, Outcome>;

/// Which controllers run beside what serving itself needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    /// Namespaces and the garbage collector.
    pub(super) standard: bool,
    /// A default service account and the certificate authority in every namespace.
    pub(super) accounts: bool,
    /// Approval of kubelets' client certificates for those who have the right to them.
    pub(super) approval: bool,
    /// Nodes whose heartbeats stop are marked, and pods leave them.
    pub(super) nodes: Option<NodeHealth>,
}

/// Starts the controllers.
pub(super) async fn spawn(core: &Arc<Core>, tasks: &TaskTracker, choice: Choice) {
    start(core, tasks, &definitions::resource(), definitions::sync).await;
    interrupted::finish(core).await;
    if choice.accounts {
        start(core, tasks, &namespaces::resource(), accounts::sync).await;
        start(core, tasks, &accounts::resource(), accounts::sync).await;
        start(core, tasks, &namespaces::resource(), authorities::sync).await;
        start(core, tasks, &authorities::resource(), authorities::sync).await;
    }
    if choice.standard {
        start(core, tasks, &namespaces::resource(), namespaces::sync).await;
        start(core, tasks, &aggregation::resource(), aggregation::sync).await;
        tokens::spawn(core, tasks);
        garbage::spawn(core, tasks);
        certificates::spawn(core, tasks, choice.approval);
        bootstrap_tokens::spawn(core, tasks);
    }
    if let Some(health) = choice.nodes {
        nodes::spawn(core, tasks, health);
        evictions::spawn(core, tasks);
    }
}

/// Looks once before it returns, then at every change of the resource.
async fn start(core: &Arc<Core>, tasks: &TaskTracker, resource: &ResourceKey, sync: Sync) {
    let mut wake = core.store.subscribe(resource);
    let mut outcome = sync(core).await;
    // So that what is known at the start is done when the server is ready.
    for _ in 0..CHAIN {
        if outcome == Outcome::Again {
            outcome = sync(core).await;
        }
    }
    let core = core.clone();
    tasks.spawn(async move {
        let stopping = core.stopping();
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                changed = wake.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(RETRY), if outcome == Outcome::Unfinished => {}
                () = std::future::ready(()), if outcome == Outcome::Again => {}
            }
            outcome = sync(&core).await;
        }
    });
}
