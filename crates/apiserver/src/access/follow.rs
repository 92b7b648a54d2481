//! Keeping up with a resource of the store.
//!
//! Nothing runs in the background: whoever needs an answer looks first whether something has
//! changed, which costs next to nothing, and reads the changes only then. So an answer is
//! never older than the last visible write.

use tokio::sync::watch;

use crate::store::{ResourceKey, Store, Stored};

/// What happened to a resource.
pub(crate) enum News<'a> {
    /// Everything known is void; what is there follows.
    Reset,
    /// An object is in this state.
    Is(&'a Stored),
    /// An object is gone; this was its last state.
    Gone(&'a Stored),
}

/// A position in the history of a resource.
pub(crate) struct Follower {
    resource: ResourceKey,
    wake: watch::Receiver<u64>,
    /// The version up to which everything was told; `None` before the first look.
    seen: Option<u64>,
}

impl Follower {
    pub(crate) fn new(store: &Store, group: &str, plural: &str) -> Self {
        let resource = ResourceKey::new(group, plural);
        let wake = store.subscribe(&resource);
        Self { resource, wake, seen: None }
    }

    /// Whether there is something to tell.
    pub(super) fn is_behind(&self) -> bool {
        self.seen.is_none_or(|seen| *self.wake.borrow() > seen)
    }

    /// Returns when there is something to tell.
    pub(crate) async fn behind(&mut self) {
        // An error says that the store is gone; then nothing happens any more.
        if self.wake.wait_for(|version| Some(*version) > self.seen).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Tells what happened since the last time.
    pub(crate) fn catch_up(&mut self, store: &Store, mut tell: impl FnMut(News<'_>)) {
        if !self.is_behind() {
            return;
        }
        let changes = self.seen.map(|seen| store.changes(&self.resource, seen, usize::MAX));
        if let Some(Ok((changes, end))) = changes {
            for change in &changes {
                let after = &change.after;
                tell(if change.deleted { News::Gone(after) } else { News::Is(after) });
            }
            self.seen = Some(end);
            return;
        }
        let snapshot = store.list(&self.resource, None);
        tell(News::Reset);
        for object in &snapshot.objects {
            tell(News::Is(object));
        }
        self.seen = Some(snapshot.resource_version);
    }
}
