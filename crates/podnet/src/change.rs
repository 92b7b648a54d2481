//! Changing the networks of a pod at the API server, and waiting until the change is real.
//!
//! ```text
//!  get pod ─▶ edit ─▶ JSON patch that tests what was read ─▶ watch until the agent has answered
//!     ▲                        │ someone else was faster
//!     └────────────────────────┘
//! ```
//!
//! The patch replaces an annotation only if it still is what the edit began with, so an edit that
//! someone else makes at the same time is never lost.

mod view;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Client};
use kubewright_attachment::annotation::Dialect;
use kubewright_attachment::name::InterfaceName;
use kubewright_attachment::problem::Reason;
use kubewright_attachment::status::{self, Failure, NETWORK_ERRORS, NETWORK_STATUS};
use serde_json::{Value, json};

use crate::api::{Network, NetworkAttachmentDefinition};
use crate::edit::{self, EditError, NetworkName, Which, Wish};
use crate::pod::PodKey;

pub use kubewright_attachment::status::Entry;
pub use view::{Attachment, State, attachments};

/// How often others may be faster before it is said; each time they have changed the same pod in
/// the milliseconds between our reading and our writing.
const ATTEMPTS: usize = 20;

/// What is to change.
#[derive(Clone, Debug)]
pub enum Change {
    /// One attachment more.
    Attach {
        /// The network.
        network: NetworkName,
        /// What else is wanted of it.
        wish: Wish,
    },
    /// One attachment less.
    Detach {
        /// The network.
        network: NetworkName,
        /// Which of its interfaces, where there are several.
        interface: Option<String>,
    },
}

impl Change {
    fn network(&self) -> &NetworkName {
        match self {
            Self::Attach { network, .. } | Self::Detach { network, .. } => network,
        }
    }

    fn interface(&self) -> Option<&str> {
        match self {
            Self::Attach { wish, .. } => wish.interface.as_deref(),
            Self::Detach { interface, .. } => interface.as_deref(),
        }
    }
}

/// Why a pod's networks were not changed, or it is not known what became of it.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The API server refused or did not answer.
    #[error("cannot {verb} pod {pod}")]
    Api {
        /// What was asked.
        verb: &'static str,
        /// Of which pod.
        pod: PodKey,
        /// What it said.
        #[source]
        source: Box<kube::Error>,
    },
    /// No such pod.
    #[error("there is no pod {0}")]
    NoPod(PodKey),
    /// Of no kind.
    #[error(
        "there is no definition of network {network}: create a NetworkAttachmentDefinition {network} in namespace {namespace}, or a Network of networks.kaloom.com"
    )]
    NotDefined {
        /// The network.
        network: NetworkName,
        /// Where it was looked for.
        namespace: String,
    },
    /// The annotation.
    #[error("cannot change the networks of pod {pod}")]
    Edit {
        /// Of which pod.
        pod: PodKey,
        /// Why not.
        #[source]
        source: EditError,
    },
    /// Others changed it all the time.
    #[error("pod {0} is changed by others faster than its networks can be; nothing was changed")]
    Busy(PodKey),
    /// The agent says so.
    #[error("{network} is not {verb} in pod {pod}: {message} ({reason})")]
    Failed {
        /// `attached` or `detached`.
        verb: &'static str,
        /// The network.
        network: NetworkName,
        /// Of which pod.
        pod: PodKey,
        /// A word.
        reason: Reason,
        /// A sentence.
        message: String,
    },
    /// Nobody says anything.
    #[error(
        "the annotation of pod {pod} is changed, but nothing has come of it within {timeout:?}"
    )]
    Silent {
        /// Of which pod.
        pod: PodKey,
        /// How long was waited.
        timeout: Duration,
    },
    /// It ended meanwhile.
    #[error("pod {0} was deleted meanwhile")]
    Deleted(PodKey),
}

/// What was changed.
#[derive(Clone, Debug)]
pub struct Changed {
    /// Of which pod.
    pub pod: PodKey,
    /// Name of the annotation.
    pub annotation: &'static str,
    /// As it was.
    pub before: Option<String>,
    /// As it is.
    pub after: Option<String>,
    dialect: Dialect,
    uid: String,
    failures: Vec<Failure>,
}

/// Makes the change; with `dry_run` the API server only says whether it would.
///
/// # Errors
/// See [`ChangeError`]; nothing is changed then.
pub async fn apply(
    client: &Client,
    pod: &PodKey,
    change: &Change,
    dry_run: bool,
) -> Result<Changed, ChangeError> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace);
    let params = PatchParams { dry_run, ..PatchParams::default() };
    for _ in 0..ATTEMPTS {
        let found = api.get_metadata_opt(&pod.name).await.map_err(|e| failed("read", pod, e))?;
        let metadata = found.ok_or_else(|| ChangeError::NoPod(pod.clone()))?.metadata;
        let empty = BTreeMap::new();
        let annotations = metadata.annotations.as_ref().unwrap_or(&empty);
        let dialect = match written_in(annotations, &pod.namespace, change) {
            Some(dialect) => dialect,
            None => choose(client, pod, change).await?,
        };
        let annotation = dialect.annotation();
        let before = annotations.get(annotation).cloned();
        let after = edited(dialect, annotations, &pod.namespace, change)
            .map_err(|source| ChangeError::Edit { pod: pod.clone(), source })?;
        let patch = patch(&metadata, annotation, after.as_deref());
        let patch: json_patch::Patch = serde_json::from_value(patch)
            .map_err(|error| failed("patch", pod, kube::Error::SerdeError(error)))?;
        match api.patch_metadata(&pod.name, &params, &Patch::<()>::Json(patch)).await {
            Ok(_) => {
                let failures = view::failures(annotations.get(NETWORK_ERRORS).map(String::as_str));
                let uid = metadata.uid.unwrap_or_default();
                let pod = pod.clone();
                return Ok(Changed { pod, annotation, before, after, dialect, uid, failures });
            }
            // A test of the patch failed, or the object changed while it was applied.
            Err(kube::Error::Api(status)) if matches!(status.code, 409 | 422) => {
                tracing::debug!(%status, %pod, "someone else was faster");
            }
            Err(error) => return Err(failed("change the networks of", pod, error)),
        }
    }
    Err(ChangeError::Busy(pod.clone()))
}

fn failed(verb: &'static str, pod: &PodKey, error: kube::Error) -> ChangeError {
    ChangeError::Api { verb, pod: pod.clone(), source: Box::new(error) }
}

fn edited(
    dialect: Dialect,
    annotations: &BTreeMap<String, String>,
    namespace: &str,
    change: &Change,
) -> Result<Option<String>, EditError> {
    let before = annotations.get(dialect.annotation()).map(String::as_str);
    match change {
        Change::Attach { network, wish } => {
            edit::attach(dialect, before, namespace, network, wish).map(Some)
        }
        Change::Detach { network, interface } => {
            let interface = interface.as_deref();
            let may_be_unnamed = interface
                .is_some_and(|name| is_chosen_for(name, dialect, namespace, network, annotations));
            let which = Which { interface, may_be_unnamed };
            edit::detach(dialect, before, namespace, network, which)
        }
    }
}

/// Whether an interface may be that of an entry which leaves its name open: it is the one that
/// follows from the network, or the pod is said to have it.
fn is_chosen_for(
    interface: &str,
    dialect: Dialect,
    namespace: &str,
    network: &NetworkName,
    annotations: &BTreeMap<String, String>,
) -> bool {
    if InterfaceName::hashed(&network.name, 0).as_str() == interface {
        return true;
    }
    let names = view::names(dialect, namespace, network);
    let there = annotations.get(NETWORK_STATUS).map(|text| status::parse(text)).unwrap_or_default();
    there.iter().any(|entry| entry.interface == interface && names.contains(&entry.name))
}

/// The form to change: to detach, that in which the pod asks for the network; else the first.
fn written_in(
    annotations: &BTreeMap<String, String>,
    namespace: &str,
    change: &Change,
) -> Option<Dialect> {
    let mut forms = edit::dialects_of(annotations);
    let first = forms.clone().next();
    let names = |dialect: &Dialect| {
        let text = annotations.get(dialect.annotation()).map(String::as_str);
        edit::count(*dialect, text, namespace, change.network()).is_ok_and(|count| count > 0)
    };
    match change {
        Change::Attach { .. } => first,
        Change::Detach { .. } => forms.find(names).or(first),
    }
}

/// The form for a pod that uses none: that of the network's definition.
async fn choose(client: &Client, pod: &PodKey, change: &Change) -> Result<Dialect, ChangeError> {
    let network = change.network();
    if let Change::Detach { .. } = change {
        let (network, annotation) = (network.clone(), Dialect::Standard.annotation());
        let source = EditError::Absent { network, annotation };
        return Err(ChangeError::Edit { pod: pod.clone(), source });
    }
    let namespace = network.namespace.as_deref().unwrap_or(&pod.namespace);
    let standard = Api::<NetworkAttachmentDefinition>::namespaced(client.clone(), namespace);
    let unknown = |error| failed("look for the network's definition for", pod, error);
    if is_there(&standard, &network.name).await.map_err(unknown)? {
        return Ok(Dialect::Standard);
    }
    let places = match network.namespace.as_deref() {
        Some(namespace) => vec![namespace],
        None => vec![pod.namespace.as_str(), "default"],
    };
    for place in places {
        let kaloom = Api::<Network>::namespaced(client.clone(), place);
        if is_there(&kaloom, &network.name).await.map_err(unknown)? {
            return Ok(Dialect::Kaloom);
        }
    }
    let (network, namespace) = (network.clone(), namespace.to_owned());
    Err(ChangeError::NotDefined { network, namespace })
}

/// Whether there is an object of this name; where its kind is not served, there is none.
async fn is_there<K>(api: &Api<K>, name: &str) -> kube::Result<bool>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    match api.get_metadata(name).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

/// Replaces the annotation if it is what was read.
fn patch(metadata: &ObjectMeta, annotation: &str, after: Option<&str>) -> Value {
    let path =
        format!("/metadata/annotations/{}", annotation.replace('~', "~0").replace('/', "~1"));
    let before = metadata.annotations.as_ref().and_then(|all| all.get(annotation));
    let mut steps = vec![json!({ "op": "test", "path": "/metadata/uid", "value": metadata.uid })];
    let version = json!({ "op": "test", "path": "/metadata/resourceVersion", "value": metadata.resource_version });
    match (before, after) {
        (Some(before), after) => {
            steps.push(json!({ "op": "test", "path": path, "value": before }));
            steps.push(match after {
                Some(after) => json!({ "op": "replace", "path": path, "value": after }),
                None => json!({ "op": "remove", "path": path }),
            });
        }
        (None, after) => {
            // That something is absent cannot be tested, so nothing at all may have changed.
            steps.push(version);
            if metadata.annotations.is_none() {
                steps.push(json!({ "op": "add", "path": "/metadata/annotations", "value": {} }));
            }
            steps.push(json!({ "op": "add", "path": path, "value": after }));
        }
    }
    Value::Array(steps)
}

/// Waits until the agent has made the change real, or says why not; returns the interfaces that
/// the pod has of the network then.
///
/// # Errors
/// See [`ChangeError`]; the annotation stays changed.
pub async fn settled(
    client: &Client,
    changed: &Changed,
    change: &Change,
    timeout: Duration,
) -> Result<Vec<Entry>, ChangeError> {
    let api: Api<PartialObjectMeta<Pod>> = Api::namespaced(client.clone(), &changed.pod.namespace);
    let mut last = None;
    let watch = async {
        let mut seen = watcher::watch_object(api, &changed.pod.name).boxed();
        while let Some(event) = seen.next().await {
            let Ok(event) = event else { continue };
            let Some(metadata) = event.map(|pod| pod.metadata) else {
                return Err(ChangeError::Deleted(changed.pod.clone()));
            };
            if metadata.uid.as_deref() != Some(changed.uid.as_str()) {
                return Err(ChangeError::Deleted(changed.pod.clone()));
            }
            match verdict(&metadata, changed, change) {
                Verdict::Done(entries) => return Ok(entries),
                Verdict::Waiting => {}
                Verdict::Failed(failure) if changed.failures.contains(&failure) => {
                    // It was there before the change, and may be about to go.
                    last = Some(failure);
                }
                Verdict::Failed(failure) => return Err(failure_of(changed, change, failure)),
            }
        }
        Err(ChangeError::Deleted(changed.pod.clone()))
    };
    match tokio::time::timeout(timeout, watch).await {
        Ok(ended) => ended,
        Err(_) => Err(match last {
            Some(failure) => failure_of(changed, change, failure),
            None => ChangeError::Silent { pod: changed.pod.clone(), timeout },
        }),
    }
}

fn failure_of(changed: &Changed, change: &Change, failure: Failure) -> ChangeError {
    ChangeError::Failed {
        verb: match change {
            Change::Attach { .. } => "attached",
            Change::Detach { .. } => "detached",
        },
        network: change.network().clone(),
        pod: changed.pod.clone(),
        reason: failure.problem.reason,
        message: failure.problem.message,
    }
}

enum Verdict {
    Done(Vec<Entry>),
    Waiting,
    Failed(Failure),
}

fn verdict(metadata: &ObjectMeta, changed: &Changed, change: &Change) -> Verdict {
    let text = |name: &str| metadata.annotations.as_ref()?.get(name).map(String::as_str);
    let (network, interface) = (change.network(), change.interface());
    let of = |name: &str, its: &str| {
        view::names(changed.dialect, &changed.pod.namespace, network).iter().any(|n| n == name)
            && interface.is_none_or(|interface| interface == its)
    };
    let mut entries = text(NETWORK_STATUS).map(status::parse).unwrap_or_default();
    entries.retain(|entry| of(&entry.name, &entry.interface));
    let wanted = match interface {
        Some(_) => usize::from(matches!(change, Change::Attach { .. })),
        None => {
            let now = text(changed.annotation);
            edit::count(changed.dialect, now, &changed.pod.namespace, network).unwrap_or_default()
        }
    };
    let failure = view::failures(text(NETWORK_ERRORS)).into_iter().find(|failure| {
        failure.name.as_deref().is_none_or(|name| {
            of(name, failure.interface.as_deref().or(interface).unwrap_or_default())
        })
    });
    match failure {
        Some(failure) => Verdict::Failed(failure),
        None if entries.len() == wanted => Verdict::Done(entries),
        None => Verdict::Waiting,
    }
}

#[cfg(test)]
mod tests;
