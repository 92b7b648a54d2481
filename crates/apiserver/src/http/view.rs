//! How an object is shown: whole, as its metadata, or as rows of a Table.

use serde_json::{Value, json};

use super::negotiate::View;
use crate::builtin::columns::{self, Column};
use crate::error::{Error, Result};
use crate::resource::{Resource, Rules};

/// A column of a Table.
fn definitions(resource: &Resource) -> Value {
    match &resource.rules {
        Rules::Builtin { .. } => columns::columns(&resource.group, &resource.plural)
            .iter()
            .map(Column::to_value)
            .collect(),
        Rules::Custom { version, .. } => version.printer_columns.definitions().into(),
    }
}

fn cells(resource: &Resource, object: &Value, now: jiff::Timestamp) -> Vec<Value> {
    match &resource.rules {
        Rules::Builtin { .. } => {
            columns::row(&resource.group, &resource.plural, &resource.to_stored(object), now)
        }
        Rules::Custom { version, .. } => version.printer_columns.row(object, now),
    }
}

/// What a row carries of its object (`includeObject`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Include {
    None,
    Metadata,
    Object,
}

impl Include {
    pub(super) fn parse(text: &str) -> Result<Self> {
        match text {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => Err(Error::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: must be 'Metadata', 'Object', 'None', or empty"
            ))),
        }
    }
}

/// Turns objects of a resource into what the client asked for.
pub(super) struct Lens<'a> {
    pub(super) resource: &'a Resource,
    pub(super) view: View,
    pub(super) include: Include,
    pub(super) now: jiff::Timestamp,
}

impl Lens<'_> {
    /// One object. `object` has `kind` and `apiVersion`.
    pub(super) fn object(&self, object: Value) -> Value {
        match self.view {
            View::Whole => object,
            View::Metadata => partial(&object),
            View::Table => {
                let version = object["metadata"]["resourceVersion"].clone();
                self.table(vec![object], &json!({ "resourceVersion": version }), true)
            }
        }
    }

    /// The scale of an object, which has columns of its own.
    pub(super) fn scale(&self, scale: Value) -> Value {
        const KIND: (&str, &str) = ("autoscaling", "scales");
        if self.view != View::Table {
            return self.object(scale);
        }
        let metadata = json!({ "resourceVersion": scale["metadata"]["resourceVersion"] });
        let cells = columns::row(KIND.0, KIND.1, &scale, self.now);
        let columns: Vec<_> =
            columns::columns(KIND.0, KIND.1).iter().map(Column::to_value).collect();
        table(&metadata, columns.into(), json!([self.row(cells, scale)]))
    }

    /// A table of objects; `metadata` is that of the list.
    pub(super) fn table(&self, objects: Vec<Value>, metadata: &Value, definitions: bool) -> Value {
        let rows: Vec<_> = objects
            .into_iter()
            .map(|object| {
                let cells = cells(self.resource, &object, self.now);
                self.row(cells, object)
            })
            .collect();
        let plain = self.resource.is_builtin()
            && columns::is_plain(&self.resource.group, &self.resource.plural);
        let columns = if definitions { self::definitions(self.resource) } else { Value::Null };
        let rows = if plain && rows.is_empty() { Value::Null } else { rows.into() };
        table(metadata, columns, rows)
    }

    fn row(&self, cells: Vec<Value>, object: Value) -> Value {
        let shown = match self.include {
            Include::None => Value::Null,
            Include::Metadata => partial(&object),
            Include::Object => object,
        };
        json!({ "cells": cells, "object": shown })
    }
}

fn table(metadata: &Value, columns: Value, rows: Value) -> Value {
    json!({ "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": columns, "rows": rows })
}

/// `PartialObjectMetadata`.
pub(super) fn partial(object: &Value) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"] })
}
