//! Observes, plans and executes, again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::node::v1::RuntimeClass;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, ResourceExt};
use kubewright_cri::message::{PodSandbox, PodSandboxFilter};
use kubewright_cri::{CallError, Client as Runtime};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::plan::{Observed, Step, by_pod, plan};
use super::{NODE, Place, config, status};

/// Field manager of the status of pods.
const MANAGER: &str = "kubewright-kubelet";

/// How often the runtime is looked at, which does not tell of itself; as the kubelet does.
const LOOK: Duration = Duration::from_secs(1);

/// The longest wait after a step failed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Runtime(#[from] CallError),
    #[error("the API server refuses")]
    Api(#[from] kube::Error),
}

/// Why sandboxes are left.
#[derive(Debug, thiserror::Error)]
#[error("sandboxes of node {node} are left over")]
pub struct DrainError {
    /// The node.
    node: String,
    /// Why.
    #[source]
    source: CallError,
}

/// A running kubelet.
#[derive(Debug)]
pub struct Kubelet {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
    runtime: Runtime,
    place: Place,
}

impl Kubelet {
    /// Looks after the pods of a node from now on.
    #[must_use]
    pub fn start(client: Client, runtime: Runtime, place: Place) -> Self {
        let (end, ended) = oneshot::channel();
        let hands = Hands { client, runtime: runtime.clone(), place: place.clone() };
        let task = tokio::spawn(run(hands, ended));
        Self { end, task, runtime, place }
    }

    /// Ends it after the steps it is at; the sandboxes stay.
    pub async fn stop(self) {
        // It has ended when nobody hears.
        let _ = self.end.send(());
        let _ = self.task.await;
    }

    /// Ends it, and all its sandboxes.
    ///
    /// # Errors
    /// [`DrainError`] when a sandbox is left; the others are gone.
    pub async fn drain(self) -> Result<(), DrainError> {
        let (runtime, place) = (self.runtime.clone(), self.place.clone());
        self.stop().await;
        let mut wrong = None;
        let all = own(&runtime, &place).await;
        let all = all.unwrap_or_else(|error| {
            wrong = Some(error);
            Vec::new()
        });
        for sandbox in all {
            if let Err(error) = end(&runtime, &sandbox.id).await {
                wrong = Some(error);
            }
        }
        wrong.map_or(Ok(()), |source| Err(DrainError { node: place.node, source }))
    }
}

/// What steps are done with.
#[derive(Clone)]
struct Hands {
    client: Client,
    runtime: Runtime,
    place: Place,
}

async fn run(hands: Hands, mut ended: oneshot::Receiver<()>) {
    let (store, writer) = reflector::store();
    let of_node = format!("spec.nodeName={}", hands.place.node);
    let pods =
        watcher(Api::<Pod>::all(hands.client.clone()), watcher::Config::default().fields(&of_node));
    let mut pods = pin!(pods.default_backoff().reflect(writer));
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work = Work::default();
    // Without all pods, a sandbox without one means nothing.
    let mut listed = false;
    loop {
        tokio::select! {
            _ = &mut ended => break,
            event = pods.next() => match event {
                Some(Ok(event)) => listed |= matches!(event, watcher::Event::InitDone),
                Some(Err(error)) => tracing::debug!(%error, "the watch of pods was interrupted"),
                None => break,
            },
            _ = look.tick() => {}
            Some(done) = work.tasks.join_next() => work.finish(done),
        }
        if listed {
            match own(&hands.runtime, &hands.place).await {
                Ok(sandboxes) => work.begin(&hands, by_pod(store.state(), sandboxes)),
                Err(error) => tracing::debug!(%error, "the sandboxes are not known"),
            }
        }
    }
    // Steps that were begun are done.
    while work.tasks.join_next().await.is_some() {}
}

/// What is being done: one task for each pod that has steps.
#[derive(Default)]
struct Work {
    tasks: JoinSet<(String, Result<(), StepError>)>,
    busy: BTreeSet<String>,
    /// Failures in a row and the time of the next try, by UID.
    failed: BTreeMap<String, (u32, Instant)>,
}

impl Work {
    fn begin(&mut self, hands: &Hands, observed: BTreeMap<String, Observed>) {
        self.failed.retain(|uid, _| observed.contains_key(uid));
        for (uid, observed) in observed {
            let waits = self.failed.get(&uid).is_some_and(|(_, until)| Instant::now() < *until);
            let steps = plan(&observed);
            if steps.is_empty() || waits || !self.busy.insert(uid.clone()) {
                continue;
            }
            let hands = hands.clone();
            self.tasks.spawn(async move {
                let done = execute(&hands, observed.pod.as_deref(), steps).await;
                if let Err(error) = &done {
                    let error: &dyn std::error::Error = error;
                    tracing::warn!(uid, error, "a pod is not as it should be; tried again");
                }
                (uid, done)
            });
        }
    }

    fn finish(&mut self, done: Result<(String, Result<(), StepError>), tokio::task::JoinError>) {
        let (uid, done) = match done {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.busy.remove(&uid);
        match done {
            Ok(()) => drop(self.failed.remove(&uid)),
            Err(_) => {
                let failures = self.failed.get(&uid).map_or(0, |(failures, _)| *failures);
                let wait = LOOK.saturating_mul(1 << failures.min(5)).min(LONGEST_WAIT);
                self.failed.insert(uid, (failures + 1, Instant::now() + wait));
            }
        }
    }
}

async fn execute(hands: &Hands, pod: Option<&Pod>, steps: Vec<Step>) -> Result<(), StepError> {
    for step in steps {
        match (step, pod) {
            (Step::End(id), _) => end(&hands.runtime, &id).await?,
            (Step::Run { attempt }, Some(pod)) => {
                let id = hands.run(pod, attempt).await?;
                hands.report(pod, &id).await?;
            }
            (Step::Report(id), Some(pod)) => hands.report(pod, &id).await?,
            (Step::Finish, Some(pod)) => hands.finish(pod).await?,
            (Step::Run { .. } | Step::Report(_) | Step::Finish, None) => {}
        }
    }
    Ok(())
}

impl Hands {
    fn pods(&self, pod: &Pod) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default())
    }

    async fn run(&self, pod: &Pod, attempt: u32) -> Result<String, StepError> {
        let class = pod.spec.as_ref().and_then(|spec| spec.runtime_class_name.as_ref());
        let handler = match class {
            None => String::new(),
            Some(class) => Api::<RuntimeClass>::all(self.client.clone()).get(class).await?.handler,
        };
        let config = config::of_pod(pod, attempt, &self.place.node);
        Ok(self.runtime.run_sandbox(config, &handler).await?)
    }

    async fn report(&self, pod: &Pod, id: &str) -> Result<(), StepError> {
        let sandbox = self.runtime.sandbox(id).await?;
        let status = status::running(pod, &sandbox, &self.place, Timestamp::now());
        // Of this pod, not of one that has its name now.
        let patch = json!({ "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": pod.metadata.name, "uid": pod.metadata.uid }, "status": status });
        let parameters = PatchParams::apply(MANAGER).force();
        let patch = Patch::Apply(patch);
        gone(self.pods(pod).patch_status(&pod.name_any(), &parameters, &patch).await.map(drop))
    }

    async fn finish(&self, pod: &Pod) -> Result<(), StepError> {
        let same = Preconditions { uid: pod.uid(), resource_version: None };
        let parameters = DeleteParams::default().grace_period(0).preconditions(same);
        gone(self.pods(pod).delete(&pod.name_any(), &parameters).await.map(drop))
    }
}

/// The pod may be gone meanwhile, or another have its name: its sandbox is ended soon.
fn gone(answer: kube::Result<()>) -> Result<(), StepError> {
    match answer {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        answer => Ok(answer?),
    }
}

async fn end(runtime: &Runtime, id: &str) -> Result<(), CallError> {
    runtime.stop_sandbox(id).await?;
    runtime.remove_sandbox(id).await
}

/// The sandboxes that this kubelet, or one before it, has made.
async fn own(runtime: &Runtime, place: &Place) -> Result<Vec<PodSandbox>, CallError> {
    let filter = PodSandboxFilter::default().labelled(NODE, &place.node);
    let mut all = runtime.list_sandboxes(filter.clone()).await?;
    // A runtime that ignored the filter must not make us end what is not ours.
    all.retain(|sandbox| filter.matches(sandbox));
    Ok(all)
}
