//! Server-side apply of objects of any kind.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiResource, Scope, pinned_kind};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client};
use serde_json::Value;
use std::time::Duration;

/// Owner of what we set.
pub const FIELD_MANAGER: &str = "kubewright-node";
/// How long an API server may take to serve a definition.
const SERVED: Duration = Duration::from_secs(60);

/// An object cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It does not say what it is.
    #[error("an object has no apiVersion, kind or name")]
    Nameless,
    /// The API server does not know its kind.
    #[error("the API server does not serve {kind} of {api_version}, needed for {name}")]
    Kind {
        /// Its kind.
        kind: String,
        /// Its version.
        api_version: String,
        /// Its name.
        name: String,
        /// What it said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server refuses it.
    #[error("cannot apply {kind} {name}")]
    Refused {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// What it said. Values of Secrets are not among it.
        #[source]
        source: Box<kube::Error>,
    },
    /// A definition is not served in time.
    #[error("the API server does not serve the definition {name} after {} seconds", SERVED.as_secs())]
    Unserved {
        /// Its name.
        name: String,
    },
}

/// Applies objects: definitions first and once they are served the rest, in order.
///
/// # Errors
/// [`ApplyError`] at the first that fails; doing it again changes nothing of the others.
pub async fn apply(client: &Client, objects: &[Value]) -> Result<(), ApplyError> {
    let mut kinds = BTreeMap::new();
    let definition = |object: &&Value| object["kind"] == "CustomResourceDefinition";
    for object in objects.iter().filter(definition) {
        one(client, object, &mut kinds).await?;
    }
    for object in objects.iter().filter(definition) {
        served(client, object).await?;
    }
    for object in objects.iter().filter(|object| !definition(object)) {
        one(client, object, &mut kinds).await?;
    }
    Ok(())
}

type Kinds = BTreeMap<(String, String), (ApiResource, bool)>;

async fn one(client: &Client, object: &Value, kinds: &mut Kinds) -> Result<(), ApplyError> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let (Some(api_version), Some(kind), Some(name)) =
        (text(&object["apiVersion"]), text(&object["kind"]), text(&object["metadata"]["name"]))
    else {
        return Err(ApplyError::Nameless);
    };
    let key = (api_version.clone(), kind.clone());
    let (resource, namespaced) = match kinds.get(&key) {
        Some(known) => known.clone(),
        None => {
            let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
            let wanted = GroupVersionKind::gvk(group, version, &kind);
            let found = pinned_kind(client, &wanted).await;
            let (resource, capabilities) = found.map_err(|source| ApplyError::Kind {
                kind: kind.clone(),
                api_version: api_version.clone(),
                name: name.clone(),
                source: Box::new(source),
            })?;
            let known = (resource, capabilities.scope == Scope::Namespaced);
            kinds.insert(key, known.clone());
            known
        }
    };
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    let api: Api<DynamicObject> = match namespaced {
        true => Api::namespaced_with(client.clone(), namespace, &resource),
        false => Api::all_with(client.clone(), &resource),
    };
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let applied = api.patch(&name, &parameters, &Patch::Apply(object)).await;
    applied.map(drop).map_err(|source| ApplyError::Refused { kind, name, source: Box::new(source) })
}

async fn served(client: &Client, object: &Value) -> Result<(), ApplyError> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let established = await_condition(definitions, &name, conditions::is_crd_established());
    match tokio::time::timeout(SERVED, established).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(ApplyError::Unserved { name }),
    }
}
