//! Comparing the runtime's sandboxes with what is known and recorded of them: for what nobody
//! tells, such as a sandbox that was removed while the API server was away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kubewright_attachment::name::InterfaceName;
use kubewright_attachment::pod::SandboxId;
use kubewright_attachment::record::{RecordId, Whose, boot_id};
use kubewright_cri::CallError;
use kubewright_cri::filter;
use kubewright_cri::label::POD_UID;
use kubewright_cri::message::{PodSandbox, PodSandboxFilter, PodSandboxState};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Core, Message};
use crate::agent::lost::Missing;
use crate::agent::node::Node;
use crate::agent::work::chain;

/// A sandbox on record that the runtime does not list may be about to be listed.
const ABOUT: Duration = Duration::from_secs(30);

/// Looks after the disk: removes what is left there of sandboxes that are gone, as GC does where the
/// runtime calls it, and sees whether the plugin has its place.
async fn tidy(node: &Arc<Node>, living: BTreeSet<SandboxId>) {
    let node = node.clone();
    let swept = tokio::task::spawn_blocking(move || {
        node.look_in_front();
        node.engine.store().sweep(&living)
    })
    .await;
    if let Ok(Err(error)) = swept {
        tracing::warn!(error = chain(&error), "what is left of sandboxes is not removed");
    }
}

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
            if let Ok(listed) = &listed {
                let living = listed.iter().filter_map(|it| SandboxId::new(it.id.as_str()).ok());
                tidy(&node, living.collect()).await;
            }
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
        let mut missing = BTreeSet::new();
        for id in ids {
            let RecordId { pod_uid, sandbox, .. } = id.clone();
            self.recorded.insert(pod_uid.clone());
            let lost = match states.get(sandbox.as_str()) {
                Some(_) => {
                    self.node.sandboxes().not_making(&pod_uid, sandbox.as_str());
                    !ready.contains(sandbox.as_str())
                }
                None => !self.node.sandboxes().is_making(&pod_uid, now),
            };
            // What was made through us the runtime takes down, so whoever works on the pod leaves it
            // alone. Of one that is not there any more, or that has lost its namespace, it does not.
            let is_over = || match states.get(sandbox.as_str()) {
                // A runtime that lists nothing may be another one than the kubelet's.
                None => self.is_gone(&pod_uid) || self.has_lost_its_namespace(&id),
                Some(true) => false,
                Some(false) => self.has_lost_its_namespace(&id),
            };
            if lost && id.interface.as_str() == InterfaceName::DEFAULT && is_over() {
                missing.insert((pod_uid.clone(), sandbox));
            }
            if lost {
                concerned.insert(pod_uid);
            }
        }
        for lost in self.lost.look(missing, now) {
            self.collect(lost);
        }
        for uid in concerned {
            // One that is held back comes in its time.
            if !self.memories.contains_key(&uid) {
                self.add(&uid);
            }
        }
    }

    fn is_gone(&self, pod_uid: &str) -> bool {
        let pods = self.node.pods();
        pods.synced() && pods.of_uid(pod_uid).is_none()
    }

    fn has_lost_its_namespace(&self, id: &RecordId) -> bool {
        let look = self.node.engine.store().look(Whose::SandboxOf(&id.pod_uid, &id.sandbox));
        look.is_ok_and(|(records, _)| {
            let mut of_it = records.iter().filter(|record| record.interface == id.interface);
            of_it.any(|record| !record.netns.exists())
        })
    }

    /// Detaches a sandbox that the runtime has lost, when nobody works on its pod.
    fn collect(&mut self, lost: Missing) {
        let (grant, granted) = oneshot::channel();
        self.waiting.entry(lost.0.clone()).or_default().push_back(grant);
        self.grant(&lost.0);
        let node = self.node.clone();
        self.tasks.spawn(async move {
            let Ok(_seized) = granted.await else {
                return node.tell(Message::Collected(lost, Ok(false)));
            };
            let (engine, id) = (node.engine.clone(), lost.1.clone());
            let collect = move || match engine.collect(&id) {
                Ok(done) => Ok(done.is_some()),
                Err(error) => Err(chain(&error)),
            };
            let collected = node.places.work(Instant::now() + ABOUT, collect).await;
            let collected = collected.unwrap_or_else(|error| Err(chain(&error)));
            node.tell(Message::Collected(lost, collected));
        });
    }

    pub(super) fn collected(&mut self, lost: &Missing, collected: Result<bool, String>) {
        let (uid, sandbox) = lost;
        match &collected {
            // The runtime may list it still.
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(uid, %sandbox, "a sandbox that the runtime lost is detached");
                // Whoever looks at the pod sees what is on record of it still.
                self.add(uid);
            }
            Err(error) => tracing::warn!(
                uid,
                %sandbox,
                error,
                "a sandbox that the runtime lost is not detached"
            ),
        }
        self.lost.detached(lost, collected.is_ok(), Instant::now());
    }
}
