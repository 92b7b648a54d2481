//! What kube-rs builds upon list and watch works against the embedded server, in process
//! and over TLS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::runtime::controller::Action;
use kube::runtime::{Controller, WatchStreamExt, reflector, watcher};
use kubewright_apiserver::Server;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, PATIENCE, poll};

/// Runs a test over both transports.
async fn over_both<F: Future>(test: impl Fn(Cluster) -> F) {
    test(Cluster::start().await).await;
    test(Cluster::over_tls(Server::builder().start().await.unwrap()).await).await;
}

async fn set(cluster: &Cluster, name: &str, value: &str) -> ConfigMap {
    let apply = PatchParams::apply("test").force();
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name },
        "data": { "value": value } });
    cluster.maps().patch(name, &apply, &Patch::Apply(map)).await.unwrap()
}

fn value(map: &ConfigMap) -> &str {
    map.data.as_ref().map_or("", |data| &data["value"])
}

#[tokio::test]
async fn a_watcher_lists_in_pages_and_then_follows() {
    over_both(|cluster| async move {
        for at in 0..7 {
            cluster.map(&format!("before-{at}")).await;
        }
        let config = watcher::Config::default().page_size(3);
        let mut events = watcher(cluster.maps(), config).boxed();
        let mut listed = BTreeSet::new();
        while let Some(event) = events.try_next().await.unwrap() {
            match event {
                watcher::Event::Init => assert!(listed.is_empty()),
                watcher::Event::InitApply(map) => drop(listed.insert(map.metadata.name.unwrap())),
                watcher::Event::InitDone => break,
                other => panic!("{other:?} before the list is complete"),
            }
        }
        assert_eq!(listed.len(), 7);
        let after = cluster.map("after").await;
        cluster.maps().delete("before-0", &DeleteParams::default()).await.unwrap();
        let applied = events.try_next().await.unwrap().unwrap();
        assert!(matches!(applied, watcher::Event::Apply(map) if map == after));
        let deleted = events.try_next().await.unwrap().unwrap();
        let is_it = |map: &ConfigMap| map.metadata.name.as_deref() == Some("before-0");
        assert!(matches!(deleted, watcher::Event::Delete(map) if is_it(&map)));
    })
    .await;
}

#[tokio::test]
async fn a_streaming_list_begins_a_watch_where_it_is_served() {
    let server = Server::builder().watch_list(true).start().await.unwrap();
    let cluster = Cluster::over(server).await;
    cluster.map("before").await;
    let config = watcher::Config::default().streaming_lists();
    let (reader, writer) = reflector::store::<ConfigMap>();
    let mut events = reflector(writer, watcher(cluster.maps(), config)).boxed();
    while !matches!(events.try_next().await.unwrap(), Some(watcher::Event::InitDone)) {}
    assert_eq!(reader.len(), 1);
    cluster.map("after").await;
    events.try_next().await.unwrap();
    assert_eq!(reader.len(), 2);
}

#[tokio::test]
async fn a_reflector_holds_what_the_server_holds() {
    over_both(|cluster| async move {
        let (reader, writer) = reflector::store::<ConfigMap>();
        let events = watcher(cluster.maps(), watcher::Config::default()).default_backoff();
        let follow = tokio::spawn(reflector(writer, events).for_each(async |event| {
            event.expect("nothing goes wrong");
        }));
        reader.wait_until_ready().await.unwrap();
        for turn in 0..20 {
            set(&cluster, &format!("m-{}", turn % 4), &turn.to_string()).await;
            if turn % 5 == 4 {
                cluster.maps().delete("m-1", &DeleteParams::default()).await.ok();
            }
        }
        let list = cluster.maps().list(&ListParams::default()).await.unwrap().items;
        let held = || {
            let mut held: Vec<_> = reader.state().iter().map(|map| (**map).clone()).collect();
            held.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
            held
        };
        poll("the reflector has it all", async || held() == list).await;
        follow.abort();
    })
    .await;
}

#[tokio::test]
async fn a_controller_reconciles_owners_and_what_they_own() {
    over_both(|cluster| async move {
        let stop = CancellationToken::new();
        let owners = watcher::Config::default().labels("role=owner");
        let owned = watcher::Config::default().labels("role=owned");
        let controller = Controller::new(cluster.maps(), owners)
            .owns(cluster.maps(), owned)
            .graceful_shutdown_on(stop.clone().cancelled_owned())
            .run(
                reconcile,
                |_, _: &kube::Error, _| Action::await_change(),
                Arc::new(cluster.maps()),
            );
        let running = tokio::spawn(controller.for_each(async |_| {}));

        let labels = json!({ "labels": { "role": "owner" } });
        cluster.map_with("a", &labels).await;
        cluster.map_with("b", &labels).await;
        let maps = cluster.maps();
        let has_both = async || {
            let names = cluster.names().await;
            ["a-owned", "b-owned"].iter().all(|name| names.iter().any(|found| found == name))
        };
        poll("both have what they own", has_both).await;
        maps.delete("b-owned", &DeleteParams::default()).await.unwrap();
        poll("it comes back", has_both).await;
        // And with the owner gone, it is garbage.
        maps.delete("a", &DeleteParams::background()).await.unwrap();
        poll("it is collected", async || maps.get_opt("a-owned").await.unwrap().is_none()).await;
        stop.cancel();
        tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
    })
    .await;
}

async fn reconcile(map: Arc<ConfigMap>, maps: Arc<Api<ConfigMap>>) -> kube::Result<Action> {
    use kube::Resource;
    if map.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let name = format!("{}-owned", map.metadata.name.clone().unwrap_or_default());
    let owned = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": name, "labels": { "role": "owned" },
        "ownerReferences": [map.controller_owner_ref(&())] } });
    let apply = PatchParams::apply("controller").force();
    maps.patch(&name, &apply, &Patch::Apply(owned)).await?;
    Ok(Action::await_change())
}

#[tokio::test]
async fn an_informer_recovers_when_the_past_is_forgotten() {
    let server = Server::builder().watch_window(4).start().await.unwrap();
    let cluster = Cluster::over(server).await;
    set(&cluster, "m", "0").await;
    let start = cluster.maps().list(&ListParams::default()).await.unwrap();
    let start = start.metadata.resource_version.unwrap();

    let (reader, writer) = reflector::store::<ConfigMap>();
    let mut events = reflector(writer, watcher(cluster.maps(), watcher::Config::default())).boxed();
    while !matches!(events.try_next().await.unwrap(), Some(watcher::Event::InitDone)) {}
    // While nobody reads, more happens than is remembered.
    for turn in 1..=600 {
        set(&cluster, "m", &turn.to_string()).await;
    }
    let params = WatchParams::default();
    let mut late = cluster.maps().watch(&params, &start).await.unwrap().boxed();
    let expired = late.try_next().await.unwrap();
    assert!(matches!(expired, Some(WatchEvent::Error(status)) if status.code == 410));
    assert!(late.try_next().await.unwrap().is_none(), "nothing follows an error");

    let mut restarted = false;
    while reader.state().iter().all(|map| value(map) != "600") {
        match events.next().await.unwrap() {
            Ok(event) => restarted |= matches!(event, watcher::Event::Init),
            Err(watcher::Error::WatchError(status)) => assert_eq!(status.code, 410),
            Err(other) => panic!("{other}"),
        }
    }
    assert!(restarted, "it had to list again");
    set(&cluster, "n", "after").await;
    events.try_next().await.unwrap();
    assert_eq!(reader.len(), 2);
}

#[tokio::test]
async fn bookmarks_tell_how_far_a_quiet_watch_has_come() {
    let cluster = Cluster::start().await;
    let params = WatchParams::default().timeout(1);
    let version = cluster.server.resource_version().to_string();
    let events = cluster.maps().watch(&params, &version).await.unwrap().boxed();
    // Of no interest to this watch, but newer.
    let other = cluster.other_namespace().await;
    let events: Vec<_> = events.try_collect().await.unwrap();
    let [WatchEvent::Bookmark(mark)] = &events[..] else {
        panic!("{events:?} in {other}");
    };
    assert!(mark.metadata.resource_version.parse::<u64>().unwrap() > version.parse().unwrap());
    assert_eq!(mark.types.kind, "ConfigMap");
}

#[tokio::test]
async fn many_watchers_see_the_same_in_the_same_order() {
    let cluster = Cluster::over_tls(Server::builder().start().await.unwrap()).await;
    let version = cluster.server.resource_version().to_string();
    let watch = |_| {
        let (maps, version) = (cluster.maps(), version.clone());
        async move {
            let events = maps.watch(&WatchParams::default(), &version).await.unwrap().boxed();
            let changes = events.try_filter_map(async |event| match event {
                WatchEvent::Added(map) | WatchEvent::Modified(map) => {
                    Ok(Some((map.metadata.name.clone(), value(&map).to_owned())))
                }
                _ => Ok(None),
            });
            changes.take(100).try_collect::<Vec<_>>().await.unwrap()
        }
    };
    let watchers = futures::future::join_all((0..16).map(watch));
    let writers = futures::future::join_all((0..4).map(|writer| {
        let cluster = &cluster;
        async move {
            for turn in 0..25 {
                set(cluster, &format!("w-{writer}"), &turn.to_string()).await;
            }
        }
    }));
    let (seen, _) = futures::future::join(watchers, writers).await;
    assert!(seen.iter().all(|order| *order == seen[0]));
    let mut last = BTreeMap::new();
    for (name, value) in &seen[0] {
        last.insert(name.clone(), value.clone());
    }
    assert!(last.values().all(|value| value == "24"));
}
