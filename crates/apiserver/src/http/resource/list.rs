//! Lists: as the bytes that are stored where that is possible.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::negotiate::{Format, View};
use super::super::respond;
use super::super::view::partial;
use super::Call;
use crate::error::Result;
use crate::rest::{self, List, Target};
use crate::store::Stored;

/// Bytes that a list takes while it is made.
fn weight(list: &List, plain: bool) -> usize {
    /// An object in memory is so many times as large as its text.
    const PARSED: usize = 8;
    let text: usize = list.objects.iter().map(|object| object.json.len()).sum();
    if plain { text } else { text.saturating_mul(PARSED) }
}

impl Call<'_> {
    pub(super) async fn list(&self, target: &Target<'_>) -> Result<Response> {
        let options = self.list_options(false)?;
        let list = rest::list(target, &options)?;
        let plain = self.is_plain(list.objects.iter().map(|object| &**object));
        let share = self.core.budget.share(weight(&list, plain)).await?;
        let response = self.show(&list, plain).await?;
        Ok(match share {
            Some(share) => share.until_sent(response),
            None => response,
        })
    }

    /// Whether objects are answered as they are stored.
    pub(super) fn is_plain<'s>(&self, objects: impl IntoIterator<Item = &'s Stored>) -> bool {
        self.format == Format::JSON
            && objects.into_iter().all(|object| self.resource.shows_as_stored(object))
    }

    async fn show(&self, list: &List, plain: bool) -> Result<Response> {
        let mut metadata = json!({ "resourceVersion": list.resource_version.to_string() });
        // The dynamic lists of custom resources always have the field.
        let dynamic = !self.resource.is_builtin() && self.format.view == View::Whole;
        if !list.cursor.is_empty() || dynamic {
            metadata["continue"] = json!(list.cursor);
        }
        if let Some(remaining) = list.remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
        if plain {
            let body = self.write_list(&metadata, &list.objects);
            return Ok(respond::compressed(&self.headers, "application/json", body));
        }
        let stored = list.objects.iter().map(|object| &**object);
        let objects = rest::load_all(self.core, &self.resource, stored).await?;
        let lens = self.lens()?;
        let value = match self.format.view {
            View::Table => lens.table(objects, &metadata, true),
            View::Metadata => json!({ "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "items": objects.iter().map(partial).collect::<Vec<_>>() }),
            View::Whole => self.list_value(&metadata, objects),
        };
        Ok(respond::value(StatusCode::OK, self.format.encoding, &value))
    }

    /// Built-in items carry neither kind nor apiVersion in a list; custom ones do.
    pub(super) fn list_value(&self, metadata: &Value, mut objects: Vec<Value>) -> Value {
        if self.resource.is_builtin() {
            for object in objects.iter_mut().filter_map(Value::as_object_mut) {
                object.remove("kind");
                object.remove("apiVersion");
            }
        }
        json!({ "kind": self.resource.list_kind, "apiVersion": self.resource.api_version(),
            "metadata": metadata, "items": objects })
    }

    /// The list as bytes, without parsing what is stored.
    fn write_list(&self, metadata: &Value, objects: &[Arc<Stored>]) -> Vec<u8> {
        let api_version = self.resource.api_version();
        let size: usize = objects.iter().map(|object| object.json.len() + 96).sum();
        let mut out = Vec::with_capacity(size + 256);
        let head = format!(
            "{{\"kind\":\"{}\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":[",
            self.resource.list_kind
        );
        out.extend_from_slice(head.as_bytes());
        for (at, object) in objects.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            if self.resource.is_builtin() {
                out.extend_from_slice(&object.json);
            } else {
                object.write_as(&api_version, &self.resource.kind, &mut out);
            }
        }
        out.extend_from_slice(b"]}");
        out
    }
}
