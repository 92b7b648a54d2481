//! One watch request, read in the background.

use std::time::Duration;

use anyhow::Result;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::client::{Answer, Client, read};
use crate::json::Json;
use crate::scenario::{Events, Request};

/// An open watch; closed on drop.
pub(crate) struct Watch {
    events: mpsc::UnboundedReceiver<Json>,
    /// Received, but not yet taken by a step.
    waiting: Vec<Json>,
    closed: bool,
    reader: Option<AbortHandle>,
}

impl Watch {
    /// Sends the request; the answer has a body only when it is an error.
    ///
    /// # Errors
    /// When the server cannot be reached or sends no headers in time.
    pub(crate) async fn open(client: &Client, request: &Request) -> Result<(Self, Answer)> {
        let (connection, response) = client.open(request).await?;
        let (sender, events) = mpsc::unbounded_channel();
        if response.status() != http::StatusCode::OK {
            let watch = Self { events, waiting: Vec::new(), closed: true, reader: None };
            return Ok((watch, read(response).await?));
        }
        let (head, body) = response.into_parts();
        let reader = tokio::spawn(async move {
            // Held until the end: dropping it would end the answer.
            let _connection = connection;
            forward(body, &sender).await;
        });
        let watch = Self {
            events,
            waiting: Vec::new(),
            closed: false,
            reader: Some(reader.abort_handle()),
        };
        Ok((watch, Answer { status: head.status, headers: head.headers, body: Json::Null }))
    }

    /// Waits for `count` events or the end of the stream, then `settle` seconds for unwanted ones;
    /// returns what came and whether the stream has ended.
    pub(crate) async fn take(&mut self, spec: &Events) -> (Vec<Json>, bool) {
        let deadline = Instant::now() + Duration::from_secs_f64(spec.timeout);
        while spec.until_close || self.wanted(spec) < spec.count {
            if !self.receive(deadline).await {
                break;
            }
        }
        if !spec.until_close {
            let deadline = Instant::now() + Duration::from_secs_f64(spec.settle);
            while self.receive(deadline).await {}
        }
        let mut events = std::mem::take(&mut self.waiting);
        events.retain(|event| spec.bookmarks || !is_bookmark(event));
        (events, self.closed)
    }

    /// Whether another event came before the deadline.
    async fn receive(&mut self, deadline: Instant) -> bool {
        match timeout_at(deadline, self.events.recv()).await {
            Ok(Some(event)) => self.waiting.push(event),
            Ok(None) => self.closed = true,
            Err(_) => return false,
        }
        !self.closed
    }

    fn wanted(&self, spec: &Events) -> usize {
        self.waiting.iter().filter(|event| spec.bookmarks || !is_bookmark(event)).count()
    }

    /// Closes the connection.
    pub(crate) fn stop(&self) {
        if let Some(reader) = &self.reader {
            reader.abort();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_bookmark(event: &Json) -> bool {
    event.text_of("type") == "BOOKMARK"
}

/// Sends each line of `body` as an event, until it ends or is no JSON.
async fn forward(mut body: Incoming, events: &mpsc::UnboundedSender<Json>) {
    let mut buffer = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else {
            continue;
        };
        buffer.extend_from_slice(&data);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            if !line.trim_ascii().is_empty() && !send(&line, events) {
                return;
            }
        }
    }
    if !buffer.trim_ascii().is_empty() {
        send(&buffer, events);
    }
}

fn send(line: &[u8], events: &mpsc::UnboundedSender<Json>) -> bool {
    serde_json::from_slice(line).is_ok_and(|event| events.send(event).is_ok())
}
