//! Metrics of controllers: reading the text that `/metrics` serves, and fetching it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// The largest answer that is read, in bytes.
const LARGEST: usize = 4 << 20;

/// A line of the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

impl Sample {
    /// The value of a label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

/// What the metrics of a process were when last asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scrape {
    /// Where they come from.
    pub(crate) origin: String,
    /// The samples, or why there are none.
    pub(crate) outcome: Result<Vec<Sample>, String>,
}

/// Reads the text; lines that are none are left out.
pub(crate) fn parse(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

/// `NAME{LABEL="VALUE",...} NUMBER`.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.push((label.to_owned(), value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
    }
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// The text up to the closing quote, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// Where metrics come from.
#[derive(Clone)]
pub enum MetricsSource {
    /// `/metrics` of a process, over plain HTTP, as controllers serve it.
    Address {
        /// `HOST:PORT`.
        address: String,
    },
    /// Controllers of this process.
    Here {
        /// Renders them.
        render: Arc<dyn Fn() -> String + Send + Sync>,
    },
}

impl std::fmt::Debug for MetricsSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.origin())
    }
}

impl MetricsSource {
    fn origin(&self) -> String {
        match self {
            Self::Address { address } => address.clone(),
            Self::Here { .. } => "this process".to_owned(),
        }
    }

    /// Asks for them.
    pub(crate) fn scrape(&self) -> BoxFuture<'static, Scrape> {
        let (source, origin) = (self.clone(), self.origin());
        Box::pin(async move {
            let outcome = match source {
                Self::Here { render } => Ok(parse(&render())),
                Self::Address { address } => {
                    let text = tokio::time::timeout(PATIENCE, fetch(&address)).await;
                    text.unwrap_or_else(|_| Err(format!("no answer in {PATIENCE:?}")))
                        .map(|text| parse(&text))
                }
            };
            Scrape { origin, outcome }
        })
    }
}

async fn fetch(address: &str) -> Result<String, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let stream = TcpStream::connect(address).await.map_err(|e| words(&e))?;
    let connection = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connection.map_err(|e| words(&e))?;
    // A connection makes progress only while it is polled, and ends with its last request.
    tokio::spawn(connection);
    let request = hyper::Request::get("/metrics")
        .header(hyper::header::HOST, address)
        .body(Empty::<Bytes>::new())
        .map_err(|e| words(&e))?;
    let response = sender.send_request(request).await.map_err(|e| words(&e))?;
    if !response.status().is_success() {
        return Err(format!("it answers {}", response.status()));
    }
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|e| words(&e))?.to_bytes();
    String::from_utf8(body.to_vec()).map_err(|_| "the answer is not text".to_owned())
}

#[cfg(test)]
mod tests;
