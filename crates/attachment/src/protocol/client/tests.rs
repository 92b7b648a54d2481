#![allow(clippy::unwrap_used)]

use std::os::unix::net::UnixListener;
use std::thread::{self, JoinHandle};

use kubewright_cni::{CniArgs, CniResult, Version};
use serde_json::Map;
use tempfile::TempDir;

use super::*;
use crate::protocol::{Call, Container, read_request, write_reply};

/// Long enough to never pass on a loaded machine.
const AGES: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(50);

fn container() -> Container {
    Container {
        container_id: "c0ffee".to_owned(),
        netns: Some("/run/netns/cni-1".into()),
        ifname: "eth0".to_owned(),
        args: CniArgs::new(),
    }
}

fn request(call: Call) -> Request {
    Request { call, plugin_dirs: Vec::new(), config: Map::new() }
}

/// An agent that serves one connection in its own way.
fn agent(serve: impl FnOnce(UnixStream) + Send + 'static) -> (TempDir, Client, JoinHandle<()>) {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("cni.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let thread = thread::spawn(move || serve(listener.accept().unwrap().0));
    (dir, Client::new(socket).with_timeouts(AGES, AGES), thread)
}

#[test]
fn the_answer_reaches_the_client() {
    let (_dir, client, agent) = agent(|stream| {
        let request = read_request(&mut BufReader::new(&stream)).unwrap();
        let Call::Add(container) = request.call else { panic!("{request:?}") };
        assert_eq!(container.container_id, "c0ffee");
        let result = CniResult::empty(Version::CURRENT);
        write_reply(&mut &stream, &Reply::Result(Some(result))).unwrap();
    });
    let reply = client.call(&request(Call::Add(container()))).unwrap();
    assert_eq!(reply, Reply::Result(Some(CniResult::empty(Version::CURRENT))));
    agent.join().unwrap();
}

#[test]
fn an_answer_in_pieces_is_put_together() {
    let (_dir, client, agent) = agent(|mut stream| {
        read_request(&mut BufReader::new(&stream)).unwrap();
        for piece in Reply::Result(None).to_line().unwrap().chunks(3) {
            stream.write_all(piece).unwrap();
        }
    });
    assert_eq!(client.call(&request(Call::Status)).unwrap(), Reply::Result(None));
    agent.join().unwrap();
}

#[test]
fn nobody_there_means_away() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("cni.sock");
    let error = Client::new(&socket).call(&request(Call::Status)).unwrap_err();
    assert!(matches!(error, CallError::Away { .. }), "{error:?}");
    // The socket of an agent that was killed is still there.
    drop(UnixListener::bind(&socket).unwrap());
    let error = Client::new(&socket).call(&request(Call::Status)).unwrap_err();
    assert!(matches!(error, CallError::Away { .. }), "{error:?}");
}

#[test]
fn an_agent_that_accepts_nobody_is_away_too() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("cni.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let client = Client::new(&socket).with_timeouts(SOON, SOON);
    // Fill the queue of connections until one more finds no place.
    let mut waiting = Vec::new();
    while let Ok(stream) = client.connection() {
        waiting.push(stream);
        assert!(waiting.len() < 100_000, "the queue has no end");
    }
    let error = client.call(&request(Call::Status)).unwrap_err();
    assert!(matches!(error, CallError::Away { .. }), "{error:?}");
}

#[test]
fn an_agent_that_dies_or_dawdles_leaves_it_open_what_was_done() {
    let (_dir, client, dies) = agent(|stream| {
        read_request(&mut BufReader::new(&stream)).unwrap();
    });
    let error = client.call(&request(Call::Status)).unwrap_err();
    assert!(matches!(error, CallError::Lost { .. }), "{error:?}");
    dies.join().unwrap();

    let (done, wait) = std::sync::mpsc::channel::<()>();
    let (_dir, client, dawdles) = agent(move |_stream| wait.recv().unwrap());
    let client = client.with_timeouts(AGES, SOON);
    let error = client.call(&request(Call::Status)).unwrap_err();
    assert!(matches!(error, CallError::Lost { .. }), "{error:?}");
    done.send(()).unwrap();
    dawdles.join().unwrap();
}

#[test]
fn a_request_that_cannot_be_sent_asks_nothing() {
    let mut spoilt = container();
    spoilt.container_id = "a/b".to_owned();
    let client = Client::new("/nonexistent/cni.sock");
    let error = client.call(&request(Call::Del(spoilt))).unwrap_err();
    assert!(matches!(error, CallError::Refused(_)), "{error:?}");
}
