//! Table columns and cells of built-in kinds, as `kubectl get` shows them.
//!
//! Columns, their order and their types follow Kubernetes 1.28: some numbers stand in
//! columns of the type `string`, and clients expect that.

mod age;
mod cluster;
mod config;
mod event;
mod network;
mod pod;
mod storage;
mod workload;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::part::{list, text};
use crate::meta;

pub use age::{age, human_duration};

/// A `TableColumnDefinition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// `string`, `integer`, `boolean` or `date`.
    pub kind: &'static str,
    /// `name` for the column that names the object, else empty.
    pub format: &'static str,
    /// Words for people; the built-in kinds have none.
    pub description: &'static str,
    /// Zero is always shown, others only with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// The `TableColumnDefinition` as JSON.
    pub fn to_value(&self) -> Value {
        json!({
            "name": self.name, "type": self.kind, "format": self.format,
            "description": self.description, "priority": self.priority,
        })
    }
}

/// The column that names the object.
const NAME: Column =
    Column { name: "Name", kind: "string", format: "name", description: "", priority: 0 };

const AGE: Column = shown("Age");

const fn shown(name: &'static str) -> Column {
    typed(name, "string")
}

const fn typed(name: &'static str, kind: &'static str) -> Column {
    Column { name, kind, format: "", description: "", priority: 0 }
}

/// Shown with `-o wide` only.
const fn wide(name: &'static str) -> Column {
    Column { priority: 1, ..shown(name) }
}

/// How one kind is shown. A row has as many cells as there are columns.
#[derive(Clone, Copy)]
struct Printer {
    columns: &'static [Column],
    row: fn(&Value, Timestamp) -> Vec<Value>,
}

/// Kinds without a printer of their own show when they were made.
const PLAIN: Printer = Printer {
    columns: &[NAME, typed("Created At", "date")],
    row: |object, _| vec![name(object), json!(meta::creation_timestamp(object))],
};

fn printer(group: &str, resource: &str) -> Printer {
    let found = match group {
        "" => config::printer(resource)
            .or_else(|| cluster::printer(group, resource))
            .or_else(|| pod::printer(resource))
            .or_else(|| network::printer(group, resource))
            .or_else(|| storage::printer(group, resource))
            .or_else(|| workload::printer(group, resource))
            .or_else(|| event::printer(resource)),
        "apps" | "batch" | "autoscaling" | "policy" => workload::printer(group, resource),
        "events.k8s.io" => event::printer(resource),
        "networking.k8s.io" | "discovery.k8s.io" => network::printer(group, resource),
        "storage.k8s.io" => storage::printer(group, resource),
        _ => cluster::printer(group, resource),
    };
    found.unwrap_or(PLAIN)
}

/// The columns of a resource.
pub fn columns(group: &str, resource: &str) -> &'static [Column] {
    printer(group, resource).columns
}

/// The cells of one object, in the order of [`columns`]. Events may come in the form
/// of either group.
pub fn row(group: &str, resource: &str, object: &Value, now: Timestamp) -> Vec<Value> {
    (printer(group, resource).row)(object, now)
}

/// Kinds without a printer of their own: their tables have `rows: null` when empty.
pub fn is_plain(group: &str, resource: &str) -> bool {
    columns(group, resource) == PLAIN.columns
}

fn name(object: &Value) -> Value {
    json!(meta::name(object))
}

/// Age of an object.
fn since_creation(object: &Value, now: Timestamp) -> Value {
    json!(age(meta::creation_timestamp(object), now))
}

/// A text, or what stands for nothing.
fn or(text: &str, nothing: &str) -> Value {
    json!(if text.is_empty() { nothing } else { text })
}

/// `<none>` for an empty text.
fn or_none(text: &str) -> Value {
    or(text, "<none>")
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// Texts of a list, joined.
fn joined(items: &[Value], separator: &str) -> String {
    let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
    items.join(separator)
}

/// `a=b,c=d`, or `<none>`.
fn labels(map: &Value) -> String {
    let pairs: Vec<_> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// A label selector on one line.
fn selector(selector: &Value) -> String {
    let mut parts = Vec::new();
    if selector["matchLabels"].is_object() {
        parts.push(labels(&selector["matchLabels"]));
    }
    for expression in list(selector, "/matchExpressions") {
        let key = text(expression, "/key");
        let values = joined(list(expression, "/values"), ",");
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    if parts.is_empty() { "<none>".to_owned() } else { parts.join(",") }
}

/// Names and images of containers.
fn containers(pod: &Value) -> [Value; 2] {
    let part = |field: &str| {
        let parts = list(pod, "/containers").iter();
        let parts: Vec<_> = parts.filter_map(|container| container[field].as_str()).collect();
        json!(parts.join(","))
    };
    [part("name"), part("image")]
}

#[cfg(test)]
mod tests;
