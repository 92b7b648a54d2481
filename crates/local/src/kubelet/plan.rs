//! What is to be done for a pod, given its sandboxes.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kubewright_cri::filter;
use kubewright_cri::message::{PodSandbox, PodSandboxState};

use super::status;

/// Annotation of what stands for a pod that is not the API server's.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// A step for one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Stop a sandbox and remove it.
    End(String),
    /// Make one.
    Run {
        /// How many there were before.
        attempt: u32,
    },
    /// Say in the status of the pod that this is its sandbox.
    Report(String),
    /// Let the pod go.
    Finish,
}

/// A pod and its sandboxes; either may be absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    pub(super) pod: Option<Arc<Pod>>,
    pub(super) sandboxes: Vec<PodSandbox>,
}

/// By UID of the pod.
pub(super) fn by_pod(
    pods: impl IntoIterator<Item = Arc<Pod>>,
    sandboxes: impl IntoIterator<Item = PodSandbox>,
) -> BTreeMap<String, Observed> {
    let mut all: BTreeMap<String, Observed> = BTreeMap::new();
    for pod in pods {
        if !pod.annotations().contains_key(MIRROR) {
            let uid = pod.uid().unwrap_or_default();
            all.entry(uid).or_default().pod = Some(pod);
        }
    }
    for sandbox in sandboxes {
        let uid = sandbox.metadata.as_ref().map(|of| of.uid.clone()).unwrap_or_default();
        all.entry(uid).or_default().sandboxes.push(sandbox);
    }
    all
}

/// The steps for one pod, in their order. None when all is as it should be.
pub(super) fn plan(observed: &Observed) -> Vec<Step> {
    let Observed { pod, sandboxes } = observed;
    let end = |id: &String| Step::End(id.clone());
    let all = || sandboxes.iter().map(|sandbox| end(&sandbox.id));
    let Some(pod) = pod else { return all().collect() };
    if pod.metadata.deletion_timestamp.is_some() {
        // With finalizers it stays, without grace.
        let due = pod.metadata.deletion_grace_period_seconds != Some(0);
        return all().chain(due.then_some(Step::Finish)).collect();
    }
    if status::ended(pod) {
        return all().collect();
    }
    let ready = sandboxes.iter().filter(|one| one.state() == PodSandboxState::Ready);
    let kept = filter::newest(ready.cloned());
    let others = sandboxes.iter().filter(|one| kept.as_ref().is_none_or(|kept| kept.id != one.id));
    let mut steps: Vec<_> = others.map(|one| end(&one.id)).collect();
    match kept {
        None => steps.push(Step::Run { attempt: next_attempt(sandboxes) }),
        Some(kept) if !status::is_of(pod, &kept) => steps.push(Step::Report(kept.id)),
        Some(_) => {}
    }
    steps
}

/// One that no sandbox has, as their names must differ.
fn next_attempt(sandboxes: &[PodSandbox]) -> u32 {
    let attempts = sandboxes.iter().filter_map(|one| one.metadata.as_ref()).map(|of| of.attempt);
    attempts.max().map_or(0, |last| last.saturating_add(1))
}

#[cfg(test)]
mod tests;
