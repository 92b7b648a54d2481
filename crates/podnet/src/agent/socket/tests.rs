#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};

use kubewright_attachment::protocol::{Call, Client};
use serde_json::Map;

use super::*;

struct Echo;

impl Answers for Echo {
    async fn answer(&self, request: Request) -> Reply {
        match request.call {
            Call::Status => Reply::Result(None),
            _ => Reply::Error(CniError::new(ErrorCode::TryAgainLater, "not yet")),
        }
    }
}

fn status() -> Request {
    Request { call: Call::Status, plugin_dirs: Vec::new(), config: Map::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_roots_and_answers_who_asks_properly() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("new/cni.sock");
    // What an agent that was killed has left.
    fs::create_dir(folder.path().join("new")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let listener = bind(&socket).unwrap();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let shutdown = Shutdown::new();
    let serving = tokio::spawn(serve(listener, socket.clone(), Arc::new(Echo), shutdown.clone()));
    assert!(bind(&socket).is_err(), "a second agent is refused");

    // Those who say nothing, or half of something, hold up nobody.
    let silent: Vec<_> = (0..CLIENTS / 2)
        .map(|_| std::os::unix::net::UnixStream::connect(&socket).unwrap())
        .collect();
    let path = socket.clone();
    tokio::task::spawn_blocking(move || {
        let reply = Client::new(&path).call(&status()).unwrap();
        assert_eq!(reply, Reply::Result(None));
        // One that writes nonsense is told so.
        let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        stream.write_all(b"{\"protocol\":1,\"command\":\"ROOT\"}\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("\"code\":6"), "{answer}");
        // One that never ends its line is cut off.
        let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let chunk = vec![b'a'; 1 << 16];
        while stream.write_all(&chunk).is_ok() {}
    })
    .await
    .unwrap();
    drop(silent);
    shutdown.trigger();
    serving.await.unwrap();
    assert!(!socket.exists());
}
