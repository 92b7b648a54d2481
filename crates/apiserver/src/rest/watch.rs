//! Watch: a position in the window of changes, and what a client sees from there.

use std::collections::VecDeque;
use std::sync::Arc;

use super::list::check_known;
use super::{ListOptions, Target};
use crate::error::{Error, Result};
use crate::selector::Selection;
use crate::store::{Change, ResourceKey, Store, Stored};

/// Changes read at a time: what a client that does not read keeps from being forgotten.
const BATCH: usize = 256;

/// One event for the client.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Added(Arc<Stored>),
    Modified(Arc<Stored>),
    Deleted {
        /// The state to show.
        object: Arc<Stored>,
        /// The version of the change, which `object` may not have.
        resource_version: u64,
    },
    /// Everything up to this version has been sent; `initial_end` closes the initial events.
    Bookmark {
        resource_version: u64,
        initial_end: bool,
    },
}

/// A running watch. It holds nothing but a position: a watcher that does not read costs
/// nothing, and finds that it is too late when it comes back after too long.
pub(crate) struct Watch {
    store: Store,
    resource: ResourceKey,
    namespace: Option<String>,
    selection: Selection,
    /// Changes up to here are sent or queued.
    position: u64,
    queue: VecDeque<Event>,
    wake: tokio::sync::watch::Receiver<u64>,
}

pub(crate) fn watch(target: &Target<'_>, options: &ListOptions) -> Result<Watch> {
    let store = target.core.store.clone();
    let resource = target.resource.key.clone();
    let namespace = (target.resource.namespaced && !target.namespace.is_empty())
        .then(|| target.namespace.to_owned());
    // Subscribed first, so that no change falls between the snapshot and the wait.
    let wake = store.subscribe(&resource);
    let mut queue = VecDeque::new();
    let asked = options.resource_version.unwrap_or(0);
    let initial = asked == 0 || options.send_initial_events;
    if options.send_initial_events {
        check_known(store.version(), asked)?;
    }
    let position = if initial {
        let snapshot = store.list(&resource, namespace.as_deref());
        let objects = snapshot.objects.into_iter();
        queue.extend(objects.filter(|object| options.selection.matches(object)).map(Event::Added));
        if options.send_initial_events && options.bookmarks {
            let resource_version = snapshot.resource_version;
            queue.push_back(Event::Bookmark { resource_version, initial_end: true });
        }
        snapshot.resource_version
    } else {
        asked
    };
    let selection = options.selection.clone();
    Ok(Watch { store, resource, namespace, selection, position, queue, wake })
}

impl Watch {
    /// The next event; waits for it. An error is the last thing a client is told.
    pub(crate) async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Ok(event);
            }
            let is_all = self.read()?;
            if is_all && self.queue.is_empty() && self.wake.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Everything up to the current version has been sent.
    pub(crate) fn bookmark(&mut self) -> Result<Option<Event>> {
        self.read()?;
        Ok(self
            .queue
            .is_empty()
            .then_some(Event::Bookmark { resource_version: self.position, initial_end: false }))
    }

    /// Queues what some changes mean for the client; true when no more are to be read.
    fn read(&mut self) -> Result<bool> {
        self.wake.mark_unchanged();
        let (changes, end) =
            self.store.changes(&self.resource, self.position, BATCH).map_err(|expired| {
                Error::expired(format!(
                    "too old resource version: {} ({})",
                    expired.asked, expired.oldest
                ))
            })?;
        let is_all = changes.len() < BATCH;
        let events = changes.into_iter().filter_map(|change| self.see(change));
        let events: Vec<_> = events.collect();
        self.queue.extend(events);
        self.position = self.position.max(end);
        Ok(is_all)
    }

    /// What a change means for this client's selection.
    fn see(&self, change: Change) -> Option<Event> {
        let elsewhere =
            self.namespace.as_deref().is_some_and(|ns| *change.after.key.namespace != *ns);
        if elsewhere {
            return None;
        }
        let before = change.before.filter(|object| self.selection.matches(object));
        let after = (!change.deleted).then_some(&change.after);
        let after = after.filter(|object| self.selection.matches(object));
        let resource_version = change.resource_version;
        match (before, after) {
            (None, None) => None,
            (None, Some(object)) => Some(Event::Added(object.clone())),
            (Some(_), Some(object)) => Some(Event::Modified(object.clone())),
            // A deletion carries its own last state; leaving the selection shows the old one.
            (Some(_), None) if change.deleted => {
                Some(Event::Deleted { object: change.after, resource_version })
            }
            (Some(object), None) => Some(Event::Deleted { object, resource_version }),
        }
    }
}
