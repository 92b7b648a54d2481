#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::index::{Head, Id, Index};
use super::verdict::{Owner, Verdict, decide};
use crate::rest::Propagation;
use crate::store::{Change, Draft, Expect, ObjectKey, ResourceKey, Store};

fn head(metadata: &Value) -> Head {
    serde_json::from_value(metadata.clone()).unwrap()
}

fn owned(count: usize, rest: Value) -> Head {
    let mut metadata = rest;
    let owner =
        |at| json!({ "apiVersion": "v1", "kind": "K", "name": "n", "uid": format!("{at}") });
    metadata["ownerReferences"] = (0..count).map(owner).collect();
    head(&metadata)
}

#[test]
fn a_dependent_goes_when_no_owner_is_left() {
    use Owner::{Absent, Misplaced, Solid, Unknown, Waiting};
    let uids = |uids: &[&str]| uids.iter().map(|uid| (*uid).into()).collect();
    let background = || Verdict::Delete(Propagation::Background);
    for (owners, has_dependents, expected) in [
        (vec![], true, Verdict::Keep),
        (vec![Solid], false, Verdict::Keep),
        (vec![Solid, Solid], true, Verdict::Keep),
        (vec![Absent], true, background()),
        (vec![Absent, Absent], false, background()),
        (vec![Absent, Solid], false, Verdict::Release(uids(&["0"]))),
        (vec![Absent, Solid, Waiting], true, Verdict::Release(uids(&["0", "2"]))),
        (vec![Waiting], false, background()),
        (vec![Waiting, Absent], true, Verdict::DeleteForeground),
        (vec![Absent, Unknown], false, Verdict::Wait),
        (vec![Absent, Misplaced], false, Verdict::Keep),
    ] {
        let verdict = decide(&owned(owners.len(), json!({})), &owners, has_dependents);
        assert_eq!(verdict, expected, "{owners:?} {has_dependents}");
    }
}

#[test]
fn finalizers_of_a_dependent_say_what_its_own_dependents_expect() {
    let with = |finalizer: &str| owned(1, json!({ "finalizers": ["x/y", finalizer] }));
    let verdict = |finalizer| decide(&with(finalizer), &[Owner::Absent], true);
    assert_eq!(verdict("orphan"), Verdict::Delete(Propagation::Orphan));
    assert_eq!(verdict("foregroundDeletion"), Verdict::Delete(Propagation::Foreground));
    let going = owned(1, json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" }));
    assert_eq!(decide(&going, &[Owner::Absent], true), Verdict::Keep);
}

/// A store and the index that follows it.
struct Followed {
    store: Store,
    index: Index,
    position: u64,
}

fn maps() -> ResourceKey {
    ResourceKey::new("", "configmaps")
}

fn id(namespace: &str, name: &str) -> Id {
    Id { resource: maps(), key: ObjectKey::new(namespace, name) }
}

impl Followed {
    fn new() -> Self {
        let store = Store::in_memory(64);
        let position = store.version();
        Self { store, index: Index::default(), position }
    }

    /// Writes an object with these owners, or deletes it; returns whom that concerns.
    async fn write(&mut self, id: &Id, owners: Option<&[(&str, bool)]>) -> Vec<Id> {
        let found = self.store.latest(&id.resource, &id.key);
        match owners {
            Some(owners) => {
                let owner = |(uid, blocks): &(&str, bool)| {
                    json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": uid, "uid": uid,
                        "blockOwnerDeletion": blocks })
                };
                let owners: Vec<_> = owners.iter().map(owner).collect();
                let uid = &*id.key.name;
                let value = json!({ "metadata": { "uid": uid, "ownerReferences": owners } });
                let expect =
                    found.map_or(Expect::Absent, |object| Expect::Version(object.resource_version));
                let draft = Draft { value, ..Draft::default() };
                self.store.put(&id.resource, &id.key, expect, draft).await.unwrap();
            }
            None => {
                let found = found.unwrap();
                let draft = Draft { value: found.value(), ..Draft::default() };
                let version = found.resource_version;
                self.store.delete(&id.resource, &id.key, version, draft).await.unwrap();
            }
        }
        let (changes, visible) = self.store.all_changes(self.position).unwrap();
        self.position = visible;
        let apply = |(_, change): &(ResourceKey, Change)| {
            self.index.apply(id, change, |owner, namespace| {
                Some(super::tests::id(namespace, &owner.name))
            })
        };
        changes.iter().flat_map(apply).collect()
    }

    fn dependents(&self, owner: &Id) -> Vec<(String, bool)> {
        let found = self.index.dependents(&owner.key.name, &owner.key);
        found.map(|(id, blocks)| (id.key.name.to_string(), blocks)).collect()
    }
}

#[tokio::test]
async fn the_index_follows_references() {
    let mut world = Followed::new();
    let (owner, a, b) = (id("ns", "owner"), id("ns", "a"), id("ns", "b"));
    assert_eq!(world.write(&owner, Some(&[])).await, [], "nobody's business");
    assert_eq!(world.write(&a, Some(&[("owner", true)])).await, std::slice::from_ref(&a));
    world.write(&b, Some(&[("owner", false)])).await;
    let elsewhere = id("other", "c");
    world.write(&elsewhere, Some(&[("owner", true)])).await;
    assert_eq!(world.dependents(&owner), [("a".to_owned(), true), ("b".to_owned(), false)]);

    // What blocks no more, or belongs to somebody else, lets the owner go on.
    assert_eq!(world.write(&a, Some(&[("owner", false)])).await, [a.clone(), owner.clone()]);
    assert_eq!(world.write(&a, Some(&[("x", true)])).await, [a.clone(), owner.clone()]);
    assert_eq!(world.dependents(&owner), [("b".to_owned(), false)]);

    // The end of an owner concerns everybody that names it, wherever it is.
    assert!(!world.index.is_gone("owner", "ns"));
    assert_eq!(world.write(&owner, None).await, [b.clone(), elsewhere.clone()]);
    assert!(world.index.is_gone("owner", "ns"));
    assert!(!world.index.is_gone("owner", "other"), "there it has never been");
    assert_eq!(world.write(&b, None).await, std::slice::from_ref(&owner));
    world.write(&elsewhere, None).await;
    assert!(!world.index.is_gone("owner", "ns"), "remembered only as long as somebody asks");
}
