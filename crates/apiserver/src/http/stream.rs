//! A watch as a stream of JSON lines.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval};

use super::negotiate::View;
use super::respond;
use super::view::{Include, Lens};
use crate::error::{Error, Result};
use crate::resource::Resource;
use crate::rest::{self, Event, Watch};
use crate::server::Core;
use crate::store::Stored;

/// How often an idle watch with bookmarks is told how far it has come.
const BOOKMARK_EVERY: Duration = Duration::from_secs(10);

/// How long before its end a watch gets a last bookmark.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);

/// Streams live between this and twice this when the client does not say.
const DEFAULT_SECONDS: u64 = 1800;

/// How events are written.
pub(super) struct Presentation {
    pub(super) resource: Arc<Resource>,
    pub(super) view: View,
    pub(super) include: Include,
}

struct Stream {
    core: Arc<Core>,
    watch: Watch,
    show: Presentation,
    bookmarks: Option<Interval>,
    last_bookmark: Option<Instant>,
    end: Instant,
    columns_sent: bool,
    over: bool,
}

pub(super) fn respond(
    core: Arc<Core>,
    watch: Watch,
    show: Presentation,
    bookmarks: bool,
    timeout_seconds: Option<u64>,
) -> Response {
    let random = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    let seconds = timeout_seconds
        .filter(|seconds| *seconds > 0)
        .unwrap_or(DEFAULT_SECONDS + random * DEFAULT_SECONDS / 256);
    let now = Instant::now();
    // Centuries from now is as good as never, and does not overflow.
    let end = now + Duration::from_secs(seconds.min(100 * 365 * 86_400));
    let stream = Stream {
        core,
        watch,
        show,
        bookmarks: bookmarks
            .then(|| tokio::time::interval_at(now + BOOKMARK_EVERY, BOOKMARK_EVERY)),
        last_bookmark: bookmarks.then(|| end.checked_sub(BOOKMARK_BEFORE_END).unwrap_or(now)),
        end,
        columns_sent: false,
        over: false,
    };
    let lines = stream::unfold(stream, |mut stream| async move {
        let line = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(line), stream))
    });
    let mut response = respond::json(StatusCode::OK, Vec::new());
    *response.body_mut() = Body::from_stream(lines);
    response
}

impl Stream {
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        let stopping = self.core.stopping();
        let event = tokio::select! {
            biased;
            event = self.watch.next() => event.map(Some),
            () = stopping.cancelled() => return None,
            () = due(self.last_bookmark) => {
                self.last_bookmark = None;
                self.watch.bookmark()
            }
            () = tick(&mut self.bookmarks) => self.watch.bookmark(),
            () = tokio::time::sleep_until(self.end) => return None,
        };
        match event {
            Ok(Some(event)) => match self.line(&event).await {
                Ok(line) => Some(line),
                Err(error) => Some(self.fail(&error)),
            },
            // Nothing to say after all: an empty piece keeps the stream going.
            Ok(None) => Some(Bytes::new()),
            Err(error) => Some(self.fail(&error)),
        }
    }

    /// The last line.
    fn fail(&mut self, error: &Error) -> Bytes {
        self.over = true;
        line("ERROR", &error.to_value())
    }

    async fn line(&mut self, event: &Event) -> Result<Bytes> {
        match event {
            Event::Added(object) => self.object("ADDED", object, None).await,
            Event::Modified(object) => self.object("MODIFIED", object, None).await,
            Event::Deleted { object, resource_version } => {
                let version =
                    (*resource_version != object.resource_version).then_some(*resource_version);
                self.object("DELETED", object, version).await
            }
            Event::Bookmark { resource_version, initial_end } => {
                Ok(self.bookmark(*resource_version, *initial_end))
            }
        }
    }

    async fn object(&mut self, kind: &str, object: &Stored, version: Option<u64>) -> Result<Bytes> {
        let resource = &self.show.resource;
        let whole = self.show.view == View::Whole && version.is_none();
        if whole && resource.shows_as_stored(object) {
            let mut out = Vec::with_capacity(object.json.len() + 96);
            out.extend_from_slice(b"{\"type\":\"");
            out.extend_from_slice(kind.as_bytes());
            out.extend_from_slice(b"\",\"object\":");
            object.write_as(&resource.api_version(), &resource.kind, &mut out);
            out.extend_from_slice(b"}\n");
            return Ok(out.into());
        }
        let mut value = rest::load(&self.core, resource, object).await?;
        if let Some(version) = version {
            value["metadata"]["resourceVersion"] = json!(version.to_string());
        }
        let lens = Lens {
            resource,
            view: self.show.view,
            include: self.show.include,
            now: jiff::Timestamp::now(),
        };
        let shown = if self.show.view == View::Table {
            let metadata = json!({ "resourceVersion": value["metadata"]["resourceVersion"] });
            let first = !std::mem::replace(&mut self.columns_sent, true);
            lens.table(vec![value], &metadata, first)
        } else {
            lens.object(value)
        };
        Ok(line(kind, &shown))
    }

    fn bookmark(&self, resource_version: u64, initial_end: bool) -> Bytes {
        let resource = &self.show.resource;
        let mut metadata = json!({ "resourceVersion": resource_version.to_string() });
        if resource.is_builtin() {
            metadata["creationTimestamp"] = Value::Null;
        }
        if initial_end {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let (kind, api_version) = match self.show.view {
            View::Metadata => ("PartialObjectMetadata".to_owned(), "meta.k8s.io/v1".to_owned()),
            _ => (resource.kind.clone(), resource.api_version()),
        };
        let object = json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata });
        line("BOOKMARK", &object)
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    let mut out =
        serde_json::to_vec(&json!({ "type": kind, "object": object })).unwrap_or_default();
    out.push(b'\n');
    out.into()
}
