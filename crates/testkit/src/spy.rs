//! A spy between a controller and its API server: what was sent, and answers in the server's place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::sync::watch;

/// Long enough for any machine; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What has been sent, and what is answered in the server's place. Cheap to clone.
///
/// # Panics
/// Its methods never do, but for [`Spy::reached`] when it waits in vain.
#[derive(Clone, Default)]
pub struct Spy {
    state: Arc<Mutex<SpyState>>,
    requests: watch::Sender<usize>,
}

#[derive(Default)]
struct SpyState {
    writes: Vec<String>,
    refuse: Option<Refuse>,
    tamper: Option<(&'static str, &'static str)>,
}

type Refuse = Box<dyn FnMut(&Method, &str) -> Option<(StatusCode, &'static str)> + Send>;

impl Spy {
    fn state(&self) -> MutexGuard<'_, SpyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes so far, as `METHOD path`.
    pub fn writes(&self) -> Vec<String> {
        self.state().writes.clone()
    }

    /// Writes to this kind so far.
    pub fn writes_to(&self, plural: &str) -> usize {
        self.writes().iter().filter(|write| write.contains(plural)).count()
    }

    /// Requests of every kind so far.
    pub fn requests(&self) -> usize {
        *self.requests.borrow()
    }

    /// Waits until there have been so many requests.
    pub async fn reached(&self, requests: usize) {
        let mut seen = self.requests.subscribe();
        let reached = seen.wait_for(|seen| *seen >= requests);
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        assert!(matches!(reached, Ok(Ok(_))), "only {} of {requests} requests", self.requests());
    }

    /// Answers requests in the server's place.
    pub fn refuse(
        &self,
        refuse: impl FnMut(&Method, &str) -> Option<(StatusCode, &'static str)> + Send + 'static,
    ) {
        self.state().refuse = Some(Box::new(refuse));
    }

    /// Replaces text in what is written, as an admission webhook could.
    pub fn tamper(&self, from: &'static str, to: &'static str) {
        self.state().tamper = Some((from, to));
    }

    async fn tampered(&self, request: Request<Body>) -> Request<Body> {
        let Some((from, to)) = self.state().tamper else { return request };
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap_or_default();
        let text = String::from_utf8_lossy(&body).replace(from, to);
        Request::from_parts(head, Body::from(text.into_bytes()))
    }

    /// Lets everything through again.
    pub fn allow(&self) {
        self.state().refuse = None;
    }

    /// A client that works through the spy.
    pub fn client(&self, inner: Client) -> Client {
        let spy = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (inner, spy) = (inner.clone(), spy.clone());
            async move {
                match spy.see(&request) {
                    Some(response) => Ok(response),
                    None => {
                        inner.send(spy.tampered(request).await).await.map_err(tower::BoxError::from)
                    }
                }
            }
        });
        Client::new(service, "default")
    }

    fn see(&self, request: &Request<Body>) -> Option<Response<Body>> {
        let mut state = self.state();
        let (method, uri) = (request.method(), request.uri());
        // Watches are told from lists.
        let watches = uri.query().is_some_and(|query| query.contains("watch=true"));
        let path = &if watches { format!("{}?watch", uri.path()) } else { uri.path().to_owned() };
        self.requests.send_modify(|requests| *requests += 1);
        if *method != Method::GET {
            state.writes.push(format!("{method} {path}"));
        }
        let (code, reason) = state.refuse.as_mut()?(method, path)?;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "reason": reason, "code": code.as_u16(), "message": format!("{method} {path}: {reason} by the test"),
        });
        let body = Body::from(status.to_string().into_bytes());
        let response = Response::builder().status(code).header("content-type", "application/json");
        response.body(body).ok()
    }
}
