//! Removal of what the schema does not know.

use serde_json::Value;

use super::{Additional, Schema, metadata};
use crate::crd::path::Path;

impl Schema {
    /// Removes unknown fields from a whole resource, then nulls that may not stand,
    /// and cleans the metadata of embedded resources. Returns the paths of the unknown
    /// fields as `fieldValidation` reports them (`spec.list[0].x`): those of the
    /// resource's own metadata, of the resource, of embedded metadata.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut unknown = Vec::new();
        metadata::clean(object, &Path::Root, &mut unknown);
        let own = unknown.len();
        self.prune_at(object, &Path::Root, true, false, &mut unknown);
        unknown[own..].sort();
        self.drop_nulls(object);
        let seen = unknown.len();
        self.clean_embedded(object, &Path::Root, &mut unknown);
        unknown[seen..].sort();
        unknown
    }

    /// Prunes one value that stands in a schema (a default); true when nothing was unknown.
    pub(crate) fn prune_value(&self, value: &mut Value) -> bool {
        let mut unknown = Vec::new();
        self.prune_at(value, &Path::Root, false, false, &mut unknown);
        unknown.is_empty()
    }

    /// `resource` adds the fields that every resource has, `keep` what is unknown.
    fn prune_at(
        &self,
        value: &mut Value,
        path: &Path<'_>,
        resource: bool,
        keep: bool,
        out: &mut Vec<String>,
    ) {
        let resource = resource || self.embedded;
        let keep = keep || self.preserve_unknown;
        match value {
            Value::Object(map) => {
                map.retain(|name, value| {
                    if resource && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                        return true;
                    }
                    let path = path.field(name);
                    match (self.properties.get(name), &self.additional) {
                        (Some(below), _) => below.prune_at(value, &path, false, false, out),
                        (None, Some(Additional::Of(below))) => {
                            below.prune_at(value, &path, false, false, out);
                        }
                        (None, Some(Additional::Any | Additional::Nothing)) => {
                            prune_all(value, &path, out);
                        }
                        (None, None) if keep => {}
                        (None, None) => {
                            out.push(path.to_string());
                            return false;
                        }
                    }
                    true
                });
            }
            Value::Array(list) => {
                for (at, value) in list.iter_mut().enumerate() {
                    let path = path.index(at);
                    match &self.items {
                        Some(items) => items.prune_at(value, &path, false, keep, out),
                        None if keep => {}
                        None => prune_all(value, &path, out),
                    }
                }
            }
            _ => {}
        }
    }

    fn clean_embedded(&self, value: &mut Value, path: &Path<'_>, out: &mut Vec<String>) {
        if !self.embeds {
            return;
        }
        if self.embedded {
            metadata::clean(value, path, out);
        }
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    if let Some(below) = self.at(name) {
                        below.clean_embedded(value, &path.field(name), out);
                    }
                }
            }
            Value::Array(list) => {
                let Some(items) = &self.items else { return };
                for (at, value) in list.iter_mut().enumerate() {
                    items.clean_embedded(value, &path.index(at), out);
                }
            }
            _ => {}
        }
    }
}

/// Nothing is known below: objects lose all their fields.
fn prune_all(value: &mut Value, path: &Path<'_>, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            out.extend(map.keys().map(|name| path.field(name).to_string()));
            map.clear();
        }
        Value::Array(list) => {
            for (at, value) in list.iter_mut().enumerate() {
                prune_all(value, &path.index(at), out);
            }
        }
        _ => {}
    }
}
