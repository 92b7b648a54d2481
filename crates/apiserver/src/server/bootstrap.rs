//! The objects that every cluster begins with.

use std::sync::Arc;

use futures::future::try_join_all;
use serde_json::{Value, json};

use super::Core;
use crate::access::policy::{self, Reconciled, reconcile};
use crate::access::rbac;
use crate::error::{Error, Result};
use crate::meta;
use crate::resource::Resource;
use crate::rest::{Body, DeleteOptions, Target, WriteOptions, change, create, delete};

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// The field manager of what the API server itself writes.
const MANAGER: &str = "kube-apiserver";

pub(super) async fn run(core: &Core) -> Result<()> {
    for name in NAMESPACES {
        let object = json!({ "metadata": { "name": name } });
        ensure(core, ("", "v1", "namespaces"), "", &object).await?;
    }
    // All at once: on disk, they share a few transactions.
    try_join_all(policy::objects().iter().map(|entry| grant(core, entry))).await?;
    Ok(())
}

/// Creates an object unless it is there already (from an earlier run).
pub(super) async fn ensure(
    core: &Core,
    (group, version, plural): (&str, &str, &str),
    namespace: &str,
    object: &Value,
) -> Result<()> {
    let catalog = core.catalog();
    let resource = catalog.find(group, version, plural).ok_or_else(Error::unknown_path)?;
    let target = Target { core, resource, namespace, name: "", subresource: "", identity: None };
    match make(&target, object, &WriteOptions::internal()).await {
        Err(error) if error.reason != "AlreadyExists" => Err(error),
        _ => Ok(()),
    }
}

async fn make(target: &Target<'_>, object: &Value, options: &WriteOptions) -> Result<()> {
    let bytes = serde_json::to_vec(object).map_err(Error::internal)?;
    let body = Body { encoding: crate::http::Encoding::Json, bytes: &bytes };
    create(target, body, options).await.map(drop)
}

/// Creates a default role or binding, or brings it up to date.
async fn grant(core: &Core, entry: &policy::Entry) -> Result<()> {
    let catalog = core.catalog();
    let resource: &Arc<Resource> =
        catalog.find(rbac::GROUP, "v1", entry.plural).ok_or_else(Error::unknown_path)?;
    let options = WriteOptions { manager: MANAGER.to_owned(), ..WriteOptions::internal() };
    let (namespace, name) = (&*entry.namespace, meta::name(&entry.object));
    let target = Target { core, resource, namespace, name, subresource: "", identity: None };
    let Ok(stored) = target.get() else {
        let target = Target { name: "", ..target };
        return make(&target, &entry.object, &options).await;
    };
    match reconcile(&resource.load(&stored), &entry.object) {
        Reconciled::Keep => Ok(()),
        Reconciled::Update(object) => {
            change(&target, &options, true, |_| Ok(object.clone())).await.map(drop)
        }
        Reconciled::Replace => {
            delete(&target, &DeleteOptions::default()).await?;
            let target = Target { name: "", ..target };
            make(&target, &entry.object, &options).await
        }
    }
}
