//! Forms as browsers send them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, Bytes};

/// The largest form, in bytes. Tokens are the longest field, and some have kilobytes of claims.
const LARGEST: usize = 32 << 10;

/// How long its sender may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Fields by name; of several of one name the first counts.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads the body of a request; nothing when it is too large, cut off, or takes too long.
    pub(super) async fn read(body: Body) -> Option<Self> {
        let body = tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, LARGEST)).await;
        let body: Bytes = body.ok()?.ok()?;
        Some(Self::parse(&body))
    }

    /// Reads the query of a URL.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        Self::parse(query.unwrap_or_default().as_bytes())
    }

    fn parse(text: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(fields)
    }

    /// A field; empty where it is missing.
    pub(super) fn field(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }
}
