//! The one task that owns all state and decides everything.

mod report;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, ObjectReference};
use kube::Resource;
use kubewright_operator::{controller::Context, events::Event};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use tracing::{info, warn};

use super::{
    execute::Outcome,
    metrics::{AreaMetrics, Exposed, Exposure},
    queue::Queue,
    sighting::{Object, Sighting, Trouble, template_status},
    status::Board,
    watch,
};
use crate::{
    api::{CalicoGroup, HostEndpointTemplateStatus},
    events,
    labels::Shared,
    observed::{Kind, Observed},
    options::Options,
    plan::{Ledger, NodePlan, Verdict, plan_node},
    preflight::Preflight,
    problem::ProblemKind,
    protection,
};

/// Sightings that are taken in before nodes are planned: enough that a list
/// is planned in few rounds, few enough that nothing waits for long.
const BATCH: usize = 512;

/// Nodes with the same problem beyond which events on each of them would say
/// nothing more.
const MOST_NODE_EVENTS: usize = 20;

/// Something that ran beside the engine is over.
enum Finished {
    Node(Box<Outcome>),
    Status(Shared, Option<String>),
}

/// Runs until shutdown.
pub(super) async fn run(mut context: Context, options: Options) {
    context.events = context.events.listed(events::CATALOGUE);
    let (sender, mut sightings) = mpsc::channel(BATCH * 2);
    let mut watches = watch::start(&context.client, options.group, &sender);
    drop(sender);
    let shutdown = context.shutdown.clone();
    let mut engine = Engine::new(context, options);
    let mut running = JoinSet::new();
    loop {
        // Asked here and not only below: under load something is always ready
        // before the timer.
        if engine.next_wake() <= Instant::now() {
            engine.wake();
        }
        engine.dispatch(&mut running);
        engine.report(&mut running);
        let wake = engine.next_wake();
        tokio::select! {
            biased;
            () = shutdown.triggered() => break,
            Some(finished) = running.join_next() => {
                engine.finished(finished);
                while let Some(finished) = running.try_join_next() {
                    engine.finished(finished);
                }
                // Answers must not keep sightings waiting.
                take(&mut engine, &mut sightings, None);
            }
            Some(sighting) = sightings.recv() => take(&mut engine, &mut sightings, Some(sighting)),
            () = tokio::time::sleep_until(wake) => engine.wake(),
        }
    }
    watches.shutdown().await;
    info!(running = running.len(), "waiting for writes that have begun");
    while let Some(finished) = running.join_next().await {
        engine.finished(finished);
    }
}

fn take(engine: &mut Engine, sightings: &mut mpsc::Receiver<Sighting>, first: Option<Sighting>) {
    let rest = std::iter::from_fn(|| sightings.try_recv().ok());
    for sighting in first.into_iter().chain(rest).take(BATCH) {
        engine.see(sighting);
    }
    engine.settle();
}

/// What the engine remembers of a template, beside what is planned from it.
#[derive(Debug, PartialEq)]
struct Seen {
    uid: Option<String>,
    generation: Option<i64>,
    status: Option<HostEndpointTemplateStatus>,
}

struct Engine {
    context: Context,
    options: Options,
    observed: Observed,
    queue: Queue,
    ledger: Ledger,
    verdict: Verdict,
    /// Nodes with deletions that the verdict stops.
    held: BTreeSet<Shared>,
    board: Board,
    /// What was last seen of each template, its status as last written.
    seen: BTreeMap<Shared, Seen>,
    status_running: BTreeSet<Shared>,
    /// When statuses were last written.
    reported: Option<Instant>,
    troubles: BTreeMap<Kind, Trouble>,
    metrics: AreaMetrics,
    exposure: Exposure,
    /// What a dry run has said about a node.
    said: HashMap<Shared, Vec<String>>,
    /// Requests under way.
    running: usize,
}

impl Engine {
    fn new(context: Context, options: Options) -> Self {
        let group = options.group.unwrap_or(CalicoGroup::CrdV1);
        let preflight = Preflight::new(options.api_port);
        let metrics = AreaMetrics::of(context.metrics.process());
        Self {
            observed: Observed::new(group, options.limits, preflight),
            context,
            options,
            queue: Queue::default(),
            ledger: Ledger::default(),
            verdict: Verdict::default(),
            held: BTreeSet::new(),
            board: Board::default(),
            seen: BTreeMap::new(),
            status_running: BTreeSet::new(),
            reported: None,
            troubles: BTreeMap::new(),
            metrics,
            exposure: Exposure::default(),
            said: HashMap::new(),
            running: 0,
        }
    }

    /// Whether planning makes sense: what decides about writes is known, or
    /// known to be out of reach.
    fn can_plan(&self) -> bool {
        let preflight = [Kind::Policies, Kind::Felix]
            .into_iter()
            .all(|kind| self.observed.is_listed(kind) || self.troubles.contains_key(&kind));
        self.observed.can_write() && preflight
    }

    fn see(&mut self, sighting: Sighting) {
        match sighting {
            Sighting::Group(group) => {
                info!(%group, "Calico's resources found");
                self.observed.set_group(group);
            }
            Sighting::ListBegins(kind) => self.observed.list_begins(kind),
            Sighting::ListEnds(kind) => {
                self.observed.list_ends(kind);
                if self.troubles.remove(&kind).is_some() {
                    info!(?kind, "can be watched again");
                }
                if kind == Kind::Endpoints {
                    self.touch_all();
                    self.queue.forgive(Instant::now());
                }
                self.readiness();
            }
            Sighting::Trouble(kind, trouble) => self.trouble(kind, trouble),
            Sighting::There(object) => {
                object.apply(&mut self.observed);
                if let Object::Template(template) = &*object {
                    let name: Shared = template.metadata.name.as_deref().unwrap_or_default().into();
                    let seen = Seen {
                        uid: template.metadata.uid.clone(),
                        generation: template.metadata.generation,
                        status: template_status(template),
                    };
                    if self.seen.get(&name) != Some(&seen) {
                        self.seen.insert(name.clone(), seen);
                        self.board.touch(name);
                        // Whatever failed may have failed for its sake.
                        self.queue.forgive(Instant::now());
                    }
                }
            }
            Sighting::Gone(kind, name) => {
                self.observed.remove(kind, &name);
                if kind == Kind::Templates {
                    self.seen.remove(&*name);
                }
            }
        }
    }

    fn trouble(&mut self, kind: Kind, trouble: Trouble) {
        if trouble.reason == events::NOT_SERVED {
            // What was known of it is void: the kind itself has gone.
            self.observed.unlist(kind);
        }
        if self.troubles.get(&kind) != Some(&trouble) {
            warn!(?kind, reason = trouble.reason, message = trouble.message, "cannot be watched");
            self.troubles.insert(kind, trouble);
            self.observed.look_again();
            self.touch_all();
        }
        self.readiness();
    }

    fn touch_all(&mut self) {
        for name in self.observed.templates().keys().cloned().collect::<Vec<_>>() {
            self.board.touch(name);
        }
    }

    fn readiness(&self) {
        let needed = [Kind::Templates, Kind::Endpoints, Kind::Nodes];
        match needed.into_iter().find(|kind| !self.observed.is_listed(*kind)) {
            None => self.context.ready.ready(),
            Some(kind) => {
                let why =
                    self.troubles.get(&kind).map_or("not listed yet", |trouble| &trouble.message);
                self.context.ready.not_ready(format!("{kind:?}: {why}"));
            }
        }
    }

    /// Plans every node that something has changed for.
    fn settle(&mut self) {
        if !self.can_plan() {
            return;
        }
        let (now, instant) = (Timestamp::now(), Instant::now());
        let mut guard_changed = false;
        let queue = &self.queue;
        for node in self.observed.settle_except(now, |node| queue.is_running(node)) {
            let plan = plan_node(&self.observed, &node, now);
            guard_changed |= self.ledger.record(&node, &plan.losing);
            self.note(&node, &plan, instant);
            if let Some(wake) = plan.wake {
                let wait = Duration::try_from(wake.duration_since(now)).unwrap_or_default();
                self.queue.add_at(node.clone(), instant + wait);
            }
            if plan.actions.is_empty() && self.protection(&node, &plan).is_none() {
                self.board.fail(&node, Vec::new());
            } else {
                self.queue.add(node, instant);
            }
        }
        self.guard(guard_changed, instant);
    }

    /// Asks the guard again where what it depends on has changed.
    fn guard(&mut self, ledger_changed: bool, now: Instant) {
        if !ledger_changed && self.verdict.stopped.is_empty() {
            return;
        }
        let verdict = self.ledger.verdict(&self.observed);
        if verdict == self.verdict {
            return;
        }
        let begins = self.verdict.stopped.is_empty() && !verdict.stopped.is_empty();
        self.metrics.blocked(if verdict.stopped.is_empty() { 0 } else { verdict.nodes }, begins);
        if begins {
            warn!(nodes = verdict.nodes, total = verdict.total, "mass deletion held back");
        }
        for template in self.verdict.stopped.iter().chain(&verdict.stopped) {
            self.board.touch(template.clone());
        }
        let stopped_before = std::mem::replace(&mut self.verdict, verdict).stopped;
        if stopped_before != self.verdict.stopped {
            for node in std::mem::take(&mut self.held) {
                self.queue.add(node, now);
            }
        }
    }

    fn protection(&self, node: &Shared, plan: &NodePlan) -> Option<protection::Change> {
        let facts = self.observed.node(node)?;
        protection::decide(
            &facts.protection,
            plan,
            self.options.node_condition,
            self.options.require_guard,
        )
    }

    /// Takes a plan into counts, metrics and events.
    fn note(&mut self, node: &Shared, plan: &NodePlan, now: Instant) {
        let wants = plan.tallies.values().any(|tally| tally.wanted > 0);
        let state = match self.observed.node(node) {
            None => Exposed::Gone,
            Some(_) if wants && !plan.is_protected() => Exposed::Yes,
            Some(_) => Exposed::No,
        };
        self.exposure.record(node, state, now, &self.metrics);
        for (template, reason) in self.board.record(node, plan) {
            if reason == ProblemKind::LOCKOUT_RISK
                || self.board.having(&template, reason) > MOST_NODE_EVENTS
            {
                continue;
            }
            let problem = plan
                .problems
                .iter()
                .find(|problem| problem.template == template && problem.kind.reason() == reason);
            if let Some(problem) = problem {
                let note = format!("template {template}: {}", problem.kind);
                let event =
                    Event::warning(events::PROTECT, reason, note).aspect(template.to_string());
                self.publish(node_reference(node), event);
            }
        }
    }

    fn publish(&self, object: ObjectReference, event: Event) {
        if self.options.dry_run {
            return;
        }
        let events = self.context.events.clone();
        tokio::spawn(async move { events.publish(&object, event).await });
    }

    fn next_wake(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        let status =
            (self.board.is_dirty() && self.can_report()).then(|| self.report_due(Instant::now()));
        let queue = self.queue.next_due();
        status.into_iter().chain(queue).fold(far, Instant::min)
    }

    /// Some time is over.
    fn wake(&mut self) {
        for node in self.queue.expired(Instant::now()) {
            self.observed.look_again_at(&node);
        }
        self.settle();
    }
}

fn node_reference(name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some(Node::kind(&()).into_owned()),
        name: Some(name.to_owned()),
        // `kubectl describe node` looks for events by this uid.
        uid: Some(name.to_owned()),
        ..ObjectReference::default()
    }
}
