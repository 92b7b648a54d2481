//! Objects of one resource and the window of its latest changes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::watch;

use super::object::{ObjectKey, Stored};

/// A committed change.
#[derive(Debug, Clone)]
pub struct Change {
    /// Version that the change created.
    pub resource_version: u64,
    /// State before; `None` for a creation.
    pub before: Option<Arc<Stored>>,
    /// State after. For a deletion the last state, under the version of the deletion.
    pub after: Arc<Stored>,
    /// The object is gone.
    pub deleted: bool,
}

/// The objects of one resource.
#[derive(Debug)]
pub(super) struct Table {
    /// What readers see.
    objects: BTreeMap<ObjectKey, Arc<Stored>>,
    /// Writes that are decided but not durable yet: writers see them, readers do not.
    staged: HashMap<ObjectKey, VecDeque<Change>>,
    /// The latest changes, oldest first.
    window: VecDeque<Change>,
    /// Versions up to this one are no longer in the window.
    forgotten: u64,
    /// Wakes watchers; carries the version of the latest change.
    wake: watch::Sender<u64>,
}

impl Table {
    /// A table whose past up to `forgotten` is unknown.
    pub(super) fn new(forgotten: u64) -> Self {
        Self {
            objects: BTreeMap::new(),
            staged: HashMap::new(),
            window: VecDeque::new(),
            forgotten,
            wake: watch::Sender::new(forgotten),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }

    pub(super) fn load(&mut self, object: Stored) {
        self.objects.insert(object.key.clone(), Arc::new(object));
    }

    /// The state that the next write must build on.
    pub(super) fn latest(&self, key: &ObjectKey) -> Option<Arc<Stored>> {
        match self.staged.get(key).and_then(VecDeque::back) {
            Some(change) if change.deleted => None,
            Some(change) => Some(change.after.clone()),
            None => self.objects.get(key).cloned(),
        }
    }

    /// Version of the latest write of an object that is not visible yet.
    pub(super) fn staged(&self, key: &ObjectKey) -> Option<u64> {
        self.staged.get(key)?.back().map(|change| change.resource_version)
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<Arc<Stored>> {
        self.objects.get(key).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether nothing is stored and nothing remembered.
    pub(super) fn is_idle(&self) -> bool {
        self.objects.is_empty() && self.staged.is_empty()
    }

    pub(super) fn stage(&mut self, change: Change) {
        self.staged.entry(change.after.key.clone()).or_default().push_back(change);
    }

    /// Makes the oldest staged change of an object visible.
    pub(super) fn publish(&mut self, key: &ObjectKey, keep: usize) {
        let Some(queue) = self.staged.get_mut(key) else {
            return;
        };
        let Some(change) = queue.pop_front() else {
            return;
        };
        if queue.is_empty() {
            self.staged.remove(key);
        }
        if change.deleted {
            self.objects.remove(key);
        } else {
            self.objects.insert(key.clone(), change.after.clone());
        }
        let version = change.resource_version;
        self.window.push_back(change);
        self.wake.send_replace(version);
        while self.window.len() > keep {
            if let Some(old) = self.window.pop_front() {
                self.forgotten = old.resource_version;
            }
        }
    }

    /// Objects of a namespace (all of them for `None`), by namespace and name.
    pub(super) fn list(&self, namespace: Option<&str>) -> Vec<Arc<Stored>> {
        self.range(namespace).map(|(_, object)| object.clone()).collect()
    }

    fn range(&self, namespace: Option<&str>) -> impl Iterator<Item = (&ObjectKey, &Arc<Stored>)> {
        let start = ObjectKey::new(namespace.unwrap_or_default(), "");
        let wanted = namespace.map(str::to_owned);
        self.objects
            .range(start..)
            .take_while(move |(key, _)| wanted.as_deref().is_none_or(|ns| *key.namespace == *ns))
    }

    /// As [`Table::list`], at an older version; `None` when that is forgotten.
    pub(super) fn list_at(
        &self,
        namespace: Option<&str>,
        version: u64,
    ) -> Option<Vec<Arc<Stored>>> {
        let later = self.changes_since(version)?;
        // The first change after `version` holds the state at `version`.
        let mut undo: BTreeMap<&ObjectKey, Option<&Arc<Stored>>> = BTreeMap::new();
        for change in later {
            undo.entry(&change.after.key).or_insert(change.before.as_ref());
        }
        let mut objects: BTreeMap<&ObjectKey, &Arc<Stored>> = self.range(namespace).collect();
        for (key, before) in undo {
            if namespace.is_some_and(|ns| *key.namespace != *ns) {
                continue;
            }
            match before {
                Some(object) => objects.insert(key, object),
                None => objects.remove(key),
            };
        }
        Some(objects.into_values().cloned().collect())
    }

    /// Changes after `version`, oldest first; `None` when some of them are forgotten.
    pub(super) fn changes_since(&self, version: u64) -> Option<impl Iterator<Item = &Change>> {
        if version < self.forgotten {
            return None;
        }
        let from = self.window.partition_point(|change| change.resource_version <= version);
        Some(self.window.range(from..))
    }

    /// The version of the latest change.
    pub(super) fn newest(&self) -> u64 {
        *self.wake.borrow()
    }

    /// The oldest version from which changes can be told.
    pub(super) fn oldest(&self) -> u64 {
        self.forgotten
    }
}
