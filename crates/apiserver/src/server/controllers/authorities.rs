//! Every namespace has a ConfigMap by which its pods can trust the server.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::Outcome;
use crate::access::Identity;
use crate::rest::{Target, WriteOptions, change};
use crate::server::{Core, bootstrap};
use crate::store::{ObjectKey, ResourceKey};

const NAME: &str = "kube-root-ca.crt";
const KEY: &str = "ca.crt";
const MANAGER: &str = "root-ca-cert-publisher";

pub(super) fn resource() -> ResourceKey {
    ResourceKey::new("", "configmaps")
}

pub(super) fn sync(core: &Core) -> BoxFuture<'_, Outcome> {
    look(core).boxed()
}

async fn look(core: &Core) -> Outcome {
    let wanted = json!({ KEY: core.pki.certificate_pem() });
    for namespace in core.store.list(&super::namespaces::resource(), None).objects {
        let name = &*namespace.key.name;
        if namespace.terminating {
            continue;
        }
        let published = core.store.latest(&resource(), &ObjectKey::new(name, NAME));
        let done = match published {
            None => publish(core, name, &wanted).await,
            Some(stored) if stored.value()["data"] != wanted => repair(core, name, &wanted).await,
            Some(_) => Ok(()),
        };
        // A namespace that goes away meanwhile needs none.
        if let Err(error) = done {
            tracing::debug!(namespace = name, %error, "cannot publish the certificate authority");
        }
    }
    Outcome::Settled
}

async fn publish(core: &Core, namespace: &str, data: &Value) -> crate::Result<()> {
    let why = "The certificate authority by which pods can check the API server.";
    let object = json!({
        "metadata": { "name": NAME, "annotations": { "kubernetes.io/description": why } },
        "data": data,
    });
    bootstrap::ensure(core, ("", "v1", "configmaps"), namespace, &object).await
}

async fn repair(core: &Core, namespace: &str, data: &Value) -> crate::Result<()> {
    let catalog = core.catalog();
    let Some(resource) = catalog.find("", "v1", "configmaps") else {
        return Ok(());
    };
    let identity = Identity::controller(MANAGER);
    let target = Target {
        core,
        resource,
        namespace,
        name: NAME,
        subresource: "",
        identity: Some(&identity),
    };
    let options = WriteOptions { manager: MANAGER.to_owned(), ..WriteOptions::internal() };
    let written = change(&target, &options, true, |live| {
        let mut object = live.clone();
        object["data"] = data.clone();
        Ok(object)
    });
    written.await.map(drop)
}
