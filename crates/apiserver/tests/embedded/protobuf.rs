//! Protobuf, as clients written in Go send and take it.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;

use crate::cluster::Cluster;

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

struct Answer {
    status: StatusCode,
    media: String,
    body: Vec<u8>,
}

async fn send(cluster: &Cluster, method: Method, path: &str, accept: &str, body: &[u8]) -> Answer {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(CONTENT_TYPE, PROTOBUF)
        .header(ACCEPT, accept)
        .body(Body::from(body.to_vec()))
        .unwrap();
    let response = cluster.client.send(request).await.unwrap();
    let status = response.status();
    let media = response.headers().get(CONTENT_TYPE).unwrap().to_str().unwrap().to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes().to_vec();
    Answer { status, media, body }
}

/// A ConfigMap with one entry, as `protoc --encode` writes it behind Kubernetes' envelope.
fn config_map(name: u8) -> Vec<u8> {
    let raw = [b"\x0a\x03\x0a\x01".as_slice(), &[name], b"\x12\x06\x0a\x01k\x12\x01v"].concat();
    let envelope = [b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12".as_slice(), &[raw.len() as u8]];
    [envelope.concat(), raw].concat()
}

#[tokio::test]
async fn objects_come_and_go_in_protobuf() {
    let cluster = Cluster::start().await;
    let made = send(&cluster, Method::POST, MAPS, PROTOBUF, &config_map(b'a')).await;
    assert_eq!((made.status, &*made.media), (StatusCode::CREATED, PROTOBUF));
    assert!(made.body.starts_with(b"k8s\0"));
    let map = cluster.maps().get("a").await.unwrap();
    assert_eq!(map.data.unwrap()["k"], "v");

    // What is read can be written back, and changes nothing.
    let path = format!("{MAPS}/a");
    let read = send(&cluster, Method::GET, &path, PROTOBUF, b"").await;
    assert_eq!(read.body, made.body);
    let written = send(&cluster, Method::PUT, &path, "application/json", &read.body).await;
    assert_eq!((written.status, &*written.media), (StatusCode::OK, "application/json"));
    let written: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(written["metadata"]["resourceVersion"], *map.metadata.resource_version.unwrap());

    let both = format!("{PROTOBUF},application/json");
    let list = send(&cluster, Method::GET, MAPS, &both, b"").await;
    assert_eq!(&*list.media, PROTOBUF);
    assert!(list.body.windows(13).any(|part| part == b"ConfigMapList"));
    let gone = send(&cluster, Method::DELETE, &path, PROTOBUF, b"").await;
    assert_eq!((gone.status, &*gone.media), (StatusCode::OK, PROTOBUF));
    assert_eq!(cluster.names().await, [] as [&str; 0]);
}

#[tokio::test]
async fn what_has_no_message_is_json_or_nothing() {
    let cluster = Cluster::start().await;
    cluster.define_gadgets().await;
    let gadgets = "/apis/example.com/v1/namespaces/default/gadgets";
    let both = format!("{PROTOBUF},application/json");
    let list = send(&cluster, Method::GET, gadgets, &both, b"").await;
    assert_eq!((list.status, &*list.media), (StatusCode::OK, "application/json"));
    let only = send(&cluster, Method::GET, gadgets, PROTOBUF, b"").await;
    assert_eq!(only.status, StatusCode::NOT_ACCEPTABLE);
    let made = send(&cluster, Method::POST, gadgets, &both, &config_map(b'a')).await;
    assert_eq!(made.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let broken = send(&cluster, Method::POST, MAPS, &both, b"k8s\0\xff").await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
}
