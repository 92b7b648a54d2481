//! How much memory large bodies and watches may take at the same time, over all clients.
//!
//! Hundreds of requests run at once, and each may carry megabytes or ask for a list of many: what
//! is harmless once would end the process. Large bodies therefore share a budget. Small ones
//! do not wait for them. A watch costs little, but lasts.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Details, Error, Result};

/// Bytes of all large bodies together.
const TOTAL: usize = 256 * 1024 * 1024;

/// What is counted: bodies below this are small.
const UNIT: usize = 256 * 1024;

/// How long a request waits for its share.
const TURN: Duration = Duration::from_secs(20);

/// Watches at the same time: each of thousands of clients may have a few.
const WATCHES: usize = 20_000;

/// The budget of a server.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    watches: Arc<Semaphore>,
}

/// A share of it; given back on drop.
#[derive(Debug)]
pub(crate) struct Share(#[allow(dead_code)] OwnedSemaphorePermit);

impl Default for Budget {
    fn default() -> Self {
        let count = |most| Arc::new(Semaphore::new(most));
        Self { units: count(TOTAL / UNIT), watches: count(WATCHES) }
    }
}

impl Budget {
    /// Waits until there is room for so many bytes; `None` where they do not matter. What is
    /// larger than everything gets everything.
    ///
    /// # Errors
    /// 429, where others keep theirs for too long.
    pub(crate) async fn share(&self, bytes: usize) -> Result<Option<Share>> {
        let units = (bytes / UNIT).min(TOTAL / UNIT);
        let Some(units) = u32::try_from(units).ok().filter(|units| *units > 0) else {
            return Ok(None);
        };
        let permit = self.units.clone().acquire_many_owned(units);
        match tokio::time::timeout(TURN, permit).await {
            Ok(Ok(permit)) => Ok(Some(Share(permit))),
            _ => Err(too_many("large requests")),
        }
    }

    /// The right to one more watch.
    ///
    /// # Errors
    /// 429, where there are too many already.
    pub(crate) fn watch(&self) -> Result<Share> {
        self.watches.clone().try_acquire_owned().map(Share).map_err(|_| too_many("watches"))
    }
}

fn too_many(what: &str) -> Error {
    Error {
        code: StatusCode::TOO_MANY_REQUESTS,
        reason: "TooManyRequests",
        message: format!("too many {what} at the same time, please try again later"),
        details: Some(Details { retry_after_seconds: 1, ..Details::default() }),
    }
}

impl Share {
    /// Keeps the share until the answer is sent.
    pub(crate) fn until_sent(self, response: Response) -> Response {
        response.map(|body| Body::new(Held { body, _share: self }))
    }
}

struct Held {
    body: Body,
    _share: Share,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_each_other_and_small_ones_for_nobody() {
        let budget = Budget::default();
        let half = budget.share(TOTAL / 2).await.unwrap().unwrap();
        let response = Response::new(Body::from("answer"));
        let response = half.until_sent(response);
        let refused = budget.share(usize::MAX).await.unwrap_err();
        assert_eq!((refused.code.as_u16(), refused.reason), (429, "TooManyRequests"));
        assert!(budget.share(UNIT - 1).await.unwrap().is_none());
        let other = budget.share(TOTAL / 2).await.unwrap();
        assert!(budget.share(UNIT).await.is_err());
        drop(other);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "answer");
        assert!(budget.share(usize::MAX).await.unwrap().is_some());
    }

    #[test]
    fn watches_are_counted() {
        let budget = Budget::default();
        let mut watches: Vec<_> = (0..WATCHES).map(|_| budget.watch().unwrap()).collect();
        assert_eq!(budget.watch().unwrap_err().code, 429);
        watches.pop();
        assert!(budget.watch().is_ok());
    }
}
