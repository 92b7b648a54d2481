//! Server-side apply and field ownership.
//!
//! The rules are those of `sigs.k8s.io/structured-merge-diff` v4 and of the API
//! server's field manager around it. See the
//! [design](https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/555-server-side-apply)
//! and the [user's view](https://kubernetes.io/docs/reference/using-api/server-side-apply/).
//!
//! ```text
//!  live object ──────────────┬──────────────────────────────┐
//!  (with managedFields)      │                              │
//!                            ▼                              ▼
//!  configuration ──typing──▶ merge ──▶ prune ──▶ compare(live, merged)
//!        │                             ▲   │                │
//!        │ fields_of                   │   │                ├─▶ changed fields of others
//!        ▼                             │   │                │    = conflicts (409), or
//!  set of the manager ─────────────────┘   │                │    taken away (force)
//!        (applied last time, not now,      │                ▼
//!         and owned by nobody: removed)    │          managedFields'
//!                                          ▼                │
//!                                    merged object ◀────────┘
//!                                          │
//!      (caller) decode, default, admission │ keep_times, prepare, validate, store
//! ```
//!
//! - An entry of `managedFields` is one manager, operation, version and subresource.
//! - Creates, replaces and the other patches own what they change ([`track_update`]);
//!   what a webhook or a default changes after an apply is owned by nobody.
//! - A field leaves the object when its last applier leaves it out.
//! - An apply that changes no value gives back the live object; its entry keeps its
//!   time, or gets none when it is new.
//! - Paths are compared as they stand: versions of a custom resource differ in nothing but
//!   their schema, and entries of another version follow the same fields.
//!
//! Nothing here reads a clock: `now` is given.

mod compare;
mod conflict;
mod element;
mod empty;
mod extent;
mod last_applied;
mod managed;
mod merge;
mod place;
pub mod reset;
mod set;
#[cfg(test)]
mod tests;
mod typing;
mod update;

use std::sync::LazyLock;

use serde_json::Value;

pub use element::{Element, Finite, Scalar};
pub use set::Set;

use managed::{Entry, Identity, Managed, Operation};
use place::Place;
use update::Failure;

use crate::schema::Schema;
use crate::{Error, Result};

/// Manager of what was there before the first apply to an object that was not tracked.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Fields that nobody owns: the server's own.
static NEVER_OWNED: LazyLock<Set> = LazyLock::new(|| {
    Set::of_fields(&[
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ])
});

/// Who writes, and through what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manager<'a> {
    /// The `fieldManager` of the request, or the first part of its user agent.
    pub name: &'a str,
    /// Version of the request: `v1`, `apps/v1`.
    pub api_version: &'a str,
    /// `status`, `scale`, …; empty for the resource itself.
    pub subresource: &'a str,
}

/// Whether `metadata.managedFields` can be read.
///
/// # Errors
/// A sentence about the entry that cannot.
pub fn check_managed(object: &Value) -> std::result::Result<(), String> {
    managed::Managed::decode(object).map(drop)
}

/// Rewrites `new.metadata.managedFields` for a create, a replace or a patch.
///
/// `live` is `None` on create. Both objects are decoded and defaulted; `new` may carry
/// entries of its own, as the client sent them. `reset` holds the fields that this
/// endpoint does not write (`status` of the resource itself, `spec` of its status; see
/// [`reset`](mod@reset)): they are not owned through it. A write of a scale is a write of
/// its parent by a manager with the subresource `scale` and the parent's version.
///
/// An object without entries stays without, unless it is created. An object whose list
/// items cannot be told apart keeps the entries that it has.
pub fn track_update(
    live: Option<&Value>,
    new: &mut Value,
    schema: &Schema,
    manager: &Manager<'_>,
    reset: &Set,
    now: &str,
) {
    let (place, built_in) = empty::place(schema, new);
    let nothing;
    let (base, fresh) = match live {
        Some(live) => (live, false),
        None => {
            let kind = new.get("kind").and_then(Value::as_str).unwrap_or_default();
            nothing = empty::object(schema, built_in, kind);
            (&nothing, true)
        }
    };
    let mut managed = managed::decode_live_or_new(base, new, !manager.subresource.is_empty());
    managed::clear(new);
    if !managed.is_empty() || fresh {
        record(place, (base, fresh), new, &mut managed, manager, reset, now);
        managed.cap_updates();
    }
    managed.encode(new);
}

fn record(
    place: Place<'_>,
    base: (&Value, bool),
    new: &Value,
    managed: &mut Managed,
    manager: &Manager<'_>,
    reset: &Set,
    now: &str,
) {
    let Ok(mut owned) = update::update(place, base, new, managed, reset) else {
        // As the real server does: the write goes through, untracked.
        return;
    };
    owned.subtract(&NEVER_OWNED);
    if owned.is_empty() {
        return;
    }
    let entry =
        managed.entries.entry(Identity::new(manager, Operation::Update)).or_insert_with(|| Entry {
            api_version: manager.api_version.to_owned(),
            fields: Set::default(),
            time: None,
        });
    entry.fields.extend(&owned);
    entry.time = Some(now.to_owned());
}

/// Applies a configuration to the live object (`None`: there is none yet) and returns
/// the merged object with its `managedFields`, neither decoded nor defaulted.
///
/// The caller has checked kind and name. When nothing changes, the answer equals `live`,
/// entries included.
///
/// # Errors
/// 400 when the configuration has another version than the manager, or managed fields of
/// its own; 409 with a cause per field that another manager owns, unless `force`; 500
/// for a configuration that does not fit the schema.
pub fn apply(
    live: Option<&Value>,
    config: &Value,
    schema: &Schema,
    manager: &Manager<'_>,
    force: bool,
    reset: &Set,
    now: &str,
) -> Result<Value> {
    let (place, built_in) = empty::place(schema, config);
    check(place, config, manager)?;
    let identity = Identity::new(manager, Operation::Apply);
    let is_kubectl = manager.name == last_applied::MANAGER;
    let mut managed = Managed::default();
    let (changed, base) = match live {
        None => {
            let api_version = manager.api_version;
            let object = update::create(place, config, &mut managed, &identity, api_version, reset);
            (object.map(Some), config)
        }
        Some(live) => {
            managed = owners(live, (place, built_in, schema), manager, reset, now)?;
            (change(place, live, config, &mut managed, manager, (reset, force)), live)
        }
    };
    let changed = changed.map_err(|failure| match failure {
        Failure::Conflicts(conflicts) => conflicts.to_error(),
        Failure::Typing(why) => Error::unclassified(why),
    })?;

    if let Some(entry) = managed.entries.get_mut(&identity) {
        entry.fields.subtract(&NEVER_OWNED);
        if changed.is_some() {
            entry.time = Some(now.to_owned());
        }
        if entry.fields.is_empty() {
            managed.entries.remove(&identity);
        }
    }
    let mut object = changed.unwrap_or_else(|| base.clone());
    if is_kubectl {
        last_applied::refresh(&mut object, config);
    }
    managed.encode(&mut object);
    Ok(object)
}

/// Who owns what of the live object; all of it someone before us, if that was not noted.
fn owners(
    live: &Value,
    (place, built_in, schema): (Place<'_>, bool, &Schema),
    manager: &Manager<'_>,
    reset: &Set,
    now: &str,
) -> Result<Managed> {
    let mut managed = Managed::decode(live)
        .map_err(|why| Error::unclassified(format!("failed to decode managed fields: {why}")))?;
    if managed.is_empty() {
        let kind = live.get("kind").and_then(Value::as_str).unwrap_or_default();
        let empty = empty::object(schema, built_in, kind);
        let before = Manager { name: BEFORE_FIRST_APPLY, ..*manager };
        record(place, (&empty, true), live, &mut managed, &before, reset, now);
    }
    Ok(managed)
}

/// Changes the live object; `None` when no value of it changes.
fn change(
    place: Place<'_>,
    live: &Value,
    config: &Value,
    managed: &mut Managed,
    manager: &Manager<'_>,
    (reset, force): (&Set, bool),
) -> Result<Option<Value>, Failure> {
    let identity = Identity::new(manager, Operation::Apply);
    let run = |managed: &mut Managed, force: bool| {
        let options = (reset, force);
        update::apply(place, live, config, managed, &identity, manager.api_version, options)
    };
    let is_kubectl = manager.name == last_applied::MANAGER;
    let before = is_kubectl.then(|| managed.clone());
    match (run(managed, force), before) {
        (Err(Failure::Conflicts(conflicts)), Some(before)) => {
            match last_applied::allowed(place, live, manager.api_version) {
                Some(allowed) => {
                    let rest = conflicts.without(&allowed);
                    if rest.is_empty() {
                        *managed = before;
                        run(managed, true)
                    } else {
                        Err(Failure::Conflicts(rest))
                    }
                }
                None => Err(Failure::Conflicts(conflicts)),
            }
        }
        (outcome, _) => outcome,
    }
}

fn check(place: Place<'_>, config: &Value, manager: &Manager<'_>) -> Result<()> {
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if api_version != manager.api_version {
        return Err(Error::bad_request(format!(
            "invalid object type: {group}/{version}, Kind={kind}"
        )));
    }
    if managed::field(config).is_some_and(|field| !field.is_null()) {
        return Err(Error::bad_request("metadata.managedFields must be nil"));
    }
    typing::check(place, config).map_err(|why| {
        let metadata = |name: &str| {
            let value = config.get("metadata").and_then(|metadata| metadata.get(name));
            value.and_then(Value::as_str).unwrap_or_default()
        };
        // Go prints the core group as `/v1`, others as `apps/v1`.
        Error::unclassified(format!(
            "failed to create typed patch object ({}/{}; {group}/{version}, Kind={kind}): {why}",
            metadata("namespace"),
            metadata("name"),
        ))
    })
}

/// Takes back the times of the entries when nothing else changed, so that a write that
/// changes nothing can be recognised. To be called after defaulting and mutating
/// admission.
pub fn keep_times(live: &Value, new: &mut Value) {
    let entries = |object: &Value| managed::field(object).and_then(Value::as_array).cloned();
    let (Some(old), Some(current)) = (entries(live), entries(new)) else {
        return;
    };
    let without_time = |entry: &Value| {
        let mut entry = entry.clone();
        if let Some(entry) = entry.as_object_mut() {
            entry.remove("time");
        }
        entry
    };
    let same = old.len() == current.len()
        && old.iter().zip(&current).all(|(a, b)| without_time(a) == without_time(b));
    if !same || old == current {
        return;
    }
    let set = |object: &mut Value, entries: Vec<Value>| {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("managedFields".to_owned(), Value::Array(entries));
        }
    };
    set(new, old);
    if live != &*new {
        set(new, current);
    }
}
