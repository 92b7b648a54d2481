//! One look at one object: what is due, done through the same rules as a client's request.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use futures::{TryStreamExt, stream};
use serde_json::{Value, json};

use super::WORKERS;
use super::index::{Head, Id, Index, Reference};
use super::verdict::{Owner, Verdict, decide};
use crate::access::Identity;
use crate::error::{Error, Result};
use crate::meta;
use crate::resource::{Catalog, Resource};
use crate::rest::{self, DeleteOptions, Propagation, Target, internal_update};
use crate::server::Core;
use crate::store::{ObjectKey, ResourceKey, Stored};

/// What came of a look.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing is left to do for this object until something changes.
    Done,
    /// These must be looked at as well.
    Also(Vec<Id>),
    /// The kind of an owner is not served.
    Unknown,
}

/// What is served, by where it is stored.
pub(super) struct Kinds {
    catalog: Arc<Catalog>,
    stored: HashMap<ResourceKey, Arc<Resource>>,
}

impl Kinds {
    pub(super) fn new(catalog: Arc<Catalog>) -> Self {
        let stored = catalog.stored().into_iter().map(|r| (r.key.clone(), r.clone())).collect();
        Self { catalog, stored }
    }

    fn owner(&self, reference: &Reference) -> Option<&Arc<Resource>> {
        let (group, version) =
            reference.api_version.split_once('/').unwrap_or(("", &reference.api_version));
        self.catalog.by_kind(group, version, &reference.kind)
    }

    /// The object that a reference means.
    pub(super) fn find(&self, reference: &Reference, namespace: &str) -> Option<Id> {
        let resource = self.owner(reference)?;
        let namespace = if resource.namespaced { namespace } else { "" };
        Some(Id { resource: resource.key.clone(), key: ObjectKey::new(namespace, &reference.name) })
    }
}

/// A look; `position` is the version up to which the index is complete.
pub(super) struct Look<'a> {
    pub(super) core: &'a Core,
    pub(super) kinds: &'a Kinds,
    pub(super) index: &'a Index,
    pub(super) position: u64,
}

impl Look<'_> {
    pub(super) async fn at(&self, id: &Id) -> Result<Found> {
        let Some(stored) = self.core.store.get(&id.resource, &id.key) else {
            return Ok(Found::Done);
        };
        if stored.resource_version > self.position {
            // The change that made it so is still to come, with all that came before it.
            return Ok(Found::Done);
        }
        let Some(resource) = self.kinds.stored.get(&id.resource) else {
            return Ok(Found::Done);
        };
        let target = target(self.core, resource, id);
        let head = Head::read(&stored);
        if head.waits_for_dependents() {
            return self.finish_foreground(&target, id, &head).await;
        }
        if head.orphans_dependents() {
            self.orphan(id, &head).await?;
            drop_finalizer(&target, &head.uid, meta::ORPHAN).await?;
            return Ok(Found::Done);
        }
        self.judge(&target, id, &stored, &head).await
    }

    /// An owner that goes when nothing blocks it any more.
    async fn finish_foreground(&self, target: &Target<'_>, id: &Id, head: &Head) -> Result<Found> {
        let dependents = || self.index.dependents(&head.uid, &id.key);
        if !dependents().any(|(_, blocks)| blocks) {
            drop_finalizer(target, &head.uid, meta::FOREGROUND).await?;
        }
        // Those that do not block go as well, without being waited for.
        let left = dependents().map(|(dependent, _)| dependent);
        let left = left.filter(|dependent| !self.is_terminating(dependent));
        Ok(Found::Also(left.cloned().collect()))
    }

    fn is_terminating(&self, id: &Id) -> bool {
        let stored = self.core.store.get(&id.resource, &id.key);
        stored.is_none_or(|object| Head::read(&object).is_terminating())
    }

    /// Takes an owner out of its dependents.
    async fn orphan(&self, id: &Id, head: &Head) -> Result<()> {
        let dependents = self.index.dependents(&head.uid, &id.key).map(|(id, _)| Ok(id));
        let release = |dependent| self.release(dependent, std::slice::from_ref(&head.uid));
        stream::iter(dependents).try_for_each_concurrent(WORKERS, release).await
    }

    /// Takes owners out of a dependent.
    async fn release(&self, id: &Id, owners: &[Box<str>]) -> Result<()> {
        let gone = |reference: &Value| {
            let uid = reference["uid"].as_str().unwrap_or_default();
            owners.iter().any(|owner| **owner == *uid)
        };
        self.edit_owners(id, |list| list.retain(|reference| !gone(reference))).await
    }

    async fn edit_owners(
        &self,
        id: &Id,
        edit: impl Fn(&mut Vec<Value>) + Send + Sync,
    ) -> Result<()> {
        let Some(resource) = self.kinds.stored.get(&id.resource) else {
            return Ok(());
        };
        let target = target(self.core, resource, id);
        let result = internal_update(&target, |object| {
            let meta = meta::metadata_mut(object);
            if let Some(list) = meta.get_mut("ownerReferences").and_then(Value::as_array_mut) {
                edit(list);
                if list.is_empty() {
                    meta.remove("ownerReferences");
                }
            }
        });
        unless_gone(result.await.map(drop))
    }

    async fn judge(
        &self,
        target: &Target<'_>,
        id: &Id,
        stored: &Stored,
        head: &Head,
    ) -> Result<Found> {
        let owners: Vec<_> = head.owners.iter().map(|owner| self.owner(owner, id)).collect();
        let mut dependents = self.index.dependents(&head.uid, &id.key);
        match decide(head, &owners, dependents.next().is_some()) {
            Verdict::Keep => {}
            Verdict::Wait => return Ok(Found::Unknown),
            Verdict::Release(uids) => self.release(id, &uids).await?,
            Verdict::Delete(propagation) => {
                delete(target, stored, head, propagation).await?;
            }
            Verdict::DeleteForeground => {
                self.break_circle(id, head).await?;
                delete(target, stored, head, Propagation::Foreground).await?;
            }
        }
        Ok(Found::Done)
    }

    /// The owner that a reference names, as it is now.
    fn owner(&self, reference: &Reference, dependent: &Id) -> Owner {
        let Some(resource) = self.kinds.owner(reference) else {
            let gone = self.index.is_gone(&reference.uid, &dependent.key.namespace);
            return if gone { Owner::Absent } else { Owner::Unknown };
        };
        if resource.namespaced && dependent.key.namespace.is_empty() {
            return Owner::Misplaced;
        }
        let namespace = if resource.namespaced { &*dependent.key.namespace } else { "" };
        let key = ObjectKey::new(namespace, &reference.name);
        let head = self.core.store.get(&resource.key, &key).map(|object| Head::read(&object));
        match head.filter(|head| head.uid == reference.uid) {
            None => Owner::Absent,
            Some(head) if head.waits_for_dependents() => Owner::Waiting,
            Some(_) => Owner::Solid,
        }
    }

    /// Where an object's dependents wait for theirs, it may be among those: then all would
    /// wait for ever, unless none of them blocks it.
    async fn break_circle(&self, id: &Id, head: &Head) -> Result<()> {
        let waits = |dependent: &Id| {
            let stored = self.core.store.get(&dependent.resource, &dependent.key);
            stored.is_some_and(|object| Head::read(&object).waits_for_dependents())
        };
        let dependents = || self.index.dependents(&head.uid, &id.key);
        if !dependents().any(|(dependent, _)| waits(dependent)) {
            return Ok(());
        }
        for (dependent, _) in dependents().filter(|(_, blocks)| *blocks) {
            let unblock = |list: &mut Vec<Value>| {
                for reference in list.iter_mut().filter(|owner| owner["uid"] == *head.uid) {
                    reference["blockOwnerDeletion"] = json!(false);
                }
            };
            self.edit_owners(dependent, unblock).await?;
        }
        Ok(())
    }
}

/// Who deletes and edits, for webhooks.
static IDENTITY: LazyLock<Identity> =
    LazyLock::new(|| Identity::controller("generic-garbage-collector"));

fn target<'a>(core: &'a Core, resource: &'a Arc<Resource>, id: &'a Id) -> Target<'a> {
    let (namespace, name) = (&*id.key.namespace, &*id.key.name);
    let identity = Some(&*IDENTITY);
    Target { core, resource, namespace, name, subresource: "", identity }
}

/// Deletes exactly the object that was judged: an owner added in the meantime saves it.
async fn delete(
    target: &Target<'_>,
    stored: &Stored,
    head: &Head,
    propagation: Propagation,
) -> Result<()> {
    let options = DeleteOptions {
        propagation: Some(propagation),
        uid: Some(head.uid.to_string()),
        resource_version: Some(stored.resource_version.to_string()),
        ..DeleteOptions::default()
    };
    match rest::delete(target, &options).await {
        // Changed since: that change brings it here again.
        Err(error) if error.reason == "Conflict" => Ok(()),
        result => unless_gone(result.map(drop)),
    }
}

async fn drop_finalizer(target: &Target<'_>, uid: &str, finalizer: &str) -> Result<()> {
    let result = internal_update(target, |object| {
        // Another object of the same name is not ours to finish.
        if meta::uid(object) != uid {
            return;
        }
        let left: Vec<String> = meta::finalizers(object)
            .into_iter()
            .filter(|name| *name != finalizer)
            .map(str::to_owned)
            .collect();
        meta::set_finalizers(object, &left.iter().map(String::as_str).collect::<Vec<_>>());
    });
    unless_gone(result.await.map(drop))
}

fn unless_gone(result: Result<(), Error>) -> Result<()> {
    match result {
        Err(error) if error.reason == "NotFound" => Ok(()),
        result => result,
    }
}
