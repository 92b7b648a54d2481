#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::server::Server;

/// What fits between client and server: little, so that a client that stalls is felt soon.
const PIPE: usize = 4096;

/// A server, with the client's end of a connection to it. Time stands still until everybody
/// waits for it.
struct Line {
    server: Server,
    client: DuplexStream,
    connection: JoinHandle<()>,
}

impl Line {
    async fn connect(capacity: Capacity) -> Self {
        let server = Server::builder().start().await.unwrap();
        let (client, connection) = another(&server, capacity);
        tokio::time::pause();
        Self { server, client, connection }
    }

    async fn open() -> Self {
        Self::connect(Capacity::default()).await
    }

    async fn send(&mut self, text: &str) {
        self.client.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until a text has come.
    async fn read_until(&mut self, wanted: &str) -> String {
        let mut all = String::new();
        let mut buffer = [0; PIPE];
        loop {
            let count = self.client.read(&mut buffer).await.unwrap();
            assert!(count > 0, "ended before {wanted:?}: {all}");
            // It may have begun with what was read before.
            let begin = all.len().saturating_sub(wanted.len());
            all.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            if all[begin..].contains(wanted) {
                return all;
            }
        }
    }

    /// How long the server keeps the connection from now on.
    async fn kept(self) -> Duration {
        let start = Instant::now();
        self.connection.await.unwrap();
        start.elapsed()
    }
}

fn another(server: &Server, capacity: Capacity) -> (DuplexStream, JoinHandle<()>) {
    let (client, ours) = duplex(PIPE);
    let (core, router) = (server.core.clone(), server.router.clone());
    let identity = Some(Identity::admin());
    let connection = tokio::spawn(async move {
        serve(&core, router, &capacity, identity, patient(ours)).await;
    });
    (client, connection)
}

/// Changes something so much that no buffer between here and the client holds it all.
async fn flood(server: &Server) {
    let maps: Api<ConfigMap> = Api::namespaced(server.client(), "default");
    let text = "x".repeat(100_000);
    for at in 0..40 {
        let map = json!({ "metadata": { "name": format!("m-{at}") }, "data": { "text": text } });
        maps.create(&Default::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
    }
}

const WATCH: &str = "GET /api/v1/configmaps?watch=true&timeoutSeconds=100000 HTTP/1.1\r\n\
    host: localhost\r\n\r\n";

#[tokio::test]
async fn silence_ends() {
    let line = Line::open().await;
    assert!(line.kept().await <= FIRST_REQUEST + LOOK + FAREWELL);
}

#[tokio::test]
async fn half_a_head_ends() {
    let mut line = Line::open().await;
    line.send("GET /api/v1/confi").await;
    assert!(line.kept().await <= FIRST_REQUEST + LOOK + FAREWELL);
}

#[tokio::test]
async fn half_a_body_is_answered_and_ends() {
    let mut line = Line::open().await;
    line.send(
        "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"metadata\":",
    )
    .await;
    let start = Instant::now();
    let answer = line.read_until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!((BODY..BODY + LOOK).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert!(line.kept().await <= IDLE + LOOK + FAREWELL);
}

#[tokio::test]
async fn a_connection_is_kept_between_requests_but_not_for_ever() {
    let mut line = Line::open().await;
    for _ in 0..3 {
        line.send("GET /version HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        line.read_until("gitVersion").await;
        tokio::time::sleep(FIRST_REQUEST / 2).await;
    }
    assert!(line.kept().await <= IDLE + LOOK + FAREWELL);
}

#[tokio::test]
async fn a_quiet_watch_is_kept_and_still_works() {
    let mut line = Line::open().await;
    line.send(WATCH).await;
    line.read_until("\r\n\r\n").await;
    tokio::time::sleep(100 * IDLE).await;
    assert!(!line.connection.is_finished());
    let maps: Api<ConfigMap> = Api::namespaced(line.server.client(), "default");
    let map = serde_json::from_value(json!({ "metadata": { "name": "late" } })).unwrap();
    maps.create(&Default::default(), &map).await.unwrap();
    line.read_until("\"late\"").await;
}

#[tokio::test]
async fn a_watcher_that_does_not_read_is_closed_and_holds_nobody_back() {
    let mut line = Line::open().await;
    line.send(WATCH).await;
    line.read_until("\r\n\r\n").await;
    let start = Instant::now();
    flood(&line.server).await;
    assert!(start.elapsed() < STALLED, "writers do not wait for watchers");
    assert!(line.kept().await <= STALLED + LOOK + FAREWELL);
}

#[tokio::test]
async fn a_stream_that_is_not_read_ends_the_connection_of_http2() {
    let line = Line::open().await;
    let io = TokioIo::new(line.client);
    let (mut sender, driver) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(70_000)
        .handshake::<_, Empty<Bytes>>(io)
        .await
        .unwrap();
    let driver = tokio::spawn(driver);
    let request = |path: &str| {
        let uri = format!("https://localhost{path}");
        Request::get(uri).body(Empty::<Bytes>::new()).unwrap()
    };
    flood(&line.server).await;
    // The list is never read; the connection itself works.
    let list = sender.send_request(request("/api/v1/configmaps")).await.unwrap();
    let version = sender.send_request(request("/version")).await.unwrap();
    assert!(version.into_body().collect().await.unwrap().to_bytes().starts_with(b"{"));
    let start = Instant::now();
    line.connection.await.unwrap();
    assert!((STALLED..=STALLED + 2 * LOOK + FAREWELL).contains(&start.elapsed()));
    drop(list);
    let _ = driver.await.unwrap();
}

#[tokio::test]
async fn a_large_answer_arrives_whole_with_its_length() {
    let mut line = Line::open().await;
    flood(&line.server).await;
    line.send("GET /api/v1/namespaces/default/configmaps HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let answer = line.read_until("\"}}]}").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(length.parse::<usize>().unwrap(), body.trim_end_matches('\n').len());
}

#[tokio::test]
async fn who_finds_no_room_waits_and_is_then_told_to_come_back() {
    let capacity = Capacity { running: Arc::new(Semaphore::new(1)), ..Capacity::default() };
    let mut line = Line::connect(capacity.clone()).await;
    // One request that never ends takes the only place.
    line.send(
        "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{",
    )
    .await;
    let start = Instant::now();
    let place = capacity.running.clone();
    while place.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let (client, connection) = another(&line.server, capacity);
    let mut second = Line { server: line.server, client, connection };
    second.send("GET /version HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let answer = second.read_until("later.\n").await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("retry-after: 1"), "{answer}");
    assert!((TURN..BODY).contains(&start.elapsed()), "{:?}", start.elapsed());
    // The first one is late in the end, and makes room.
    second.send("GET /version HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    second.read_until("gitVersion").await;
    assert!((BODY..BODY + LOOK).contains(&start.elapsed()), "{:?}", start.elapsed());
}
