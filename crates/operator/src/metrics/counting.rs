//! Counts what is written through a client, without anyone's help.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use tower::{BoxError, Layer, Service};

use super::ControllerMetrics;
use crate::lease::is_not_leading;
use crate::request::RequestInfo;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 1xx to 3xx.
    Ok,
    /// 401 and 403.
    Forbidden,
    /// 404 and 410.
    NotFound,
    /// 409.
    Conflict,
    /// 422 and the rest of 4xx.
    Invalid,
    /// 429.
    Throttled,
    /// 5xx.
    ServerError,
    /// No answer.
    Unreachable,
    /// Refused or cut off by the gate of the leadership.
    NotLeading,
    /// The caller lost interest before the answer came.
    Abandoned,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Invalid,
        Self::Throttled,
        Self::ServerError,
        Self::Unreachable,
        Self::NotLeading,
        Self::Abandoned,
    ];

    fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            ..400 => Self::Ok,
            401 | 403 => Self::Forbidden,
            404 | 410 => Self::NotFound,
            409 => Self::Conflict,
            429 => Self::Throttled,
            400..500 => Self::Invalid,
            _ => Self::ServerError,
        }
    }

    /// The value of the label `result`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Throttled => "throttled",
            Self::ServerError => "server_error",
            Self::Unreachable => "unreachable",
            Self::NotLeading => "not_leading",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Puts a [`Counting`] around a service.
#[derive(Clone, Debug)]
pub struct CountingLayer {
    metrics: ControllerMetrics,
}

impl CountingLayer {
    /// Counts in the metrics of this controller.
    pub fn new(metrics: ControllerMetrics) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for CountingLayer {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting { inner, metrics: self.metrics.clone() }
    }
}

/// A service that counts each write when its outcome is known.
#[derive(Clone, Debug)]
pub struct Counting<S> {
    inner: S,
    metrics: ControllerMetrics,
}

impl<S, B, R> Service<Request<B>> for Counting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    R: 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<R>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let info = RequestInfo::of(request.method(), request.uri());
        let answer = self.inner.call(request);
        if !info.mutates() {
            return Box::pin(async move { answer.await.map_err(Into::into) });
        }
        let count =
            Count { metrics: self.metrics.clone(), write: Some(info), outcome: Outcome::Abandoned };
        Box::pin(async move {
            let answer = answer.await.map_err(Into::into);
            count.ended(match &answer {
                Ok(response) => Outcome::of_status(response.status()),
                Err(error) if is_not_leading(&**error) => Outcome::NotLeading,
                Err(_) => Outcome::Unreachable,
            });
            answer
        })
    }
}

/// Counts when it is dropped, so that a request that its caller gave up is counted too.
struct Count {
    metrics: ControllerMetrics,
    write: Option<RequestInfo>,
    outcome: Outcome,
}

impl Count {
    fn ended(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        if let Some(write) = self.write.take() {
            self.metrics.wrote(write, self.outcome);
        }
    }
}
