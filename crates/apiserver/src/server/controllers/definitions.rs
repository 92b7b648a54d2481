//! Custom resource definitions: accept names, serve what is established, clean up what
//! is deleted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use super::Outcome;
use crate::crd::{self, Definition};
use crate::meta;
use crate::resource::Resource;
use crate::rest::ListOptions;
use crate::rest::{DeleteOptions, Target, delete_collection, internal_update};
use crate::server::Core;
use crate::store::ResourceKey;

pub(super) fn resource() -> ResourceKey {
    ResourceKey::new("apiextensions.k8s.io", "customresourcedefinitions")
}

pub(super) fn sync(core: &Core) -> BoxFuture<'_, Outcome> {
    look(core).boxed()
}

async fn look(core: &Core) -> Outcome {
    let catalog = core.catalog();
    let kind = catalog.find("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let Some(kind) = kind else {
        return Outcome::Settled;
    };
    // Older definitions first: they were first to claim their names.
    let stored = core.store.list(&resource(), None).objects;
    let mut all: Vec<Value> = stored.iter().map(|object| kind.load(object)).collect();
    all.sort_by_cached_key(|object| {
        let version: u64 = meta::resource_version(object).parse().unwrap_or_default();
        (meta::creation_timestamp(object).to_owned(), version)
    });
    let mut changed = Vec::new();
    for at in 0..all.len() {
        if meta::is_terminating(&all[at]) {
            continue;
        }
        let status = crd::establish(&all[at], &all, &core.now());
        if status != all[at]["status"] {
            all[at]["status"] = status;
            changed.push(at);
        }
    }
    // Served first and said then: who sees `Established` can use the resource.
    core.serve_definitions(&core.definitions.compile(&all));
    for definition in changed.into_iter().map(|at| &all[at]) {
        let name = meta::name(definition);
        let target = target(core, kind, name, "status");
        let status = &definition["status"];
        let written = internal_update(&target, |object| object["status"] = status.clone()).await;
        if let Err(error) = written {
            tracing::warn!(%name, %error, "cannot update a definition's status");
        }
    }
    let mut outcome = Outcome::Settled;
    for definition in all.iter().filter(|definition| meta::is_terminating(definition)) {
        if meta::finalizers(definition).contains(&crd::CLEANUP)
            && !clean_up(core, kind, definition).await
        {
            outcome = Outcome::Unfinished;
        }
    }
    outcome
}

/// Definitions as they were compiled last: a schema takes far longer to compile than to
/// compare, and most changes are to one of many definitions.
#[derive(Default)]
pub(in crate::server) struct Compiled(Mutex<HashMap<String, Known>>);

struct Known {
    spec: Value,
    names: Value,
    compiled: Arc<Definition>,
}

impl Compiled {
    /// The definitions that are to be served.
    fn compile(&self, all: &[Value]) -> Vec<Arc<Definition>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        let mut definitions = Vec::new();
        for definition in all.iter().filter(|definition| crd::is_established(definition)) {
            let (spec, names) = (&definition["spec"], &definition["status"]["acceptedNames"]);
            let name = meta::name(definition);
            let same = before.remove(name).filter(|it| it.spec == *spec && it.names == *names);
            let entry = match same {
                Some(same) => same,
                None => match Definition::compile(definition) {
                    Ok(compiled) => {
                        let compiled = Arc::new(compiled);
                        Known { spec: spec.clone(), names: names.clone(), compiled }
                    }
                    Err(error) => {
                        tracing::warn!(%name, %error, "cannot serve a definition");
                        continue;
                    }
                },
            };
            definitions.push(entry.compiled.clone());
            known.insert(name.to_owned(), entry);
        }
        definitions
    }
}

fn target<'a>(
    core: &'a Core,
    resource: &'a Arc<Resource>,
    name: &'a str,
    subresource: &'a str,
) -> Target<'a> {
    Target { core, resource, namespace: "", name, subresource, identity: None }
}

/// Deletes the objects of a definition that goes away, then lets it go. False while
/// some of them are still there.
async fn clean_up(core: &Core, kind: &Arc<Resource>, definition: &Value) -> bool {
    let name = meta::name(definition);
    let catalog = core.catalog();
    let group = definition["spec"]["group"].as_str().unwrap_or_default();
    let plural = definition["spec"]["names"]["plural"].as_str().unwrap_or_default();
    let custom = catalog.stored().into_iter().find(|r| r.group == group && r.plural == plural);
    if let Some(custom) = custom {
        let objects = Target {
            core,
            resource: custom,
            namespace: "",
            name: "",
            subresource: "",
            identity: None,
        };
        let all = ListOptions::default();
        let namespaces: Vec<String> = namespaces_of(core, &custom.key);
        for namespace in &namespaces {
            let objects = Target { namespace, ..objects };
            if let Err(error) = delete_collection(&objects, &all, &DeleteOptions::default()).await {
                tracing::warn!(%name, %error, "cannot delete the objects of a definition");
                return false;
            }
        }
        if core.store.count(&custom.key) > 0 {
            return false;
        }
    }
    let target = target(core, kind, name, "");
    let done = internal_update(&target, |object| {
        if let Some(list) = object["metadata"]["finalizers"].as_array_mut() {
            list.retain(|finalizer| finalizer != crd::CLEANUP);
        }
    })
    .await;
    done.is_ok() || core.store.latest(&resource(), &target.key()).is_none()
}

fn namespaces_of(core: &Core, resource: &ResourceKey) -> Vec<String> {
    let objects = core.store.list(resource, None).objects;
    let mut namespaces: Vec<_> = objects.iter().map(|o| o.key.namespace.to_string()).collect();
    namespaces.dedup();
    namespaces
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn definition(name: &str, description: &str) -> Value {
        json!({
            "metadata": { "name": format!("{name}s.example.com") },
            "spec": { "group": "example.com", "scope": "Cluster",
                "names": { "plural": format!("{name}s"), "singular": name, "kind": name },
                "versions": [{ "name": "v1", "served": true, "storage": true, "schema": {
                    "openAPIV3Schema": { "type": "object", "description": description } } }] },
            "status": { "acceptedNames": { "plural": format!("{name}s"), "kind": name },
                "conditions": [{ "type": "Established", "status": "True" }] },
        })
    }

    #[test]
    fn only_what_changed_is_compiled_again() {
        let compiled = Compiled::default();
        let mut all = vec![definition("a", ""), definition("b", "")];
        let first = compiled.compile(&all);
        all[1] = definition("b", "other");
        all[0]["status"]["storedVersions"] = json!(["v1"]);
        let second = compiled.compile(&all);
        assert!(Arc::ptr_eq(&first[0], &second[0]));
        assert!(!Arc::ptr_eq(&first[1], &second[1]));
        // What is gone is forgotten.
        all.remove(0);
        compiled.compile(&all);
        assert_eq!(compiled.0.lock().unwrap().len(), 1);
    }
}
