//! Variables of a scenario: `${run}`, `${ns}`, saved ones, and `${fill.N}`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context as _, Result};
use regex::Regex;

use crate::json::Json;
use crate::scenario::Request;

pub(crate) mod tests;

static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\{([A-Za-z0-9_.]+)\}").expect("the pattern is well formed"));

/// Names and their values.
#[derive(Default)]
pub(crate) struct Variables(BTreeMap<String, Json>);

impl Variables {
    pub(crate) fn set(&mut self, name: impl Into<String>, value: Json) {
        self.0.insert(name.into(), value);
    }

    /// `text` with every variable replaced.
    ///
    /// # Errors
    /// When a variable is not set.
    pub(crate) fn text(&self, text: &str) -> Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for found in VARIABLE.captures_iter(text) {
            let (whole, [name]) = found.extract();
            let start = found.get_match().start();
            out.push_str(&text[end..start]);
            out.push_str(
                &self.value(name).with_context(|| format!("variable {whole} is not set"))?,
            );
            end = start + whole.len();
        }
        out.push_str(&text[end..]);
        Ok(out)
    }

    fn value(&self, name: &str) -> Option<String> {
        match name.strip_prefix("fill.") {
            Some(length) => Some("x".repeat(length.parse().ok()?)),
            None => self.0.get(name).map(Json::plain_text),
        }
    }

    /// `value` with the variables in all its strings and keys replaced.
    ///
    /// # Errors
    /// When a variable is not set.
    pub(crate) fn json(&self, value: &Json) -> Result<Json> {
        Ok(match value {
            Json::String(text) => Json::String(self.text(text)?),
            Json::Array(items) => {
                Json::Array(items.iter().map(|item| self.json(item)).collect::<Result<_>>()?)
            }
            Json::Object(object) => Json::Object(
                object
                    .iter()
                    .map(|(key, value)| Ok((self.text(key)?, self.json(value)?)))
                    .collect::<Result<_>>()?,
            ),
            other => other.clone(),
        })
    }

    /// `request` with the variables in every part replaced.
    ///
    /// # Errors
    /// When a variable is not set.
    pub(crate) fn request(&self, request: &Request) -> Result<Request> {
        let pairs = |map: &crate::json::Object| {
            map.iter()
                .map(|(key, value)| Ok((self.text(key)?, self.json(value)?)))
                .collect::<Result<_>>()
        };
        Ok(Request {
            method: request.method.clone(),
            path: self.text(&request.path)?,
            query: pairs(&request.query)?,
            headers: pairs(&request.headers)?,
            body: self.json(&request.body)?,
            token: match &request.token {
                Some(Some(token)) => Some(Some(self.text(token)?)),
                other => other.clone(),
            },
        })
    }
}
