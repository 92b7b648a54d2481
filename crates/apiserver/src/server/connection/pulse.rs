//! Whether a connection is alive: who waits for whom, and since when.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// An answer is handed to the connection in pieces of this size, so that it can be seen
/// whether the client takes them.
const PIECE: usize = 64 * 1024;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic is done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The requests of a connection.
pub(super) struct Pulse(Mutex<State>);

struct State {
    /// Requests that run; those that ended are swept out when the connection is looked at.
    requests: Vec<Weak<Request>>,
    /// Since when there is none, as far as is known.
    idle_since: Instant,
    /// There has been one.
    asked: bool,
}

/// A running request.
pub(super) struct Request {
    /// Since when the client has left unread what is ready for it.
    unread_since: Mutex<Option<Instant>>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let (requests, idle_since) = (Vec::new(), Instant::now());
        Self(Mutex::new(State { requests, idle_since, asked: false }))
    }

    /// A request begins; it ends when the result is dropped.
    pub(super) fn begin(&self) -> Arc<Request> {
        let request = Arc::new(Request { unread_since: Mutex::new(None) });
        let mut state = lock(&self.0);
        state.asked = true;
        state.requests.retain(|request| request.strong_count() > 0);
        state.requests.push(Arc::downgrade(&request));
        state.idle_since = Instant::now();
        request
    }

    /// Nothing was asked for so long; `first`: since the connection began.
    pub(super) fn is_idle(&self, first: Duration, later: Duration) -> bool {
        let mut state = lock(&self.0);
        state.requests.retain(|request| request.strong_count() > 0);
        if !state.requests.is_empty() {
            state.idle_since = Instant::now();
            return false;
        }
        state.idle_since.elapsed() >= if state.asked { later } else { first }
    }

    /// The client has left something unread for so long.
    pub(super) fn is_stalled(&self, limit: Duration) -> bool {
        let state = lock(&self.0);
        let mut requests = state.requests.iter().filter_map(Weak::upgrade);
        requests.any(|request| lock(&request.unread_since).is_some_and(|at| at.elapsed() >= limit))
    }
}

/// The body of an answer, watched.
pub(super) struct Paced {
    body: axum::body::Body,
    /// What is left of the piece that was too large.
    rest: Bytes,
    request: Arc<Request>,
}

impl Paced {
    pub(super) fn new(body: axum::body::Body, request: Arc<Request>) -> Self {
        Self { body, rest: Bytes::new(), request }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Asked for more: what there was is on its way.
        *lock(&self.request.unread_since) = None;
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            }
        }
        let piece = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(piece);
        *lock(&self.request.unread_since) = Some(Instant::now());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(inner.lower() + rest);
        hint
    }
}
