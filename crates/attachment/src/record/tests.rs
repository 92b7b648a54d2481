#![allow(clippy::unwrap_used)]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::annotation::Dialect;

/// The record of interface `net1` of sandbox `s1` of pod `u1`, and that of `net0`.
const FILE: &str = "records/u1/s1@net1.jsonl";
const OTHER: &str = "records/u1/s1@net0.jsonl";

const LONG: Duration = Duration::from_secs(60);

fn record(uid: &str, sandbox: &str, interface: &str) -> Record {
    Record {
        pod: Pod::new("shop", "web-0", uid).unwrap(),
        sandbox: SandboxId::new(sandbox).unwrap(),
        netns: "/run/netns/x".into(),
        netns_id: None,
        boot_id: "b".into(),
        interface: InterfaceName::new(interface).unwrap(),
        role: Role::Network(NetworkKey::new(Dialect::Standard, "shop", "l2").unwrap()),
        state: State::Attached,
        explicit: true,
        adopted: false,
        digest: "d".into(),
        config: json!({"cniVersion": "1.0.0", "name": "l2", "plugins": [{"type": "bridge"}]}),
        args: CniArgs::new().with("IgnoreUnknown", "1").unwrap(),
        capability_args: Map::from_iter([("mac".to_owned(), json!("02:00:00:00:00:01"))]),
        result: Some(serde_json::from_value(json!({"cniVersion": "1.0.0"})).unwrap()),
        link: Some(LinkIdentity { index: 7, mac: "02:00:00:00:00:01".parse().ok() }),
        replaced_routes: DefaultRoutes::default(),
        default_route: Some(vec!["192.0.2.1".parse().unwrap()]),
    }
}

fn store() -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let (_folder, store) = store();
    let mut first = record("u1", "s1", "net1");
    store.write(&first).unwrap();
    first.state = State::Deleting;
    store.write(&first).unwrap();
    // Separators in an interface's name do not confuse the parts.
    let other = record("u2", "s.2_-", "a@b@c.json");
    store.write(&other).unwrap();
    assert_eq!(store.load(Whose::All).unwrap().records, [first.clone(), other.clone()]);
    assert_eq!(store.load(Whose::Pod("u1")).unwrap().records, [first.clone()]);
    assert_eq!(
        &store.load(Whose::Sandbox(&other.sandbox)).unwrap().records[..],
        std::slice::from_ref(&other)
    );
    assert_eq!(store.ids(Whose::All).unwrap(), [first.id(), other.id()]);
    assert_eq!(store.get(&other.id()), Some(other.clone()));
    for _ in 0..2 {
        store.remove(&other.id()).unwrap();
    }
    assert_eq!(store.get(&other.id()), None);
}

#[test]
fn what_became_of_an_attachment_may_be_lost_but_not_its_record() {
    let (folder, store) = store();
    let mut first = record("u1", "s1", "net1");
    first.state = State::Adding;
    store.begin(&first).unwrap().wait().unwrap();
    let path = folder.path().join(FILE);
    let begun = std::fs::read(&path).unwrap();
    let mut attached = first.clone();
    attached.state = State::Attached;
    store.write(&attached).unwrap();
    assert_eq!(store.get(&first.id()), Some(attached.clone()));
    // As after a power failure or on a full disk, cut anywhere: and what comes then is read.
    let whole = std::fs::read(&path).unwrap();
    let mut deleting = attached.clone();
    deleting.state = State::Deleting;
    for length in begun.len()..whole.len() - 1 {
        std::fs::write(&path, &whole[..length]).unwrap();
        let loaded = store.load(Whose::All).unwrap();
        assert_eq!((&loaded.records[..], loaded.corrupt.len()), (&[first.clone()][..], 0));
        store.write(&deleting).unwrap();
        assert_eq!(store.get(&first.id()), Some(deleting.clone()));
    }
    // Or of the right length, with nothing in it.
    let zeros = [&begun[..], &vec![0; whole.len() - begun.len()]].concat();
    std::fs::write(&path, zeros).unwrap();
    assert_eq!(store.get(&first.id()), Some(first.clone()));
    // What a record before it became says nothing of a new one.
    store.write(&attached).unwrap();
    store.begin(&first).unwrap().wait().unwrap();
    assert_eq!(store.get(&first.id()), Some(first.clone()));
    assert_eq!(std::fs::read(&path).unwrap(), begun);
}

#[test]
fn a_folder_is_there_for_as_long_as_its_pod_has_records() {
    let (folder, store) = store();
    let (one, other) = (record("u1", "s1", "net1"), record("u1", "s2", "net1"));
    for _ in 0..2 {
        store.write(&one).unwrap();
        store.write(&other).unwrap();
        let of = |sandbox| store.load(Whose::SandboxOf("u1", sandbox)).unwrap().records;
        assert_eq!(of(&one.sandbox), std::slice::from_ref(&one));
        assert_eq!(store.load(Whose::SandboxOf("u2", &one.sandbox)).unwrap(), Loaded::default());
        store.remove(&one.id()).unwrap();
        store.retire("u1");
        assert_eq!(store.load(Whose::Pod("u1")).unwrap().records, std::slice::from_ref(&other));
        store.remove(&other.id()).unwrap();
        store.retire("u1");
        store.retire("../records");
        assert_eq!(folder.path().join("records").read_dir().unwrap().count(), 0);
    }
}

#[test]
fn records_are_made_while_their_folder_comes_and_goes() {
    let (_folder, store) = store();
    thread::scope(|scope| {
        for sandbox in ["s1", "s2", "s3"] {
            let store = &store;
            scope.spawn(move || {
                let record = record("u1", sandbox, "net1");
                for _ in 0..50 {
                    store.begin(&record).unwrap().wait().unwrap();
                    store.remove(&record.id()).unwrap();
                    store.retire("u1");
                }
            });
        }
    });
    assert_eq!(store.ids(Whose::All).unwrap(), []);
}

#[test]
fn records_are_for_root_only_and_leave_no_temporary_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, store) = store();
    store.write(&record("u1", "s1", "net1")).unwrap();
    let records = folder.path().join("records");
    let names = |folder: &std::path::Path| -> Vec<_> {
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(
        (names(&records), names(&records.join("u1"))),
        (vec!["u1".into()], vec!["s1@net1.jsonl".into()])
    );
    let mode = |path: &str| folder.path().join(path).metadata().unwrap().permissions().mode();
    assert_eq!(
        [mode("records"), mode("records/u1"), mode(FILE)].map(|it| it & 0o777),
        [0o700, 0o700, 0o600]
    );
}

#[test]
fn a_record_of_another_name_is_set_aside() {
    let (folder, store) = store();
    store.write(&record("u1", "s1", "net1")).unwrap();
    std::fs::rename(folder.path().join(FILE), folder.path().join(OTHER)).unwrap();
    let loaded = store.load(Whose::All).unwrap();
    assert_eq!((loaded.records.len(), loaded.corrupt.len()), (0, 1));
    assert!(loaded.corrupt[0].fault.contains("net1"), "{:?}", loaded.corrupt);
    assert_eq!(loaded.corrupt[0].id.interface.as_str(), "net0");
    assert!(loaded.corrupt[0].path.exists());
    assert_eq!(store.load(Whose::All).unwrap(), Loaded::default(), "it is reported once");
}

#[test]
fn a_file_that_the_disk_does_not_give_holds_up_no_other() {
    let (folder, store) = store();
    store.write(&record("u1", "s1", "net1")).unwrap();
    std::fs::create_dir(folder.path().join(OTHER)).unwrap();
    let loaded = store.load(Whose::All).unwrap();
    assert_eq!((loaded.records.len(), loaded.corrupt.len()), (1, 1));
    assert!(loaded.corrupt[0].path.starts_with(folder.path().join("corrupt")));
}

#[test]
fn files_that_are_no_records_are_left_alone() {
    let (folder, store) = store();
    let records = folder.path().join("records");
    std::fs::create_dir(records.join("u1")).unwrap();
    for name in [".1-2", "README", "u1/s1.jsonl", "u1/1", "u1/s 1@net1.jsonl", "u1/s1@.jsonl"] {
        std::fs::write(records.join(name), "x").unwrap();
    }
    assert_eq!(store.load(Whose::All).unwrap(), Loaded::default());
    assert!(records.join("README").exists());
}

#[test]
fn a_hostile_record_names_nothing_outside() {
    let (folder, store) = store();
    let json = serde_json::to_value(record("u1", "s1", "net1")).unwrap();
    let hostile = [
        ("/pod/uid", json!("../../u1")),
        ("/sandbox", json!("../s1")),
        ("/interface", json!("../net1")),
        ("/pod/name", json!("a;b")),
        ("/role", json!({"network": {"dialect": "Standard", "namespace": "..", "name": "x"}})),
        ("/args", json!([["A", "1;B=2"]])),
    ];
    for (pointer, value) in hostile {
        let mut json = json.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        let path = folder.path().join(FILE);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, json.to_string()).unwrap();
        let loaded = store.load(Whose::All).unwrap();
        assert_eq!((loaded.records.len(), loaded.corrupt.len()), (0, 1), "{pointer}");
    }
    let outside: Vec<_> = folder.path().read_dir().unwrap().collect();
    assert_eq!(outside.len(), 3, "records, corrupt, locks");
}

#[test]
fn one_at_a_time_works_on_a_sandbox() {
    let (_folder, store) = store();
    let (one, other) = (SandboxId::new("s1").unwrap(), SandboxId::new("s2").unwrap());
    let held = store.lock(&one, LONG).unwrap();
    let _free = store.lock(&other, LONG).unwrap();
    let error = store.lock(&one, Duration::ZERO).unwrap_err();
    assert!(matches!(error, LockError::Held { .. }));
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        let store = &store;
        let waiting = one.clone();
        scope.spawn(move || {
            let lock = store.lock(&waiting, LONG).unwrap();
            send.send(()).unwrap();
            lock.retire();
        });
        assert!(receive.try_recv().is_err());
        // Also over a lock whose file is removed meanwhile.
        held.retire();
        receive.recv().unwrap();
    });
    let names: Vec<_> = std::fs::read_dir(_folder.path().join("locks")).unwrap().collect();
    assert_eq!(names.len(), 1, "that of the other");
}

#[test]
fn what_killed_processes_left_is_swept() {
    let (folder, store) = store();
    store.write(&record("u1", "recorded", "net1")).unwrap();
    let id = |name: &str| SandboxId::new(name).unwrap();
    for name in ["recorded", "living", "gone"] {
        drop(store.lock(&id(name), LONG).unwrap());
    }
    let _held = store.lock(&id("held"), LONG).unwrap();
    let (old, new) = (folder.path().join("records/.1-0"), folder.path().join("records/.1-1"));
    std::fs::write(&new, "").unwrap();
    let hours_ago = std::time::SystemTime::now() - Duration::from_secs(7200);
    std::fs::File::create(&old).unwrap().set_modified(hours_ago).unwrap();
    let empty = folder.path().join("records/u9");
    std::fs::create_dir(&empty).unwrap();
    store.sweep(&[id("living")].into()).unwrap();
    assert!(new.exists() && !old.exists() && !empty.exists());
    let locks = folder.path().join("locks").read_dir().unwrap();
    let mut names: Vec<_> = locks.map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["held.lock", "living.lock", "recorded.lock"]);
    assert_eq!(store.load(Whose::All).unwrap().records.len(), 1);
}

#[test]
fn two_never_hold_a_lock_though_its_file_comes_and_goes() {
    let (folder, store) = store();
    let sandbox = SandboxId::new("s1").unwrap();
    let inside = folder.path().join("inside");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let lock = store.lock(&sandbox, LONG).unwrap();
                    std::fs::File::create_new(&inside).expect("nobody else is inside");
                    std::fs::remove_file(&inside).unwrap();
                    lock.retire();
                }
            });
        }
    });
}

proptest! {
    #[test]
    fn a_file_cut_or_garbled_anywhere_holds_up_nobody(
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        truncate in any::<bool>(),
    ) {
        let (folder, store) = store();
        store.write(&record("u1", "s1", "net1")).unwrap();
        store.write(&record("u1", "s1", "net2")).unwrap();
        let path = folder.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        let whole = bytes.len();
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        } else {
            let position = flip.index(bytes.len());
            bytes[position] = byte;
        }
        std::fs::write(&path, &bytes).unwrap();
        let loaded = store.load(Whose::All).unwrap();
        // Either it still is a record of this name, or it is set aside; the other one is read.
        prop_assert_eq!(loaded.records.len() + loaded.corrupt.len(), 2);
        prop_assert!(!truncate || loaded.corrupt.len() == 1 || bytes.len() + 1 == whole, "what is cut is no record");
        store.write(&record("u1", "s1", "net1")).unwrap();
        prop_assert_eq!(store.load(Whose::All).unwrap().records.len(), 2);
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), name in ".{0,40}") {
        let (folder, store) = store();
        let pod = folder.path().join("records/u1");
        std::fs::create_dir(&pod).unwrap();
        std::fs::write(folder.path().join(FILE), &bytes).unwrap();
        if !name.contains('/') {
            let _ = std::fs::write(pod.join(format!("{name}.jsonl")), &bytes);
        }
        let loaded = store.load(Whose::All).unwrap();
        prop_assert!(loaded.records.is_empty());
        prop_assert!(store.load(Whose::All).unwrap().corrupt.is_empty());
    }
}
