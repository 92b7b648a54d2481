//! What a pod is told about its networks: two annotations, and Events on transitions.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod as FullPod;
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Client};
use kubewright_attachment::engine::Change;
use kubewright_attachment::problem::{Problem, Reason};
use kubewright_attachment::status::{
    self, Entry, Failure, NETWORK_ERRORS, NETWORK_STATUS, to_annotation,
};
use kubewright_operator::Event;
use serde_json::{Value, json};

use crate::events::ACTION;
use crate::pod::{Annotations, Pod, PodKey};

/// Failures that are told one by one: all annotations of a pod together hold 256 KiB, and those of
/// others need room, too.
const MOST_FAILURES: usize = 20;

/// Bytes of one message. A plugin's may be a megabyte.
const LONGEST_MESSAGE: usize = 1024;

/// What a pod is to be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Notice {
    /// Its interfaces; none while that is not known, which leaves what stands there.
    pub(crate) status: Option<Vec<Entry>>,
    /// What is not as it asks for.
    pub(crate) failures: Vec<Failure>,
}

/// A write that makes an annotation say what it should.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edit {
    annotation: &'static str,
    before: Option<String>,
    after: Option<String>,
}

/// What is to be written; nothing when the pod is told already.
pub(crate) fn edits(annotations: &Annotations, notice: &Notice) -> Vec<Edit> {
    let mut edits = Vec::new();
    let before = annotations.status.as_deref();
    if let Some(entries) = &notice.status
        && before.map(status::parse).unwrap_or_default() != *entries
    {
        let after = (!entries.is_empty()).then(|| to_annotation(entries));
        edits.push(Edit { annotation: NETWORK_STATUS, before: before.map(str::to_owned), after });
    }
    let before = annotations.errors.as_deref();
    let told: Vec<Failure> =
        before.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let failures = abridged(&notice.failures);
    if told != failures || (before.is_some() && told.is_empty()) {
        let after = (!failures.is_empty()).then(|| to_annotation(&failures));
        edits.push(Edit { annotation: NETWORK_ERRORS, before: before.map(str::to_owned), after });
    }
    edits
}

/// Failures as the annotation has room for them.
fn abridged(failures: &[Failure]) -> Vec<Failure> {
    let mut told: Vec<Failure> = failures.iter().take(MOST_FAILURES).cloned().collect();
    for Failure { problem, .. } in &mut told {
        if problem.message.len() > LONGEST_MESSAGE {
            problem.message.truncate(problem.message.floor_char_boundary(LONGEST_MESSAGE));
            problem.message.push('…');
        }
    }
    if let Some(first) = failures.get(MOST_FAILURES) {
        let message = format!("… and {} more", failures.len() - MOST_FAILURES);
        let problem = Problem::new(first.problem.reason, message);
        told.push(Failure { name: None, interface: None, problem });
    }
    told
}

/// What became of a write.
#[derive(Debug)]
pub(crate) enum Written {
    /// It is done; the pod as it is now.
    Done(Box<Fresh>),
    /// Someone else was faster; the pod as it is now.
    Stale(Box<Fresh>),
    /// The pod is gone.
    Gone,
    /// The API server does not take it, and will not until one of them says something else.
    Refused(String),
    /// It has to be tried again.
    Failed(String),
}

/// What is read of a pod after a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(crate) status: Option<String>,
    pub(crate) errors: Option<String>,
    pub(crate) version: String,
}

impl Fresh {
    fn of(&self, annotation: &str) -> Option<&str> {
        match annotation {
            NETWORK_STATUS => self.status.as_deref(),
            _ => self.errors.as_deref(),
        }
    }
}

impl From<ObjectMeta> for Fresh {
    fn from(metadata: ObjectMeta) -> Self {
        let mut annotations = metadata.annotations.unwrap_or_default();
        Self {
            status: annotations.remove(NETWORK_STATUS),
            errors: annotations.remove(NETWORK_ERRORS),
            version: metadata.resource_version.unwrap_or_default(),
        }
    }
}

/// Writes, unless someone else has written since the pod was seen.
pub(crate) async fn write(client: Client, pod: Pod, edits: Vec<Edit>) -> Written {
    let api: Api<FullPod> = Api::namespaced(client, &pod.key.namespace);
    let patch = match serde_json::from_value(patch(&pod, &edits)) {
        Ok(patch) => Patch::<()>::Json(patch),
        Err(error) => return Written::Failed(error.to_string()),
    };
    match api.patch_metadata(&pod.key.name, &PatchParams::default(), &patch).await {
        Ok(written) => done(written.metadata.into(), &edits),
        Err(kube::Error::Api(status)) if status.code == 404 => Written::Gone,
        // A test of the patch that failed is told in the same way as a pod that would not be valid.
        Err(kube::Error::Api(status)) if matches!(status.code, 409 | 422) => {
            match api.get_metadata_opt(&pod.key.name).await {
                Ok(Some(found)) if found.metadata.uid.as_deref() == Some(&pod.api_uid) => {
                    let fresh = Fresh::from(found.metadata);
                    match is_as_tested(&pod, &edits, &fresh) {
                        true => Written::Refused(status.message),
                        false => Written::Stale(Box::new(fresh)),
                    }
                }
                Ok(_) => Written::Gone,
                Err(error) => Written::Failed(error.to_string()),
            }
        }
        // An admission webhook denies with any of these; 429 asks for patience only, and 401 for a
        // token that may be renewed any moment.
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 402..=428 | 430..=499) => {
            Written::Refused(status.message)
        }
        Err(error) => Written::Failed(error.to_string()),
    }
}

/// A write that was taken; whether it says what was written.
fn done(fresh: Fresh, edits: &[Edit]) -> Written {
    match edits.iter().find(|edit| fresh.of(edit.annotation) != edit.after.as_deref()) {
        None => Written::Done(Box::new(fresh)),
        Some(edit) => Written::Refused(format!(
            "annotation {} does not say what was written; does an admission webhook change it?",
            edit.annotation
        )),
    }
}

/// Whether a patch was refused though nothing that it tests has changed: trying again at once would
/// be refused again.
fn is_as_tested(pod: &Pod, edits: &[Edit], fresh: &Fresh) -> bool {
    let is_as_before = |edit: &Edit| fresh.of(edit.annotation) == edit.before.as_deref();
    edits.iter().all(is_as_before) && (!tests_version(edits) || fresh.version == pod.version)
}

/// That something is absent cannot be tested, so nothing at all may have changed.
fn tests_version(edits: &[Edit]) -> bool {
    edits.iter().any(|edit| edit.before.is_none())
}

fn patch(pod: &Pod, edits: &[Edit]) -> Value {
    let mut steps = vec![json!({ "op": "test", "path": "/metadata/uid", "value": pod.api_uid })];
    if tests_version(edits) {
        let version = &pod.version;
        steps.push(json!({ "op": "test", "path": "/metadata/resourceVersion", "value": version }));
    }
    if !pod.annotated {
        steps.push(json!({ "op": "add", "path": "/metadata/annotations", "value": {} }));
    }
    for Edit { annotation, before, after } in edits {
        let path = format!("/metadata/annotations/{}", annotation.replace('/', "~1"));
        if let Some(before) = before {
            steps.push(json!({ "op": "test", "path": path, "value": before }));
        }
        match (before, after) {
            (_, Some(after)) => {
                steps.push(json!({ "op": "add", "path": path, "value": after }));
            }
            (Some(_), None) => steps.push(json!({ "op": "remove", "path": path })),
            (None, None) => {}
        }
    }
    Value::Array(steps)
}

/// What there is to tell of what was done. Reasons and words are those that Multus' users know.
pub(crate) fn of_change(change: &Change) -> Event {
    let aspect = |network: &str, interface: &str| format!("{network}@{interface}");
    match change {
        Change::Attached { network, interface, addresses } => {
            let addresses: Vec<String> = addresses.iter().map(cidr).collect();
            let note = format!("Add {interface} [{}] from {network}", addresses.join(" "));
            Event::normal(ACTION, "AddedInterface", note)
                .aspect(aspect(network, interface.as_str()))
        }
        Change::Adopted { network, interface } => {
            let note = format!("Adopt {interface} from {network}, attached before");
            let event = Event::normal(ACTION, "AdoptedInterface", note);
            event.aspect(aspect(network, interface.as_str()))
        }
        Change::Detached { network, interface, why } => {
            let note = format!("Remove {interface} from {network} ({why:?})");
            let event = Event::normal(ACTION, "RemovedInterface", note);
            event.aspect(aspect(network, interface.as_str()))
        }
    }
}

fn cidr((address, prefix): &(IpAddr, u8)) -> String {
    format!("{address}/{prefix}")
}

/// What there is to tell of what failed.
pub(crate) fn of_failure(failure: &Failure) -> Event {
    let reason = reason_of(failure.problem.reason);
    let event = Event::warning(ACTION, &reason, failure.problem.message.clone());
    event.aspect(aspect_of_failure(failure))
}

/// The word that events have for it.
fn reason_of(reason: Reason) -> String {
    match reason {
        Reason::AttachFailed => "FailedAddingInterface".to_owned(),
        Reason::DetachFailed => "FailedRemovingInterface".to_owned(),
        Reason::NetworkNotFound => "NoNetworkFound".to_owned(),
        reason => reason.to_string(),
    }
}

/// The part of the pod that a failure is about.
pub(crate) fn aspect_of_failure(failure: &Failure) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}@{}", word(&failure.name), word(&failure.interface))
}

/// The name of a pod, for logs.
pub(crate) fn log(pod: &PodKey, changes: &[Change], failures: &[Failure]) {
    for change in changes {
        match change {
            Change::Attached { network, interface, .. } => {
                tracing::info!(%pod, network, %interface, "attached");
            }
            Change::Adopted { network, interface } => {
                tracing::info!(%pod, network, %interface, "adopted");
            }
            Change::Detached { network, interface, why } => {
                tracing::info!(%pod, network, %interface, ?why, "detached");
            }
        }
    }
    for failure in failures {
        let (network, interface) = (&failure.name, &failure.interface);
        let (reason, message) = (failure.problem.reason, &failure.problem.message);
        tracing::warn!(%pod, network, interface, %reason, message, "not as asked for");
    }
}

#[cfg(test)]
mod tests;
