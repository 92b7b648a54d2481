//! Namespaces that are deleted: first everything in them, then themselves.

use std::sync::{Arc, LazyLock};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::Outcome;
use crate::access::Identity;
use crate::meta;
use crate::resource::Resource;
use crate::rest::ListOptions;
use crate::rest::{DeleteOptions, Target, delete_collection, internal_update};
use crate::server::Core;
use crate::store::ResourceKey;

const FINALIZER: &str = "kubernetes";

/// Who deletes, for webhooks.
static IDENTITY: LazyLock<Identity> =
    LazyLock::new(|| Identity::controller("namespace-controller"));

pub(super) fn resource() -> ResourceKey {
    ResourceKey::new("", "namespaces")
}

pub(super) fn sync(core: &Core) -> BoxFuture<'_, Outcome> {
    look(core).boxed()
}

async fn look(core: &Core) -> Outcome {
    let catalog = core.catalog();
    let Some(kind) = catalog.find("", "v1", "namespaces") else {
        return Outcome::Settled;
    };
    let mut outcome = Outcome::Settled;
    for stored in core.store.list(&resource(), None).objects {
        let namespace = kind.load(&stored);
        let finalizers = namespace["spec"]["finalizers"].as_array();
        let ours = finalizers.is_some_and(|list| list.contains(&json!(FINALIZER)));
        if meta::is_terminating(&namespace)
            && ours
            && !finish(core, kind, meta::name(&namespace)).await
        {
            outcome = Outcome::Unfinished;
        }
    }
    outcome
}

/// Empties a namespace and lets it go; false while something is still in it.
async fn finish(core: &Core, kind: &Arc<Resource>, name: &str) -> bool {
    let catalog = core.catalog();
    let mut empty = true;
    for resource in catalog.stored() {
        if !resource.namespaced || core.store.list(&resource.key, Some(name)).objects.is_empty() {
            continue;
        }
        let identity = Some(&*IDENTITY);
        let target =
            Target { core, resource, namespace: name, name: "", subresource: "", identity };
        // Nothing runs here that could use a grace period.
        let options = DeleteOptions { grace_period: Some(0), ..DeleteOptions::default() };
        if let Err(error) = delete_collection(&target, &ListOptions::default(), &options).await {
            tracing::warn!(namespace = name, resource = %resource.plural, %error,
                "cannot delete what a namespace holds");
        }
        empty &= core.store.list(&resource.key, Some(name)).objects.is_empty();
    }
    if !empty {
        return false;
    }
    let target = Target {
        core,
        resource: kind,
        namespace: "",
        name,
        subresource: "finalize",
        identity: None,
    };
    let done = internal_update(&target, |namespace| {
        if let Some(list) = namespace["spec"]["finalizers"].as_array_mut() {
            list.retain(|finalizer| finalizer.as_str() != Some(FINALIZER));
        }
    })
    .await;
    done.is_ok() || core.store.latest(&resource(), &target.key()).is_none()
}
