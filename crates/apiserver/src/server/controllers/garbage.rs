//! The garbage collector: dependents do not outlive their owners.
//!
//! ```text
//!  store changes ──▶ index (dependents by owner uid) ──▶ queue ──▶ look at one object:
//!                                                                    waits for dependents?
//!                                                                    orphans dependents?
//!                                                                    are its owners there?
//! ```
//!
//! Nothing is scanned per event. What an owner is like is read from the store, not from the
//! index, when a dependent is judged; if changes were missed, the index is built anew.

mod index;
mod look;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use self::index::{Head, Id, Index};
use self::look::{Found, Kinds, Look};
use crate::server::Core;
use crate::store::{Change, ResourceKey};

/// Objects looked at before changes are read again.
const BATCH: usize = 256;

/// Looks at the same time: writes wait for the disk together.
const WORKERS: usize = 32;

/// How soon what failed (a webhook said no, say) is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Starts collecting, until the server stops.
pub(super) fn spawn(core: &Arc<Core>, tasks: &TaskTracker) {
    let core = core.clone();
    tasks.spawn(async move {
        let stopping = core.stopping();
        tokio::select! {
            () = stopping.cancelled() => {}
            () = run(&core) => {}
        }
    });
}

async fn run(core: &Core) {
    let mut wake = core.store.subscribe_all();
    let mut catalog = core.catalog_changes();
    let mut collector = Collector::new(catalog.borrow_and_update().clone());
    collector.rebuild(core);
    loop {
        collector.work(core).await;
        let idle = collector.queue.is_empty();
        tokio::select! {
            biased;
            changed = catalog.changed() => {
                if changed.is_err() {
                    return;
                }
                collector.kinds = Kinds::new(catalog.borrow_and_update().clone());
                collector.queue.extend(collector.unknown.drain());
            }
            () = std::future::ready(()), if !idle => {}
            changed = wake.changed() => if changed.is_err() { return },
            () = due(collector.retry) => {
                collector.retry = None;
                collector.queue.extend(collector.failed.drain());
            }
        }
        wake.mark_unchanged();
        collector.read(core);
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

struct Collector {
    kinds: Kinds,
    index: Index,
    /// Changes up to here are in the index.
    position: u64,
    /// To be looked at.
    queue: BTreeSet<Id>,
    /// Owners' kinds are not served.
    unknown: HashSet<Id>,
    failed: HashSet<Id>,
    /// When what failed is tried again.
    retry: Option<Instant>,
}

/// Events come and go by themselves; kube-controller-manager leaves them alone, too.
fn is_ignored(resource: &ResourceKey) -> bool {
    resource.group.is_empty() && *resource.plural == *"events"
}

impl Collector {
    fn new(catalog: Arc<crate::resource::Catalog>) -> Self {
        Self {
            kinds: Kinds::new(catalog),
            index: Index::default(),
            position: 0,
            queue: BTreeSet::new(),
            unknown: HashSet::new(),
            failed: HashSet::new(),
            retry: None,
        }
    }

    /// Reads everything there is. Objects newer than `position` come again as changes.
    fn rebuild(&mut self, core: &Core) {
        self.position = core.store.version();
        self.index = Index::default();
        for resource in core.store.resources().into_iter().filter(|key| !is_ignored(key)) {
            for object in core.store.list(&resource, None).objects {
                let id = Id { resource: resource.clone(), key: object.key.clone() };
                if self.index.insert(&id, &Head::read(&object)) {
                    self.queue.insert(id);
                }
            }
        }
    }

    /// Takes in what changed since the last time.
    fn read(&mut self, core: &Core) {
        let Ok((changes, visible)) = core.store.all_changes(self.position) else {
            return self.rebuild(core);
        };
        for (resource, change) in changes.iter().filter(|(key, _)| !is_ignored(key)) {
            self.take_in(resource, change);
        }
        self.position = visible;
    }

    fn take_in(&mut self, resource: &ResourceKey, change: &Change) {
        let id = Id { resource: resource.clone(), key: change.after.key.clone() };
        let kinds = &self.kinds;
        let find = |owner: &index::Reference, namespace: &str| kinds.find(owner, namespace);
        self.queue.extend(self.index.apply(&id, change, find));
        if change.deleted {
            self.unknown.remove(&id);
            self.failed.remove(&id);
        }
    }

    /// Looks at some of what is queued.
    async fn work(&mut self, core: &Core) {
        let batch: Vec<Id> = std::iter::from_fn(|| self.queue.pop_first()).take(BATCH).collect();
        let look = Look { core, kinds: &self.kinds, index: &self.index, position: self.position };
        let found: Vec<_> = stream::iter(batch)
            .map(|id| async {
                let found = look.at(&id).await;
                (id, found)
            })
            .buffer_unordered(WORKERS)
            .collect()
            .await;
        for (id, found) in found {
            match found {
                Ok(Found::Done) => {}
                Ok(Found::Also(others)) => self.queue.extend(others),
                Ok(Found::Unknown) => drop(self.unknown.insert(id)),
                Err(error) => {
                    tracing::warn!(resource = %id.resource.plural, namespace = %id.key.namespace,
                        name = %id.key.name, %error, "cannot collect garbage");
                    self.failed.insert(id);
                    self.retry.get_or_insert_with(|| Instant::now() + RETRY);
                }
            }
        }
    }
}
