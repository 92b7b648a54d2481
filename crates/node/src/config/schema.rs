//! Strictness: what in a tree is not in the schema, all of it at once, each with the nearest key.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::document::NodeConfiguration;

/// Similarity from which on a key is taken for a slip.
const SIMILAR: f64 = 0.75;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<NodeConfiguration>().to_value()
});

/// The schema of a whole document.
pub(super) fn root() -> &'static Value {
    &SCHEMA
}

/// What is wrong at which path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) path: String,
    pub(super) message: String,
}

/// Every key that the schema does not have and every value that is not of its type.
pub(super) fn faults(tree: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    visit(root(), tree, "", &mut faults);
    faults
}

/// A step deeper: `network` and `dns` are `network.dns`.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn visit(schema: &Value, value: &Value, path: &str, faults: &mut Vec<Fault>) {
    let mut fault = |message: String| faults.push(Fault { path: path.to_owned(), message });
    let words = words_of(schema);
    if !words.is_empty() {
        let known = value.as_str().is_some_and(|text| words.contains(&text));
        if !known {
            fault(format!("has to be one of {}", words.join(", ")));
        }
        return;
    }
    match (schema["type"].as_str().unwrap_or_default(), value) {
        ("object", Value::Object(members)) => object(schema, members, path, faults),
        ("array", Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                visit(&schema["items"], item, &format!("{path}[{index}]"), faults);
            }
        }
        ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => {}
        ("integer", Value::Number(number)) => {
            let maximum = schema["maximum"].as_u64().unwrap_or(u64::MAX);
            if number.as_u64().is_none_or(|number| number > maximum) {
                fault(format!("has to be a whole number from 0 to {maximum}"));
            }
        }
        (wanted, _) => fault(format!("has to be {}", article(wanted))),
    }
}

fn object(schema: &Value, members: &Map<String, Value>, path: &str, faults: &mut Vec<Fault>) {
    for (key, value) in members {
        let path = below(path, key);
        if let Some(known) = schema["properties"].get(key) {
            visit(known, value, &path, faults);
        } else if let Some(any @ Value::Object(_)) = schema.get("additionalProperties") {
            visit(any, value, &path, faults);
        } else {
            faults.push(Fault { path, message: unknown(&keys(schema), key) });
        }
    }
}

/// The keys of an object's schema, in order.
pub(super) fn keys(schema: &Value) -> Vec<&str> {
    let properties = schema["properties"].as_object();
    properties.into_iter().flat_map(Map::keys).map(String::as_str).collect()
}

fn unknown(known: &[&str], key: &str) -> String {
    match nearest(known, key) {
        Some(near) => format!("is not known; did you mean {near}?"),
        None => format!("is not known; there are {}", known.join(", ")),
    }
}

/// The key that was probably meant.
pub(super) fn nearest<'a>(known: &[&'a str], key: &str) -> Option<&'a str> {
    let lower = key.to_ascii_lowercase();
    let similarity = |other: &str| strsim::jaro_winkler(&lower, &other.to_ascii_lowercase());
    let best = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(best) >= SIMILAR).then_some(best)
}

/// The values of an enumeration; none when it is no such.
fn words_of(schema: &Value) -> Vec<&str> {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().filter_map(Value::as_str).collect();
    }
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    variants
        .flat_map(|variant| match variant["enum"].as_array() {
            Some(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
            None => variant["const"].as_str().into_iter().collect(),
        })
        .collect()
}

fn article(wanted: &str) -> &'static str {
    match wanted {
        "object" => "a group of keys",
        "array" => "a list",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "text (quote it)",
    }
}
