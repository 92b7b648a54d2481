//! Statuses of templates, and the events that go with their changes.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use kubewright_operator::events::Event;
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use super::{Engine, Finished, Seen};
use crate::{
    api::{FIELD_MANAGER, HostEndpointTemplate, HostEndpointTemplateStatus},
    labels::Shared,
    observed::Kind,
};

/// Statuses are written at most this often while there is other work.
pub(super) const BUSY_STATUS_INTERVAL: Duration = Duration::from_secs(2);

impl Engine {
    /// When statuses may be written: soon after the last time if there is
    /// nothing else to do, later if there is.
    pub(super) fn report_due(&self, now: Instant) -> Instant {
        let interval = if self.queue.is_idle() {
            self.options.status_interval
        } else {
            self.options.status_interval.max(BUSY_STATUS_INTERVAL)
        };
        self.reported.map_or(now, |reported| reported + interval)
    }

    /// Whether there is anything reliable to report about templates.
    pub(super) fn can_report(&self) -> bool {
        self.observed.is_listed(Kind::Templates)
            && (self.can_plan() && self.observed.is_listed(Kind::Nodes)
                || self.troubles.contains_key(&Kind::Endpoints))
    }

    /// Writes the statuses that have changed.
    pub(super) fn report(&mut self, running: &mut JoinSet<Finished>) {
        let now = Instant::now();
        if !self.board.is_dirty() || now < self.report_due(now) || !self.can_report() {
            return;
        }
        for name in self.board.take_dirty() {
            if self.status_running.contains(&name) {
                self.board.touch(name);
                continue;
            }
            let trouble = self.troubles.get(&Kind::Endpoints);
            let Some(Seen { status: old, .. }) = self.seen.get(&name) else {
                continue;
            };
            let status = self.board.status(
                &name,
                &self.observed,
                &self.verdict,
                trouble,
                old.as_ref(),
                Timestamp::now(),
            );
            let Some(status) = status.filter(|status| Some(status) != old.as_ref()) else {
                continue;
            };
            self.tell(&name, old.as_ref(), &status);
            if self.options.dry_run {
                continue;
            }
            let body = json!({
                "apiVersion": HostEndpointTemplate::api_version(&()),
                "kind": HostEndpointTemplate::kind(&()),
                "metadata": {"name": &*name},
                "status": status,
            });
            if let Some(seen) = self.seen.get_mut(&name) {
                seen.status = Some(status);
            }
            self.status_running.insert(name.clone());
            let templates = Api::<HostEndpointTemplate>::all(self.context.client.clone());
            running.spawn(async move {
                let parameters = PatchParams::apply(FIELD_MANAGER).force();
                let written = templates.patch_status(&name, &parameters, &Patch::Apply(&body)).await;
                let gone = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 404);
                Finished::Status(name, written.err().filter(|error| !gone(error)).map(|error| error.to_string()))
            });
        }
        self.reported = Some(now);
    }

    /// Events on what has changed in a template's conditions.
    pub(super) fn tell(
        &self,
        name: &Shared,
        old: Option<&HostEndpointTemplateStatus>,
        new: &HostEndpointTemplateStatus,
    ) {
        let Some(Seen { uid, .. }) = self.seen.get(name) else {
            return;
        };
        for condition in &new.conditions {
            let before = old
                .into_iter()
                .flat_map(|old| &old.conditions)
                .find(|before| before.type_ == condition.type_);
            let same = before.is_some_and(|before| {
                before.status == condition.status && before.reason == condition.reason
            });
            let (kind, holds) = (condition.type_.as_str(), condition.status == "True");
            let bad = match kind {
                "Valid" | "Ready" => !holds,
                _ => holds,
            };
            if same || condition.reason == "Progressing" || (!bad && before.is_none()) {
                continue;
            }
            // An invalid template says so once, not twice.
            if kind == "Ready" && condition.reason == "InvalidTemplate" {
                continue;
            }
            let event = if bad {
                Event::warning(kind, &condition.reason, condition.message.clone())
            } else {
                Event::normal(kind, &condition.reason, condition.message.clone())
            };
            self.publish(template_reference(name, uid.as_ref()), event);
        }
    }
}

fn template_reference(name: &str, uid: Option<&String>) -> ObjectReference {
    ObjectReference {
        api_version: Some(HostEndpointTemplate::api_version(&()).into_owned()),
        kind: Some(HostEndpointTemplate::kind(&()).into_owned()),
        name: Some(name.to_owned()),
        uid: uid.cloned(),
        ..ObjectReference::default()
    }
}
