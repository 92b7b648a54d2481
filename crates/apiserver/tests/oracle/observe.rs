//! The part of an answer that a step compares.

use std::collections::BTreeMap;

use anyhow::Result;
use http::HeaderMap;

use crate::client::Answer;
use crate::json::{Json, Object};
use crate::paths::Path;
use crate::replay::Replay;
use crate::scenario::Step;

/// Headers that were recorded.
const HEADERS: [&str; 5] =
    ["content-type", "location", "retry-after", "warning", "www-authenticate"];

impl Replay<'_> {
    /// Status, headers and, unless the step leaves it out, the shaped body.
    ///
    /// # Errors
    /// When a path of the step cannot be read.
    pub(crate) fn observed(
        &mut self,
        step: &Step,
        answer: &Answer,
        with_body: bool,
    ) -> Result<Json> {
        let mut out = Object::new();
        out.insert("status".to_owned(), answer.status.as_u16().into());
        out.insert("headers".to_owned(), self.headers(&answer.headers));
        if with_body && step.body.as_deref() != Some("ignore") {
            out.insert("body".to_owned(), self.shape(step, answer.body.clone())?);
        }
        Ok(Json::Object(out))
    }

    fn headers(&self, headers: &HeaderMap) -> Json {
        let mut found: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
        for name in HEADERS {
            for value in headers.get_all(name) {
                // Headers are Latin-1 on the wire.
                let text: String = value.as_bytes().iter().copied().map(char::from).collect();
                let mut text = self.normaliser.text(&text);
                if name == "content-type" {
                    text = text.split(';').map(str::trim).collect::<Vec<_>>().join(";");
                }
                found.entry(name).or_default().push(Json::String(text));
            }
        }
        let one_or_list = |mut values: Vec<Json>| match values.len() {
            1 => values.swap_remove(0),
            _ => {
                values.sort_by_cached_key(Json::plain_text);
                Json::Array(values)
            }
        };
        Json::Object(
            found
                .into_iter()
                .map(|(name, values)| (name.to_owned(), one_or_list(values)))
                .collect(),
        )
    }

    /// The body with `ignore`, `pick`, `sort` and `unordered` applied, normalised.
    ///
    /// # Errors
    /// When a path of the step cannot be read.
    pub(crate) fn shape(&mut self, step: &Step, mut body: Json) -> Result<Json> {
        for path in &step.ignore {
            path.parse::<Path>()?.drop_from(&mut body);
        }
        let failed = body.text_of("kind") == "Status" && body.text_of("status") == "Failure";
        if let Some(pick) = step.pick.as_ref().filter(|_| !failed) {
            let picked = pick.iter().map(|(name, path)| {
                Ok((name.clone(), self.variables.text(path)?.parse::<Path>()?.find(&body)))
            });
            body = Json::Object(picked.collect::<Result<_>>()?);
        }
        for path in &step.sort {
            if let Some(Json::Array(items)) = path.parse::<Path>()?.find_mut(&mut body) {
                items.sort_by_cached_key(Json::sort_key);
            }
        }
        if step.unordered {
            sort_by_name(&mut body);
        }
        Ok(self.normaliser.body(body, step.managed_fields))
    }
}

/// Sorts items or rows by namespace, name and cells.
fn sort_by_name(body: &mut Json) {
    for key in ["items", "rows"] {
        if let Some(Json::Array(items)) = body.get_mut(key) {
            items.sort_by_cached_key(|item| {
                let of = |key| {
                    item.get("metadata").and_then(|metadata| metadata.get(key)).map(Json::to_string)
                };
                (of("namespace"), of("name"), item.get("cells").map(Json::to_string))
            });
        }
    }
}
