//! `/api`, `/apis` and below: legacy and aggregated discovery.

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::negotiate::aggregated_discovery;
use super::{Encoding, respond};
use crate::resource::{Catalog, Group, Resource, Subresource, group_version};
use crate::server::Core;

pub(super) fn answer(core: &Core, path: &str, headers: &HeaderMap) -> Option<Response> {
    let catalog = core.catalog();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let body = match parts.as_slice() {
        [] => paths(&catalog),
        ["api"] => match aggregated_discovery(headers) {
            Some(version) => return Some(aggregated(&catalog, version, true)),
            None => json!({ "kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": [] }),
        },
        ["apis"] => match aggregated_discovery(headers) {
            Some(version) => return Some(aggregated(&catalog, version, false)),
            None => json!({ "kind": "APIGroupList", "apiVersion": "v1",
                "groups": named(&catalog).map(group).collect::<Vec<_>>() }),
        },
        ["apis", name] => {
            let mut body = group(named(&catalog).find(|group| group.name == *name)?);
            body["kind"] = json!("APIGroup");
            body["apiVersion"] = json!("v1");
            body
        }
        ["api", version] => resources(&catalog, "", version)?,
        ["apis", name, version] => resources(&catalog, name, version)?,
        _ => return None,
    };
    Some(respond::value(StatusCode::OK, Encoding::Json, &body))
}

/// Groups other than the core group.
fn named(catalog: &Catalog) -> impl Iterator<Item = &Group> {
    catalog.groups().iter().filter(|group| !group.name.is_empty())
}

fn paths(catalog: &Catalog) -> Value {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for group in named(catalog) {
        paths.push(format!("/apis/{}", group.name));
        paths
            .extend(group.versions.iter().map(|version| format!("/apis/{}/{version}", group.name)));
    }
    for path in ["/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"] {
        paths.push(path.to_owned());
    }
    json!({ "paths": paths })
}

fn group(group: &Group) -> Value {
    let versions: Vec<_> = group
        .versions
        .iter()
        .map(|version| {
            json!({ "groupVersion": group_version(&group.name, version), "version": version })
        })
        .collect();
    json!({ "name": group.name, "preferredVersion": versions.first(), "versions": versions })
}

fn resources(catalog: &Catalog, group: &str, version: &str) -> Option<Value> {
    catalog.group(group)?.versions.iter().find(|known| *known == version)?;
    let mut entries = Vec::new();
    for resource in catalog.in_version(group, version) {
        let mut entry = json!({
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": resource.verbs,
        });
        words(&mut entry, "shortNames", &resource.short_names);
        words(&mut entry, "categories", &resource.categories);
        entries.push(entry);
        for (name, sub) in &resource.subresources {
            let mut entry = json!({
                "name": format!("{}/{name}", resource.plural),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": sub.kind,
                "verbs": sub.verbs,
            });
            if !sub.version.is_empty() {
                entry["group"] = json!(sub.group);
                entry["version"] = json!(sub.version);
            }
            entries.push(entry);
        }
    }
    Some(json!({ "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": group_version(group, version), "resources": entries }))
}

fn words(entry: &mut Value, name: &str, words: &[String]) {
    if !words.is_empty() {
        entry[name] = json!(words);
    }
}

fn aggregated(catalog: &Catalog, version: &'static str, core: bool) -> Response {
    let items: Vec<_> = catalog
        .groups()
        .iter()
        .filter(|group| group.name.is_empty() == core)
        .map(|group| aggregated_group(catalog, group))
        .collect();
    let body = json!({ "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"), "metadata": {}, "items": items });
    let media = match version {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    respond::bytes(StatusCode::OK, media, serde_json::to_vec(&body).unwrap_or_default())
}

fn aggregated_group(catalog: &Catalog, group: &Group) -> Value {
    let versions: Vec<_> = group
        .versions
        .iter()
        .map(|version| {
            let resources: Vec<_> =
                catalog.in_version(&group.name, version).map(|r| aggregated_resource(r)).collect();
            json!({ "version": version, "resources": resources, "freshness": "Current" })
        })
        .collect();
    let mut metadata = Map::new();
    if !group.name.is_empty() {
        metadata.insert("name".to_owned(), json!(group.name));
    }
    metadata.insert("creationTimestamp".to_owned(), Value::Null);
    json!({ "metadata": metadata, "versions": versions })
}

fn aggregated_resource(resource: &Resource) -> Value {
    // Built-in resources leave out the group and version of their own kind.
    let own = if resource.is_builtin() { ("", "") } else { (&*resource.group, &*resource.version) };
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": { "group": own.0, "version": own.1, "kind": resource.kind },
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    words(&mut entry, "shortNames", &resource.short_names);
    words(&mut entry, "categories", &resource.categories);
    let subresources: Vec<_> = resource
        .subresources
        .iter()
        .map(|(name, sub)| aggregated_subresource(name, sub, own))
        .collect();
    if !subresources.is_empty() {
        entry["subresources"] = json!(subresources);
    }
    entry
}

fn aggregated_subresource(name: &str, sub: &Subresource, own: (&str, &str)) -> Value {
    let (group, version) = if sub.version.is_empty() { own } else { (&*sub.group, &*sub.version) };
    json!({
        "subresource": name,
        "responseKind": { "group": group, "version": version, "kind": sub.kind },
        "verbs": sub.verbs,
    })
}
