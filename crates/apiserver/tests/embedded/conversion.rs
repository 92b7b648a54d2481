//! Custom objects in several versions, converted by a webhook, and what a new schema means for
//! objects that are stored already.

use futures::{StreamExt, TryStreamExt};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, WatchEvent, WatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::cluster::{Cluster, PATIENCE, poll};
use crate::hook::Hook;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// The answer, or the message of the Status.
async fn call(
    cluster: &Cluster,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<Value, (u16, String)> {
    let media = match method {
        "PATCH" if path.contains("fieldManager") => "application/apply-patch+yaml",
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let request = http::Request::builder().method(method).uri(path).header("content-type", media);
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = cluster.client.request::<Value>(request.body(body).unwrap()).await;
    answer.map_err(|error| match error {
        kube::Error::Api(status) => (status.code, status.message),
        other => panic!("{other}"),
    })
}

fn version(name: &str, storage: bool, spec: Value) -> Value {
    json!({ "name": name, "served": true, "storage": storage,
        "schema": { "openAPIV3Schema": { "type": "object",
            "properties": { "spec": { "type": "object", "properties": spec } } } } })
}

/// `gauges` of these versions; returns when all of them are served.
async fn define(cluster: &Cluster, versions: &[Value], conversion: &Value) {
    let definition = json!({ "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition", "metadata": { "name": "gauges.example.com" },
        "spec": { "group": "example.com", "scope": "Namespaced", "versions": versions,
            "names": { "plural": "gauges", "kind": "Gauge" }, "conversion": conversion } });
    call(cluster, "POST", DEFINITIONS, &definition).await.unwrap();
    for version in versions {
        let path = gauges(version["name"].as_str().unwrap(), "");
        poll("gauges are served", async || {
            let answer = call(cluster, "GET", &path, &Value::Null).await;
            !answer.is_err_and(|(code, _)| code == 404)
        })
        .await;
    }
}

/// Changes the definition and waits until that is served.
async fn redefine(cluster: &Cluster, patch: Value, is_served: impl AsyncFn() -> bool) {
    let path = format!("{DEFINITIONS}/gauges.example.com");
    call(cluster, "PATCH", &path, &patch).await.unwrap();
    poll("the new definition is served", is_served).await;
}

fn gauges(version: &str, name: &str) -> String {
    let slash = if name.is_empty() { "" } else { "/" };
    format!("/apis/example.com/{version}/namespaces/default/gauges{slash}{name}")
}

fn gauge(version: &str, name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": format!("example.com/{version}"), "kind": "Gauge",
        "metadata": { "name": name }, "spec": spec })
}

/// `hostPort: a:1` in v1 is `host: a` and `port: "1"` in v2.
fn convert(request: &Value) -> Value {
    let wanted = request["desiredAPIVersion"].as_str().unwrap();
    let objects = request["objects"].as_array().unwrap().iter().map(|object| {
        let mut object = object.clone();
        let spec = &object["spec"];
        object["spec"] = if wanted.ends_with("/v2") {
            let text = spec["hostPort"].as_str().unwrap_or(":");
            let (host, port) = text.split_once(':').unwrap();
            json!({ "host": host, "port": port })
        } else {
            let text = |name: &str| spec[name].as_str().unwrap_or_default().to_owned();
            json!({ "hostPort": format!("{}:{}", text("host"), text("port")) })
        };
        object["apiVersion"] = json!(wanted);
        object
    });
    json!({ "convertedObjects": objects.collect::<Vec<_>>(), "result": { "status": "Success" } })
}

async fn with_webhook(answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> (Cluster, Hook) {
    let cluster = Cluster::start().await;
    let hook = Hook::start("127.0.0.1", answer).await;
    let text = json!({ "type": "string" });
    let versions = [
        version("v1", true, json!({ "hostPort": text })),
        version("v2", false, json!({ "host": text, "port": text })),
    ];
    let conversion = json!({ "strategy": "Webhook", "webhook": { "clientConfig": hook.by_url(),
        "conversionReviewVersions": ["v1"] } });
    define(&cluster, &versions, &conversion).await;
    (cluster, hook)
}

#[tokio::test]
async fn a_webhook_converts_what_is_read_and_written() {
    let (cluster, hook) = with_webhook(convert).await;
    let one = gauge("v1", "one", &json!({ "hostPort": "a:1" }));
    call(&cluster, "POST", &gauges("v1", ""), &one).await.unwrap();
    let two = gauge("v2", "two", &json!({ "host": "b", "port": "2" }));
    let two = call(&cluster, "POST", &gauges("v2", ""), &two).await.unwrap();
    assert_eq!(two["spec"], json!({ "host": "b", "port": "2" }));
    let get = async |version: &str, name: &str| {
        call(&cluster, "GET", &gauges(version, name), &Value::Null).await.unwrap()
    };
    assert_eq!(get("v1", "two").await["spec"], json!({ "hostPort": "b:2" }));
    let seen = get("v2", "one").await;
    assert_eq!(
        (&seen["apiVersion"], &seen["spec"]["host"]),
        (&json!("example.com/v2"), &json!("a"))
    );
    // A list is one call.
    hook.take();
    let list = get("v2", "").await;
    let hosts: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|it| &it["spec"]["host"]).collect();
    assert_eq!(hosts, ["a", "b"]);
    assert_eq!(hook.take().len(), 1);

    // A patch is made in the version in which it was sent.
    let patch = json!({ "spec": { "port": "9" } });
    call(&cluster, "PATCH", &gauges("v2", "one"), &patch).await.unwrap();
    assert_eq!(get("v1", "one").await["spec"], json!({ "hostPort": "a:9" }));
    let applied = gauge("v2", "three", &json!({ "host": "c", "port": "3" }));
    let path = format!("{}?fieldManager=me", gauges("v2", "three"));
    for _ in 0..2 {
        call(&cluster, "PATCH", &path, &applied).await.unwrap();
    }
    assert_eq!(get("v1", "three").await["spec"], json!({ "hostPort": "c:3" }));

    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v2", "Gauge"));
    let api: Api<DynamicObject> = Api::default_namespaced_with(cluster.client.clone(), &kind);
    let watch = api.watch(&WatchParams::default(), "0").await.unwrap();
    let events = tokio::time::timeout(PATIENCE, watch.take(3).try_collect::<Vec<_>>()).await;
    for event in events.unwrap().unwrap() {
        let WatchEvent::Added(object) = event else { panic!("{event:?}") };
        assert!(object.data["spec"]["host"].is_string(), "{object:?}");
    }
    call(&cluster, "DELETE", &gauges("v2", ""), &Value::Null).await.unwrap();
    assert_eq!(get("v1", "").await["items"], json!([]));
}

#[tokio::test]
async fn objects_stay_readable_when_another_version_is_stored() {
    let (cluster, hook) = with_webhook(convert).await;
    let one = gauge("v1", "one", &json!({ "hostPort": "a:1" }));
    call(&cluster, "POST", &gauges("v1", ""), &one).await.unwrap();
    let path = format!("{DEFINITIONS}/gauges.example.com");
    let definition = call(&cluster, "GET", &path, &Value::Null).await.unwrap();
    let mut versions = definition["spec"]["versions"].clone();
    (versions[0]["storage"], versions[1]["storage"]) = (json!(false), json!(true));
    let stored = async || {
        let definition = call(&cluster, "GET", &path, &Value::Null).await.unwrap();
        definition["status"]["storedVersions"] == json!(["v1", "v2"])
    };
    redefine(&cluster, json!({ "spec": { "versions": versions } }), stored).await;
    let get = async |version: &str| {
        let answer = call(&cluster, "GET", &gauges(version, "one"), &Value::Null).await.unwrap();
        answer["spec"].clone()
    };
    assert_eq!(get("v1").await, json!({ "hostPort": "a:1" }));
    assert_eq!(get("v2").await, json!({ "host": "a", "port": "1" }));
    // Written once more it is stored in the new version, which needs no webhook to be read.
    let patch = json!({ "spec": { "host": "b" } });
    call(&cluster, "PATCH", &gauges("v2", "one"), &patch).await.unwrap();
    hook.take();
    assert_eq!(get("v2").await, json!({ "host": "b", "port": "1" }));
    assert_eq!(hook.take().len(), 0);
    assert_eq!(get("v1").await, json!({ "hostPort": "b:1" }));
}

#[tokio::test]
async fn what_cannot_be_converted_is_said_and_keeps_nobody_from_the_rest() {
    let (cluster, _hook) = with_webhook(|_| {
        json!({ "convertedObjects": [],
            "result": { "status": "Failure", "message": "no such gauge" } })
    })
    .await;
    let one = gauge("v1", "one", &json!({ "hostPort": "a:1" }));
    call(&cluster, "POST", &gauges("v1", ""), &one).await.unwrap();
    let failed = "conversion webhook for example.com/v1, Kind=Gauge failed: no such gauge";
    for (method, name) in [("GET", "one"), ("GET", ""), ("DELETE", "one")] {
        let refused = call(&cluster, method, &gauges("v2", name), &Value::Null).await.unwrap_err();
        assert_eq!(refused, (500, failed.to_owned()), "{method} {name}");
    }
    let two = gauge("v2", "two", &json!({ "host": "b" }));
    let refused = call(&cluster, "POST", &gauges("v2", ""), &two).await.unwrap_err();
    assert!(refused.1.starts_with("conversion webhook for example.com/v2, Kind=Gauge failed"));
    call(&cluster, "GET", &gauges("v1", "one"), &Value::Null).await.unwrap();
    call(&cluster, "DELETE", &gauges("v1", "one"), &Value::Null).await.unwrap();
}

#[tokio::test]
async fn what_is_stored_follows_a_new_schema_when_it_is_read() {
    let cluster = Cluster::start().await;
    let text = json!({ "type": "string" });
    let old = version("v1", true, json!({ "kept": text, "dropped": text }));
    define(&cluster, &[old], &json!({ "strategy": "None" })).await;
    let spec = json!({ "kept": "a", "dropped": "b" });
    call(&cluster, "POST", &gauges("v1", ""), &gauge("v1", "one", &spec)).await.unwrap();
    let new = json!({ "kept": text, "added": { "type": "string", "default": "c" } });
    let get = async |path: &str| call(&cluster, "GET", path, &Value::Null).await.unwrap();
    let new = json!({ "spec": { "versions": [version("v1", true, new)] } });
    let wanted = json!({ "kept": "a", "added": "c" });
    redefine(&cluster, new, async || get(&gauges("v1", "one")).await["spec"] == wanted).await;
    assert_eq!(get(&gauges("v1", "")).await["items"][0]["spec"], wanted);
    let version = get(&gauges("v1", "one")).await["metadata"]["resourceVersion"].clone();
    // It has not been written for that.
    let list = get(&gauges("v1", "")).await;
    assert_eq!(list["items"][0]["metadata"]["resourceVersion"], version);
}

#[tokio::test]
async fn without_a_webhook_a_version_keeps_only_what_the_stored_one_has() {
    let cluster = Cluster::start().await;
    let text = json!({ "type": "string" });
    let versions = [
        version("v1", true, json!({ "common": text })),
        version("v2", false, json!({ "common": text, "more": text })),
    ];
    define(&cluster, &versions, &json!({ "strategy": "None" })).await;
    let one = gauge("v2", "one", &json!({ "common": "a", "more": "b" }));
    let answer = call(&cluster, "POST", &gauges("v2", ""), &one).await.unwrap();
    assert_eq!(
        (&answer["apiVersion"], &answer["spec"]),
        (&json!("example.com/v2"), &json!({ "common": "a" }))
    );
}
