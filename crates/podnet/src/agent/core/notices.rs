//! Telling pods what became of their networks: annotations that are written only when they
//! change, and Events in their order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kubewright_attachment::backoff::Backoff;
use kubewright_attachment::engine::Change;
use kubewright_attachment::status::Failure;
use kubewright_operator::Event;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Core, Message};
use crate::agent::node::Node;
use crate::agent::publish::{self, Fresh, Notice, Written};
use crate::events::ACTION;
use crate::pod::Pod;

/// Events that wait for an API server that is away; of more, the log tells.
const WAITING_EVENTS: usize = 512;

/// How long what is done waits to be told while more is to be done: pods that wait for their
/// interfaces go first, and telling takes the API server and this process as long as attaching.
const WHILE_BUSY: Duration = Duration::from_secs(1);

/// Pods that are told at the same time. Each takes a connection, which takes 50 KiB and is kept
/// for a while.
pub(in crate::agent) const WRITERS: usize = 8;

/// How long the API server may take to answer a write.
const ANSWER: Duration = Duration::from_secs(10);

/// What waits to be told.
#[derive(Default)]
pub(super) struct Untold {
    since: Option<Instant>,
    pods: BTreeSet<String>,
    events: Vec<Told>,
}

impl Untold {
    /// When it has to be told at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        Some(self.since? + WHILE_BUSY)
    }

    /// Whether a pod is to be told something.
    pub(super) fn concerns(&self, uid: &str) -> bool {
        self.pods.contains(uid)
    }

    fn begin(&mut self) -> &mut Self {
        self.since.get_or_insert_with(Instant::now);
        self
    }
}

/// Something to tell about a pod.
pub(crate) enum Told {
    Event(Box<ObjectReference>, Event),
    /// What was told about this part of it is over.
    Settled(Box<ObjectReference>, String),
}

/// Publishes events one after the other, while works go on.
pub(super) fn start(node: &Arc<Node>, tasks: &mut JoinSet<()>) -> mpsc::Sender<Told> {
    let (sender, mut told) = mpsc::channel(WAITING_EVENTS);
    let events = node.context.events.clone();
    tasks.spawn(async move {
        while let Some(next) = told.recv().await {
            match next {
                Told::Event(pod, event) => events.publish(&pod, event).await,
                Told::Settled(pod, aspect) => events.settled(&pod, ACTION, &aspect),
            }
        }
    });
    sender
}

impl Core {
    /// Events and logs of a work.
    pub(super) fn announce(&mut self, uid: &str, changes: &[Change], failures: &[Failure]) {
        let Some(pod) = self.node.pods().of_uid(uid).cloned() else {
            for change in changes {
                tracing::info!(uid, ?change, "a pod that is gone");
            }
            return;
        };
        let before = self.tellings.get(uid).map(|telling| telling.notice.failures.clone());
        let before = before.unwrap_or_default();
        let news: Vec<Failure> =
            failures.iter().filter(|failure| !before.contains(failure)).cloned().collect();
        publish::log(&pod.key, changes, &news);
        let mut events: Vec<Event> = changes.iter().map(publish::of_change).collect();
        events.extend(failures.iter().map(publish::of_failure));
        for event in events {
            self.tell(Told::Event(Box::new(pod.reference()), event));
        }
        let aspects: Vec<String> = failures.iter().map(publish::aspect_of_failure).collect();
        for over in before.iter().map(publish::aspect_of_failure) {
            if !aspects.contains(&over) && changes.is_empty() {
                self.tell(Told::Settled(Box::new(pod.reference()), over));
            }
        }
    }

    fn tell(&mut self, told: Told) {
        self.untold.begin().events.push(told);
    }

    /// Tells what waits to be told, unless there are pods to be worked on and it has not waited
    /// long.
    pub(super) fn tell_all(&mut self) {
        let Some(due) = self.untold.due() else { return };
        let busy = self.running.values().any(|running| !running.slow) || self.queue.waiting().0 > 0;
        if !busy || due <= Instant::now() {
            self.tell_now();
        }
    }

    /// Tells all of it.
    pub(super) fn tell_now(&mut self) {
        let Untold { pods, events, .. } = std::mem::take(&mut self.untold);
        for event in events {
            if self.events.try_send(event).is_err() {
                tracing::debug!("an event is left out: too many wait for the API server");
            }
        }
        for uid in pods {
            self.write(&uid);
        }
    }

    /// A pod is to be told this.
    pub(super) fn notify(&mut self, uid: &str, mut notice: Notice) {
        let telling = self.tellings.entry(uid.to_owned()).or_default();
        if notice.status.is_none() {
            notice.status = telling.notice.status.take();
        }
        if telling.notice != notice {
            (telling.held, telling.failures) = (None, 0);
        }
        telling.notice = notice;
        self.untold.begin().pods.insert(uid.to_owned());
    }

    /// A pod is to be told what it has not been told yet.
    pub(super) fn remind(&mut self, uid: &str) {
        if self.tellings.contains_key(uid) {
            self.untold.begin().pods.insert(uid.to_owned());
        }
    }

    /// Writes what a pod has not been told yet.
    fn write(&mut self, uid: &str) {
        let Some(pod) = self.node.pods().of_uid(uid).cloned() else {
            // There is nobody to tell.
            self.tellings.remove(uid);
            return;
        };
        let Some(telling) = self.tellings.get_mut(uid) else { return };
        if telling.writing {
            return;
        }
        let edits = publish::edits(&pod.annotations, &telling.notice);
        if edits.is_empty() {
            return;
        }
        if let Some(held) = telling.held.filter(|held| *held > Instant::now()) {
            // Whatever led here may have taken the place of the next attempt.
            self.queue.add_at(uid, held);
            return;
        }
        telling.writing = true;
        let (node, uid) = (self.node.clone(), uid.to_owned());
        self.tasks.spawn(async move {
            let turn = node.writers.acquire().await;
            let write = publish::write(node.context.client.clone(), pod, edits);
            // A server that is silent must not keep its turn from others.
            let written = tokio::time::timeout(ANSWER, write).await;
            let written =
                written.unwrap_or_else(|_| Written::Failed(format!("no answer within {ANSWER:?}")));
            drop(turn);
            node.tell(Message::Written(uid, written));
        });
    }

    pub(super) fn written(&mut self, uid: &str, written: Written) {
        let Some(telling) = self.tellings.get_mut(uid) else { return };
        telling.writing = false;
        match written {
            Written::Done(fresh) => {
                telling.failures = 0;
                self.refresh(uid, *fresh);
                // It may have to be told something else by now.
                self.write(uid);
            }
            Written::Stale(fresh) => {
                telling.failures = 0;
                self.refresh(uid, *fresh);
                // What others have written goes into what we write.
                self.add(uid);
            }
            Written::Gone => drop(self.tellings.remove(uid)),
            Written::Refused(error) => self.put_off(uid, &error, true),
            // One that does not answer is told as soon as it is back.
            Written::Failed(error) => self.put_off(uid, &error, false),
        }
    }

    /// A pod is told later; what was refused not before that.
    fn put_off(&mut self, uid: &str, error: &str, refused: bool) {
        let Some(telling) = self.tellings.get_mut(uid) else { return };
        telling.failures = telling.failures.saturating_add(1);
        let pause = Backoff::default().pause(telling.failures, u64::from(telling.failures));
        let then = Instant::now() + pause;
        telling.held = refused.then_some(then);
        tracing::warn!(uid, error, ?pause, "a pod could not be told about its networks");
        self.queue.add_at(uid, then);
    }

    fn refresh(&mut self, uid: &str, fresh: Fresh) {
        let mut pods = self.node.pods_mut();
        let Some(pod) = pods.of_uid(uid).cloned() else { return };
        let mut annotations = pod.annotations.clone();
        (annotations.status, annotations.errors) = (fresh.status, fresh.errors);
        pods.seen(Pod { annotations, version: fresh.version, annotated: true, ..pod });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_waits_to_be_told_does_not_wait_for_ever() {
        let mut untold = Untold::default();
        assert_eq!(untold.due(), None);
        let first = Instant::now();
        untold.begin().pods.insert("a".to_owned());
        tokio::time::advance(WHILE_BUSY / 2).await;
        untold.begin().pods.insert("b".to_owned());
        assert_eq!(untold.due(), Some(first + WHILE_BUSY), "since the first");
        assert!(untold.concerns("a") && untold.concerns("b") && !untold.concerns("c"));
    }
}
