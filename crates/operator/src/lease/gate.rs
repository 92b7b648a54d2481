//! The gate around the client: no write leaves the process unless it certainly leads.
//!
//! It is a [`tower::Layer`], so that no controller can forget to ask. It checks when a request is
//! handed to the client underneath (after any queue above it), and cuts off a request that has no
//! answer when leadership ends, which also ends the retries of the client underneath.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Method, Request};
use thiserror::Error;
use tower::{BoxError, Layer, Service};

use super::leadership::Leadership;
use crate::request;

/// A write that was refused, or cut off, because this process does not certainly lead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotLeading {
    /// The write was not sent.
    #[error(
        "{method} {path} was not sent: this process does not hold the lease {lease}, so another replica may be writing"
    )]
    Refused {
        /// Method of the request.
        method: Method,
        /// Path of the request, without its query.
        path: String,
        /// `namespace/name` of the Lease.
        lease: String,
    },
    /// The write was sent, and leadership ended before its answer came.
    #[error(
        "{method} {path} was cut off: leadership by the lease {lease} ended before the answer came, and it is not known whether it was performed"
    )]
    CutOff {
        /// Method of the request.
        method: Method,
        /// Path of the request, without its query.
        path: String,
        /// `namespace/name` of the Lease.
        lease: String,
    },
}

/// Whether this error of a gated client, or one of its causes, is a [`NotLeading`]: nothing is
/// wrong with the request, it is the next leader's business.
pub fn is_not_leading(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<NotLeading>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Puts a [`Gate`] around a service.
#[derive(Clone, Debug)]
pub struct GateLayer {
    leadership: Leadership,
    term: Option<u64>,
}

impl GateLayer {
    /// A gate that is open in this term, or in any if none is given.
    pub(crate) fn new(leadership: Leadership, term: Option<u64>) -> Self {
        Self { leadership, term }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, layer: self.clone() }
    }
}

/// A service that passes reads, and writes while the process leads.
#[derive(Clone, Debug)]
pub struct Gate<S> {
    inner: S,
    layer: GateLayer,
}

impl<S, B> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
    S::Response: 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !request::mutates(request.method(), request.uri()) {
            let answer = self.inner.call(request);
            return Box::pin(async move { answer.await.map_err(Into::into) });
        }
        let GateLayer { leadership, term } = self.layer.clone();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let lease = leadership.lease().to_owned();
        // Counted before asking, so that a release that waits for writes cannot miss this one.
        let write = leadership.writes().start();
        if !leadership.admits(term) {
            let refusal = write.refused(NotLeading::Refused { method, path, lease });
            return Box::pin(async move { Err(refusal.into()) });
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            tokio::select! {
                // First, because polling a request that waited here might send it only now.
                biased;
                () = leadership.lapsed(term) => {
                    drop(write);
                    Err(NotLeading::CutOff { method, path, lease }.into())
                }
                answer = answer => {
                    write.answered();
                    answer.map_err(Into::into)
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;
