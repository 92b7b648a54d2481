//! Waiting by watching.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Long enough for any machine; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Watches until the objects, by name, are as wanted, and returns them.
///
/// # Panics
/// When they are not within half a minute; shows what they are.
pub async fn until<K>(
    api: &Api<K>,
    wanted: impl Fn(&BTreeMap<String, K>) -> bool,
) -> BTreeMap<String, K>
where
    K: Resource + ResourceExt + Clone + Debug + Serialize + DeserializeOwned + Send + 'static,
{
    let mut all = BTreeMap::new();
    let mut listed = false;
    let watching = async {
        let mut events = watcher(api.clone(), watcher::Config::default()).boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => {
                    all.clear();
                    listed = false;
                }
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    drop(all.insert(object.name_any(), object))
                }
                Ok(Event::Delete(object)) => drop(all.remove(&object.name_any())),
                Ok(Event::InitDone) => listed = true,
                Err(error) => panic!("{error}"),
            }
            if listed && wanted(&all) {
                return;
            }
        }
    };
    if tokio::time::timeout(PATIENCE, watching).await.is_err() {
        panic!("not as wanted: {}", serde_json::to_string_pretty(&all).unwrap_or_default());
    }
    all
}
