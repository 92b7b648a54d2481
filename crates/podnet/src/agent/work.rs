//! The work on one pod: find its sandbox, resolve what it asks for, let the engine do it.

use std::sync::Arc;
use std::time::Duration;

use kubewright_attachment::annotation::{self, Dialect, Requests};
use kubewright_attachment::backoff::Backoff;
use kubewright_attachment::desired::Desired;
use kubewright_attachment::engine::{Engine, Outcome, PodState, SandboxState};
use kubewright_attachment::network::Candidates;
use kubewright_attachment::pod::{Pod as Names, Sandbox};
use kubewright_attachment::problem::{Problem, Reason};
use kubewright_attachment::record::{Record, RecordId, Whose};
use kubewright_attachment::status::{self, Entry, Failure};
use kubewright_cni::Cancel;
use kubewright_cri::Network;
use tokio::time::Instant;

use super::core::Message;
use super::holds::Holds;
use super::lookup;
use super::node::Node;
use super::report;
use crate::pod::Pod;
use crate::pod_resources::Devices;

/// A work that takes longer gives its place to another pod: a plugin that hangs stops one pod, not
/// the node.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pauses between looks for a sandbox that is about to be made.
const LOOKS: Backoff =
    Backoff { first: Duration::from_millis(30), longest: Duration::from_secs(2) };

/// Pause between looks for the report of a meta-plugin.
const REPORT_LOOK: Duration = Duration::from_millis(250);

/// What is remembered of a pod from work to work.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) holds: Holds,
    /// Looks for a sandbox in a row that found none.
    absent: u32,
    report: report::Waiting,
}

impl Memory {
    /// Whether there is anything worth remembering.
    pub(crate) fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.absent == 0 && self.report.is_empty()
    }
}

/// A work to be done.
pub(crate) struct Task {
    pub(crate) uid: String,
    /// The pod, unless it is gone.
    pub(crate) pod: Option<Pod>,
    /// Whether a pod that is not known is gone.
    pub(crate) synced: bool,
    pub(crate) memory: Memory,
    pub(crate) cancel: Option<Cancel>,
    /// When it became necessary.
    pub(crate) since: Instant,
}

/// What became of it.
pub(crate) struct Worked {
    pub(crate) uid: String,
    pub(crate) memory: Memory,
    pub(crate) since: Instant,
    /// None when there was nothing to do, or nothing could be done yet.
    pub(crate) outcome: Option<Outcome>,
    /// When to try again.
    pub(crate) retry: Option<Duration>,
    /// Whether there is anything on record of the pod.
    pub(crate) recorded: bool,
}

/// Does it and tells the core.
pub(crate) async fn run(node: Arc<Node>, task: Task) {
    let uid = task.uid.clone();
    let work = tokio::spawn(work(node.clone(), task));
    let mut work = std::pin::pin!(work);
    let worked = tokio::select! {
        worked = &mut work => worked,
        () = tokio::time::sleep(PATIENCE) => {
            node.tell(Message::Slow(uid.clone()));
            work.await
        }
    };
    let worked = worked.unwrap_or_else(|error| {
        tracing::error!(uid, %error, "the work on a pod panicked");
        let (memory, since) = (Memory::default(), Instant::now());
        let retry = Some(Duration::from_secs(10));
        Worked { uid, memory, since, outcome: None, retry, recorded: true }
    });
    node.tell(Message::Worked(Box::new(worked)));
}

/// The sandbox of a pod.
enum Found {
    Ready {
        sandbox: Sandbox,
        cached: bool,
    },
    /// It has none.
    Gone,
    /// It has that of the node.
    Host,
    /// One is in the making.
    Making,
    /// The runtime does not tell.
    Unknown(String),
}

async fn find(node: &Node, uid: &str) -> Found {
    let (making, cached) = {
        let mut sandboxes = node.sandboxes();
        (sandboxes.is_making(uid, Instant::now()), sandboxes.ready(uid).cloned())
    };
    match cached {
        Some(sandbox) => Found::Ready { sandbox, cached: true },
        None => match ask(node, uid).await {
            // The runtime does not tell of it before it is made.
            Found::Gone if making => Found::Making,
            found => found,
        },
    }
}

/// Asks the runtime.
async fn ask(node: &Node, uid: &str) -> Found {
    let found = match node.runtime.ready_sandbox(uid).await {
        Ok(Some(found)) if !node.sandboxes().is_going(&found.id) => found,
        Ok(_) => return Found::Gone,
        Err(error) => return Found::Unknown(chain(&error)),
    };
    let sandbox = match node.runtime.sandbox(&found.id).await {
        Ok(sandbox) => sandbox,
        Err(error) if error.is_not_found() => return Found::Gone,
        Err(error) => return Found::Unknown(chain(&error)),
    };
    match (&sandbox.network, sandbox.netns()) {
        (Network::Node, _) => Found::Host,
        (Network::Closed, _) => Found::Gone,
        (_, Err(error)) => Found::Unknown(chain(&error)),
        (_, Ok(netns)) => match Sandbox::new(sandbox.id.as_str(), netns) {
            Err(error) => Found::Unknown(chain(&error)),
            Ok(sandbox) => {
                node.sandboxes().seen(uid, sandbox.clone());
                Found::Ready { sandbox, cached: false }
            }
        },
    }
}

/// An error with its causes, in a line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    Problem::from_error(Reason::SandboxUnusable, error).message
}

async fn work(node: Arc<Node>, task: Task) -> Worked {
    let Task { uid, pod, synced, mut memory, cancel, since } = task;
    let found = find(&node, &uid).await;
    let asks = pod.as_ref().is_some_and(|pod| pod.asks() && !pod.finished);
    let nothing = |memory, retry, recorded| Worked {
        uid: uid.clone(),
        memory,
        since,
        outcome: None,
        retry,
        recorded,
    };
    match &found {
        // As long as not all pods are known, a sandbox that is there is some pod's.
        Found::Ready { .. } | Found::Host if pod.is_none() && !synced => {
            return nothing(memory, None, true);
        }
        Found::Making => return nothing(memory, Some(Duration::from_millis(500)), true),
        Found::Unknown(why) => {
            tracing::warn!(uid, why, "the sandbox of a pod is not known");
            let retry = memory.holds.failed(Backoff::default());
            return nothing(memory, Some(retry), true);
        }
        _ => {}
    }
    let requests = match &pod {
        Some(pod) if asks => requests(pod),
        _ => Requests::default(),
    };
    if matches!(found, Found::Ready { .. }) && !definitions_known(&node, &requests) {
        // The core comes back to every pod when they are.
        return nothing(memory, None, true);
    }
    let devices = devices(&node, pod.as_ref(), &requests).await;
    let absent = matches!(found, Found::Gone);
    let job = Job {
        engine: match cancel {
            Some(cancel) => node.engine.with_cancel(cancel),
            None => node.engine.clone(),
        },
        node: node.clone(),
        uid: uid.clone(),
        pod,
        requests,
        devices,
        found,
    };
    let done = tokio::task::spawn_blocking(move || {
        let done = job.run(&mut memory);
        (done, memory)
    });
    let (done, mut memory) = match done.await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    match done {
        Ok(Done { outcome, retry, recorded }) => {
            // Until it has a sandbox, only looking tells.
            memory.absent = if absent && asks { memory.absent.saturating_add(1) } else { 0 };
            let looks = (memory.absent > 0).then(|| LOOKS.pause(memory.absent, since_luck(&uid)));
            let retry = retry.into_iter().chain(looks).min();
            Worked { uid, memory, since, outcome, retry, recorded }
        }
        Err(error) => {
            tracing::warn!(uid, error, "the networks of a pod are not reconciled");
            let retry = memory.holds.failed(Backoff::default());
            nothing(memory, Some(retry), true)
        }
    }
}

fn since_luck(uid: &str) -> u64 {
    uid.bytes().fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

/// What a pod asks for.
pub(crate) fn requests(pod: &Pod) -> Requests {
    let annotations = &pod.annotations;
    annotation::parse(annotations.kaloom.as_deref(), annotations.standard.as_deref())
}

/// Whether all kinds of definitions that are asked for are known.
pub(crate) fn definitions_known(node: &Node, requests: &Requests) -> bool {
    let definitions = node.definitions();
    requests.list.iter().all(|request| definitions.complete(request.dialect))
}

/// What the kubelet has allocated to a pod, if that matters.
pub(crate) async fn devices(
    node: &Node,
    pod: Option<&Pod>,
    requests: &Requests,
) -> Result<Devices, String> {
    let Some(pod) = pod else { return Ok(Devices::new()) };
    let Ok(names) = names(pod) else { return Ok(Devices::new()) };
    if !lookup::needs_devices(&node.definitions, requests, &names) {
        return Ok(Devices::new());
    }
    node.pod_resources.devices(&pod.key).await.map_err(|error| chain(&error))
}

/// The names of a pod, checked.
pub(crate) fn names(pod: &Pod) -> Result<Names, kubewright_attachment::name::NameError> {
    Names::new(pod.key.namespace.as_str(), pod.key.name.as_str(), pod.uid.as_str())
}

/// The part of the work that waits for disks and plugins.
struct Job {
    node: Arc<Node>,
    engine: Engine,
    uid: String,
    pod: Option<Pod>,
    requests: Requests,
    devices: Result<Devices, String>,
    found: Found,
}

struct Done {
    outcome: Option<Outcome>,
    retry: Option<Duration>,
    recorded: bool,
}

impl Job {
    fn run(self, memory: &mut Memory) -> Result<Done, String> {
        let look = self.engine.store().look(Whose::Pod(&self.uid));
        let (records, corrupt) = look.map_err(|error| chain(&error))?;
        if self.is_too_early(&records, memory) {
            let retry = Some(REPORT_LOOK);
            return Ok(Done { outcome: None, retry, recorded: true });
        }
        let names = match &self.pod {
            Some(pod) => Some(names(pod).map_err(|error| chain(&error))?),
            None => records.first().map(|record| record.pod.clone()),
        };
        let Some(names) = names else { return self.clear(&corrupt) };
        let host = self.pod.as_ref().is_some_and(|pod| pod.host_network);
        let wanted = match host {
            true => Desired::default(),
            false => lookup::resolve(
                &self.node.resolution,
                &self.node.definitions,
                &self.requests,
                &names,
                &self.devices,
                &records,
            ),
        };
        let now = Instant::now();
        let mut desired = wanted.clone();
        let held = memory.holds.hold(&mut desired, now);
        let sandbox = match &self.found {
            Found::Ready { sandbox, .. } if !host => SandboxState::Ready(sandbox.clone()),
            _ => SandboxState::Gone,
        };
        let state = PodState {
            pod: names.clone(),
            desired,
            host_network: host,
            sandbox,
            reported: self.reported(),
        };
        let mut outcome = self.engine.reconcile(&state).map_err(|error| chain(&error))?;
        if host {
            outcome.failures.extend(refusals(&self.requests, &names));
        }
        if let Found::Ready { cached: true, .. } = self.found
            && outcome.failures.iter().any(|it| it.problem.reason == Reason::SandboxUnusable)
        {
            // It was replaced, and nobody told.
            self.node.sandboxes().forget(&self.uid);
        }
        let retry = memory.holds.learn(
            &wanted,
            &held,
            &mut outcome.failures,
            Backoff::default(),
            Instant::now(),
        );
        for corrupt in &outcome.corrupt {
            tracing::error!(record = %corrupt.id, set_aside = %corrupt.path.display(), fault = corrupt.fault, "a record could not be read");
        }
        Ok(Done {
            outcome: Some(outcome),
            retry: retry.map(|at| at.saturating_duration_since(Instant::now())),
            recorded: self.recorded()?,
        })
    }

    /// Whether what the sandbox was made with is not known yet.
    fn is_too_early(&self, records: &[Record], memory: &mut Memory) -> bool {
        let Found::Ready { sandbox, .. } = &self.found else { return false };
        let follows = self.node.front().follows();
        let asks = self.requests.list.iter().any(|request| request.dialect == Dialect::Standard);
        let missing = asks && report::is_missing(&sandbox.id, records, follows, &self.reported());
        memory.report.is_too_early(&sandbox.id, missing, Instant::now())
    }

    /// What the pod is told of its interfaces now.
    fn reported(&self) -> Vec<Entry> {
        let told = self.pod.as_ref().and_then(|pod| pod.annotations.status.as_deref());
        told.map(status::parse).unwrap_or_default()
    }

    /// Of a pod that is gone there are only records that cannot be read: detaches what they stood
    /// for, as far as it is known.
    fn clear(&self, corrupt: &[RecordId]) -> Result<Done, String> {
        let mut left = None;
        for id in corrupt {
            left = self.engine.teardown(&id.sandbox).err().or(left);
        }
        match left {
            Some(error) => Err(chain(&error)),
            None => Ok(Done { outcome: None, retry: None, recorded: self.recorded()? }),
        }
    }

    /// Whether there is anything on record of the pod.
    fn recorded(&self) -> Result<bool, String> {
        let ids = self.engine.store().ids(Whose::Pod(&self.uid)).map_err(|error| chain(&error))?;
        Ok(!ids.is_empty())
    }
}

/// A pod in the network of the node gets no networks of its own.
pub(crate) fn refusals(requests: &Requests, pod: &Names) -> Vec<Failure> {
    let refusal = |request: &kubewright_attachment::annotation::Request| Failure {
        name: Some(Candidates::new(request, pod).first.to_string()),
        interface: request.interface.as_ref().map(ToString::to_string),
        problem: Problem::new(
            Reason::HostNetwork,
            format!(
                "pod {pod} has the network of the node (hostNetwork), which no pod's annotation may change"
            ),
        ),
    };
    requests.list.iter().map(refusal).collect()
}
