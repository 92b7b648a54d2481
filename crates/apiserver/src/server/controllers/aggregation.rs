//! Cluster roles that consist of others: the rules of all that their selectors find.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::Outcome;
use crate::access::Identity;
use crate::access::rbac::GROUP;
use crate::builtin::workloads::selector::Selector;
use crate::meta;
use crate::resource::Resource;
use crate::rest::{PatchKind, Target, WriteOptions, patch};
use crate::server::Core;
use crate::store::{ResourceKey, Stored};

const MANAGER: &str = "clusterrole-aggregation-controller";

pub(super) fn resource() -> ResourceKey {
    ResourceKey::new(GROUP, "clusterroles")
}

pub(super) fn sync(core: &Core) -> BoxFuture<'_, Outcome> {
    look(core).boxed()
}

/// Goes on until nothing changes: what one role collects may be collected by the next.
async fn look(core: &Core) -> Outcome {
    let catalog = core.catalog();
    let Some(kind) = catalog.find(GROUP, "v1", "clusterroles") else {
        return Outcome::Settled;
    };
    let mut outcome = Outcome::Settled;
    let roles = core.store.list(&resource(), None).objects;
    for stored in &roles {
        let role = stored.value();
        if role["aggregationRule"].is_null() || meta::is_terminating(&role) {
            continue;
        }
        let wanted = collected(&role, &roles);
        let rules = role["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
        if rules != wanted && write(core, kind, &role, wanted).await {
            // Somebody else may collect this one; the next look sees.
            outcome = Outcome::Again;
        }
    }
    outcome
}

/// The rules of the roles that are selected, by name, each rule once.
fn collected(role: &Value, roles: &[Arc<Stored>]) -> Vec<Value> {
    let selectors = role["aggregationRule"]["clusterRoleSelectors"].as_array();
    let mut rules: Vec<Value> = Vec::new();
    for selector in selectors.into_iter().flatten() {
        let Some(selector) = Selector::of(selector) else {
            continue;
        };
        for other in roles.iter().filter(|other| *other.key.name != *meta::name(role)) {
            let other = other.value();
            if !selector.matches(&other["metadata"]["labels"]) {
                continue;
            }
            for rule in other["rules"].as_array().into_iter().flatten() {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
    }
    rules
}

async fn write(core: &Core, kind: &Arc<Resource>, role: &Value, rules: Vec<Value>) -> bool {
    let name = meta::name(role);
    let identity = Identity::controller(MANAGER);
    let target = Target {
        core,
        resource: kind,
        namespace: "",
        name,
        subresource: "",
        identity: Some(&identity),
    };
    let applied = json!({ "kind": kind.kind, "apiVersion": kind.api_version(),
        "metadata": { "name": name }, "rules": rules });
    let options =
        WriteOptions { manager: MANAGER.to_owned(), force: true, ..WriteOptions::internal() };
    let body = applied.to_string();
    match patch(&target, PatchKind::Apply, body.as_bytes(), &options).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%name, %error, "cannot collect the rules of a cluster role");
            false
        }
    }
}
