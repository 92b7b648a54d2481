//! How ownership moves: the rules of structured merge and diff.

use serde_json::Value;

use super::compare::{Comparison, compare, equal};
use super::conflict::Conflicts;
use super::extent::{fields_of, follow_schema, with_named_fields, without};
use super::managed::{Entry, Identity, Managed};
use super::merge::merge;
use super::place::Place;
use super::set::Set;

/// Why an apply cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Other managers own what would change.
    Conflicts(Conflicts),
    /// The live object does not allow to tell the items of a list apart.
    Typing(String),
}

/// A change by anything but an apply: takes the fields that change from everyone, and
/// returns those that whoever changed them owns from now on.
///
/// # Errors
/// A list whose items cannot be told apart; ownership is left as it was.
pub(super) fn update(
    place: Place<'_>,
    (live, fresh): (&Value, bool),
    new: &Value,
    managed: &mut Managed,
    reset: &Set,
) -> Result<Set, String> {
    let mut change = compare(place, live, new, fresh)?;
    change.exclude(reset);
    for entry in managed.entries.values_mut() {
        follow_schema(place, &mut entry.fields);
    }
    hand_over(managed, None, &change);
    let mut owned = change.added;
    owned.extend(&change.modified);
    Ok(owned)
}

/// An apply: merges, removes what the manager no longer applies, and moves ownership.
/// `Ok(None)` when no value of the object changes.
///
/// # Errors
/// Conflicts, unless `force`; `managed` is then of no use any more.
pub(super) fn apply(
    place: Place<'_>,
    live: &Value,
    config: &Value,
    managed: &mut Managed,
    identity: &Identity,
    api_version: &str,
    (reset, force): (&Set, bool),
) -> Result<Option<Value>, Failure> {
    for entry in managed.entries.values_mut() {
        follow_schema(place, &mut entry.fields);
    }
    let merged = merge(place, live, config)
        .map_err(|why| Failure::Typing(format!("failed to merge config: {why}")))?;
    let mut fields = fields_of(place, config).map_err(Failure::Typing)?;
    fields.subtract_trees(reset);
    let last = managed.entries.get(identity).cloned();
    managed.entries.insert(
        identity.clone(),
        Entry {
            api_version: api_version.to_owned(),
            fields,
            time: last.as_ref().and_then(|last| last.time.clone()),
        },
    );
    let new = match &last {
        Some(last) => prune(place, merged, managed, &last.fields).map_err(Failure::Typing)?,
        None => merged,
    };
    let mut change = compare(place, live, &new, false)
        .map_err(|why| Failure::Typing(format!("failed to compare objects: {why}")))?;
    change.exclude(reset);
    if !force {
        let conflicts = conflicts(managed, identity, &change);
        if !conflicts.is_empty() {
            return Err(Failure::Conflicts(conflicts));
        }
    }
    hand_over(managed, Some(identity), &change);
    Ok((!equal(live, &new)).then_some(new))
}

/// An apply that creates the object: nothing is there to merge with, nobody owns
/// anything, so the object is the configuration and all its fields are the manager's.
///
/// # Errors
/// [`Failure::Typing`] for a list whose items cannot be told apart.
pub(super) fn create(
    place: Place<'_>,
    config: &Value,
    managed: &mut Managed,
    identity: &Identity,
    api_version: &str,
    reset: &Set,
) -> Result<Value, Failure> {
    let mut fields = fields_of(place, config).map_err(Failure::Typing)?;
    fields.subtract_trees(reset);
    let entry = Entry { api_version: api_version.to_owned(), fields, time: None };
    managed.entries.insert(identity.clone(), entry);
    Ok(config.clone())
}

/// What the others own of what changes.
fn conflicts(managed: &Managed, identity: &Identity, change: &Comparison) -> Conflicts {
    let mut conflicts = Conflicts::default();
    for (id, entry) in &managed.entries {
        if id == identity {
            continue;
        }
        let mut set = entry.fields.intersection(&change.modified);
        set.extend(&entry.fields.intersection(&change.added));
        if !set.is_empty() {
            conflicts.sets.insert(id.clone(), set);
        }
    }
    conflicts
}

/// Takes changed and removed fields from everyone but the manager at work.
fn hand_over(managed: &mut Managed, except: Option<&Identity>, change: &Comparison) {
    managed.entries.retain(|id, entry| {
        if Some(id) != except {
            entry.fields.subtract(&change.modified);
            entry.fields.subtract(&change.added);
            entry.fields.subtract(&change.removed);
        }
        !entry.fields.is_empty()
    });
}

/// Removes what the manager applied last time but not now, as far as nobody owns it.
///
/// Removing a field removes everything below it, owned or not, when nobody owns
/// anything below it: that is why a map with values that nobody owns can go with the
/// last owned key.
fn prune(place: Place<'_>, merged: Value, managed: &Managed, last: &Set) -> Result<Value, String> {
    if last.is_empty() {
        return Ok(merged);
    }
    let last = with_named_fields(place, last);
    let mut owned = Set::default();
    for entry in managed.entries.values() {
        owned.extend(&entry.fields);
    }
    let owned = with_named_fields(place, &owned);
    let all = with_named_fields(place, &fields_of(place, &merged)?);

    // Without what was applied, but with what anybody owns.
    let pruned = without(place, &merged, &last);
    let mut unowned = all.clone();
    unowned.subtract(&with_named_fields(place, &fields_of(place, &pruned)?));
    unowned.subtract(&owned);
    let pruned = without(place, &merged, &unowned);

    // And with what fell away although this manager never applied it.
    let mut gone = all;
    gone.subtract(&with_named_fields(place, &fields_of(place, &pruned)?));
    let gone = gone.intersection(&last);
    Ok(if gone.is_empty() { merged } else { without(place, &merged, &gone) })
}
