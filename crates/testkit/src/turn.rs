//! Turns on a real cluster, for tests of what has no namespace.
//!
//! A controller of Nodes looks at all of them, so no prefix of a name keeps two of its tests
//! apart. On a real cluster such tests take turns, across processes, by a lock on a file named
//! after the API server. What they make without a namespace they [`mark`]; what is marked is
//! deleted before a turn, as a killed test may have left it, and after it, CustomResourceDefinitions
//! with their objects. What is not marked is never deleted: a cluster that has Nodes of its own, or
//! CustomResourceDefinitions in the groups of the test, is not touched, and the test skipped.
//! Namespaces are marked too, but those of a killed test stay, as nobody knows whose they are:
//! `kubectl delete namespace -l testkit.kubewright.io/made-by-test` when no test runs.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Resource,
    ResourceExt,
};
use kube::runtime::wait::{self, await_condition, conditions};
use kube::{Client, Config};
use serde::de::DeserializeOwned;

use crate::require::Skip;

/// Label of what a test has made and may be deleted after it.
pub const MADE_BY_TEST: &str = "testkit.kubewright.io/made-by-test";

/// How long a real cluster may take to delete what one test has made.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a test does not get its turn, or cannot end it.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// The lock cannot be taken.
    #[error("cannot lock {}", file.display())]
    Lock {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: io::Error,
    },
    /// The API server refuses.
    #[error("the API server refuses")]
    Api(#[from] kube::Error),
    /// Something that is being deleted cannot be watched.
    #[error("cannot watch what is being deleted")]
    Watch(#[from] wait::Error),
    /// Something that is being deleted does not go.
    #[error("what tests made is still there after {} seconds", PATIENCE.as_secs())]
    Stuck,
}

/// Says of a Node, CustomResourceDefinition or CertificateSigningRequest that it is a test's, for
/// [`TestCluster::alone`] to delete.
///
/// [`TestCluster::alone`]: crate::TestCluster::alone
#[must_use]
pub fn mark<K: Resource>(mut object: K) -> K {
    object.labels_mut().insert(MADE_BY_TEST.to_owned(), String::new());
    object
}

/// One for each API server.
pub(crate) fn lock_file(config: &Config) -> PathBuf {
    let server = config.cluster_url.authority().map_or("", |authority| authority.as_str());
    let name = server.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    std::env::temp_dir().join(format!("kubewright-test-{name}.lock"))
}

/// Waits for the turn. It ends when the file is dropped, also with the process.
pub(crate) async fn wait_for(config: &Config) -> Result<File, TurnError> {
    let path = lock_file(config);
    let lock = {
        let path = path.clone();
        move || {
            let file = File::options().create(true).append(true).open(path)?;
            file.lock()?;
            Ok(file)
        }
    };
    let locked = tokio::task::spawn_blocking(lock).await;
    locked
        .unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
        .map_err(|source| TurnError::Lock { file: path, source })
}

/// Whether nothing is there that a test of Nodes and of these API groups would disturb.
pub(crate) async fn vacant(
    client: &Client,
    groups: &[&str],
) -> Result<Result<(), Skip>, kube::Error> {
    let taken = |what: String| {
        Ok(Err(Skip::because(format!(
            "the cluster has {what} of its own, which the test would disturb: use an empty control plane, as `kubewright local start` makes"
        ))))
    };
    let nodes = Api::<Node>::all(client.clone()).list_metadata(&ListParams::default()).await?;
    if let Some(node) = nodes.items.first() {
        return taken(format!("nodes ({})", node.name_any()));
    }
    let crds = Api::<CustomResourceDefinition>::all(client.clone());
    let crds = crds.list(&ListParams::default()).await?;
    match crds.items.iter().find(|crd| groups.contains(&crd.spec.group.as_str())) {
        Some(crd) => taken(format!("the CustomResourceDefinition {}", crd.name_any())),
        None => Ok(Ok(())),
    }
}

/// Deletes what tests have marked, and waits until it is gone.
pub(crate) async fn sweep(client: &Client) -> Result<(), TurnError> {
    tokio::time::timeout(PATIENCE, sweep_all(client)).await.unwrap_or(Err(TurnError::Stuck))
}

async fn sweep_all(client: &Client) -> Result<(), TurnError> {
    // Kinds and names, as events regard them.
    let mut gone = BTreeSet::new();
    for crd in marked::<CustomResourceDefinition>(client).await? {
        release(client, &crd, &mut gone).await?;
    }
    delete::<CustomResourceDefinition>(client, &mut gone).await?;
    delete::<Node>(client, &mut gone).await?;
    delete::<CertificateSigningRequest>(client, &mut gone).await?;
    if gone.is_empty() {
        return Ok(());
    }
    // Events about what has no namespace are in this one, and would outlive it.
    let events = Api::<Event>::namespaced(client.clone(), "default");
    for event in events.list(&ListParams::default()).await? {
        let about = event.regarding.clone().unwrap_or_default();
        if gone.contains(&(about.kind.unwrap_or_default(), about.name.unwrap_or_default())) {
            absent(events.delete(&event.name_any(), &DeleteParams::default()).await)?;
        }
    }
    Ok(())
}

async fn marked<K>(client: &Client) -> Result<Vec<K>, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let selected = ListParams::default().labels(MADE_BY_TEST);
    Ok(Api::<K>::all(client.clone()).list(&selected).await?.items)
}

async fn delete<K>(client: &Client, gone: &mut BTreeSet<(String, String)>) -> Result<(), TurnError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let api = Api::<K>::all(client.clone());
    let mut going = Vec::new();
    for object in marked::<K>(client).await? {
        let name = object.name_any();
        let deleted = absent(api.delete(&name, &DeleteParams::background()).await)?;
        if deleted.is_some_and(|answer| answer.is_left()) {
            going.push((name.clone(), object.uid().unwrap_or_default()));
        }
        gone.insert((K::kind(&()).into_owned(), name));
    }
    for (name, uid) in going {
        await_condition(api.clone(), &name, conditions::is_deleted(&uid)).await?;
    }
    Ok(())
}

/// Takes the finalizers off the objects of a definition, which goes only once they are gone.
async fn release(
    client: &Client,
    crd: &CustomResourceDefinition,
    gone: &mut BTreeSet<(String, String)>,
) -> Result<(), kube::Error> {
    let (group, names) = (&crd.spec.group, &crd.spec.names);
    let Some(version) = crd.spec.versions.iter().find(|version| version.served) else {
        return Ok(());
    };
    let resource = ApiResource {
        group: group.clone(),
        version: version.name.clone(),
        api_version: format!("{group}/{}", version.name),
        kind: names.kind.clone(),
        plural: names.plural.clone(),
    };
    let all = Api::<DynamicObject>::all_with(client.clone(), &resource);
    // Absent while the definition is not yet, or no longer, served.
    let Some(objects) = absent(all.list(&ListParams::default()).await)? else { return Ok(()) };
    for object in objects {
        if !object.finalizers().is_empty() {
            let api = match object.namespace() {
                None => all.clone(),
                Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
            };
            let free = serde_json::json!({"metadata": {"finalizers": null}});
            let (patch, parameters) = (Patch::Merge(free), PatchParams::default());
            absent(api.patch(&object.name_any(), &parameters, &patch).await)?;
        }
        gone.insert((names.kind.clone(), object.name_any()));
    }
    Ok(())
}

/// Nothing when the object is not there.
fn absent<T>(answer: Result<T, kube::Error>) -> Result<Option<T>, kube::Error> {
    match answer {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        answer => answer.map(Some),
    }
}
