//! Which objects the pods on a node lead to.
//!
//! ```text
//! node ◀── pod ◀── secret, config map, service account, claim ◀── volume ◀── secret
//! node ◀── volume attachment
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::references;
use crate::store::ObjectKey;

/// Kinds of objects that pods lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Secret,
    ConfigMap,
    ServiceAccount,
    Claim,
    Volume,
    Attachment,
}

/// An object; the namespace is empty for volumes and attachments.
type Object = (Kind, ObjectKey);

/// The relations, from objects towards nodes.
#[derive(Default)]
pub(super) struct Graph {
    /// The node of each pod that has one, and what the pod refers to.
    pods: HashMap<ObjectKey, (Arc<str>, Vec<Object>)>,
    /// The pods that refer to an object.
    users: HashMap<Object, HashSet<ObjectKey>>,
    /// The claim of each bound volume, and the secrets that mounting it takes.
    volumes: HashMap<Arc<str>, (ObjectKey, Vec<ObjectKey>)>,
    /// The volumes that need a secret.
    mounted: HashMap<ObjectKey, HashSet<Arc<str>>>,
    /// The node of each attachment.
    attachments: HashMap<Arc<str>, String>,
}

impl Graph {
    pub(super) fn forget_pods(&mut self) {
        self.pods.clear();
        self.users.clear();
    }

    pub(super) fn set_pod(&mut self, key: &ObjectKey, pod: &Value) {
        self.remove_pod(key);
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        if node.is_empty() {
            return;
        }
        let objects: Vec<Object> = references::of_pod(key, pod);
        for object in &objects {
            self.users.entry(object.clone()).or_default().insert(key.clone());
        }
        self.pods.insert(key.clone(), (node.into(), objects));
    }

    pub(super) fn remove_pod(&mut self, key: &ObjectKey) {
        let Some((_, objects)) = self.pods.remove(key) else {
            return;
        };
        for object in objects {
            if let Some(pods) = self.users.get_mut(&object) {
                pods.remove(key);
                if pods.is_empty() {
                    self.users.remove(&object);
                }
            }
        }
    }

    pub(super) fn forget_volumes(&mut self) {
        self.volumes.clear();
        self.mounted.clear();
    }

    pub(super) fn set_volume(&mut self, name: &Arc<str>, volume: &Value) {
        self.remove_volume(name);
        let claim = &volume["spec"]["claimRef"];
        let text = |field: &str| claim[field].as_str().unwrap_or_default();
        if text("name").is_empty() {
            return;
        }
        let claim = ObjectKey::new(text("namespace"), text("name"));
        let secrets = references::of_volume(&claim.namespace, &volume["spec"]);
        for secret in &secrets {
            self.mounted.entry(secret.clone()).or_default().insert(name.clone());
        }
        self.volumes.insert(name.clone(), (claim, secrets));
    }

    pub(super) fn remove_volume(&mut self, name: &Arc<str>) {
        let Some((_, secrets)) = self.volumes.remove(name) else {
            return;
        };
        for secret in secrets {
            if let Some(volumes) = self.mounted.get_mut(&secret) {
                volumes.remove(name);
                if volumes.is_empty() {
                    self.mounted.remove(&secret);
                }
            }
        }
    }

    pub(super) fn forget_attachments(&mut self) {
        self.attachments.clear();
    }

    pub(super) fn set_attachment(&mut self, name: &Arc<str>, attachment: &Value) {
        let node = attachment["spec"]["nodeName"].as_str().unwrap_or_default();
        self.attachments.insert(name.clone(), node.to_owned());
    }

    pub(super) fn remove_attachment(&mut self, name: &Arc<str>) {
        self.attachments.remove(name);
    }

    /// Whether something on this node leads to an object.
    pub(super) fn leads_to(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        let key = ObjectKey::new(namespace, name);
        match kind {
            Kind::Attachment => self.attachments.get(name).is_some_and(|on| on == node),
            Kind::Volume => self.mounts(node, name),
            Kind::Secret => {
                let volumes = self.mounted.get(&key).into_iter().flatten();
                let mut volumes = volumes.map(|volume| self.mounts(node, volume));
                volumes.any(|mounts| mounts) || self.uses(node, (kind, key))
            }
            _ => self.uses(node, (kind, key)),
        }
    }

    fn mounts(&self, node: &str, volume: &str) -> bool {
        let volume = self.volumes.get(volume);
        volume.is_some_and(|(claim, _)| self.uses(node, (Kind::Claim, claim.clone())))
    }

    fn uses(&self, node: &str, object: Object) -> bool {
        let mut pods = self.users.get(&object).into_iter().flatten();
        pods.any(|pod| self.pods.get(pod).is_some_and(|(on, _)| &**on == node))
    }
}
