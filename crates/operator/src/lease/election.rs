//! The thin edge of the election: performs what [`plan`] says against the API server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{debug, info, warn};

use super::leadership::{Leadership, Right, Standing};
use super::plan::{Action, Record, Refusal, View, plan};
use super::{Timing, TimingError};
use crate::shutdown::Shutdown;

/// Who a candidate is. Two processes with one identity would both believe to hold the Lease, so
/// there is no way to make one that is not unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(String);

impl Identity {
    /// `NAME_UUID`, where the name says where to look: that of the pod, or of the host.
    pub fn unique(name: &str) -> Self {
        Self(format!("{name}_{}", uuid::Uuid::new_v4()))
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::unique(&crate::environment::instance_name())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which Lease to compete for, and how.
#[derive(Clone, Debug)]
pub struct ElectionOptions {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease; all replicas of one program share it.
    pub name: String,
    /// Who we are.
    pub identity: Identity,
    /// The three durations.
    pub timing: Timing,
}

impl ElectionOptions {
    /// The default timing and identity.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            identity: Identity::default(),
            timing: Timing::default(),
        }
    }

    /// With other durations; see [`Timing::new`].
    pub fn timing(
        mut self,
        lease_duration: Duration,
        renew_deadline: Duration,
        retry_period: Duration,
    ) -> Result<Self, TimingError> {
        self.timing = Timing::new(lease_duration, renew_deadline, retry_period)?;
        Ok(self)
    }
}

/// One candidate.
pub struct Election {
    api: Api<Lease>,
    options: ElectionOptions,
    view: View,
    /// The Lease as last read, so that an update keeps what others put there.
    last: Option<Lease>,
    standing: watch::Sender<Standing>,
    leadership: Leadership,
}

impl Election {
    /// A candidate that does nothing until [`Election::run`]. `client` must not be gated.
    pub fn new(client: kube::Client, options: ElectionOptions) -> (Self, Leadership) {
        let lease: Arc<str> = format!("{}/{}", options.namespace, options.name).into();
        let (standing, leadership) = Leadership::new(lease);
        let election = Self {
            api: Api::namespaced(client, &options.namespace),
            view: View::new(options.identity.to_string(), options.timing),
            options,
            last: None,
            standing,
            leadership: leadership.clone(),
        };
        (election, leadership)
    }

    /// Competes, leads, gives up and competes again, until `shutdown`; then hands the Lease over.
    ///
    /// Trigger `shutdown` when those who write have finished: what still writes then has until the
    /// renew deadline, and the Lease is only released early if every answer has arrived.
    pub async fn run(mut self, shutdown: Shutdown) {
        while !shutdown.is_triggered() {
            let now = Instant::now();
            self.publish(now);
            match plan(&self.view, now) {
                Action::Wait(until) if self.view.certain_until(now).is_some() => tokio::select! {
                    () = sleep_until(until) => {}
                    () = shutdown.triggered() => {}
                },
                Action::Wait(_) => self.stand_by(&shutdown).await,
                action => self.perform(action).await,
            }
        }
        self.hand_over().await;
    }

    /// Looks at the Lease each time the plan says so, and at once when a watch says that it is free.
    async fn stand_by(&mut self, shutdown: &Shutdown) {
        let mut freed = Box::pin(freed(self.api.clone(), &self.options.name));
        loop {
            let now = Instant::now();
            self.publish(now);
            match plan(&self.view, now) {
                Action::Wait(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = shutdown.triggered() => return,
                    Some(()) = freed.next() => self.view.heard(Instant::now()),
                },
                Action::Read => self.perform(Action::Read).await,
                _ => return,
            }
        }
    }

    /// Tells [`Leadership`] where we stand.
    fn publish(&self, now: Instant) {
        let right = self.view.certain_until(now).map_or(Right::None, Right::Until);
        let standing = Standing { term: self.view.term(), right };
        self.standing.send_if_modified(|before| {
            let changed = *before != standing;
            let (led, leads) = (before.right != Right::None, right != Right::None);
            if changed && led && (!leads || before.term != standing.term) {
                let holder = self.view.holder().unwrap_or("nobody");
                warn!(
                    lease = self.leadership.lease(),
                    term = before.term,
                    holder,
                    "leadership lost"
                );
            }
            if changed && leads && (!led || before.term != standing.term) {
                let identity = self.options.identity.to_string();
                info!(lease = self.leadership.lease(), term = standing.term, identity, "leading");
            }
            *before = standing.clone();
            changed
        });
    }

    async fn perform(&mut self, action: Action) {
        let sent = Instant::now();
        let limit = self.options.timing.request_timeout();
        let params = PostParams::default();
        let answer = match &action {
            Action::Wait(_) | Action::Done => return,
            Action::Read => timeout(limit, self.api.get_opt(&self.options.name)).await,
            Action::Create => {
                let lease = self.wanted(None, &action);
                timeout(limit, self.api.create(&params, &lease)).await.map(some)
            }
            Action::Acquire { version }
            | Action::Renew { version }
            | Action::Release { version } => {
                let lease = self.wanted(Some(version), &action);
                let replaced = self.api.replace(&self.options.name, &params, &lease);
                timeout(limit, replaced).await.map(some)
            }
        };
        let received = Instant::now();
        match answer {
            Ok(Ok(lease)) => {
                let record = lease.as_ref().map(record_of);
                match (&action, record) {
                    (Action::Release { .. }, _) => self.view.released(),
                    (Action::Read, record) => self.view.saw(record, received),
                    (_, Some(record)) => self.view.wrote(record, sent, received),
                    (_, None) => self.view.refused(Refusal::Unknown, received),
                }
                self.last = lease;
            }
            Ok(Err(error)) => {
                let refusal = match &error {
                    kube::Error::Api(status) if matches!(status.code, 404 | 409) => {
                        Refusal::Overtaken
                    }
                    _ => Refusal::Unknown,
                };
                self.report(&action, refusal, &error);
                self.view.refused(refusal, received);
            }
            Err(_elapsed) => {
                self.report(&action, Refusal::Unknown, &format!("no answer within {limit:?}"));
                self.view.refused(Refusal::Unknown, received);
            }
        }
    }

    fn report(&self, action: &Action, refusal: Refusal, error: &dyn fmt::Display) {
        let lease = self.leadership.lease();
        match refusal {
            Refusal::Overtaken => debug!(lease, ?action, %error, "overtaken at the lease"),
            Refusal::Unknown => warn!(lease, ?action, %error, "request on the lease failed"),
        }
    }

    /// The Lease to write. The times in it are for people: no decision is made from them.
    fn wanted(&self, version: Option<&String>, action: &Action) -> Lease {
        let mut lease = self.last.clone().filter(|_| version.is_some()).unwrap_or_default();
        if version.is_none() {
            lease.metadata = ObjectMeta {
                name: Some(self.options.name.clone()),
                namespace: Some(self.options.namespace.clone()),
                ..Default::default()
            };
        }
        lease.metadata.resource_version = version.cloned();
        let now = MicroTime(Timestamp::now());
        let seconds = self.options.timing.lease_duration().as_secs();
        let spec = lease.spec.get_or_insert_default();
        spec.renew_time = Some(now.clone());
        spec.lease_duration_seconds = i32::try_from(seconds).ok();
        match action {
            Action::Create | Action::Acquire { .. } => {
                let before = spec.lease_transitions.filter(|_| version.is_some());
                spec.lease_transitions = Some(before.map_or(0, |n| n.saturating_add(1)));
                spec.acquire_time = Some(now);
                spec.holder_identity = Some(self.options.identity.to_string());
            }
            Action::Release { .. } => spec.holder_identity = None,
            _ => {}
        }
        lease
    }

    /// Stops writing, waits for the writes under way, and empties the holder.
    async fn hand_over(mut self) {
        let lease = self.leadership.lease().to_owned();
        let margin = self.options.timing.margin();
        if let Some(until) = self.view.certain_until(Instant::now()) {
            let closing = Standing { term: self.view.term(), right: Right::Closing(until) };
            self.standing.send_replace(closing);
            let writes = self.leadership.writes().clone();
            let finished = timeout_at(until, writes.finished()).await.is_ok();
            let cut_off = writes.last_cut_off().is_some_and(|at| at + margin > Instant::now());
            if finished && !cut_off {
                self.view.release();
                // Often one write; a read and a second one where the last renewal went unanswered.
                for _ in 0..4 {
                    match plan(&self.view, Instant::now()) {
                        Action::Done | Action::Wait(_) => break,
                        action => self.perform(action).await,
                    }
                }
                info!(lease, "leadership handed over");
            } else {
                let duration = self.options.timing.lease_duration();
                warn!(
                    lease,
                    "a write was given up without its answer: the lease is left to run out within {duration:?}"
                );
            }
        }
        let standing = Standing { term: self.view.term(), right: Right::None };
        self.standing.send_replace(standing);
    }
}

fn some<T, E>(result: Result<T, E>) -> Result<Option<T>, E> {
    result.map(Some)
}

fn record_of(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|s| u64::try_from(s).ok());
    Record {
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
        holder: spec.holder_identity,
        duration: seconds.map(Duration::from_secs),
    }
}

/// One item each time the Lease is seen without a holder. Only a hint: it may be old.
fn freed(api: Api<Lease>, name: &str) -> impl Stream<Item = ()> + use<> {
    watcher::watch_object(api, name).default_backoff().filter_map(|event| async {
        let lease = event.ok()?;
        let holder = lease.and_then(|l| l.spec).and_then(|spec| spec.holder_identity);
        holder.is_none_or(|holder| holder.is_empty()).then_some(())
    })
}

#[cfg(test)]
mod tests;
