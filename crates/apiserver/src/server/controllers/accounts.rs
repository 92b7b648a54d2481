//! Every namespace has a service account called `default`: pods that name none use it.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::Outcome;
use crate::server::{Core, bootstrap};
use crate::store::{ObjectKey, ResourceKey};

pub(super) fn resource() -> ResourceKey {
    ResourceKey::new("", "serviceaccounts")
}

pub(super) fn sync(core: &Core) -> BoxFuture<'_, Outcome> {
    look(core).boxed()
}

async fn look(core: &Core) -> Outcome {
    for namespace in core.store.list(&super::namespaces::resource(), None).objects {
        let name = &*namespace.key.name;
        let account = ObjectKey::new(name, "default");
        if namespace.terminating || core.store.latest(&resource(), &account).is_some() {
            continue;
        }
        let object = json!({ "metadata": { "name": "default" } });
        let kind = ("", "v1", "serviceaccounts");
        // A namespace that goes away meanwhile needs none.
        if let Err(error) = bootstrap::ensure(core, kind, name, &object).await {
            tracing::debug!(namespace = name, %error, "cannot make the default service account");
        }
    }
    Outcome::Settled
}
