//! The power goes out at every single operation on the disk.
//!
//! The disk here keeps what was written since the last sync apart. When it stops, any part
//! of that may have reached the platter: which one, chance decides.

use std::io;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

use super::*;

/// Bytes that survive, and writes that may.
#[derive(Debug, Default, Clone)]
struct Platter {
    synced: Vec<u8>,
    unsynced: Vec<Operation>,
    /// What a reader sees: all of it.
    current: Vec<u8>,
    /// Operations that still succeed.
    budget: usize,
    used: usize,
}

#[derive(Debug, Clone)]
enum Operation {
    Write(usize, Vec<u8>),
    Resize(usize),
}

impl Operation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, data) => {
                // A write past the end may survive a resize that did not.
                bytes.resize(bytes.len().max(at + data.len()), 0);
                bytes[*at..at + data.len()].copy_from_slice(data);
            }
            Self::Resize(len) => bytes.resize(*len, 0),
        }
    }
}

impl Platter {
    fn spend(&mut self) -> io::Result<()> {
        if self.used >= self.budget {
            return Err(io::Error::other("the power is out"));
        }
        self.used += 1;
        Ok(())
    }

    fn record(&mut self, operation: Operation) -> io::Result<()> {
        self.spend()?;
        operation.apply(&mut self.current);
        self.unsynced.push(operation);
        Ok(())
    }

    /// What is left when the power comes back. Sizes are kept in order, as file systems do.
    fn survivors(&self, mut chance: u64) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for operation in &self.unsynced {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let survives = chance >> 63 == 1;
            if survives || matches!(operation, Operation::Resize(_)) {
                operation.apply(&mut bytes);
            }
        }
        bytes
    }
}

#[derive(Debug, Clone)]
struct Backend(Arc<Mutex<Platter>>);

impl Backend {
    fn new(bytes: Vec<u8>, budget: usize) -> Self {
        let (synced, current) = (bytes.clone(), bytes);
        let platter = Platter { synced, current, budget, ..Platter::default() };
        Self(Arc::new(Mutex::new(platter)))
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.0.lock().unwrap();
        let at = usize::try_from(offset).unwrap();
        let found = platter.current.get(at..at + out.len());
        out.copy_from_slice(found.ok_or_else(|| io::Error::other("past the end"))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().unwrap().record(Operation::Resize(usize::try_from(len).unwrap()))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        platter.spend()?;
        platter.synced = platter.current.clone();
        platter.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        self.0.lock().unwrap().record(Operation::Write(at, data.to_vec()))
    }
}

fn open(backend: Backend) -> Result<Store, String> {
    let disk = Disk::over(backend).map_err(|error| error.to_string())?;
    Store::over(disk, 64, none).map_err(|error| error.to_string())
}

/// What a client knows of the objects it writes: the value acknowledged last, and the one
/// that may or may not be there.
#[derive(Debug, Default, Clone)]
struct Known {
    certain: HashMap<String, Option<u64>>,
    possible: Option<(String, Option<u64>)>,
    version: u64,
}

/// Writes, overwrites and deletes until the disk fails.
async fn work(store: &Store, turns: u64) -> Known {
    let mut known = Known { version: store.version(), ..Known::default() };
    for turn in 0..turns {
        let name = format!("o-{}", turn % 5);
        let key = ObjectKey::new("ns", &name);
        let found = store.latest(&maps(), &key);
        let value = json!({ "metadata": { "name": name }, "data": turn });
        let deletes = found.is_some() && turn % 3 == 0;
        let wanted = (!deletes).then_some(turn);
        let result = match found {
            Some(found) if deletes => {
                store.delete(&maps(), &key, found.resource_version, draft(value)).await
            }
            Some(found) => {
                let expect = Expect::Version(found.resource_version);
                store.put(&maps(), &key, expect, draft(value)).await
            }
            None => store.put(&maps(), &key, Expect::Absent, draft(value)).await,
        };
        match result {
            Ok(written) => {
                known.certain.insert(name, wanted);
                known.version = written.resource_version;
            }
            Err(error) => {
                assert_eq!(error, WriteError::NotDurable);
                known.possible = Some((name, wanted));
                assert!(store.settle(&maps(), &key).await.is_err(), "nobody waits for ever");
                return known;
            }
        }
    }
    known
}

fn check(store: &Store, known: &Known) {
    assert!(store.version() >= known.version, "versions never go back");
    let found: HashMap<String, u64> = store
        .list(&maps(), None)
        .objects
        .iter()
        .map(|object| (object.key.name.to_string(), object.value()["data"].as_u64().unwrap()))
        .collect();
    let mut names: Vec<&String> = known.certain.keys().chain(found.keys()).collect();
    names.dedup();
    for name in names {
        let found = found.get(name).copied();
        let certain = known.certain.get(name).copied().flatten();
        let possible = known.possible.as_ref().filter(|(other, _)| other == name);
        let allowed = found == certain || possible.is_some_and(|(_, value)| *value == found);
        assert!(allowed, "{name} is {found:?}, not {certain:?} or {possible:?}");
    }
}

/// Stops a store that begins with `start` after every operation it makes, several times
/// with different luck.
async fn stop_everywhere(start: &[u8], before: &Known, turns: u64) {
    // Without any failure, to know how many operations there are.
    let backend = Backend::new(start.to_vec(), usize::MAX);
    work(&open(backend.clone()).unwrap(), turns).await;
    let total = backend.0.lock().unwrap().used;
    assert!(total > 2 * usize::try_from(turns).unwrap(), "{total}: every write must be synced");

    for budget in 0..total {
        let backend = Backend::new(start.to_vec(), budget);
        let mut known = before.clone();
        if let Ok(store) = open(backend.clone()) {
            let learned = work(&store, turns).await;
            known.certain.extend(learned.certain);
            known = Known { certain: known.certain, ..learned };
        }
        let platter = backend.0.lock().unwrap().clone();
        for chance in 0..4 {
            let bytes = platter.survivors((budget as u64) << 8 | chance);
            let store = open(Backend::new(bytes, usize::MAX))
                .unwrap_or_else(|error| panic!("after {budget} operations: {error}"));
            check(&store, &known);
            // And it goes on from there.
            assert!(work(&store, 3).await.possible.is_none());
        }
    }
}

#[tokio::test]
async fn acknowledged_writes_survive_a_stop_at_every_operation_on_the_disk() {
    let backend = Backend::new(Vec::new(), usize::MAX);
    let known = work(&open(backend.clone()).unwrap(), 1).await;
    let start = backend.0.lock().unwrap().synced.clone();
    stop_everywhere(&start, &known, 12).await;
}

#[tokio::test]
async fn nothing_is_lost_when_it_stops_while_the_file_is_made_smaller() {
    let backend = Backend::new(Vec::new(), usize::MAX);
    let store = open(backend.clone()).unwrap();
    let (mut known, maps) = (Known::default(), maps());
    for turn in 0..40 {
        let name = format!("o-{turn:02}");
        let key = ObjectKey::new("ns", &name);
        let value = json!({ "metadata": { "name": name }, "data": turn, "more": "x".repeat(4000) });
        store.put(&maps, &key, Expect::Absent, draft(value)).await.unwrap();
        known.certain.insert(name, Some(turn));
    }
    for object in store.list(&maps, None).objects.iter().take(35) {
        let (key, version) = (&object.key, object.resource_version);
        let deleted = store.delete(&maps, key, version, draft(object.value())).await.unwrap();
        known.certain.insert(key.name.to_string(), None);
        known.version = deleted.resource_version;
    }
    let start = backend.0.lock().unwrap().synced.clone();
    drop(store);
    let compact = |budget| {
        let backend = Backend::new(start.clone(), budget);
        let done = Disk::over(backend.clone()).and_then(|mut disk| disk.compact()).is_ok();
        let platter = backend.0.lock().unwrap().clone();
        (done, platter)
    };
    let (done, whole) = compact(usize::MAX);
    assert!(done && whole.current.len() < start.len(), "{} bytes", whole.current.len());
    for budget in 0..whole.used {
        for chance in 0..4 {
            let bytes = compact(budget).1.survivors((budget as u64) << 8 | chance);
            let store = open(Backend::new(bytes, usize::MAX))
                .unwrap_or_else(|error| panic!("after {budget} operations: {error}"));
            check(&store, &known);
        }
    }
}
