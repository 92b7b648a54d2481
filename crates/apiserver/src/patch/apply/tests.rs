#![allow(clippy::unwrap_used)]

mod conflicts;
mod entries;
mod ownership;
mod properties;
mod removal;
mod shapes;

use serde_json::json;

use super::*;
use crate::schema::{self, ListKind, Shape, Struct};

/// One object and everybody who writes it, with a clock that counts writes.
struct World {
    object: Option<Value>,
    schema: Schema,
    api_version: String,
    kind: String,
    subresource: &'static str,
    reset: Set,
    clock: u32,
}

impl World {
    fn of(group: &str, version: &str, kind: &str) -> Self {
        let api_version =
            if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let schema = schema::by_kind(group, version, kind).unwrap().clone();
        Self::with(schema, &api_version, kind)
    }

    fn with(schema: Schema, api_version: &str, kind: &str) -> Self {
        Self {
            object: None,
            schema,
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            subresource: "",
            reset: Set::default(),
            clock: 0,
        }
    }

    fn config_map() -> Self {
        Self::of("", "v1", "ConfigMap")
    }

    /// A custom resource whose CRD says nothing about it.
    fn free() -> Self {
        let shape = Shape::Struct(Struct { preserve_unknown: true, ..Struct::default() });
        Self::with(Schema::of(shape), "example.com/v1", "Widget")
    }

    /// A custom resource with keyed, set and atomic parts.
    fn widget() -> Self {
        let text = || Schema::of(Shape::String(schema::Format::Plain));
        let object = |fields: Vec<(&str, Schema)>, atomic| {
            Schema::of(Shape::Struct(Struct {
                fields: fields.into_iter().map(|(n, s)| (n.to_owned(), s)).collect(),
                atomic,
                ..Struct::default()
            }))
        };
        let list = |items: Schema, kind| Schema::of(Shape::List { items: Box::new(items), kind });
        let port = object(
            vec![
                ("port", Schema::of(Shape::Integer { bits: 32 })),
                ("protocol", Schema { default: Some(json!("TCP")), ..text() }),
                ("name", text()),
                ("tags", list(text(), ListKind::Set)),
            ],
            false,
        );
        let keys = vec!["port".to_owned(), "protocol".to_owned()];
        let spec = object(
            vec![
                ("a", text()),
                ("ports", list(port, ListKind::Map(keys))),
                ("tags", list(text(), ListKind::Set)),
                ("steps", list(text(), ListKind::Atomic)),
                ("whole", object(vec![("x", text()), ("y", text())], true)),
                ("map", Schema::of(Shape::Map { values: Box::new(text()), atomic: false })),
                ("free", Schema::any()),
            ],
            false,
        );
        let root = object(vec![("spec", spec)], false);
        Self::with(root, "example.com/v1", "Widget")
    }

    fn now(&mut self) -> String {
        self.clock += 1;
        format!("2024-01-01T00:00:{:02}Z", self.clock % 60)
    }

    fn whole(&self, part: Value) -> Value {
        let mut object = json!({
            "apiVersion": self.api_version, "kind": self.kind, "metadata": {"name": "n"},
        });
        for (name, value) in part.as_object().unwrap() {
            if name == "metadata" {
                for (name, value) in value.as_object().unwrap() {
                    object["metadata"][name] = value.clone();
                }
            } else {
                object[name] = value.clone();
            }
        }
        object
    }

    /// What the pipeline does to a merged object, as far as it matters here.
    fn store(&mut self, mut object: Value) {
        // Typed objects have no null maps; custom resources may keep them.
        if schema::by_kind("", &self.api_version, &self.kind).is_some() {
            drop_nulls(&mut object);
        }
        object["metadata"]["uid"] = json!("u");
        if let Some(live) = &self.object {
            keep_times(live, &mut object);
        }
        self.object = Some(object);
    }

    fn try_apply(&mut self, who: &str, part: Value, force: bool) -> Result<()> {
        let config = self.whole(part);
        let now = self.now();
        let api_version = self.api_version.clone();
        let manager =
            Manager { name: who, api_version: &api_version, subresource: self.subresource };
        let live = self.object.as_ref();
        let object = apply(live, &config, &self.schema, &manager, force, &self.reset, &now)?;
        self.store(object);
        Ok(())
    }

    fn apply(&mut self, who: &str, part: Value) {
        self.try_apply(who, part, false).unwrap();
    }

    fn force(&mut self, who: &str, part: Value) {
        self.try_apply(who, part, true).unwrap();
    }

    /// Creates or replaces the object with what `change` makes of it.
    fn update(&mut self, who: &str, change: impl FnOnce(&mut Value)) {
        let empty = self.whole(json!({}));
        let mut object = self.object.clone().unwrap_or(empty);
        change(&mut object);
        let now = self.now();
        let api_version = self.api_version.clone();
        let manager =
            Manager { name: who, api_version: &api_version, subresource: self.subresource };
        let live = self.object.as_ref();
        track_update(live, &mut object, &self.schema, &manager, &self.reset, &now);
        self.store(object);
    }

    fn create(&mut self, who: &str, part: Value) {
        let object = self.whole(part);
        self.update(who, |place| *place = object);
    }

    fn get(&self, pointer: &str) -> Value {
        let object = self.object.as_ref().unwrap();
        object.pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    /// `manager/operation` to owned fields, in the order of the entries.
    fn owners(&self) -> Vec<(String, Value)> {
        let entries = self.get("/metadata/managedFields");
        let entries = entries.as_array().cloned().unwrap_or_default();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        entries
            .iter()
            .map(|entry| {
                let operation = text(entry, "operation");
                let id = format!("{}/{operation}", text(entry, "manager"));
                (id, entry["fieldsV1"].clone())
            })
            .collect()
    }

    fn owned(&self, id: &str) -> Value {
        let owners = self.owners().into_iter();
        let found = owners.filter(|(owner, _)| owner == id).collect::<Vec<_>>();
        found.first().map_or(Value::Null, |(_, set)| set.clone())
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
