//! Objects of one resource, as a watch tells of them, and waiting until they are as they should.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::course::Wrong;

/// Objects by name.
pub(super) type Objects<K> = BTreeMap<String, Arc<K>>;

/// The objects of one resource at this moment; kept by a watch until it is dropped.
pub(super) struct Watched<K> {
    objects: watch::Receiver<Objects<K>>,
    task: AbortHandle,
}

impl<K> Drop for Watched<K> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<K> Watched<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    pub(super) fn start(api: Api<K>) -> Self {
        let (sender, objects) = watch::channel(Objects::new());
        let task = tokio::spawn(follow(api, sender)).abort_handle();
        Self { objects, task }
    }

    /// Waits until `test` finds what it looks for, and returns that. Its error says what is
    /// there instead; the last one is told when `limit` has passed.
    pub(super) async fn until<T>(
        &mut self,
        limit: Duration,
        mut test: impl FnMut(&Objects<K>) -> Result<T, String>,
    ) -> Result<T, Wrong> {
        let mut instead = String::new();
        let found = tokio::time::timeout(limit, async {
            loop {
                match test(&self.objects.borrow_and_update()) {
                    Ok(found) => return Ok(found),
                    Err(why) => instead = why,
                }
                if self.objects.changed().await.is_err() {
                    return Err(Wrong::failed("the watch ended"));
                }
            }
        });
        let found = found.await;
        found.unwrap_or_else(|_| Err(Wrong::failed(format!("after {limit:?}: {instead}"))))
    }
}

async fn follow<K>(api: Api<K>, objects: watch::Sender<Objects<K>>)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
    let mut listed = Objects::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => listed.clear(),
            Ok(watcher::Event::InitApply(object)) => {
                listed.insert(object.name_any(), Arc::new(object));
            }
            Ok(watcher::Event::InitDone) => {
                objects.send_replace(std::mem::take(&mut listed));
            }
            Ok(watcher::Event::Apply(object)) => {
                objects.send_modify(|all| {
                    all.insert(object.name_any(), Arc::new(object));
                });
            }
            Ok(watcher::Event::Delete(object)) => {
                objects.send_modify(|all| {
                    all.remove(&object.name_any());
                });
            }
            // Tried again; who waits says after its time what is missing.
            Err(error) => tracing::debug!(%error, "a watch of the checks was interrupted"),
        }
    }
}

/// Items as text, the first few of them.
pub(super) fn some_of<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    const SHOWN: usize = 4;
    let items: Vec<T> = items.into_iter().collect();
    let shown: Vec<&str> = items.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match items.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{} and {} more", shown.join(", "), count - SHOWN),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(some_of(["a", "b"]), "a, b");
        assert_eq!(some_of(["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
        assert_eq!(some_of::<&str>([]), "none");
    }
}
