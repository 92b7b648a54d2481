//! Conversion webhooks: other programs that bring custom objects from one version of their
//! kind into another.
//!
//! Semantics: `apiextensions-apiserver/pkg/apiserver/conversion` of 1.28.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, Key};
use crate::decode;
use crate::error::{Error, Result};
use crate::meta;
use crate::server::Core;

/// How long a conversion may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Clients kept; a definition has one, until its `clientConfig` changes.
const CLIENTS: usize = 64;

/// The webhooks of definitions, by their `clientConfig`.
#[derive(Default)]
pub(super) struct Converters(Mutex<HashMap<Key, Arc<Client>>>);

impl Converters {
    fn client(&self, config: &Value) -> Result<Arc<Client>, String> {
        let key = Client::key(config);
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        if clients.len() >= CLIENTS {
            clients.clear();
        }
        let client = Arc::new(Client::new(config)?);
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// Objects of one custom kind in another version. `webhook` is `spec.conversion.webhook` of the
/// definition.
///
/// # Errors
/// 500 with the words of kube-apiserver where the webhook cannot be called, fails, or answers
/// with something else than what it was given.
pub(crate) async fn convert(
    core: &Core,
    webhook: &Value,
    objects: Vec<Value>,
    api_version: &str,
) -> Result<Vec<Value>> {
    let Some(first) = objects.first() else {
        return Ok(objects);
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = format!("{}, Kind={}", text(&first["apiVersion"]), text(&first["kind"]));
    let converted = ask(core, webhook, &objects, api_version)
        .await
        .map_err(|why| Error::unclassified(format!("conversion webhook for {of} failed: {why}")))?;
    if converted.len() != objects.len() {
        return Err(Error::unclassified(format!(
            "conversion webhook for {of} returned {} objects, expected {}",
            converted.len(),
            objects.len()
        )));
    }
    let pairs = objects.into_iter().zip(converted).enumerate();
    let checked = pairs.map(|(at, (original, mut converted))| {
        accept(&original, &mut converted, api_version).map_err(|why| {
            Error::unclassified(format!(
                "conversion webhook for {of} returned invalid converted object at index {at}: {why}"
            ))
        })?;
        Ok(converted)
    });
    checked.collect()
}

async fn ask(
    core: &Core,
    webhook: &Value,
    objects: &[Value],
    api_version: &str,
) -> Result<Vec<Value>, String> {
    let client = core.webhooks.converters.client(&webhook["clientConfig"])?;
    let versions = webhook["conversionReviewVersions"].as_array().into_iter().flatten();
    let version = versions.filter_map(Value::as_str).find(|it| matches!(*it, "v1" | "v1beta1"));
    let version = version.ok_or("no known version of ConversionReview is accepted")?;
    let uid = uuid::Uuid::new_v4().to_string();
    let review = json!({
        "kind": "ConversionReview",
        "apiVersion": format!("apiextensions.k8s.io/{version}"),
        "request": { "uid": uid, "desiredAPIVersion": api_version, "objects": objects },
    });
    let answer = client.post(&core.store, review.to_string().into_bytes(), TIMEOUT).await?;
    let (mut review, _) = decode::parse_json(&answer).map_err(|error| error.to_string())?;
    let response = &mut review["response"];
    if !response.is_object() {
        return Err("no response provided".to_owned());
    }
    let given = response["uid"].as_str().unwrap_or_default();
    if given != uid {
        return Err(format!("expected response.uid={uid:?}, got {given:?}"));
    }
    match response["result"]["status"].as_str().unwrap_or_default() {
        "Success" => {}
        status => {
            let message = response["result"]["message"].as_str().unwrap_or_default();
            return Err(if message.is_empty() {
                format!("response.result.status was '{status}', not 'Success'")
            } else {
                message.to_owned()
            });
        }
    }
    match response["convertedObjects"].take() {
        Value::Array(objects) => Ok(objects),
        _ => Ok(Vec::new()),
    }
}

/// A converted object is still the same object: of its metadata only labels and annotations
/// may be others.
fn accept(original: &Value, converted: &mut Value, api_version: &str) -> Result<(), String> {
    if converted["kind"] != original["kind"] {
        return Err(format!("must have kind {}", original["kind"]));
    }
    if converted["apiVersion"] != *api_version {
        return Err(format!("must have apiVersion {api_version:?}"));
    }
    if !converted["metadata"].is_object() {
        return Err("missing metadata".to_owned());
    }
    for field in ["name", "namespace", "uid"] {
        let (new, old) = (meta::get(converted, field), meta::get(original, field));
        if new != old {
            return Err(format!("must have the same metadata.{field}"));
        }
    }
    let mut metadata = original["metadata"].clone();
    for field in ["labels", "annotations"] {
        match converted["metadata"].get(field).filter(|value| !value.is_null()) {
            Some(Value::Object(map)) if map.values().all(Value::is_string) => {
                metadata[field] = Value::Object(map.clone());
            }
            Some(_) => return Err(format!("metadata.{field} must be a map of texts")),
            None => drop(metadata.as_object_mut().and_then(|metadata| metadata.remove(field))),
        }
    }
    converted["metadata"] = metadata;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(version: &str, more: &Value) -> Value {
        let mut metadata = json!({ "name": "n", "namespace": "ns", "uid": "u",
            "resourceVersion": "5", "finalizers": ["a.b/c"], "labels": { "a": "1" } });
        for (name, value) in more.as_object().into_iter().flatten() {
            metadata[name] = value.clone();
        }
        json!({ "apiVersion": format!("example.com/{version}"), "kind": "Widget",
            "metadata": metadata })
    }

    #[test]
    fn only_labels_and_annotations_may_change() {
        let original = object("v1", &json!({}));
        let mut converted = object(
            "v2",
            &json!({ "labels": { "b": "2" }, "finalizers": [], "resourceVersion": "9" }),
        );
        assert_eq!(accept(&original, &mut converted, "example.com/v2"), Ok(()));
        assert_eq!(converted, object("v2", &json!({ "labels": { "b": "2" } })));
        for wrong in [
            object("v1", &json!({})),
            object("v2", &json!({ "name": "other" })),
            object("v2", &json!({ "uid": null })),
            object("v2", &json!({ "labels": { "a": 1 } })),
            json!({ "apiVersion": "example.com/v2", "kind": "Widget" }),
            json!({ "apiVersion": "example.com/v2", "kind": "Other", "metadata": {} }),
        ] {
            assert!(accept(&original, &mut wrong.clone(), "example.com/v2").is_err(), "{wrong}");
        }
    }
}
