//! Moving from `kubectl apply` to `kubectl apply --server-side`.
//!
//! Client-side apply leaves what it applied in an annotation. A server-side apply by
//! the manager `kubectl` may take fields that stand there with the live value, and keeps
//! the annotation up to date, so that people can move back.

use serde_json::{Value, json};

use super::compare::compare;
use super::extent::fields_of;
use super::place::Place;
use super::set::Set;

/// The only manager that this is for.
pub(super) const MANAGER: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// All annotations of an object together, in bytes.
const ANNOTATIONS_LIMIT: usize = 256 * 1024;

fn annotation(object: &Value) -> Option<&str> {
    object
        .get("metadata")?
        .get("annotations")?
        .get(ANNOTATION)?
        .as_str()
        .filter(|text| !text.is_empty())
}

/// The fields whose conflicts are allowed: last applied, and still with that value.
/// `None` when there is no annotation, or none that can be read.
pub(super) fn allowed(place: Place<'_>, live: &Value, api_version: &str) -> Option<Set> {
    let last: Value = serde_json::from_str(annotation(live)?).ok()?;
    if last.get("apiVersion")?.as_str()? != api_version {
        return None;
    }
    let mut fields = fields_of(place, &last).ok()?;
    let change = compare(place, &last, live, false).ok()?;
    fields.subtract(&change.modified);
    fields.subtract(&change.added);
    fields.subtract(&change.removed);
    Some(fields)
}

/// Writes the configuration into the annotation, when the object has one. An annotation
/// that would become too large is dropped.
pub(super) fn refresh(object: &mut Value, config: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let text = text_of(config);
    if let Some(annotations) =
        object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
    {
        annotations.remove(ANNOTATION);
        let others: usize = annotations
            .iter()
            .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
            .sum();
        if others + ANNOTATION.len() + text.len() <= ANNOTATIONS_LIMIT {
            annotations.insert(ANNOTATION.to_owned(), json!(text));
        }
    }
}

/// The configuration without the annotation itself, as Go writes it: keys in order,
/// characters that mean something to HTML escaped, a line feed at the end.
fn text_of(config: &Value) -> String {
    let mut config = config.clone();
    if let Some(annotations) =
        config.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
    {
        annotations.remove(ANNOTATION);
    }
    let mut text = String::new();
    for character in config.to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => text.push(other),
        }
    }
    text.push('\n');
    text
}
