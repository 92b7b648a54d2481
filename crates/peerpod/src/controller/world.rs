//! What the controller has seen: one consistent world, owned by one task.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use kube::core::DynamicObject;
use serde_json::Value;

use super::backoff::Backoff;
use super::difference::{Difference, differences};
use super::sighting::record::{
    CertificateRecord, NodeRecord, PeerPodRecord, PodRecord, SettingsRecord, version,
};
use super::sighting::{Kind, Object, Sighting, key};
use crate::objects::webhook::{AUTHORITIES, SECRET};
use crate::webhook::certificate::CertificateError;
use crate::webhook::rotation::Stored;

/// The world.
#[derive(Default)]
pub(crate) struct World {
    /// Kinds that have been seen whole.
    seen: BTreeSet<Kind>,
    /// What a list under way has not shown yet, by kind.
    missing: BTreeMap<Kind, BTreeSet<String>>,
    /// Kinds that cannot be listed, and why.
    pub(crate) troubles: BTreeMap<Kind, String>,
    /// Configs by `namespace/name`.
    pub(crate) configs: BTreeMap<String, DynamicObject>,
    /// Nodes by name.
    pub(crate) nodes: BTreeMap<String, NodeRecord>,
    /// Since when a node is kept from taking peer pods, and by what.
    pub(crate) obstacles: BTreeMap<String, (String, Timestamp)>,
    pods: HashMap<String, Place>,
    held: BTreeMap<Arc<str>, Held>,
    /// Upstream's PeerPods by `namespace/name`.
    pub(crate) peer_pods: BTreeMap<String, PeerPodRecord>,
    /// Secrets and ConfigMaps by `namespace/name`.
    pub(crate) secrets: BTreeMap<String, SettingsRecord>,
    pub(crate) config_maps: BTreeMap<String, SettingsRecord>,
    /// The Secrets with certificates of the webhook, by name.
    certificates: BTreeMap<String, CertificateRecord>,
    /// Owned objects by kind and key.
    pub(crate) owned: BTreeMap<(Kind, String), DynamicObject>,
    applied: BTreeMap<(Kind, String), Applied>,
    /// Writes that failed.
    pub(crate) backoff: Backoff,
}

/// Where a peer pod is, and what it holds there.
#[derive(Clone, PartialEq)]
struct Place {
    node: Arc<str>,
    seats: u64,
    admitted: bool,
}

/// Seats of a node that its peer pods hold.
#[derive(Clone, Copy, Default)]
struct Held {
    /// By those that its kubelet has taken.
    admitted: u64,
    /// By those that are bound to it.
    coming: u64,
}

impl Held {
    fn of(&mut self, admitted: bool) -> &mut u64 {
        if admitted { &mut self.admitted } else { &mut self.coming }
    }
}

/// What was applied last, and what the API server's answer had otherwise: it writes some values in
/// a form of its own, and admission may change others. To apply the same again would change
/// nothing, for ever.
struct Applied {
    manifest: Value,
    stays: Vec<Difference>,
}

impl World {
    /// Whether everything has been seen that a decision needs.
    pub(crate) fn is_whole(&self) -> bool {
        Kind::NEEDED.iter().all(|kind| self.seen.contains(kind))
    }

    /// Kinds that have not been seen whole.
    pub(crate) fn unseen(&self) -> impl Iterator<Item = Kind> {
        Kind::NEEDED.into_iter().filter(|kind| !self.seen.contains(kind))
    }

    /// The webhook's certificates, and what of them cannot be read.
    pub(crate) fn stored_certificates(&self) -> (Stored, Vec<CertificateError>) {
        let none = BTreeMap::new();
        let data = |name| self.certificates.get(name).map_or(&none, |record| &record.data);
        Stored::read(data(AUTHORITIES), data(SECRET))
    }

    /// The Secret of this name with certificates of the webhook.
    pub(crate) fn certificate(&self, name: &str) -> Option<&CertificateRecord> {
        self.certificates.get(name)
    }

    /// Takes a sighting in; whether it may change a decision.
    pub(crate) fn take(&mut self, sighting: Sighting) -> bool {
        match sighting {
            Sighting::ListBegins(kind) => {
                let known = self.keys(kind);
                self.missing.insert(kind, known);
                false
            }
            Sighting::ListEnds(kind) => {
                self.troubles.remove(&kind);
                let mut changed = self.seen.insert(kind);
                for key in self.missing.remove(&kind).unwrap_or_default() {
                    changed |= self.forget(kind, &key);
                }
                changed
            }
            Sighting::Trouble(kind, message) => {
                self.troubles.insert(kind, message) != self.troubles.get(&kind).cloned()
            }
            Sighting::There(key, object) => {
                if let Some(missing) = self.missing.get_mut(&object.kind()) {
                    missing.remove(&key);
                }
                self.apply(key, *object)
            }
            Sighting::Applied(kind, manifest, object) => {
                let key = key(&*object);
                let stays = differences(&manifest, &object);
                self.applied.insert((kind, key.clone()), Applied { manifest, stays });
                self.apply(key, Object::Owned(kind, *object))
            }
            Sighting::Gone(kind, key) => self.forget(kind, &key),
        }
    }

    /// Whether an owned object is as this manifest says, but for what stayed otherwise when it was
    /// applied.
    pub(crate) fn is_applied(&self, kind: Kind, key: &str, manifest: &Value) -> bool {
        let id = (kind, key.to_owned());
        let Some(live) = self.owned.get(&id) else { return false };
        let found = differences(manifest, live);
        found.is_empty()
            || self
                .applied
                .get(&id)
                .is_some_and(|applied| applied.manifest == *manifest && applied.stays == found)
    }

    fn keys(&self, kind: Kind) -> BTreeSet<String> {
        match kind {
            Kind::Configs => self.configs.keys().cloned().collect(),
            Kind::Nodes => self.nodes.keys().cloned().collect(),
            Kind::Pods => self.pods.keys().cloned().collect(),
            Kind::Secrets => self.secrets.keys().cloned().collect(),
            Kind::ConfigMaps => self.config_maps.keys().cloned().collect(),
            Kind::PeerPods => self.peer_pods.keys().cloned().collect(),
            owned => {
                let of_kind = self.owned.keys().filter(|(kind, _)| *kind == owned);
                of_kind.map(|(_, key)| key.clone()).collect()
            }
        }
    }

    /// An object is there. Heartbeats and the like change nothing that is looked at; nor does what
    /// a watch that lags sends of the time before an answer that we have.
    pub(crate) fn apply(&mut self, key: String, object: Object) -> bool {
        match object {
            Object::Config(config) => {
                if self.configs.get(&key).is_some_and(|known| overtakes(known, &config)) {
                    return false;
                }
                self.configs.insert(key, config);
                true
            }
            Object::Node(node) => {
                let changed = match self.nodes.get_mut(&key) {
                    Some(known) if node.version < known.version => return false,
                    Some(known) => {
                        known.version = node.version;
                        *known != node
                    }
                    None => true,
                };
                self.nodes.insert(key, node);
                changed
            }
            Object::Pod(pod) => self.move_pod(key, pod),
            Object::Secret(settings, record) => {
                let mut changed = self.secrets.get(&key) != Some(&settings);
                if let (Some(record), Some(name)) = (record, key.rsplit('/').next()) {
                    changed |= self.certificates.get(name) != Some(&record);
                    self.certificates.insert(name.to_owned(), record);
                }
                self.secrets.insert(key, settings);
                changed
            }
            Object::ConfigMap(settings) => {
                let changed = self.config_maps.get(&key) != Some(&settings);
                self.config_maps.insert(key, settings);
                changed
            }
            Object::PeerPod(record) => {
                self.peer_pods.insert(key, record.clone()).as_ref() != Some(&record)
            }
            Object::Owned(kind, object) => {
                let id = (kind, key);
                if self.owned.get(&id).is_some_and(|known| overtakes(known, &object)) {
                    return false;
                }
                self.owned.insert(id, object);
                true
            }
        }
    }

    fn forget(&mut self, kind: Kind, key: &str) -> bool {
        match kind {
            Kind::Configs => self.configs.remove(key).is_some(),
            Kind::Nodes => {
                self.obstacles.remove(key);
                self.nodes.remove(key).is_some()
            }
            Kind::Pods => self.move_pod(key.to_owned(), PodRecord::default()),
            Kind::Secrets => {
                if let Some(name) = key.rsplit('/').next() {
                    self.certificates.remove(name);
                }
                self.secrets.remove(key).is_some()
            }
            Kind::ConfigMaps => self.config_maps.remove(key).is_some(),
            Kind::PeerPods => self.peer_pods.remove(key).is_some(),
            owned => {
                let id = (owned, key.to_owned());
                self.applied.remove(&id);
                self.owned.remove(&id).is_some()
            }
        }
    }

    fn move_pod(&mut self, key: String, pod: PodRecord) -> bool {
        let before = self.pods.get(&key).cloned();
        let same = match (&before, &pod.node) {
            (Some(from), Some(to)) => {
                *from.node == **to && (from.seats, from.admitted) == (pod.seats, pod.admitted)
            }
            (None, None) => true,
            _ => false,
        };
        if same {
            return false;
        }
        if let Some(from) = before {
            self.pods.remove(&key);
            if let Some(held) = self.held.get_mut(&from.node) {
                let seats = held.of(from.admitted);
                *seats = seats.saturating_sub(from.seats);
                if held.admitted == 0 && held.coming == 0 {
                    self.held.remove(&from.node);
                }
            }
        }
        if let Some(to) = pod.node {
            // Fifty thousand pods share the names of their nodes.
            let node = self
                .held
                .get_key_value(to.as_str())
                .map_or_else(|| Arc::from(to), |(name, _)| Arc::clone(name));
            let seats = self.held.entry(Arc::clone(&node)).or_default().of(pod.admitted);
            *seats = seats.saturating_add(pod.seats);
            let place = Place { node, seats: pod.seats, admitted: pod.admitted };
            self.pods.insert(key, place);
        }
        true
    }

    /// Seats that peer pods hold of a node. Those that its kubelet has not taken yet hold what it
    /// advertises at most: they keep it from going down, and never make it go up.
    pub(crate) fn running(&self, node: &str) -> u64 {
        let Some(held) = self.held.get(node) else { return 0 };
        let advertised = self.nodes.get(node).and_then(NodeRecord::seats).unwrap_or(0);
        let coming = held.coming.min(advertised.saturating_sub(held.admitted));
        held.admitted.saturating_add(coming)
    }
}

/// Whether what is known is of a later version.
fn overtakes(known: &DynamicObject, sent: &DynamicObject) -> bool {
    version(&sent.metadata) < version(&known.metadata)
}

#[cfg(test)]
mod tests;
