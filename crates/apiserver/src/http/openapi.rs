//! `/openapi/v2` and `/openapi/v3`: enough for clients to know kinds and fields.

mod protobuf;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use self::words::Words;
use super::{health, respond};
use crate::resource::{Catalog, Resource, Rules};
use crate::schema;
use crate::schema::openapi::Edition;
use crate::server::Core;

pub(super) fn answer(core: &Core, path: &str, headers: &HeaderMap) -> Option<Response> {
    let catalog = core.catalog();
    let body = match path.trim_end_matches('/') {
        "/openapi/v2" if protobuf::is_wanted(headers) => {
            let body = protobuf::encode(&swagger(&catalog));
            return Some(respond::bytes(StatusCode::OK, protobuf::MEDIA, body));
        }
        "/openapi/v2" => swagger(&catalog),
        "/openapi/v3" => {
            let body = serde_json::to_string(&index(&catalog)).unwrap_or_default();
            return Some(respond::text(StatusCode::OK, body));
        }
        other => {
            let path = other.strip_prefix("/openapi/v3/")?;
            let (group, version) = match path.split('/').collect::<Vec<_>>()[..] {
                ["api", version] => ("", version),
                ["apis", group, version] => (group, version),
                _ => return None,
            };
            match document(&catalog, group, version) {
                Some(document) => document,
                None => return Some(respond::empty(StatusCode::NOT_FOUND)),
            }
        }
    };
    let body = serde_json::to_vec(&body).unwrap_or_default();
    Some(respond::compressed(headers, "application/json", body))
}

fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

fn index(catalog: &Catalog) -> Value {
    let mut paths = Map::new();
    for group in catalog.groups() {
        for version in &group.versions {
            let root = root(&group.name, version);
            let url = format!("/openapi/v3/{root}");
            paths.insert(root, json!({ "serverRelativeURL": url }));
        }
    }
    json!({ "paths": paths })
}

fn info() -> Value {
    json!({ "title": "Kubernetes", "version": health::VERSION.2 })
}

fn document(catalog: &Catalog, group: &str, version: &str) -> Option<Value> {
    catalog.group(group)?.versions.iter().find(|known| *known == version)?;
    let mut paths = Map::new();
    let mut schemas = Schemas::default();
    for resource in catalog.in_version(group, version) {
        let name = schemas.add(resource);
        add_paths(&mut paths, resource, Edition::V3, &name);
    }
    let words = Words::of(std::iter::once(group));
    Some(json!({ "openapi": "3.0.0", "info": info(), "paths": paths,
        "components": { "schemas": schemas.finish(Edition::V3, &words) } }))
}

fn swagger(catalog: &Catalog) -> Value {
    let mut paths = Map::new();
    let mut schemas = Schemas::default();
    for group in catalog.groups() {
        for version in &group.versions {
            for resource in catalog.in_version(&group.name, version) {
                let name = schemas.add(resource);
                add_paths(&mut paths, resource, Edition::V2, &name);
            }
        }
    }
    let words = Words::of(catalog.groups().iter().map(|group| group.name.as_str()));
    json!({ "swagger": "2.0", "info": info(), "paths": paths,
        "definitions": schemas.finish(Edition::V2, &words) })
}

/// What kubectl looks for in paths: which kinds accept which patches.
fn add_paths(paths: &mut Map<String, Value>, resource: &Resource, edition: Edition, schema: &str) {
    let gvk = json!({ "group": resource.group, "version": resource.version,
        "kind": resource.kind });
    let namespace = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
    let root = root(&resource.group, &resource.version);
    let collection = format!("/{root}{namespace}/{}", resource.plural);
    let reference = json!({ "$ref": format!("{}{schema}", edition.prefix()) });
    let operation = |action: &str| {
        json!({
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": gvk,
            "parameters": [
                { "name": "dryRun", "in": "query", "uniqueItems": true, "type": "string",
                  "schema": { "type": "string", "uniqueItems": true } },
                { "name": "fieldValidation", "in": "query", "uniqueItems": true, "type": "string",
                  "schema": { "type": "string", "uniqueItems": true } },
            ],
            "responses": { "200": { "description": "OK", "schema": reference,
                "content": { "application/json": { "schema": reference } } } },
        })
    };
    let mut object = Map::new();
    for (verb, method, action) in [
        ("get", "get", "get"),
        ("update", "put", "put"),
        ("patch", "patch", "patch"),
        ("delete", "delete", "delete"),
    ] {
        if resource.allows(verb) {
            object.insert(method.to_owned(), operation(action));
        }
    }
    let mut list = Map::new();
    for (verb, method, action) in [("list", "get", "list"), ("create", "post", "post")] {
        if resource.allows(verb) {
            list.insert(method.to_owned(), operation(action));
        }
    }
    paths.insert(format!("{collection}/{{name}}"), Value::Object(object));
    paths.insert(collection, Value::Object(list));
}

/// Schemas to publish, with everything that they refer to.
#[derive(Default)]
struct Schemas {
    named: BTreeMap<String, Value>,
    wanted: BTreeSet<String>,
}

impl Schemas {
    /// Adds the type of a resource; returns its published name.
    fn add(&mut self, resource: &Resource) -> String {
        match &resource.rules {
            Rules::Builtin { .. } => {
                let name = schema::name_of(&resource.group, &resource.version, &resource.kind);
                let name = name.unwrap_or_default().to_owned();
                self.wanted.insert(name.clone());
                name
            }
            Rules::Custom { version, .. } => {
                let name = version.openapi_name();
                self.named.insert(name.clone(), version.openapi(""));
                name
            }
        }
    }

    fn finish(mut self, edition: Edition, words: &Words) -> Value {
        let mut queue: Vec<String> = self.wanted.iter().cloned().collect();
        let mut done = Map::new();
        for (name, mut value) in std::mem::take(&mut self.named) {
            references(&mut value, edition, &mut queue);
            done.insert(name, value);
        }
        while let Some(name) = queue.pop() {
            if done.contains_key(&name) || name.is_empty() {
                continue;
            }
            let mut value = schema::openapi::published(&name, edition);
            words.describe(&name, &mut value);
            references(&mut value, edition, &mut queue);
            done.insert(name, value);
        }
        Value::Object(done)
    }
}

/// Makes `$ref`s absolute and notes what they name. In version 3 nothing may stand beside one.
fn references(value: &mut Value, edition: Edition, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(name)) = map.get("$ref") {
                let bare = name.rsplit('/').next().unwrap_or_default().to_owned();
                let reference = json!(format!("{}{bare}", edition.prefix()));
                found.push(bare);
                if edition == Edition::V3 && map.len() > 1 {
                    map.remove("$ref");
                    map.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
                } else {
                    map.insert("$ref".to_owned(), reference);
                }
                return;
            }
            map.values_mut().for_each(|value| references(value, edition, found));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| references(value, edition, found)),
        _ => {}
    }
}
