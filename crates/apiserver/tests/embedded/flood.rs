//! Clients that stall or flood, over real sockets: the others do not notice.

use futures::StreamExt;
use kube::api::{Patch, PatchParams, WatchEvent, WatchParams};
use kubewright_apiserver::{Identity, Server};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::cluster::{Cluster, PATIENCE};

/// Memory of this process in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Replaces the one object again and again with something large.
async fn churn(cluster: &Cluster, turns: usize) {
    let text = "x".repeat(100_000);
    let apply = PatchParams::apply("churn").force();
    for turn in 0..turns {
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "large" }, "data": { "text": text, "turn": turn.to_string() } });
        cluster.maps().patch("large", &apply, &Patch::Apply(map)).await.unwrap();
    }
}

#[tokio::test]
async fn watchers_that_never_read_cost_no_memory_for_what_they_miss() {
    const TURNS: usize = 400;
    let server = Server::builder().watch_window(16).start().await.unwrap();
    let cluster = Cluster::over_tls(server).await;
    churn(&cluster, 50).await;
    let mut watchers = Vec::new();
    for _ in 0..30 {
        let events = cluster.maps().watch(&WatchParams::default(), "0").await.unwrap();
        watchers.push(events.boxed());
    }
    let before = resident();
    let writes = churn(&cluster, TURNS);
    tokio::time::timeout(4 * PATIENCE, writes).await.expect("nobody holds a writer back");
    let grown = resident().saturating_sub(before);
    // All that was written is 40 MB, for each watcher.
    assert!(grown < 90_000_000, "{grown} bytes for {} watchers", watchers.len());
    // One that comes back is shown no gap, and not the end: it is told that it has missed
    // something or, on a slow machine, was cut off for not reading.
    let late = watchers.pop().unwrap();
    let events = tokio::time::timeout(PATIENCE, late.collect::<Vec<_>>()).await.unwrap();
    let turns = events.iter().filter_map(|event| match event {
        Ok(WatchEvent::Modified(map)) => map.data.as_ref()?["turn"].parse::<usize>().ok(),
        Ok(WatchEvent::Error(status)) => {
            assert_eq!(status.code, 410);
            None
        }
        _ => None,
    });
    let turns: Vec<_> = turns.collect();
    assert!(turns.len() < TURNS && turns.iter().copied().eq(0..turns.len()), "{turns:?}");
}

const TOKEN: &str = "token-of-the-flood-test";

#[tokio::test]
async fn half_requests_keep_nobody_from_being_served() {
    let server = Server::builder().token(TOKEN, Identity::admin()).start().await.unwrap();
    let plain = server.serve_plain(([127, 0, 0, 1], 0).into()).await.unwrap();
    let cluster = Cluster::over_tls(server).await;
    let tls = cluster.address.unwrap();
    let half_body = format!(
        "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nhost: x\r\n\
         authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: 3000000\r\n\r\n{{"
    );
    let mut held = Vec::new();
    for (address, text) in [
        // Not even a handshake, half a head, half a body, nonsense.
        (tls, "\x16\x03\x01"),
        (plain, "GET /api"),
        (plain, &half_body),
        (plain, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense"),
    ] {
        for _ in 0..50 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            held.push(stream);
        }
    }
    for at in 0..20 {
        let name = format!("m-{at}");
        let create = cluster.map(&name);
        tokio::time::timeout(PATIENCE, create).await.expect("others are served");
    }
    assert_eq!(cluster.names().await.iter().filter(|name| name.starts_with("m-")).count(), 20);
    drop(held);
}

#[tokio::test]
async fn lists_that_nobody_reads_take_a_bounded_amount() {
    const CLIENTS: usize = 60;
    const MAPS: usize = 30;
    let server = Server::builder().token(TOKEN, Identity::admin()).start().await.unwrap();
    let address = server.serve_plain(([127, 0, 0, 1], 0).into()).await.unwrap();
    let cluster = Cluster::over(server).await;
    for at in 0..MAPS {
        let map = json!({ "metadata": { "name": format!("m-{at:02}") },
            "data": { "text": "x".repeat(900_000) } });
        let map = serde_json::from_value(map).unwrap();
        cluster.maps().create(&Default::default(), &map).await.unwrap();
    }
    let before = resident();
    let list = format!(
        "GET /api/v1/namespaces/default/configmaps HTTP/1.1\r\nhost: x\r\n\
         authorization: Bearer {TOKEN}\r\n\r\n"
    );
    let mut held = Vec::new();
    for _ in 0..CLIENTS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(list.as_bytes()).await.unwrap();
        held.push(stream);
    }
    // The first ones get it, the others wait; whoever asks for little waits for nobody.
    for at in 0..20 {
        let (maps, name) = (cluster.maps(), format!("m-{at:02}"));
        tokio::time::timeout(PATIENCE, maps.get(&name)).await.expect("others are served").unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let grown = resident().saturating_sub(before);
    // All of them together are 1.6 GB.
    assert!(grown < 600_000_000, "{grown} bytes for {CLIENTS} lists");
    drop(held);
}
