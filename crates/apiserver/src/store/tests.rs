#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

mod power;

fn maps() -> ResourceKey {
    ResourceKey::new("", "configmaps")
}

async fn put(store: &Store, name: &str, expect: Expect, data: &str) -> Arc<Stored> {
    let value = json!({ "metadata": { "name": name, "labels": { "l": data } }, "data": data });
    store.put(&maps(), &ObjectKey::new("ns", name), expect, draft(value)).await.unwrap()
}

/// Nothing here is selected by fields.
fn none(_: &ResourceKey, _: &[u8]) -> Pairs {
    Pairs::default()
}

fn draft(value: Value) -> Draft {
    Draft { value, ..Draft::default() }
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    snapshot.objects.iter().map(|object| object.key.name.to_string()).collect()
}

#[tokio::test]
async fn a_write_needs_the_version_that_it_builds_on() {
    let store = Store::in_memory(8);
    let first = put(&store, "a", Expect::Absent, "1").await;
    let again = Expect::Version(first.resource_version);
    let second = put(&store, "a", again, "2").await;
    assert!(second.resource_version > first.resource_version);

    let key = ObjectKey::new("ns", "a");
    let value = json!({ "metadata": {} });
    let resource = maps();
    let write = |expect| store.put(&resource, &key, expect, draft(value.clone()));
    assert_eq!(write(Expect::Absent).await.unwrap_err(), WriteError::Exists);
    assert_eq!(write(again).await.unwrap_err(), WriteError::Modified);
}

#[tokio::test]
async fn an_older_version_is_rebuilt_from_the_window() {
    let store = Store::in_memory(8);
    let a = put(&store, "a", Expect::Absent, "1").await;
    let b = put(&store, "b", Expect::Absent, "1").await;
    let at = store.version();
    put(&store, "a", Expect::Version(a.resource_version), "2").await;
    put(&store, "c", Expect::Absent, "1").await;
    let key = ObjectKey::new("ns", "b");
    store.delete(&maps(), &key, b.resource_version, draft(b.value())).await.unwrap();

    assert_eq!(names(&store.list(&maps(), Some("ns"))), ["a", "c"]);
    let then = store.list_at(&maps(), Some("ns"), at).unwrap();
    assert_eq!(names(&then), ["a", "b"]);
    assert_eq!(then.objects[0].value()["data"], "1");
    assert_eq!(then.resource_version, at);
}

#[tokio::test]
async fn what_left_the_window_is_expired() {
    let store = Store::in_memory(2);
    let start = store.version();
    for name in ["a", "b", "c"] {
        put(&store, name, Expect::Absent, "1").await;
    }
    let expired = store.changes(&maps(), start, 999).unwrap_err();
    assert_eq!(expired.asked, start);
    assert_eq!(store.changes(&maps(), expired.oldest, 99).unwrap().0.len(), 2);
    assert!(store.list_at(&maps(), None, start).is_err());
}

#[tokio::test]
async fn a_restart_brings_back_every_acknowledged_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("objects.redb");
    let version = {
        let store = Store::open(&path, 8, none).unwrap();
        let a = put(&store, "a", Expect::Absent, "1").await;
        put(&store, "b", Expect::Absent, "1").await;
        let key = ObjectKey::new("ns", "a");
        store.delete(&maps(), &key, a.resource_version, draft(a.value())).await.unwrap();
        store.version()
    };
    let store = reopen(&path);
    assert_eq!(names(&store.list(&maps(), None)), ["b"]);
    assert_eq!(store.version(), version);
    assert_eq!(&*store.list(&maps(), None).objects[0].labels[0].1, "1");
    assert!(store.changes(&maps(), version - 1, 99).is_err(), "the past is forgotten");
    assert!(store.changes(&maps(), version, 99).unwrap().0.is_empty());
}

/// The writer thread closes the file soon after the last handle of a store is gone.
#[test]
fn others_cannot_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("objects.redb");
    drop(reopen(&path));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

fn reopen(path: &Path) -> Store {
    for _ in 0..1000 {
        match Store::open(path, 8, none) {
            Ok(store) => return store,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(5)),
        }
    }
    panic!("{} stays locked", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_durable_writers_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("objects.redb");
    let store = Store::open(&path, 1024, none).unwrap();
    let start = store.version();
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for turn in 0..20 {
                    put(&store, &format!("{writer}-{turn}"), Expect::Absent, "1").await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let (changes, visible) = store.changes(&maps(), start, 999).unwrap();
    let versions: Vec<_> = changes.iter().map(|change| change.resource_version).collect();
    assert_eq!(versions, (start + 1..=visible).collect::<Vec<_>>(), "in order, without gaps");
    drop(changes);
    drop(store);
    assert_eq!(reopen(&path).count(&maps()), 160);
}

#[tokio::test]
async fn watchers_wake_for_their_resource_only() {
    let store = Store::in_memory(8);
    let mut wake = store.subscribe(&maps());
    let secrets = ResourceKey::new("", "secrets");
    let key = ObjectKey::new("ns", "s");
    let value = json!({ "metadata": {} });
    store.put(&secrets, &key, Expect::Absent, draft(value)).await.unwrap();
    assert!(!wake.has_changed().unwrap());
    let a = put(&store, "a", Expect::Absent, "1").await;
    wake.changed().await.unwrap();
    assert_eq!(*wake.borrow(), a.resource_version);
}

#[tokio::test]
async fn a_failed_disk_takes_no_more_writes_and_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("objects.redb"), 8, none).unwrap();
    let a = put(&store, "a", Expect::Absent, "1").await;
    store.settle(&maps(), &a.key).await.unwrap();
    store.shared.lock().failed = true;
    let key = ObjectKey::new("ns", "b");
    let write = store.put(&maps(), &key, Expect::Absent, draft(json!({ "metadata": {} }))).await;
    assert_eq!(write.unwrap_err(), WriteError::NotDurable);
    assert!(store.latest(&maps(), &key).is_none(), "nothing is staged that can never be visible");
}

#[tokio::test]
async fn changes_of_all_resources_come_in_order() {
    let store = Store::in_memory(2);
    let start = store.version();
    let secrets = ResourceKey::new("", "secrets");
    let mut wake = store.subscribe_all();
    put(&store, "a", Expect::Absent, "1").await;
    let value = json!({ "metadata": {} });
    store.put(&secrets, &ObjectKey::new("ns", "s"), Expect::Absent, draft(value)).await.unwrap();
    let b = put(&store, "b", Expect::Absent, "1").await;
    wake.changed().await.unwrap();
    assert_eq!(*wake.borrow_and_update(), b.resource_version);

    let (changes, visible) = store.all_changes(start).unwrap();
    let order: Vec<_> =
        changes.iter().map(|(key, change)| (&*key.plural, &*change.after.key.name)).collect();
    assert_eq!(order, [("configmaps", "a"), ("secrets", "s"), ("configmaps", "b")]);
    assert!(store.all_changes(visible).unwrap().0.is_empty());
    put(&store, "c", Expect::Absent, "1").await;
    assert!(store.all_changes(start).is_err(), "one of them is forgotten");
}

#[tokio::test]
async fn an_interrupted_first_start_leaves_nothing_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("objects.redb");
    // What is left when the power goes while the database is being made.
    std::fs::write(path.with_extension("new"), vec![0; 4096]).unwrap();
    let store = Store::open(&path, 8, none).unwrap();
    put(&store, "a", Expect::Absent, "1").await;
    drop(store);
    assert_eq!(reopen(&path).count(&maps()), 1);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn changes_can_be_read_bit_by_bit() {
    let store = Store::in_memory(8);
    let start = store.version();
    for name in ["a", "b", "c"] {
        put(&store, name, Expect::Absent, "1").await;
    }
    let (first, position) = store.changes(&maps(), start, 2).unwrap();
    assert_eq!((first.len(), position), (2, first[1].resource_version));
    let (rest, position) = store.changes(&maps(), position, 2).unwrap();
    assert_eq!((rest.len(), position), (1, store.version()));
}

#[tokio::test]
async fn what_is_not_visible_yet_is_waited_for() {
    let store = Store::in_memory(8);
    let (resource, key) = (maps(), ObjectKey::new("ns", "a"));
    let version = store.version() + 1;
    let after = Arc::new(Stored::new(key.clone(), version, draft(json!({ "metadata": {} }))));
    let change = Change { resource_version: version, before: None, after, deleted: false };
    store.shared.lock().table(&resource).stage(change);
    let settled = store.settle(&resource, &key);
    let mut settled = std::pin::pin!(settled);
    assert!(futures::poll!(settled.as_mut()).is_pending());
    store.shared.publish(&mut store.shared.lock(), &resource, &key, version);
    assert_eq!(settled.await, Ok(()));
}

#[tokio::test]
async fn the_file_of_a_store_gets_small_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("objects.redb");
    let len = || std::fs::metadata(&path).unwrap().len();
    let store = Store::open(&path, 8, none).unwrap();
    let text = "x".repeat(100_000);
    let names: Vec<_> = (0..500).map(|at| format!("m-{at}")).collect();
    let puts = names.iter().map(|name| put(&store, name, Expect::Absent, &text));
    let written = futures::future::join_all(puts).await;
    let large = len();
    assert!(large > 50_000_000, "{large}");
    let (resource, kept) = (maps(), 20);
    let deletes = written[kept..].iter().map(|object| {
        store.delete(&resource, &object.key, object.resource_version, draft(json!({"metadata":{}})))
    });
    assert!(futures::future::join_all(deletes).await.iter().all(Result::is_ok));
    let begin = std::time::Instant::now();
    while len() > large / 5 {
        assert!(begin.elapsed() < std::time::Duration::from_secs(60), "{} of {large} bytes", len());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    put(&store, "afterwards", Expect::Absent, "1").await;
    drop(store);
    let again = Store::open(&path, 8, none).unwrap();
    assert_eq!(again.list(&maps(), None).objects.len(), kept + 1);
}
