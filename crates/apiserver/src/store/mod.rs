//! Every object, in memory; optionally on disk as well.
//!
//! ```text
//!  write ──▶ decide (compare-and-swap, next version) ──▶ staged ──▶ disk ──▶ visible ──▶ watchers
//!                    under the lock                      (group commit)      window
//! ```
//!
//! * One counter gives every write its resource version, over all resources.
//! * Readers and watchers see a write only when it is durable; without a state
//!   directory that is at once.
//! * Every resource keeps a window of its latest changes. Watchers hold a position
//!   in it and read on when woken: a slow one falls out of the window and is told
//!   so, and never holds a writer back. Snapshots at an older version are made by
//!   undoing the window.

mod durable;
mod object;
mod table;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::json;
use tokio::sync::{oneshot, watch};

pub use durable::Error as DurableError;
use durable::{Disk, Record};
pub use object::{Draft, ObjectKey, Pairs, ResourceKey, Stored};
pub use table::Change;
use table::Table;

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// No object of that name.
    Absent,
    /// An object in exactly this version.
    Version(u64),
}

/// Why a write was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The object exists already.
    #[error("the object exists already")]
    Exists,
    /// The object does not exist (any more).
    #[error("the object does not exist")]
    Missing,
    /// The object is in another version.
    #[error("the object has been modified")]
    Modified,
    /// The disk failed, or the server is shutting down.
    #[error("the write could not be made durable")]
    NotDurable,
}

/// The version asked for is no longer known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too old resource version: {asked} ({oldest})")]
pub struct Expired {
    /// Version asked for.
    pub asked: u64,
    /// Oldest version that can still be told.
    pub oldest: u64,
}

/// Objects of one resource at one version.
#[derive(Debug)]
pub struct Snapshot {
    /// Sorted by namespace and name.
    pub objects: Vec<Arc<Stored>>,
    /// Version of the whole.
    pub resource_version: u64,
}

struct State {
    /// The last version handed out.
    assigned: u64,
    /// The last version that readers may see.
    visible: u64,
    /// Nothing is known of what happened up to this version.
    forgotten: u64,
    /// The disk failed: nothing is written any more.
    failed: bool,
    tables: HashMap<ResourceKey, Table>,
}

struct Pending {
    record: Record,
    done: oneshot::Sender<bool>,
}

struct Shared {
    state: Mutex<State>,
    window: usize,
    /// Carries the last version that readers may see.
    wake: watch::Sender<u64>,
}

/// The store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Pending>>,
}

/// Version before the first write of a new store. Clients take 0 for "any", so that
/// small numbers must already be in the forgotten past, as on a real server.
const FIRST: u64 = 100;

/// How many changes of a resource are remembered unless told otherwise.
pub const DEFAULT_WINDOW: usize = 16_384;

impl Store {
    /// A store in memory. `window` is the number of changes remembered per resource.
    pub fn in_memory(window: usize) -> Self {
        Self { shared: Shared::new(State::new(FIRST), window), queue: None }
    }

    /// A store kept in `path`, a file. `fields` reads the values of field selectors out of
    /// the JSON of an object that is loaded.
    pub fn open(
        path: &Path,
        window: usize,
        fields: impl Fn(&ResourceKey, &[u8]) -> Pairs,
    ) -> Result<Self, DurableError> {
        Self::over(Disk::open(path)?, window, fields)
    }

    /// A store kept on this disk.
    fn over(
        mut disk: Disk,
        window: usize,
        fields: impl Fn(&ResourceKey, &[u8]) -> Pairs,
    ) -> Result<Self, DurableError> {
        let mut objects = Vec::new();
        let last = disk.load(|resource, key, json| {
            let stored = Stored::load(key, json, fields(&resource, json))?;
            objects.push((resource, stored));
            Ok(())
        })?;
        let mut state = State::new(last.max(FIRST));
        for (resource, object) in objects {
            state.table(&resource).load(object);
        }
        let shared = Shared::new(state, window);
        let (queue, pending) = mpsc::channel();
        let writer = shared.clone();
        std::thread::Builder::new()
            .name("object-store".to_owned())
            .spawn(move || writer::write_groups(&mut disk, &writer, &pending))
            .expect("a thread can be started");
        Ok(Self { shared, queue: Some(queue) })
    }

    /// The version that a reader sees now.
    pub fn version(&self) -> u64 {
        self.shared.lock().visible
    }

    /// The visible state of an object.
    pub fn get(&self, resource: &ResourceKey, key: &ObjectKey) -> Option<Arc<Stored>> {
        self.shared.lock().tables.get(resource)?.get(key)
    }

    /// The state that a write of this object must build on (it may not be visible yet).
    pub fn latest(&self, resource: &ResourceKey, key: &ObjectKey) -> Option<Arc<Stored>> {
        self.shared.lock().tables.get(resource)?.latest(key)
    }

    /// The objects of a resource, in one namespace or in all.
    pub fn list(&self, resource: &ResourceKey, namespace: Option<&str>) -> Snapshot {
        let state = self.shared.lock();
        let objects = state.tables.get(resource).map(|table| table.list(namespace));
        Snapshot { objects: objects.unwrap_or_default(), resource_version: state.visible }
    }

    /// As [`Store::list`], as it was at `version`.
    pub fn list_at(
        &self,
        resource: &ResourceKey,
        namespace: Option<&str>,
        version: u64,
    ) -> Result<Snapshot, Expired> {
        let mut state = self.shared.lock();
        let table = state.table(resource);
        let objects = table
            .list_at(namespace, version)
            .ok_or(Expired { asked: version, oldest: table.oldest() })?;
        Ok(Snapshot { objects, resource_version: version })
    }

    /// Number of objects of a resource.
    pub fn count(&self, resource: &ResourceKey) -> usize {
        self.shared.lock().tables.get(resource).map_or(0, Table::len)
    }

    /// Resources that have objects.
    pub fn resources(&self) -> Vec<ResourceKey> {
        let state = self.shared.lock();
        let mut keys: Vec<_> = state
            .tables
            .iter()
            .filter(|(_, table)| !table.is_idle())
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort();
        keys
    }

    /// Creates or replaces an object; returns when that is durable and visible.
    /// `metadata.resourceVersion` is set here.
    pub async fn put(
        &self,
        resource: &ResourceKey,
        key: &ObjectKey,
        expect: Expect,
        draft: Draft,
    ) -> Result<Arc<Stored>, WriteError> {
        let written = self.commit(resource, key, expect, draft, false).await;
        if written.as_ref().is_err_and(|error| *error == WriteError::Exists) {
            // What is in the way must not vanish after this has been told.
            self.settle(resource, key).await?;
        }
        written
    }

    /// Deletes an object. `draft` is its last state, sent to watchers under a new version.
    pub async fn delete(
        &self,
        resource: &ResourceKey,
        key: &ObjectKey,
        version: u64,
        draft: Draft,
    ) -> Result<Arc<Stored>, WriteError> {
        self.commit(resource, key, Expect::Version(version), draft, true).await
    }

    async fn commit(
        &self,
        resource: &ResourceKey,
        key: &ObjectKey,
        expect: Expect,
        mut draft: Draft,
        deleted: bool,
    ) -> Result<Arc<Stored>, WriteError> {
        let (after, done) = {
            let mut state = self.shared.lock();
            let before = state.table(resource).latest(key);
            match (expect, &before) {
                (Expect::Absent, None) => {}
                (Expect::Absent, Some(_)) => return Err(WriteError::Exists),
                (Expect::Version(_), None) => return Err(WriteError::Missing),
                (Expect::Version(version), Some(object)) => {
                    if object.resource_version != version {
                        return Err(WriteError::Modified);
                    }
                }
            }
            if state.failed {
                return Err(WriteError::NotDurable);
            }
            let version = state.assigned + 1;
            state.assigned = version;
            draft.value["metadata"]["resourceVersion"] = json!(version.to_string());
            let after = Arc::new(Stored::new(key.clone(), version, draft));
            let change =
                Change { resource_version: version, before, after: after.clone(), deleted };
            state.table(resource).stage(change);
            let Some(queue) = &self.queue else {
                self.shared.publish(&mut state, resource, key, version);
                return Ok(after);
            };
            let record = Record {
                resource: resource.clone(),
                key: key.clone(),
                json: (!deleted).then(|| after.json.clone()),
                resource_version: version,
            };
            let (sender, done) = oneshot::channel();
            // Sent under the lock: the queue has the order of the versions.
            queue.send(Pending { record, done: sender }).map_err(|_| WriteError::NotDurable)?;
            (after, done)
        };
        match done.await {
            Ok(true) => Ok(after),
            _ => Err(WriteError::NotDurable),
        }
    }

    /// Returns when the latest state of an object is durable and visible. To be waited for
    /// before a client is told anything that follows from [`Store::latest`] and was not
    /// written by itself: that nothing had to be changed, or that there is no such object.
    pub async fn settle(&self, resource: &ResourceKey, key: &ObjectKey) -> Result<(), WriteError> {
        let mut wake = self.shared.wake.subscribe();
        let staged = {
            let state = self.shared.lock();
            state.tables.get(resource).and_then(|table| table.staged(key))
        };
        let Some(staged) = staged else {
            return Ok(());
        };
        loop {
            if *wake.borrow_and_update() >= staged {
                return Ok(());
            }
            if self.shared.lock().failed || wake.changed().await.is_err() {
                return Err(WriteError::NotDurable);
            }
        }
    }

    /// Changes of a resource after `version`, the oldest `limit` of them, with the version
    /// up to which that is all.
    pub fn changes(
        &self,
        resource: &ResourceKey,
        version: u64,
        limit: usize,
    ) -> Result<(Vec<Change>, u64), Expired> {
        let mut state = self.shared.lock();
        let visible = state.visible;
        let table = state.table(resource);
        let Some(changes) = table.changes_since(version) else {
            return Err(Expired { asked: version, oldest: table.oldest() });
        };
        let changes: Vec<_> = changes.take(limit).cloned().collect();
        let end = match changes.last() {
            Some(last) if changes.len() == limit => last.resource_version,
            _ => visible,
        };
        Ok((changes, end))
    }

    /// Changes of all resources after `version`, in the order in which they were made, with
    /// the version up to which that is all. Costs nothing for resources that did not change.
    pub fn all_changes(&self, version: u64) -> Result<(Vec<(ResourceKey, Change)>, u64), Expired> {
        let state = self.shared.lock();
        let mut all = Vec::new();
        for (resource, table) in state.tables.iter().filter(|(_, table)| table.newest() > version) {
            let expired = Expired { asked: version, oldest: table.oldest() };
            let changes = table.changes_since(version).ok_or(expired)?;
            all.extend(changes.map(|change| (resource.clone(), change.clone())));
        }
        let visible = state.visible;
        drop(state);
        all.sort_by_key(|(_, change)| change.resource_version);
        Ok((all, visible))
    }

    /// Wakes at every visible write to any resource; carries its version.
    pub fn subscribe_all(&self) -> watch::Receiver<u64> {
        self.shared.wake.subscribe()
    }

    /// Wakes at every visible write to this resource; carries its version.
    pub fn subscribe(&self, resource: &ResourceKey) -> watch::Receiver<u64> {
        self.shared.lock().table(resource).subscribe()
    }
}

impl State {
    fn new(version: u64) -> Self {
        let (visible, forgotten) = (version, version);
        Self { assigned: version, visible, forgotten, failed: false, tables: HashMap::new() }
    }

    fn table(&mut self, resource: &ResourceKey) -> &mut Table {
        let forgotten = self.forgotten;
        self.tables.entry(resource.clone()).or_insert_with(|| Table::new(forgotten))
    }
}

impl Shared {
    fn new(state: State, window: usize) -> Arc<Self> {
        let wake = watch::Sender::new(state.visible);
        Arc::new(Self { state: Mutex::new(state), window, wake })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while holding the lock would be a bug in this module; the state is
        // changed by single assignments only and stays usable.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn publish(&self, state: &mut State, resource: &ResourceKey, key: &ObjectKey, version: u64) {
        state.visible = version;
        state.table(resource).publish(key, self.window);
        self.wake.send_replace(version);
    }
}
