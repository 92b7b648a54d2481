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

/// Every key that the schema does not have and every value that is not of its type; and the tree
/// without them.
pub(super) fn sift(tree: &Value) -> (Value, Vec<Fault>) {
    let mut faults = Vec::new();
    let sound = visit(root(), tree, "", &mut faults);
    (sound.unwrap_or_else(|| Value::Object(Map::new())), faults)
}

impl Fault {
    /// Whether it leaves in the dark what a key was to be: it is about that key or one above it, or
    /// about one beside it, without which the key may mean something else.
    pub(super) fn obscures(&self, key: &str) -> bool {
        let above = key.strip_prefix(self.path.as_str());
        above.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            || group(key) == group(&self.path)
    }
}

fn group(key: &str) -> &str {
    key.rsplit_once('.').map_or("", |(group, _)| group)
}

/// A step deeper: `network` and `dns` are `network.dns`.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What is sound of a value; nothing when it is not of its type.
fn visit(schema: &Value, value: &Value, path: &str, faults: &mut Vec<Fault>) -> Option<Value> {
    let mut fault = |message: String| faults.push(Fault { path: path.to_owned(), message });
    let words = words_of(schema);
    if !words.is_empty() {
        let known = value.as_str().is_some_and(|text| words.contains(&text));
        if !known {
            fault(format!("has to be one of {}", words.join(", ")));
        }
        return known.then(|| value.clone());
    }
    match (schema["type"].as_str().unwrap_or_default(), value) {
        ("object", Value::Object(members)) => Some(object(schema, members, path, faults)),
        ("array", Value::Array(items)) => {
            // All of them: each keeps its place.
            let sound = items.iter().enumerate().map(|(index, item)| {
                visit(&schema["items"], item, &format!("{path}[{index}]"), faults)
            });
            sound.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
        }
        ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => Some(value.clone()),
        ("integer", Value::Number(number)) => {
            let maximum = schema["maximum"].as_u64().unwrap_or(u64::MAX);
            let fits = number.as_u64().is_some_and(|number| number <= maximum);
            if !fits {
                fault(format!("has to be a whole number from 0 to {maximum}"));
            }
            fits.then(|| value.clone())
        }
        (wanted, _) => {
            fault(format!("has to be {}", article(wanted)));
            None
        }
    }
}

fn object(
    schema: &Value,
    members: &Map<String, Value>,
    path: &str,
    faults: &mut Vec<Fault>,
) -> Value {
    let mut sound = Map::new();
    for (key, value) in members {
        let path = below(path, key);
        let any = schema.get("additionalProperties").filter(|any| any.is_object());
        let Some(known) = schema["properties"].get(key).or(any) else {
            faults.push(Fault { path, message: unknown(&keys(schema), key) });
            continue;
        };
        if let Some(value) = visit(known, value, &path, faults) {
            sound.insert(key.clone(), value);
        }
    }
    Value::Object(sound)
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
