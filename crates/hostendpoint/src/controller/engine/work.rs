//! Handing work out, and taking its outcome in.

use jiff::Timestamp;
use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};
use tracing::{debug, info, warn};

use super::{
    super::execute::{Apply, Delete, Executor, Failure, Outcome, Task},
    Engine, Finished,
    report::BUSY_STATUS_INTERVAL,
};
use crate::{
    endpoint::PrunedEndpoint,
    labels::Shared,
    observed::Kind,
    plan::{Action, ApplyReason, plan_node},
};

impl Engine {
    /// Starts work on nodes that wait, until as many requests as may be are
    /// under way; a few more where the last node has several endpoints.
    pub(super) fn dispatch(&mut self, running: &mut JoinSet<Finished>) {
        while self.running < self.options.concurrency.max(1) && self.can_plan() {
            let Some(node) = self.queue.next() else {
                break;
            };
            let task = self.task(&node);
            if self.options.dry_run {
                self.say(&task);
            }
            let idle = task.applies.is_empty()
                && task.deletes.is_empty()
                && !task.confirm
                && task.protection.is_none();
            if idle || self.options.dry_run {
                self.queue.done(&node, false, Instant::now());
                continue;
            }
            let executor =
                Executor { client: self.context.client.clone(), group: self.observed.group };
            let metrics = self.context.metrics.clone();
            self.running += task.requests();
            running.spawn(async move {
                let started = Instant::now();
                let outcome = executor.carry_out(task).await;
                let result = if outcome.failures.is_empty() { Ok(()) } else { Err(()) };
                metrics.reconciled(started.elapsed(), &result);
                Finished::Node(Box::new(outcome))
            });
        }
        let (depth, oldest) = self.queue.waiting();
        self.context.metrics.queue(depth, oldest.map(|since| since.elapsed()));
    }

    /// The present plan of a node, without what the guard stops.
    fn task(&mut self, node: &Shared) -> Task {
        let plan = plan_node(&self.observed, node, Timestamp::now());
        let mut task = Task {
            node: node.clone(),
            applies: Vec::new(),
            confirm: false,
            deletes: Vec::new(),
            protection: self.protection(node, &plan),
        };
        for action in plan.actions {
            if self.verdict.stops(&action) {
                self.held.insert(node.clone());
                continue;
            }
            match action {
                Action::Apply { wanted, reason } => {
                    let endpoint = self.observed.endpoint(&wanted.name);
                    let (verb, fields) = match reason {
                        ApplyReason::Create => ("create", Vec::new()),
                        ApplyReason::Adopt(fields) => ("adopt", fields),
                        ApplyReason::Repair(fields) => ("repair", fields),
                    };
                    let manifest = wanted.manifest(self.observed.group, endpoint);
                    task.applies.push(Apply { wanted, manifest, verb, fields });
                }
                Action::ConfirmAbsence { .. } => task.confirm = true,
                Action::Delete { name, uid, template, reason, .. } => {
                    task.deletes.push(Delete { name, uid, template, reason })
                }
                Action::HoldDeletions { .. } => {}
            }
        }
        task
    }

    /// A dry run: says what would be done, once.
    fn say(&mut self, task: &Task) {
        let mut lines: Vec<_> = task
            .applies
            .iter()
            .map(|apply| format!("{} hostendpoint/{}", apply.verb, apply.wanted.name))
            .collect();
        lines.extend(
            task.deletes
                .iter()
                .map(|delete| format!("delete hostendpoint/{}: {}", delete.name, delete.reason)),
        );
        lines.extend(task.confirm.then(|| format!("ask whether node {} is gone", task.node)));
        lines.extend(
            task.protection
                .as_ref()
                .map(|change| format!("write to node {}: {change:?}", task.node)),
        );
        if self.said.get(&task.node) == Some(&lines) {
            return;
        }
        for line in &lines {
            info!(node = &*task.node, "dry run: {line}");
        }
        self.said.insert(task.node.clone(), lines);
    }

    pub(super) fn finished(&mut self, finished: Result<Finished, JoinError>) {
        match finished {
            Ok(Finished::Node(outcome)) => self.taken(*outcome),
            Ok(Finished::Status(template, error)) => {
                self.status_running.remove(&template);
                if let Some(error) = error {
                    warn!(template = &*template, error, "cannot write the status");
                    self.board.touch(template);
                    self.reported = Some(Instant::now() + BUSY_STATUS_INTERVAL);
                }
            }
            // What the task had in hand is lost, and its node would wait for ever: a new run finds
            // everything again. A task that was cut off ends with this run anyway.
            Err(failed) => {
                if let Ok(panic) = failed.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }

    /// Takes what the API server has answered into the index.
    fn taken(&mut self, outcome: Outcome) {
        self.running -= outcome.requests;
        let node = outcome.node;
        for (apply, object) in &outcome.applied {
            info!(node = &*node, template = &*apply.wanted.template, endpoint = apply.wanted.name, verb = apply.verb, fields = ?apply.fields, "endpoint written");
            self.metrics.wrote(apply.verb, true);
            self.observed.apply_endpoint(object);
        }
        for (delete, left) in &outcome.deleted {
            info!(node = &*node, template = &*delete.template, endpoint = &*delete.name, reason = %delete.reason, "endpoint deleted");
            self.metrics.wrote("delete", true);
            match left {
                Some(object) => self.observed.apply_endpoint(object),
                None => self.observed.remove(Kind::Endpoints, &delete.name),
            }
        }
        match outcome.exists {
            Some(true) => {
                debug!(node = &*node, "the API server still has the node");
                self.observed.deny_absence(&node, Timestamp::now());
            }
            Some(false) => self.observed.confirm_absence(&node),
            None => {}
        }
        let mut failures = outcome.failures;
        for failure in &failures {
            if failure.object.starts_with("hostendpoint/") {
                self.metrics.wrote(failure.verb, false);
            }
            warn!(
                node = &*node,
                verb = failure.verb,
                object = failure.object,
                reason = failure.reason,
                message = failure.message,
                "request failed"
            );
        }
        failures.extend(self.without_effect(&outcome.applied));
        let failed = !failures.is_empty();
        self.board.fail(&node, failures);
        self.queue.done(&node, failed, Instant::now());
        self.settle();
    }

    /// Endpoints that are not as they were written, by the server's own
    /// answer: somebody's webhook changes them. Writing again at once would
    /// go on for ever.
    fn without_effect(&self, applied: &[(Apply, PrunedEndpoint)]) -> Vec<Failure> {
        let changed = applied.iter().filter_map(|(apply, _)| {
            let wanted = &apply.wanted;
            let drift = self.observed.endpoint(&wanted.name)?.drift(wanted);
            (!drift.is_empty()).then(|| Failure {
                verb: "apply",
                object: format!("hostendpoint/{}", wanted.name),
                template: Some(wanted.template.clone()),
                reason: "ChangedByServer".to_owned(),
                message: format!(
                    "the API server accepts it and changes {}; look for an admission webhook",
                    drift.join(", ")
                ),
            })
        });
        changed.collect()
    }
}
