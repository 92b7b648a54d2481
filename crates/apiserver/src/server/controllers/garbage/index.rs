//! Who depends on whom, by the uid of the owner.
//!
//! Only objects with owner references are in here: the index costs nothing for the others.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::meta;
use crate::store::{Change, ObjectKey, ResourceKey, Stored};

/// An object of any resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) resource: ResourceKey,
    pub(super) key: ObjectKey,
}

/// An entry of `metadata.ownerReferences`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Reference {
    pub(super) api_version: Box<str>,
    pub(super) kind: Box<str>,
    pub(super) name: Box<str>,
    pub(super) uid: Box<str>,
    #[serde(rename = "blockOwnerDeletion")]
    blocks: Option<bool>,
}

impl Default for Reference {
    fn default() -> Self {
        let empty = Box::<str>::default;
        Self { api_version: empty(), kind: empty(), name: empty(), uid: empty(), blocks: None }
    }
}

/// What the collector reads of an object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Head {
    pub(super) uid: Box<str>,
    #[serde(rename = "ownerReferences")]
    pub(super) owners: Vec<Reference>,
    finalizers: Vec<String>,
    deletion_timestamp: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Envelope {
    metadata: Head,
}

impl Head {
    pub(super) fn read(object: &Stored) -> Self {
        // Metadata was decoded by type when it was written.
        serde_json::from_slice(&object.json)
            .map_or_else(|_| Self::default(), |e: Envelope| e.metadata)
    }

    pub(super) fn is_terminating(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// Deleted, once its dependents are.
    pub(super) fn waits_for_dependents(&self) -> bool {
        self.is_terminating() && self.has_finalizer(meta::FOREGROUND)
    }

    /// Deleted, once its dependents do without it.
    pub(super) fn orphans_dependents(&self) -> bool {
        self.is_terminating() && self.has_finalizer(meta::ORPHAN)
    }

    pub(super) fn has_finalizer(&self, name: &str) -> bool {
        self.finalizers.iter().any(|finalizer| finalizer == name)
    }

    fn is_of_interest(&self) -> bool {
        !self.owners.is_empty() || self.waits_for_dependents() || self.orphans_dependents()
    }
}

/// Owners and dependents. Follows the store change by change.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Uids of the owners of a dependent.
    owners: HashMap<Id, Vec<Box<str>>>,
    /// Dependents of an owner, and whether each of them blocks its deletion.
    dependents: HashMap<Box<str>, BTreeMap<Id, bool>>,
    /// Owners that were seen to go while they had dependents, and their namespaces: their
    /// kind may be gone with them, and then nobody else can tell.
    gone: HashMap<Box<str>, Arc<str>>,
}

impl Index {
    /// Takes in an object as it is; returns whether there may be something to do.
    pub(super) fn insert(&mut self, id: &Id, head: &Head) -> bool {
        self.remove(id);
        for owner in &head.owners {
            let dependents = self.dependents.entry(owner.uid.clone()).or_default();
            *dependents.entry(id.clone()).or_default() |= owner.blocks == Some(true);
        }
        if !head.owners.is_empty() {
            let uids = head.owners.iter().map(|owner| owner.uid.clone()).collect();
            self.owners.insert(id.clone(), uids);
        }
        head.is_of_interest()
    }

    fn remove(&mut self, id: &Id) {
        for uid in self.owners.remove(id).unwrap_or_default() {
            if let Some(dependents) = self.dependents.get_mut(&uid) {
                dependents.remove(id);
                if dependents.is_empty() {
                    self.dependents.remove(&uid);
                    self.gone.remove(&uid);
                }
            }
        }
    }

    /// Takes in a change; returns whose situation it changed. `find` names the object that
    /// a reference from a namespace means.
    pub(super) fn apply(
        &mut self,
        id: &Id,
        change: &Change,
        find: impl Fn(&Reference, &str) -> Option<Id>,
    ) -> Vec<Id> {
        let after = Head::read(&change.after);
        let before = change.before.as_deref().map(Head::read).unwrap_or_default();
        let mut touched = Vec::new();
        if change.deleted {
            self.remove(id);
            if let Some(dependents) = self.dependents.get(&after.uid) {
                touched.extend(dependents.keys().cloned());
                self.gone.insert(after.uid.clone(), id.key.namespace.clone());
            }
        } else if self.insert(id, &after) {
            touched.push(id.clone());
        }
        // An owner may have waited for a reference that is no longer there, or blocks no more.
        let kept = |owner: &Reference| !change.deleted && after.owners.contains(owner);
        let left = before.owners.iter().filter(|owner| !kept(owner));
        touched.extend(left.filter_map(|owner| find(owner, &id.key.namespace)));
        touched
    }

    /// The dependents of an owner that can rightfully be, and whether each blocks. One in
    /// another namespace names an owner that does not exist there.
    pub(super) fn dependents<'a>(
        &'a self,
        uid: &str,
        owner: &'a ObjectKey,
    ) -> impl Iterator<Item = (&'a Id, bool)> {
        let all = self.dependents.get(uid).into_iter().flatten();
        all.filter(|(id, _)| owner.namespace.is_empty() || id.key.namespace == owner.namespace)
            .map(|(id, blocks)| (id, *blocks))
    }

    /// Whether this owner of something in a namespace was seen to go.
    pub(super) fn is_gone(&self, uid: &str, namespace: &str) -> bool {
        self.gone.get(uid).is_some_and(|home| home.is_empty() || **home == *namespace)
    }
}
