//! The one task that decides: which pod is worked on, when, and what it is told.
//!
//! All of its state is its own; what others look at too is in [`Node`], and changed here only.

mod news;
mod notices;
mod sweep;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kubewright_attachment::engine::Change;
use kubewright_attachment::status::Failure;
use kubewright_cni::Cancel;
use kubewright_cri::CallError;
use kubewright_cri::message::PodSandbox;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::lost::{Lost, Missing};
use super::node::Node;
use super::publish::{Notice, Written};
use super::queue::Queue;
use super::seized::Seized;
use super::watch::Sighting;
use super::work::{self, Memory, Task, Worked};

pub(super) use notices::WRITERS;

/// Works that have given their place to others and go on; beyond that many, others wait.
const MOST_SLOW: usize = 64;

/// How long plugins have to end by themselves when the agent is to end.
const FAREWELL: Duration = Duration::from_secs(8);

/// What the core is told.
pub(crate) enum Message {
    /// A work takes long: another pod may have its place.
    Slow(String),
    /// A work ended.
    Worked(Box<Worked>),
    /// A call of the plugin wants a pod for itself.
    Seize(String, oneshot::Sender<Seized>),
    /// What it did, for the log and as Events.
    Announce(String, Vec<Change>, Vec<Failure>),
    /// It has done what it wanted.
    Released {
        uid: String,
        /// What the pod is to be told.
        notice: Option<Notice>,
        /// Whether the pod has to be worked on next.
        look: bool,
    },
    /// A sandbox goes.
    Going(String),
    /// A write ended.
    Written(String, Written),
    /// The runtime's sandboxes.
    Listed(Result<Vec<PodSandbox>, CallError>),
    /// Whether a sandbox that the runtime has lost is detached, or why not.
    Collected(Missing, Result<bool, String>),
}

/// A work that goes on.
struct Running {
    since: Instant,
    cancel: Option<Cancel>,
    slow: bool,
    /// The pod asks for something else since, or is gone.
    outdated: bool,
}

impl Running {
    /// What takes long and is not wanted any more is stopped.
    fn stop_if_in_vain(&self, uid: &str) {
        if self.slow
            && self.outdated
            && let Some(cancel) = &self.cancel
        {
            tracing::info!(
                uid,
                "a pod asks for something else: plugins at work for it are stopped"
            );
            cancel.cancel();
        }
    }
}

/// A pod's notice, and how it stands about telling it.
#[derive(Default)]
struct Telling {
    notice: Notice,
    writing: bool,
    failures: u32,
    /// What it says could not be written: not to be tried again before.
    held: Option<Instant>,
}

pub(crate) struct Core {
    node: Arc<Node>,
    sightings: mpsc::UnboundedReceiver<Sighting>,
    messages: mpsc::UnboundedReceiver<Message>,
    queue: Queue,
    running: HashMap<String, Running>,
    /// Since when a pod waits to be worked on.
    since: HashMap<String, Instant>,
    memories: HashMap<String, Memory>,
    /// Pods of which there are records.
    recorded: HashSet<String>,
    /// Calls of the plugin that wait for a pod.
    waiting: HashMap<String, VecDeque<oneshot::Sender<Seized>>>,
    tellings: HashMap<String, Telling>,
    untold: notices::Untold,
    sweeping: bool,
    lost: Lost,
    tasks: JoinSet<()>,
    events: mpsc::Sender<notices::Told>,
}

impl Core {
    pub(crate) fn new(
        node: Arc<Node>,
        sightings: mpsc::UnboundedReceiver<Sighting>,
        messages: mpsc::UnboundedReceiver<Message>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        let events = notices::start(&node, &mut tasks);
        Self {
            node,
            sightings,
            messages,
            queue: Queue::default(),
            running: HashMap::new(),
            since: HashMap::new(),
            memories: HashMap::new(),
            recorded: HashSet::new(),
            waiting: HashMap::new(),
            tellings: HashMap::new(),
            untold: notices::Untold::default(),
            sweeping: false,
            lost: Lost::default(),
            tasks,
            events,
        }
    }

    /// Works until it is time to stop, and then until nothing runs any more.
    pub(crate) async fn run(mut self) {
        let shutdown = self.node.context.shutdown.clone();
        let mut sweep = tokio::time::interval(self.node.options.resync);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.recall();
        loop {
            let due = self.queue.next_due();
            let told_by = self.untold.due();
            tokio::select! {
                () = shutdown.triggered() => break,
                Some(sighting) = self.sightings.recv() => self.sighted(sighting),
                Some(message) = self.messages.recv() => self.told(message),
                () = until(due) => self.queue.expire(Instant::now()),
                _ = sweep.tick() => self.sweep(),
                () = until(told_by) => {}
            }
            while self.tasks.try_join_next().is_some() {}
            self.dispatch();
            self.tell_all();
        }
        self.finish().await;
    }

    /// No new work; what runs may end by itself for a while, and then is stopped: its records
    /// tell the next agent where it was.
    async fn finish(mut self) {
        tracing::info!(running = self.running.len(), "finishing what is at work");
        let mut patience = std::pin::pin!(tokio::time::sleep(FAREWELL));
        let mut stopped = false;
        self.tell_now();
        // Who could not be told by then is told by the next agent.
        while !self.running.is_empty()
            || !stopped && self.tellings.values().any(|telling| telling.writing)
        {
            tokio::select! {
                message = self.messages.recv() => match message {
                    Some(message) => {
                        self.told(message);
                        self.tell_now();
                    }
                    None => break,
                },
                () = &mut patience, if !stopped => {
                    stopped = true;
                    for cancel in self.running.values().filter_map(|it| it.cancel.as_ref()) {
                        cancel.cancel();
                    }
                }
            }
        }
    }

    fn told(&mut self, message: Message) {
        match message {
            Message::Slow(uid) => {
                if let Some(running) = self.running.get_mut(&uid) {
                    running.slow = true;
                    tracing::warn!(uid, "the networks of a pod take long; others go first");
                    running.stop_if_in_vain(&uid);
                }
            }
            Message::Worked(worked) => self.worked(*worked),
            Message::Seize(uid, granted) => {
                self.waiting.entry(uid.clone()).or_default().push_back(granted);
                self.grant(&uid);
            }
            Message::Announce(uid, changes, failures) => {
                self.node.metrics.worked(Instant::now(), &changes, &failures);
                self.announce(&uid, &changes, &failures);
            }
            Message::Released { uid, notice, look } => {
                if let Some(notice) = notice {
                    self.recorded.insert(uid.clone());
                    self.notify(&uid, notice);
                }
                if look {
                    self.recorded.insert(uid.clone());
                    self.add(&uid);
                }
                self.ended(&uid, None);
            }
            Message::Going(id) => self.going(&id),
            Message::Written(uid, written) => self.written(&uid, written),
            Message::Listed(listed) => self.listed(listed),
            Message::Collected(lost, collected) => self.collected(&lost, collected),
        }
    }

    /// A pod needs a look.
    fn add(&mut self, uid: &str) {
        let now = Instant::now();
        self.since.entry(uid.to_owned()).or_insert(now);
        self.queue.add(uid, now);
    }

    /// What is being done for a pod is not what it asks for now.
    fn outdate(&mut self, uid: &str) {
        if let Some(running) = self.running.get_mut(uid) {
            running.outdated = true;
            running.stop_if_in_vain(uid);
        }
    }

    /// Begins as many works as there are places for.
    fn dispatch(&mut self) {
        loop {
            let slow = self.running.values().filter(|running| running.slow).count();
            let busy = self.running.len() - slow;
            if busy >= self.node.options.workers || slow >= MOST_SLOW {
                break;
            }
            let Some(uid) = self.queue.next() else { break };
            self.begin(uid);
        }
        let (waiting, oldest) = self.queue.waiting();
        self.node.context.metrics.queue(waiting, oldest.map(|oldest| oldest.elapsed()));
    }

    fn begin(&mut self, uid: String) {
        let now = Instant::now();
        let (pod, synced) = {
            let pods = self.node.pods();
            (pods.of_uid(&uid).cloned(), pods.synced())
        };
        // Without a handle plugins run to their end or their timeout.
        let cancel = Cancel::new().ok();
        let since = self.since.remove(&uid).unwrap_or(now);
        self.running.insert(
            uid.clone(),
            Running { since: now, cancel: cancel.clone(), slow: false, outdated: false },
        );
        let memory = self.memories.remove(&uid).unwrap_or_default();
        let task = Task { uid, pod, synced, memory, cancel, since };
        self.tasks.spawn(work::run(self.node.clone(), task));
    }

    fn worked(&mut self, worked: Worked) {
        let Worked { uid, memory, since, outcome, retry, recorded } = worked;
        if let Some(running) = self.running.remove(&uid) {
            let failed = outcome.as_ref().is_none_or(|outcome| !outcome.failures.is_empty());
            let result = if failed { Err(()) } else { Ok(()) };
            self.node.context.metrics.reconciled(running.since.elapsed(), &result);
        }
        match recorded {
            true => drop(self.recorded.insert(uid.clone())),
            false => drop(self.recorded.remove(&uid)),
        }
        if !memory.is_empty() {
            self.memories.insert(uid.clone(), memory);
        }
        if let Some(outcome) = outcome {
            self.node.metrics.worked(since, &outcome.changes, &outcome.failures);
            // Without a sandbox nothing was tried: what failed when it was to be made stays told.
            let waits = outcome.status.is_none() && outcome.failures.is_empty() && self.asks(&uid);
            let failures = match waits {
                true => self.tellings.get(&uid).map(|it| it.notice.failures.clone()),
                false => Some(outcome.failures),
            };
            let failures = failures.unwrap_or_default();
            self.announce(&uid, &outcome.changes, &failures);
            self.notify(&uid, Notice { status: outcome.status, failures });
        } else {
            // A write that failed or came too late led here, and has nothing else to go by while the
            // sandbox is in the making.
            self.remind(&uid);
        }
        self.ended(&uid, retry);
    }

    /// Whether a pod asks for networks.
    fn asks(&self, uid: &str) -> bool {
        self.node.pods().of_uid(uid).is_some_and(|pod| pod.asks() && !pod.finished)
    }

    /// A pod is free again.
    fn ended(&mut self, uid: &str, retry: Option<Duration>) {
        self.queue.done(uid, retry, Instant::now());
        self.grant(uid);
        let gone = self.node.pods().of_uid(uid).is_none();
        if gone && !self.recorded.contains(uid) && !self.running.contains_key(uid) {
            self.memories.remove(uid);
            self.since.remove(uid);
        }
    }

    /// Gives a pod to the next call of the plugin that waits for it.
    fn grant(&mut self, uid: &str) {
        let Some(waiting) = self.waiting.get_mut(uid) else { return };
        while let Some(next) = waiting.pop_front() {
            if next.is_closed() {
                // It has given up meanwhile.
                continue;
            }
            if !self.queue.seize(uid) {
                waiting.push_front(next);
                return;
            }
            // Should it give up right now, it gives the pod back.
            drop(next.send(Seized::new(self.node.clone(), uid)));
            break;
        }
        if waiting.is_empty() {
            self.waiting.remove(uid);
        }
    }

    /// The plugin detaches a sandbox: nobody is to attach anything to it any more.
    fn going(&mut self, id: &str) {
        let uid = self.node.sandboxes().going(id, Instant::now());
        if let Some(uid) = uid {
            self.outdate(&uid);
            // The pod may get another one.
            self.add(&uid);
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
