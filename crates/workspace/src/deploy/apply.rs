//! Objects to the cluster, by server-side apply.

use std::collections::HashMap;
use std::time::Instant;

use kube::api::{Api, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::discovery::{self, Scope};
use kube::{Client, ResourceExt as _};

use super::objects::shown;
use super::{DeployError, ESTABLISH, FIELD_MANAGER, LOOK};

/// An object as the cluster has it.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    pub(super) shown: String,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) generation: i64,
}

/// Applies objects one after the other. Fields that others own are taken over: what was rendered is
/// what is to be tried.
pub(super) async fn apply(
    client: &Client,
    objects: &[DynamicObject],
    dry_run: bool,
) -> Result<Vec<Applied>, DeployError> {
    let mut kinds: HashMap<GroupVersionKind, (ApiResource, Scope)> = HashMap::new();
    let mut applied = Vec::new();
    let mut new_kinds = false;
    for object in objects {
        let gvk = gvk(object);
        let (resource, scope) = match kinds.get(&gvk) {
            Some(known) => known.clone(),
            None => {
                let found = kind(client, object, &gvk, new_kinds && !dry_run).await?;
                kinds.insert(gvk.clone(), found.clone());
                found
            }
        };
        let name = object.name_any();
        let own = object.namespace();
        let namespace = own.unwrap_or_else(|| client.default_namespace().to_owned());
        let api: Api<DynamicObject> = match scope {
            Scope::Namespaced => Api::namespaced_with(client.clone(), &namespace, &resource),
            Scope::Cluster => Api::all_with(client.clone(), &resource),
        };
        let mut parameters = PatchParams::apply(FIELD_MANAGER).force();
        parameters.dry_run = dry_run;
        let failed = |source| DeployError::Api {
            verb: "apply",
            object: shown(object),
            source: Box::new(source),
        };
        let begin = Instant::now();
        let there = loop {
            match api.patch(&name, &parameters, &Patch::Apply(object)).await {
                Ok(there) => break there,
                Err(error) if lacks_account(&error) && begin.elapsed() < ESTABLISH => {
                    tokio::time::sleep(LOOK).await;
                }
                Err(error) => return Err(failed(error)),
            }
        };
        new_kinds |= gvk.kind == "CustomResourceDefinition";
        applied.push(Applied {
            shown: shown(&there),
            kind: gvk.kind,
            namespace,
            name,
            generation: there.metadata.generation.unwrap_or(0),
        });
    }
    Ok(applied)
}

/// Whether a pod was refused because its ServiceAccount is not there. That of a namespace which was
/// made a moment ago may take a moment: a controller makes it. There is no reason of its own for it,
/// only the words of the admission plugin.
fn lacks_account(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status)
        if status.code == 403 && status.message.contains("error looking up service account"))
}

fn gvk(object: &DynamicObject) -> GroupVersionKind {
    let types = object.types.clone().unwrap_or_default();
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    GroupVersionKind::gvk(group, version, &types.kind)
}

/// How a kind is served. One that was defined a moment ago may take a moment.
async fn kind(
    client: &Client,
    object: &DynamicObject,
    gvk: &GroupVersionKind,
    patient: bool,
) -> Result<(ApiResource, Scope), DeployError> {
    let begin = Instant::now();
    loop {
        match discovery::pinned_kind(client, gvk).await {
            Ok((resource, capabilities)) => return Ok((resource, capabilities.scope)),
            Err(_) if patient && begin.elapsed() < ESTABLISH => tokio::time::sleep(LOOK).await,
            Err(kube::Error::Discovery(_)) => {
                return Err(DeployError::Kind {
                    object: shown(object),
                    kind: gvk.kind.clone(),
                    api_version: gvk.api_version(),
                });
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {
                return Err(DeployError::Kind {
                    object: shown(object),
                    kind: gvk.kind.clone(),
                    api_version: gvk.api_version(),
                });
            }
            Err(source) => {
                return Err(DeployError::Api {
                    verb: "find the kind of",
                    object: shown(object),
                    source: Box::new(source),
                });
            }
        }
    }
}
