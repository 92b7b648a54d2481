//! Kubernetes Events, on transitions only.
//!
//! `kube::runtime::events::Recorder` counts a repeated event as a series, which is a write each
//! time, and keeps the note of the first one when the note changes. A level-driven controller says
//! the same in every reconcile; here saying the same writes nothing.

pub mod catalogue;
mod transitions;

pub use catalogue::Entry;
pub use transitions::{Subject, Transitions};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubernetesEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, PostParams};
use tracing::{debug, warn};

use crate::environment;
use crate::lease::is_not_leading;

/// Longest a reconcile is held up by an event.
const PATIENCE: Duration = Duration::from_secs(10);

/// How serious an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Something went as it should.
    Normal,
    /// Something needs a look.
    Warning,
}

/// What there is to tell about an object.
///
/// `action` is what the controller is about (`Apply`, `Lock`), `reason` what came of it (`Applied`,
/// `Conflict`), `note` the sentence for people. For each object and action the last reason and
/// note are remembered, and only a different one is published. Things that vary independently on
/// one object, such as its interfaces, need an [`Event::aspect`] each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    severity: Severity,
    action: String,
    aspect: String,
    reason: String,
    note: String,
}

impl Event {
    /// Something went as it should. `action` and `reason` are single CamelCase words.
    pub fn normal(action: &str, reason: &str, note: impl Into<String>) -> Self {
        Self::new(Severity::Normal, action, reason, note.into())
    }

    /// Something needs a look. `action` and `reason` are single CamelCase words.
    pub fn warning(action: &str, reason: &str, note: impl Into<String>) -> Self {
        Self::new(Severity::Warning, action, reason, note.into())
    }

    fn new(severity: Severity, action: &str, reason: &str, note: String) -> Self {
        Self {
            severity,
            action: truncated(action, 128),
            aspect: String::new(),
            reason: truncated(reason, 128),
            // The limit of the API is 1 kB (validation of events.k8s.io/v1).
            note: truncated(&note, 1024),
        }
    }

    /// The part of the object it is about, where several vary independently.
    #[must_use]
    pub fn aspect(mut self, aspect: impl Into<String>) -> Self {
        self.aspect = aspect.into();
        self
    }
}

/// Publishes events of one controller. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    client: kube::Client,
    controller: Arc<str>,
    instance: Arc<str>,
    transitions: Arc<Mutex<Transitions>>,
    catalogue: Option<&'static [Entry]>,
}

impl Events {
    /// Events reported by `controller`, written through `client`: a gated client keeps a replica
    /// that does not lead from reporting.
    pub fn new(client: kube::Client, controller: &str) -> Self {
        Self {
            client,
            controller: truncated(controller, 63).into(),
            instance: truncated(&environment::instance_name(), 128).into(),
            transitions: Arc::default(),
            catalogue: None,
        }
    }

    /// Those of an area, which publishes what `catalogue` lists and nothing else.
    #[must_use]
    pub fn listed(self, catalogue: &'static [Entry]) -> Self {
        Self { catalogue: Some(catalogue), ..self }
    }

    /// Publishes `event` about `object`, unless it is what was said last. Never fails: an event that
    /// cannot be written is logged, and said again the next time if that may help.
    ///
    /// # Panics
    /// With debug assertions, when the area does not list the event.
    pub async fn publish(&self, object: &ObjectReference, event: Event) {
        debug_assert!(
            self.catalogue.is_none_or(|catalogue| {
                catalogue::lists(catalogue, object.kind.as_deref().unwrap_or_default(), &event)
            }),
            "the catalogue of {} has no event {event:?} about a {:?}",
            self.controller,
            object.kind
        );
        let subject = Subject::new(object, &event.action, &event.aspect);
        let (reason, note) = (event.reason.clone(), event.note.clone());
        if !self.transitions().changed(&subject, &event) {
            return;
        }
        let written = self.built(object, &event, Timestamp::now());
        let namespace = written.metadata.namespace.clone().unwrap_or_default();
        let api = Api::<KubernetesEvent>::namespaced(self.client.clone(), &namespace);
        let params = PostParams::default();
        let kind = object.kind.as_deref().unwrap_or_default();
        let name = object.name.as_deref().unwrap_or_default();
        match tokio::time::timeout(PATIENCE, api.create(&params, &written)).await {
            Ok(Ok(_)) => debug!(kind, name, reason, note, "event published"),
            Ok(Err(error)) => {
                if may_succeed_later(&error) {
                    self.transitions().retract(&subject, &event);
                }
                if is_not_leading(&error) {
                    debug!(kind, name, reason, %error, "event left to the leader");
                } else {
                    warn!(kind, name, reason, note, %error, "cannot publish event");
                }
            }
            Err(_elapsed) => {
                self.transitions().retract(&subject, &event);
                warn!(kind, name, reason, note, "cannot publish event: no answer in {PATIENCE:?}");
            }
        }
    }

    /// All is well again without anything to say: the next event about it is a transition.
    pub fn settled(&self, object: &ObjectReference, action: &str, aspect: &str) {
        self.transitions().settle(&Subject::new(object, &truncated(action, 128), aspect));
    }

    /// The object is gone.
    pub fn forget(&self, object: &ObjectReference) {
        self.transitions().forget(object);
    }

    fn transitions(&self) -> MutexGuard<'_, Transitions> {
        self.transitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn built(&self, object: &ObjectReference, event: &Event, now: Timestamp) -> KubernetesEvent {
        // Events on cluster-scoped objects live in `default`, where `kubectl describe` looks.
        let namespace = object.namespace.clone().filter(|n| !n.is_empty());
        let namespace = namespace.unwrap_or_else(|| "default".to_owned());
        let severity = match event.severity {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        };
        KubernetesEvent {
            metadata: ObjectMeta {
                name: Some(event_name(object.name.as_deref().unwrap_or("unnamed"), now)),
                namespace: Some(namespace),
                ..Default::default()
            },
            action: Some(event.action.clone()),
            event_time: Some(MicroTime(now)),
            note: Some(event.note.clone()),
            reason: Some(event.reason.clone()),
            regarding: Some(object.clone()),
            reporting_controller: Some(format!("kubewright.io/{}", self.controller)),
            reporting_instance: Some(self.instance.to_string()),
            type_: Some(severity.to_owned()),
            ..Default::default()
        }
    }
}

/// The object's name and the time, as client-go does, in the 253 characters that a name may have,
/// made unique where several events fall into one moment.
fn event_name(object: &str, now: Timestamp) -> String {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let suffix = format!("{:x}.{}", now.as_nanosecond(), &unique[..8]);
    let object = truncated(object, 253 - 1 - suffix.len());
    // Some objects have names that an event cannot have, such as `system:node` of RBAC.
    let object: String = object
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '-' })
        .collect();
    let object = object.split('.').map(|label| label.trim_matches('-')).filter(|l| !l.is_empty());
    let object: Vec<&str> = object.collect();
    if object.is_empty() { suffix } else { format!("{}.{suffix}", object.join(".")) }
}

/// At most `limit` bytes, cut between characters.
fn truncated(text: &str, limit: usize) -> String {
    text[..text.floor_char_boundary(limit)].to_owned()
}

/// Whether saying it again in the next reconcile is worth a request.
fn may_succeed_later(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code >= 500 || status.code == 429,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
