//! Stands in for an API server in the tests of this crate: objects by path with optimistic
//! concurrency, lists and watches, and outages on demand. Knows no types and no validation.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

use crate::request::RequestInfo;

/// How the server treats requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Up,
    /// Requests wait until the mode changes, then are performed.
    Hanging,
    /// Requests are performed, their answers wait until the mode changes.
    Mute,
    /// Requests are answered with this status.
    Failing(u16),
}

#[derive(Clone)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
    mode: watch::Sender<Mode>,
    /// Number of requests that were answered or performed.
    progress: watch::Sender<usize>,
    changes: broadcast::Sender<(String, Value)>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    log: Vec<(Method, String)>,
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            state: Arc::default(),
            mode: watch::Sender::new(Mode::Up),
            progress: watch::Sender::new(0),
            changes: broadcast::Sender::new(1024),
        }
    }

    pub(crate) fn client(&self) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        kube::Client::new(service, "test")
    }

    pub(crate) fn mode(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Every request that was performed: `PUT /apis/...`.
    pub(crate) fn log(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.log.iter().map(|(method, path)| format!("{method} {path}")).collect()
    }

    /// The writes of the log, apart from those on Leases.
    pub(crate) fn writes(&self) -> Vec<String> {
        let log = self.log().into_iter();
        log.filter(|line| !line.starts_with("GET") && !line.contains("/leases")).collect()
    }

    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().objects.get(path).cloned()
    }

    /// Objects whose path starts like this.
    pub(crate) fn objects(&self, prefix: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let below = state.objects.iter().filter(|(path, _)| path.starts_with(prefix));
        below.map(|(_, object)| object.clone()).collect()
    }

    /// Changes an object behind everyone's back; `None` deletes it.
    pub(crate) fn put(&self, path: &str, object: Option<Value>) {
        let mut state = self.state.lock().unwrap();
        let event = match object {
            Some(object) => ("MODIFIED", state.store(path, object)),
            None => ("DELETED", state.objects.remove(path).unwrap()),
        };
        let _ = self.changes.send((path.to_owned(), json!({"type": event.0, "object": event.1})));
        drop(state);
        self.progress.send_modify(|n| *n += 1);
    }

    /// Waits until the server is in a state, looking after each request.
    pub(crate) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let mut progress = self.progress.subscribe();
        while !condition(self) {
            progress.changed().await.unwrap();
        }
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let mut mode = self.mode.subscribe();
        mode.wait_for(|mode| *mode != Mode::Hanging).await.unwrap();
        if let Mode::Failing(code) = *mode.borrow_and_update() {
            return failure(code, "Failing");
        }
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap();
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or("").to_owned();
        if query.contains("watch=true") {
            return self.watch(path, &query);
        }
        let lists = RequestInfo::of(&parts.method, &parts.uri).verb == "list";
        let answer = self.perform(parts.method, path, lists.then_some(&query), &body);
        self.progress.send_modify(|n| *n += 1);
        mode.wait_for(|mode| *mode != Mode::Mute).await.unwrap();
        answer
    }

    fn perform(
        &self,
        method: Method,
        path: String,
        listed: Option<&String>,
        body: &[u8],
    ) -> Answer {
        let mut state = self.state.lock().unwrap();
        state.log.push((method.clone(), path.clone()));
        let sent = || serde_json::from_slice::<Value>(body).unwrap();
        match method {
            Method::GET if listed.is_some() => {
                let wanted = listed.and_then(|query| selected(query));
                let items = state.objects.iter().filter(|(p, o)| {
                    p.starts_with(&path)
                        && wanted.as_deref().is_none_or(|n| o["metadata"]["name"] == n)
                });
                let items: Vec<Value> = items.map(|(_, object)| object.clone()).collect();
                let version = state.version.to_string();
                success(&json!({
                    "kind": "List", "apiVersion": "v1",
                    "metadata": {"resourceVersion": version}, "items": items,
                }))
            }
            Method::GET => match state.objects.get(&path) {
                Some(object) => success(object),
                None => failure(404, "NotFound"),
            },
            Method::POST => {
                let object = sent();
                let path = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap());
                if state.objects.contains_key(&path) {
                    return failure(409, "AlreadyExists");
                }
                self.changed(&mut state, "ADDED", &path, object)
            }
            Method::PUT => {
                let object = sent();
                match state.objects.get(&path) {
                    None => failure(404, "NotFound"),
                    Some(old)
                        if old["metadata"]["resourceVersion"]
                            != object["metadata"]["resourceVersion"] =>
                    {
                        failure(409, "Conflict")
                    }
                    Some(_) => self.changed(&mut state, "MODIFIED", &path, object),
                }
            }
            _ => success(&json!({"kind": "Status", "status": "Success"})),
        }
    }

    fn changed(&self, state: &mut State, kind: &str, path: &str, object: Value) -> Answer {
        let object = state.store(path, object);
        let _ = self.changes.send((path.to_owned(), json!({"type": kind, "object": object})));
        success(&object)
    }

    fn watch(&self, path: String, query: &str) -> Answer {
        let wanted = selected(query);
        let changes = self.changes.subscribe();
        let events = futures::stream::unfold(changes, |mut changes| async move {
            Some((changes.recv().await.ok()?, changes))
        });
        let lines = events.filter_map(move |(changed, event)| {
            let name = &event["object"]["metadata"]["name"];
            let fits = changed.starts_with(&path) && wanted.as_deref().is_none_or(|n| name == n);
            let line = fits.then(|| Ok(Frame::data(Bytes::from(format!("{event}\n")))));
            async move { line }
        });
        Response::new(BodyExt::boxed_unsync(StreamBody::new(lines)))
    }
}

impl State {
    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(path.to_owned(), object.clone());
        object
    }
}

/// The name that a field selector asks for.
fn selected(query: &str) -> Option<String> {
    let after = query.split("metadata.name%3D").nth(1)?;
    Some(after.split('&').next()?.to_owned())
}

fn success(object: &Value) -> Answer {
    Response::new(Full::new(Bytes::from(object.to_string())).boxed_unsync())
}

fn failure(code: u16, reason: &str) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {},
        "reason": reason, "message": reason, "code": code,
    });
    let mut answer = success(&status);
    *answer.status_mut() = code.try_into().unwrap();
    answer
}
