//! Comparing the runtime's sandboxes with what is known and recorded of them: for what nobody
//! tells, such as a sandbox that was removed while the API server was away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kubewright_attachment::record::{RecordId, Whose, boot_id};
use kubewright_cri::CallError;
use kubewright_cri::filter;
use kubewright_cri::label::POD_UID;
use kubewright_cri::message::{PodSandbox, PodSandboxFilter, PodSandboxState};
use tokio::time::Instant;

use super::{Core, Message};
use crate::agent::work::chain;

/// A sandbox on record that the runtime does not list may be about to be listed.
const ABOUT: Duration = Duration::from_secs(30);

impl Core {
    /// At the start: the pods of which there are records.
    pub(super) fn recall(&mut self) {
        let (records, corrupt) = match self.node.engine.store().look(Whose::All) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(error = chain(&error), "the records cannot be read");
                return;
            }
        };
        // Whoever works on the pod sets them aside, and detaches what they stood for.
        self.recorded.extend(corrupt.into_iter().map(|id| id.pod_uid));
        let boot = boot_id().unwrap_or_default();
        let now = Instant::now();
        for record in &records {
            let uid = record.pod.uid();
            self.recorded.insert(uid.to_owned());
            // Its sandbox may have been in the making when the agent before this one ended.
            if record.boot_id == boot && record.netns.exists() {
                let id = record.sandbox.as_str();
                self.node.sandboxes().making_for(uid, id, now, ABOUT);
            }
        }
        tracing::info!(records = records.len(), "records read");
    }

    pub(super) fn sweep(&mut self) {
        if self.sweeping {
            return;
        }
        self.sweeping = true;
        let node = self.node.clone();
        self.tasks.spawn(async move {
            let listed = node.runtime.list_sandboxes(PodSandboxFilter::default()).await;
            node.tell(Message::Listed(listed));
        });
    }

    pub(super) fn listed(&mut self, listed: Result<Vec<PodSandbox>, CallError>) {
        self.sweeping = false;
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(error = chain(&error), "the sandboxes of this node are not known");
                return;
            }
        };
        let states: BTreeMap<&str, bool> = listed
            .iter()
            .map(|sandbox| {
                (sandbox.id.as_str(), sandbox.state == i32::from(PodSandboxState::Ready))
            })
            .collect();
        let mut newest: BTreeMap<String, Vec<PodSandbox>> = BTreeMap::new();
        for sandbox in listed.iter().filter(|sandbox| states[sandbox.id.as_str()]) {
            if let Some(uid) = sandbox.labels.get(POD_UID) {
                newest.entry(uid.clone()).or_default().push(sandbox.clone());
            }
        }
        let ready: BTreeSet<String> =
            newest.into_values().filter_map(filter::newest).map(|sandbox| sandbox.id).collect();
        let mut concerned: BTreeSet<String> =
            self.node.sandboxes().compare(&ready).into_iter().collect();
        let ids = match self.node.engine.store().ids(Whose::All) {
            Ok(ids) => ids,
            Err(error) => {
                tracing::error!(error = chain(&error), "the records cannot be read");
                return;
            }
        };
        let now = Instant::now();
        for RecordId { pod_uid, sandbox, .. } in ids {
            self.recorded.insert(pod_uid.clone());
            let lost = match states.get(sandbox.as_str()) {
                Some(_) => {
                    self.node.sandboxes().not_making(&pod_uid, sandbox.as_str());
                    !ready.contains(sandbox.as_str())
                }
                None => !self.node.sandboxes().is_making(&pod_uid, now),
            };
            if lost {
                concerned.insert(pod_uid);
            }
        }
        for uid in concerned {
            // One that is held back comes in its time.
            if !self.memories.contains_key(&uid) {
                self.add(&uid);
            }
        }
    }
}
