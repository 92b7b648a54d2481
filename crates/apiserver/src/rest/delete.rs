//! Delete: preconditions, grace periods, finalizers, propagation.

use serde_json::{Value, json};

use super::admission::admit_deletion;
use super::update::precondition;
use super::{DeleteOptions, ListOptions, Target, stored_form};
use crate::error::{Error, Result};
use crate::meta;
use crate::rest::options::Propagation;
use crate::store::{Expect, WriteError};

/// What a delete did.
pub(crate) enum Deleted {
    /// The object is gone; this was its last state.
    Gone(Value),
    /// The object stays for now: finalizers or a grace period hold it.
    Pending(Value),
}

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";
const TRIES: usize = 64;

pub(crate) async fn delete(target: &Target<'_>, options: &DeleteOptions) -> Result<Deleted> {
    for _ in 0..TRIES {
        match try_delete(target, options).await? {
            Ok(deleted) => return Ok(deleted),
            Err(WriteError::Modified) => {}
            Err(WriteError::Missing) => return Err(target.not_found()),
            Err(error) => return Err(Error::internal(error)),
        }
    }
    Err(target.modified())
}

async fn try_delete(
    target: &Target<'_>,
    options: &DeleteOptions,
) -> Result<Result<Deleted, WriteError>> {
    let resource = target.resource;
    target.core.admit_delete(target)?;
    let stored = target.latest().ok_or_else(|| target.not_found())?;
    let live = super::load(target.core, resource, &stored).await?;
    check_preconditions(target, options, &live)?;

    let mut object = live.clone();
    propagate(&mut object, options.propagation);
    let grace = grace(resource.grace_period(&live, options.grace_period), &live);
    let held = !meta::finalizers(&object).is_empty() || target.core.holds(resource, &object);
    if held || grace > 0 {
        if !target.core.mark_terminating(resource, &mut object) {
            mark(&mut object, target.core, grace);
        }
        // What already goes, at its own pace, asks nobody again.
        if object == live && grace > 0 {
            return Ok(Ok(Deleted::Pending(object)));
        }
        admit_deletion(target, options, &live).await?;
        if object == live || options.dry_run {
            return Ok(Ok(Deleted::Pending(object)));
        }
        let stored = store(target, stored.resource_version, &object).await?;
        return Ok(stored.map(Deleted::Pending));
    }
    // A graceful kind tells its watchers that the end has come before it is gone.
    if resource.grace_period(&live, Some(0)).is_some() {
        admit_deletion(target, options, &live).await?;
        mark(&mut object, target.core, 0);
        if options.dry_run {
            return Ok(Ok(Deleted::Gone(object)));
        }
        let marked = match store(target, stored.resource_version, &object).await? {
            Ok(marked) => marked,
            Err(error) => return Ok(Err(error)),
        };
        // Marking and removing are two writes in Kubernetes, and webhooks see both.
        admit_deletion(target, options, &marked).await?;
        let version = meta::resource_version(&marked).parse().unwrap_or_default();
        return Ok(remove(target, version, &marked).await.map(|at| gone(marked, at)));
    }
    admit_deletion(target, options, &live).await?;
    if options.dry_run {
        return Ok(Ok(Deleted::Gone(live)));
    }
    Ok(remove(target, stored.resource_version, &live).await.map(|at| gone(live, at)))
}

/// The last state of an object, under the version of its deletion.
fn gone(mut object: Value, version: u64) -> Deleted {
    meta::set_resource_version(&mut object, &version.to_string());
    Deleted::Gone(object)
}

async fn store(
    target: &Target<'_>,
    version: u64,
    object: &Value,
) -> Result<Result<Value, WriteError>> {
    let resource = target.resource;
    let draft = stored_form::draft(target.core, resource, object).await?;
    let expect = Expect::Version(version);
    match target.core.store.put(&resource.key, &target.key(), expect, draft).await {
        Ok(stored) => super::written(target, object.clone(), &stored).await.map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// Takes the object out of the store.
pub(super) async fn remove(
    target: &Target<'_>,
    version: u64,
    object: &Value,
) -> Result<u64, WriteError> {
    let resource = target.resource;
    let draft = resource.tombstone(object);
    let key = target.key();
    let removed = target.core.store.delete(&resource.key, &key, version, draft).await?;
    Ok(removed.resource_version)
}

fn check_preconditions(target: &Target<'_>, options: &DeleteOptions, live: &Value) -> Result<()> {
    let checks = [
        ("UID", &options.uid, "uid"),
        ("ResourceVersion", &options.resource_version, "resourceVersion"),
    ];
    for (what, wanted, name) in checks {
        let found = live["metadata"][name].as_str().unwrap_or_default();
        if let Some(wanted) = wanted
            && wanted != found
        {
            let resource = target.resource.group_resource();
            return Err(precondition(&resource, target.name, what, wanted, found));
        }
    }
    Ok(())
}

/// The finalizers that make the garbage collector act as asked.
fn propagate(object: &mut Value, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else {
        return;
    };
    let current = meta::finalizers(object);
    let add = match propagation {
        Propagation::Orphan => Some(ORPHAN),
        Propagation::Foreground => Some(FOREGROUND),
        Propagation::Background => None,
    };
    let mut wanted: Vec<String> = current
        .iter()
        .filter(|name| **name != ORPHAN && **name != FOREGROUND)
        .map(|name| (*name).to_owned())
        .collect();
    wanted.extend(add.map(str::to_owned));
    if wanted.iter().map(String::as_str).ne(current.iter().copied()) {
        let meta = meta::metadata_mut(object);
        if wanted.is_empty() {
            meta.remove("finalizers");
        } else {
            meta.insert("finalizers".to_owned(), json!(wanted));
        }
    }
}

/// Seconds still granted. A running grace period can be shortened, not extended.
fn grace(granted: Option<i64>, live: &Value) -> i64 {
    let granted = granted.unwrap_or(0);
    let running = live["metadata"]["deletionGracePeriodSeconds"].as_i64();
    match running {
        Some(running) if meta::is_terminating(live) => granted.min(running),
        _ => granted,
    }
}

/// Sets the time at which the object will be gone; an earlier mark stays.
fn mark(object: &mut Value, core: &crate::server::Core, grace: i64) {
    let running = object["metadata"]["deletionGracePeriodSeconds"].as_i64();
    if meta::is_terminating(object) && running == Some(grace) {
        return;
    }
    let fresh = !meta::is_terminating(object);
    let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
    let meta = meta::metadata_mut(object);
    meta.insert("deletionTimestamp".to_owned(), json!(core.time_after(grace)));
    meta.insert("deletionGracePeriodSeconds".to_owned(), json!(grace));
    if fresh && generation > 0 {
        meta.insert("generation".to_owned(), json!(generation + 1));
    }
}

/// What was deleted of a collection.
pub(crate) struct Swept {
    /// Their last states.
    pub(crate) objects: Vec<Value>,
    /// Where the rest begins, if only a part was asked for.
    pub(crate) cursor: String,
}

/// Deletes every object that the same list would show.
pub(crate) async fn delete_collection(
    target: &Target<'_>,
    list: &ListOptions,
    options: &DeleteOptions,
) -> Result<Swept> {
    let list = super::list(target, list)?;
    let options = DeleteOptions { collection: true, ..options.clone() };
    let mut objects = Vec::new();
    for stored in &list.objects {
        let one = Target {
            name: &stored.key.name,
            namespace: &stored.key.namespace,
            subresource: "",
            ..*target
        };
        match delete(&one, &options).await {
            Ok(Deleted::Gone(object) | Deleted::Pending(object)) => objects.push(object),
            Err(error) if error.reason == "NotFound" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Swept { objects, cursor: list.cursor })
}
