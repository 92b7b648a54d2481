//! One connection of a client: HTTP over whatever carries it, with bounds on what a client
//! that stalls or floods can hold.
//!
//! | what a client does | what ends it |
//! |---|---|
//! | sends nothing, or half a request's head | [`FIRST_REQUEST`] |
//! | sends half a body | [`BODY`] |
//! | asks nothing any more | [`IDLE`] |
//! | does not read what it asked for | [`STALLED`], on the socket and for each stream |
//! | asks too much at once | [`STREAMS`] per connection, [`RUNNING`] in all, then 429 |
//! | sends or asks for much at once | the budget of [`crate::http::budget`], then 429 |
//! | watches everything, many times | the budget as well |
//! | opens connections | [`CONNECTIONS`]; more wait in the kernel's queue |

mod patience;
mod pulse;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use self::patience::{Patient, Punctual};
use self::pulse::{Paced, Pulse};
use super::Core;
use crate::access::Identity;

/// How long a client may take until its first request has begun, and for each head.
const FIRST_REQUEST: Duration = Duration::from_secs(30);

/// How long a request's body may take to arrive.
const BODY: Duration = Duration::from_secs(30);

/// How long a connection without a request is kept (as kube-apiserver).
const IDLE: Duration = Duration::from_secs(90);

/// How long a client may leave unread what is ready for it.
const STALLED: Duration = Duration::from_secs(30);

/// How often a connection is looked at for the two above.
const LOOK: Duration = Duration::from_secs(10);

/// How long an HTTP/2 connection may be silent before it is pinged, and how long the answer
/// may take.
const PING: Duration = Duration::from_secs(30);

/// Requests at the same time on an HTTP/2 connection (Go's default).
const STREAMS: u32 = 250;

/// Requests that are being answered at the same time, over all connections; watches count
/// until they begin. kube-apiserver has 400 reading and 200 writing.
const RUNNING: usize = 600;

/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(20);

/// Connections at the same time.
const CONNECTIONS: usize = 4000;

/// Bytes of a request's head. Long selectors stand in it.
const HEAD: u32 = 64 * 1024;

/// How long running requests may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// What all connections of a listener share.
#[derive(Clone)]
pub(super) struct Capacity {
    pub(super) connections: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            running: Arc::new(Semaphore::new(RUNNING)),
        }
    }
}

/// Bounds the time that a write to this stream may take.
pub(super) fn patient<T: AsyncRead + AsyncWrite + Unpin>(stream: T) -> Patient<T> {
    Patient::new(stream, STALLED)
}

/// Answers requests until the client leaves, misbehaves, or the server stops.
pub(super) async fn serve(
    core: &Core,
    router: Router,
    capacity: &Capacity,
    identity: Option<Identity>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let pulse = Arc::new(Pulse::new());
    let service = {
        let (pulse, running) = (pulse.clone(), capacity.running.clone());
        tower::service_fn(move |mut request: Request<Incoming>| {
            if let Some(identity) = &identity {
                request.extensions_mut().insert(identity.clone());
            }
            let request = request.map(|body| Body::new(Punctual::new(body, BODY)));
            let busy = pulse.begin();
            let (router, running) = (router.clone(), running.clone());
            async move {
                let response = answer(router, &running, request).await;
                Ok::<_, std::convert::Infallible>(response.map(|body| Paced::new(body, busy)))
            }
        })
    };
    let builder = builder();
    let service = TowerToHyperService::new(service);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut look = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
    let stopping = core.stopping();
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stopping.cancelled() => break,
            _ = look.tick() => {
                if pulse.is_stalled(STALLED) {
                    return;
                }
                if pulse.is_idle(FIRST_REQUEST, IDLE) {
                    break;
                }
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    // Running requests may finish, within reason.
    let _ = tokio::time::timeout(FAREWELL, connection).await;
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(FIRST_REQUEST);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

async fn answer(router: Router, running: &Semaphore, request: Request<Body>) -> Response<Body> {
    let Ok(Ok(_turn)) = tokio::time::timeout(TURN, running.acquire()).await else {
        // In the words of kube-apiserver.
        let mut response =
            Response::new(Body::from("Too many requests, please try again later.\n"));
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
