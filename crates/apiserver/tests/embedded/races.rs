//! Many clients at once, and requests that must change nothing.

use std::collections::BTreeSet;

use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Api;
use kube::api::{
    DeleteParams, EvictParams, ListParams, Patch, PatchParams, PostParams, Preconditions,
    WatchEvent, WatchParams,
};
use kubewright_apiserver::Server;
use serde_json::{Value, json};

use crate::cluster::{Cluster, PATIENCE, map};

const CLIENTS: usize = 12;

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

fn status(error: kube::Error) -> kube::core::Status {
    match error {
        kube::Error::Api(status) => *status,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost_among_those_who_retry() {
    const TURNS: usize = 20;
    let cluster = Cluster::start().await;
    cluster.map("counter").await;
    let maps = cluster.maps();
    let count = async || {
        for _ in 0..TURNS {
            loop {
                let mut counter = maps.get("counter").await.unwrap();
                let data = counter.data.get_or_insert_default();
                let last: usize = data.get("n").map_or(0, |n| n.parse().unwrap());
                data.insert("n".to_owned(), (last + 1).to_string());
                match maps.replace("counter", &PostParams::default(), &counter).await {
                    Ok(_) => break,
                    Err(error) => assert!(is_conflict(&error), "{error}"),
                }
            }
        }
    };
    let patch = async |client: usize| {
        for turn in 0..TURNS {
            let patch =
                Patch::Merge(json!({ "data": { format!("c-{client}"): turn.to_string() } }));
            maps.patch("counter", &PatchParams::default(), &patch).await.unwrap();
        }
    };
    futures::join!(join_all((0..CLIENTS).map(|_| count())), join_all((0..CLIENTS).map(patch)));
    let data = maps.get("counter").await.unwrap().data.unwrap();
    assert_eq!(data["n"], (CLIENTS * TURNS).to_string());
    let last = (TURNS - 1).to_string();
    assert!((0..CLIENTS).all(|client| data[&format!("c-{client}")] == last), "{data:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_managers_apply_one_object_and_each_keeps_their_own() {
    let cluster = Cluster::start().await;
    let maps = cluster.maps();
    let apply = async |client: usize, key: Option<&str>| {
        let mut data = json!({ "shared": "same" });
        if let Some(key) = key {
            data[key] = json!(client.to_string());
        }
        let config = json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "m" }, "data": data });
        let manager = PatchParams::apply(&format!("manager-{client:02}"));
        maps.patch("m", &manager, &Patch::Apply(config)).await.unwrap()
    };
    let names: Vec<_> = (0..CLIENTS).map(|client| format!("own-{client}")).collect();
    for _ in 0..3 {
        join_all(names.iter().enumerate().map(|(at, name)| apply(at, Some(name)))).await;
    }
    let object = maps.get("m").await.unwrap();
    let data = object.data.unwrap();
    assert!(names.iter().enumerate().all(|(at, name)| data[name] == at.to_string()), "{data:?}");
    let managers = object.metadata.managed_fields.unwrap().into_iter();
    let managers: Vec<_> = managers.map(|entry| entry.manager.unwrap()).collect();
    assert_eq!(managers.len(), managers.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(managers.len(), CLIENTS);

    // The same again is no write; half of them give their field up; the last takes all.
    let version = object.metadata.resource_version;
    assert_eq!(apply(0, Some(&names[0])).await.metadata.resource_version, version);
    join_all((0..CLIENTS / 2).map(|client| apply(client, None))).await;
    let data = maps.get("m").await.unwrap().data.unwrap();
    assert_eq!(data.len(), 1 + CLIENTS - CLIENTS / 2, "{data:?}");
    assert_eq!(data["shared"], "same");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_drawn_at_once_differ() {
    let cluster = Cluster::start().await;
    let maps = cluster.maps();
    let create = async || {
        let map: ConfigMap =
            serde_json::from_value(json!({ "metadata": { "generateName": "g-" } })).unwrap();
        maps.create(&PostParams::default(), &map).await.unwrap().metadata.name.unwrap()
    };
    let names = join_all((0..200).map(|_| create())).await;
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_ends_once_however_many_let_it_go() {
    let cluster = Cluster::start().await;
    let maps = cluster.maps();
    let holds: Vec<_> = (0..CLIENTS).map(|client| format!("example.com/hold-{client}")).collect();
    let held = cluster.map_with("held", &json!({ "finalizers": holds })).await;
    let watch = WatchParams::default().fields("metadata.name=held");
    let version = held.metadata.resource_version.unwrap();
    let events = maps.watch(&watch, &version).await.unwrap();
    maps.delete("held", &DeleteParams::default()).await.unwrap();
    let release = async |hold: &str| {
        loop {
            let mut object = maps.get("held").await.unwrap();
            object.metadata.finalizers.as_mut().unwrap().retain(|other| other != hold);
            match maps.replace("held", &PostParams::default(), &object).await {
                Ok(_) => return,
                Err(error) => assert!(is_conflict(&error), "{error}"),
            }
        }
    };
    join_all(holds.iter().map(|hold| release(hold))).await;
    assert!(maps.get_opt("held").await.unwrap().is_none());
    let mut ends = 0;
    let mut events = events.boxed();
    while ends == 0 {
        let event = tokio::time::timeout(PATIENCE, events.try_next()).await.unwrap().unwrap();
        ends += usize::from(matches!(event.unwrap(), WatchEvent::Deleted(_)));
    }
    // A new one of that name is another one.
    let other = cluster.map("held").await;
    let event = tokio::time::timeout(PATIENCE, events.try_next()).await.unwrap().unwrap().unwrap();
    let WatchEvent::Added(added) = event else { panic!("{event:?}") };
    assert_eq!(added.metadata.uid, other.metadata.uid);
    let old = Preconditions { uid: held.metadata.uid, resource_version: None };
    let old = DeleteParams { preconditions: Some(old), ..DeleteParams::default() };
    assert_eq!(status(maps.delete("held", &old).await.unwrap_err()).code, 409);
    let old = Preconditions { uid: None, resource_version: Some(version) };
    let old = DeleteParams { preconditions: Some(old), ..DeleteParams::default() };
    assert_eq!(status(maps.delete("held", &old).await.unwrap_err()).code, 409);
}

#[tokio::test]
async fn a_dry_run_changes_nothing_anywhere() {
    let server = Server::builder().default_service_accounts(true).start().await.unwrap();
    let cluster = Cluster::over(server).await;
    let maps = cluster.maps();
    cluster.map("m").await;
    let pods: Api<Pod> = Api::default_namespaced(cluster.client.clone());
    let pod = json!({ "metadata": { "name": "p" },
        "spec": { "containers": [{ "name": "c", "image": "i" }] } });
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let deployments: Api<Deployment> = Api::default_namespaced(cluster.client.clone());
    let deployment = json!({ "metadata": { "name": "d" }, "spec": { "replicas": 1,
        "selector": { "matchLabels": { "a": "b" } },
        "template": { "metadata": { "labels": { "a": "b" } },
            "spec": { "containers": [{ "name": "c", "image": "i" }] } } } });
    let deployment: Deployment = serde_json::from_value(deployment).unwrap();
    deployments.create(&PostParams::default(), &deployment).await.unwrap();
    let version = async || {
        let list = maps.list(&ListParams::default()).await.unwrap();
        list.metadata.resource_version
    };
    let before = version().await;

    let post = PostParams { dry_run: true, ..PostParams::default() };
    let patch = PatchParams { dry_run: true, ..PatchParams::default() };
    let apply = PatchParams { dry_run: true, ..PatchParams::apply("me") };
    let delete = DeleteParams { dry_run: true, ..DeleteParams::default() };
    let label = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
    assert!(maps.create(&post, &map("n", &json!({}))).await.unwrap().metadata.uid.is_some());
    let mut other = maps.get("m").await.unwrap();
    other.data = Some([("a".to_owned(), "b".to_owned())].into());
    assert_eq!(maps.replace("m", &post, &other).await.unwrap().data, other.data);
    assert!(maps.patch("m", &patch, &label).await.unwrap().metadata.labels.is_some());
    let config = |name: &str| {
        Patch::Apply(json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": name }, "data": { "x": "y" } }))
    };
    maps.patch("m", &apply, &config("m")).await.unwrap();
    maps.patch("new", &apply, &config("new")).await.unwrap();
    maps.delete("m", &delete).await.unwrap();
    maps.delete_collection(&delete, &ListParams::default()).await.unwrap();
    let status = Patch::Merge(json!({ "status": { "replicas": 3 } }));
    deployments.patch_status("d", &patch, &status).await.unwrap();
    let scale = Patch::Merge(json!({ "spec": { "replicas": 3 } }));
    let scaled = deployments.patch_scale("d", &patch, &scale).await.unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(3));
    let evict = EvictParams { post_options: post.clone(), ..EvictParams::default() };
    pods.evict("p", &evict).await.unwrap();
    pods.delete("p", &delete).await.unwrap();

    assert_eq!(version().await, before, "resource versions are handed out for writes only");
    assert!(pods.get("p").await.unwrap().metadata.deletion_timestamp.is_none());
}

/// A raw answer; the whole Status where it failed.
async fn get(cluster: &Cluster, path: &str) -> Value {
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    let body = cluster.client.request_text(request).await;
    match body {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(kube::Error::Api(status)) => serde_json::to_value(status).unwrap(),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_page_that_comes_too_late_can_be_had_of_now() {
    let server = Server::builder().watch_window(4).start().await.unwrap();
    let cluster = Cluster::over(server).await;
    for at in 0..6 {
        cluster.map(&format!("m-{at}")).await;
    }
    const PATH: &str = "/api/v1/namespaces/default/configmaps?limit=4";
    let page = |cursor: &Value| format!("{PATH}&continue={}", cursor.as_str().unwrap());
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = get(&cluster, PATH).await;
    assert_eq!(names(&first), ["m-0", "m-1", "m-2", "m-3"]);
    let cursor = &first["metadata"]["continue"];
    cluster.map("m-50").await;
    // Still of the same version.
    let second = get(&cluster, &page(cursor)).await;
    assert_eq!(names(&second), ["m-4", "m-5"]);
    for at in 6..12 {
        cluster.map(&format!("m-{at}")).await;
    }
    let late = get(&cluster, &page(cursor)).await;
    assert_eq!((&late["code"], &late["reason"]), (&json!(410), &json!("Expired")));
    let rest = get(&cluster, &page(&late["metadata"]["continue"])).await;
    assert_eq!(names(&rest), ["m-4", "m-5", "m-50", "m-6"]);
    let rest = get(&cluster, &page(&rest["metadata"]["continue"])).await;
    assert_eq!(names(&rest), ["m-7", "m-8", "m-9"]);
    assert!(rest["metadata"].get("continue").is_none(), "{}", rest["metadata"]);
}

#[tokio::test]
async fn a_collection_is_deleted_as_it_would_be_listed() {
    let cluster = Cluster::start().await;
    for at in 0..6 {
        cluster
            .map_with(&format!("m-{at}"), &json!({ "labels": { "odd": (at % 2).to_string() } }))
            .await;
    }
    let maps = cluster.maps();
    let delete = DeleteParams::default();
    let some = "/api/v1/namespaces/default/configmaps?labelSelector=odd%3D1&limit=2";
    let request = http::Request::delete(some).body(Vec::new()).unwrap();
    let deleted = cluster.client.request::<Value>(request).await.unwrap();
    assert_eq!(deleted["items"].as_array().unwrap().len(), 2);
    assert!(deleted["metadata"]["continue"].is_string());
    assert_eq!(cluster.names().await, ["m-0", "m-2", "m-4", "m-5"]);
    maps.delete_collection(&delete, &ListParams::default().fields("metadata.name=m-5"))
        .await
        .unwrap();
    maps.delete_collection(&delete, &ListParams::default().labels("odd in (0, 7),!none"))
        .await
        .unwrap();
    assert_eq!(cluster.names().await, [] as [&str; 0]);
}
