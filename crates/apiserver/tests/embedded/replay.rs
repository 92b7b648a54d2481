//! List and watch, replayed, equal the list at the end: for any writes of several clients
//! at once, seen through any selector.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kubewright_apiserver::Server;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::cluster::{Cluster, PATIENCE};

/// A write; some find nothing to do.
#[derive(Debug, Clone)]
struct Write {
    namespace: &'static str,
    name: &'static str,
    /// Labels to set; `None` deletes.
    labels: Option<(Option<&'static str>, Option<u8>)>,
}

/// What a watcher asks for.
#[derive(Debug, Clone)]
struct View {
    namespace: Option<&'static str>,
    labels: &'static str,
    fields: &'static str,
    page: u32,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn write() -> impl Strategy<Value = Write> {
    let namespace = select(&["default", "other"][..]);
    let app = proptest::option::weighted(0.8, select(&["x", "y", "z"][..]));
    let size = proptest::option::of(0_u8..4);
    let labels = proptest::option::weighted(0.75, (app, size));
    (namespace, select(&NAMES[..]), labels).prop_map(|(namespace, name, labels)| Write {
        namespace,
        name,
        labels,
    })
}

fn view() -> impl Strategy<Value = View> {
    let labels = [
        "",
        "app",
        "!app",
        "app=x",
        "app!=x",
        "app in (x,y)",
        "app notin (y,z)",
        "size>1",
        "size<2,app",
        "app=x,size notin (0)",
        "!size,app!=z",
    ];
    let fields = ["", "metadata.name=a", "metadata.name!=b", "metadata.namespace=other"];
    let namespace = proptest::option::of(select(&["default", "other"][..]));
    (namespace, select(labels.to_vec()), select(fields.to_vec()), 1_u32..4)
        .prop_map(|(namespace, labels, fields, page)| View { namespace, labels, fields, page })
}

type Key = (String, String);

/// What a client holds: versions by namespace and name.
type Held = BTreeMap<Key, u64>;

fn key(map: &ConfigMap) -> Key {
    let name = map.metadata.name.clone().unwrap();
    (map.metadata.namespace.clone().unwrap(), name)
}

fn version(map: &ConfigMap) -> u64 {
    map.metadata.resource_version.as_ref().unwrap().parse().unwrap()
}

impl View {
    fn api(&self, client: &kube::Client) -> Api<ConfigMap> {
        match self.namespace {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        }
    }

    /// Everything, in pages, and the version of it.
    async fn list(&self, client: &kube::Client) -> (Held, String) {
        let mut held = Held::new();
        let base = ListParams::default().labels(self.labels).fields(self.fields).limit(self.page);
        let mut params = base.clone();
        loop {
            let page = self.api(client).list(&params).await.unwrap();
            held.extend(page.items.iter().map(|map| (key(map), version(map))));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = base.clone().continue_token(&token),
                None => return (held, page.metadata.resource_version.unwrap()),
            }
        }
    }

    /// Follows until it holds what `done` gives.
    async fn follow(&self, client: &kube::Client, done: &tokio::sync::OnceCell<()>) -> Held {
        let (mut held, start) = self.list(client).await;
        let params = WatchParams::default().labels(self.labels).fields(self.fields);
        let mut events = self.api(client).watch(&params, &start).await.unwrap().boxed();
        let mut last: u64 = start.parse().unwrap();
        loop {
            if done.initialized() && held == self.list(client).await.0 {
                return held;
            }
            let next =
                tokio::time::timeout(std::time::Duration::from_millis(20), events.try_next());
            let event = match next.await {
                Ok(event) => event.unwrap().expect("the watch goes on"),
                Err(_) => continue,
            };
            let (map, known) = match &event {
                WatchEvent::Added(map) => (map, held.insert(key(map), version(map))),
                WatchEvent::Modified(map) => (map, held.insert(key(map), version(map))),
                WatchEvent::Deleted(map) => (map, held.remove(&key(map))),
                other => panic!("{other:?}"),
            };
            assert!(version(map) > last, "{event:?} after {last}");
            last = version(map);
            let is_new = matches!(event, WatchEvent::Added(_));
            assert_eq!(known.is_none(), is_new, "{event:?} but known is {known:?}");
        }
    }
}

async fn make(client: &kube::Client, write: &Write, turn: usize) {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), write.namespace);
    let Some((app, size)) = write.labels else {
        let deleted = maps.delete(write.name, &DeleteParams::default()).await;
        assert!(deleted.is_ok() || refused(deleted.err()) == "NotFound");
        return;
    };
    let size = size.map(|size| size.to_string());
    let labels = json!({ "app": app, "size": size });
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": write.name, "labels": labels }, "data": { "turn": turn.to_string() } });
    let result = maps.patch(write.name, &PatchParams::default(), &Patch::Merge(&map)).await;
    if result.is_err() {
        assert_eq!(refused(result.err()), "NotFound");
        // Made, unless another writer is faster.
        let mut map = map;
        map["metadata"]["labels"] = app.map_or(json!({}), |app| json!({ "app": app }));
        let map = serde_json::from_value(map).unwrap();
        let made = maps.create(&Default::default(), &map).await;
        assert!(made.is_ok() || refused(made.err()) == "AlreadyExists");
    }
}

/// Why the server refused.
fn refused(error: Option<kube::Error>) -> String {
    match error {
        Some(kube::Error::Api(status)) => status.reason,
        other => panic!("{other:?}"),
    }
}

async fn replay(writers: Vec<Vec<Write>>, views: Vec<View>) {
    let cluster = Cluster::over(Server::builder().start().await.unwrap()).await;
    cluster.other_namespace().await;
    let client = &cluster.client;
    let done = &tokio::sync::OnceCell::new();
    let write = async {
        let all = writers.iter().map(|writes| async move {
            for (turn, write) in writes.iter().enumerate() {
                make(client, write, turn).await;
                tokio::task::yield_now().await;
            }
        });
        futures::future::join_all(all).await;
        done.set(()).unwrap();
    };
    let follow = futures::future::join_all(views.iter().map(|view| view.follow(client, done)));
    let both = futures::future::join(write, follow);
    let (_, held) = tokio::time::timeout(PATIENCE, both).await.expect("a watch misses something");
    for (view, held) in views.iter().zip(held) {
        assert_eq!(held, view.list(client).await.0, "{view:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn list_and_watch_replayed_equal_the_list(
        writers in proptest::collection::vec(proptest::collection::vec(write(), 1..30), 1..5),
        views in proptest::collection::vec(view(), 1..6),
    ) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(replay(writers, views));
    }
}
