//! What is kept of each sandbox, one file each, replaced whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::absent;

/// Ending of a record that cannot be read.
const CORRUPT: &str = "corrupt";
/// Ending of a record that is being written; what a kill leaves of it means nothing.
const NEW: &str = "new";

/// Why records cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Which pod a sandbox is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Pod {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) attempt: u32,
}

/// How far a sandbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Something of it may have been made.
    Adding,
    /// All was made.
    Ready,
    /// Something of it may be gone.
    Stopping,
    /// Nothing of it is left but the record.
    Stopped,
}

/// A sandbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) pod: Pod,
    pub(super) state: State,
    /// Nanoseconds since 1970.
    pub(super) created_at: i64,
    /// Boot of the machine it was made in: no sandbox outlives that.
    pub(super) boot: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) runtime_handler: String,
    /// Nothing when it has the network of the node.
    pub(super) network: Option<Attached>,
}

/// The network of a sandbox as it was asked for, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attached {
    /// The CNI configuration of ADD, complete in itself.
    pub(super) config: Value,
    /// Values by capability.
    pub(super) capabilities: Map<String, Value>,
    /// What ADD answered.
    pub(super) result: Option<Value>,
    /// The addresses in it.
    pub(super) addresses: Vec<IpAddr>,
}

/// The folder of records.
#[derive(Debug)]
pub(super) struct Records {
    folder: PathBuf,
}

/// What the folder holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) records: Vec<Record>,
    /// Ids whose record could not be read and was set aside.
    pub(super) corrupt: Vec<String>,
}

impl Records {
    pub(super) fn open(folder: PathBuf) -> Result<Self, RecordError> {
        fs::create_dir_all(&folder).map_err(wrong(&folder))?;
        Ok(Self { folder })
    }

    /// Everything that is kept. What cannot be read is set aside, and told of.
    pub(super) fn load(&self) -> Result<Found, RecordError> {
        let mut found = Found::default();
        let entries = fs::read_dir(&self.folder).map_err(wrong(&self.folder))?;
        for entry in entries {
            let path = entry.map_err(wrong(&self.folder))?.path();
            match path.extension().and_then(|ending| ending.to_str()) {
                Some(NEW) => absent(fs::remove_file(&path)).map_err(wrong(&path))?,
                Some(_) => {}
                None => self.load_one(&path, &mut found)?,
            }
        }
        Ok(found)
    }

    fn load_one(&self, path: &Path, found: &mut Found) -> Result<(), RecordError> {
        let Some(id) = path.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
        let bytes = fs::read(path).map_err(wrong(path))?;
        let record = serde_json::from_slice::<Record>(&bytes);
        match record.map_err(|error| error.to_string()) {
            Ok(record) if record.id == id => found.records.push(record),
            other => {
                let reason = other.err().unwrap_or_else(|| "it is of another sandbox".to_owned());
                let aside = path.with_extension(CORRUPT);
                fs::rename(path, &aside).map_err(wrong(path))?;
                tracing::warn!(sandbox = id, reason, file = %aside.display(), "a record is set aside");
                found.corrupt.push(id.to_owned());
            }
        }
        Ok(())
    }

    /// Writes a record; when this returns, a power cut does not undo it.
    pub(super) fn store(&self, record: &Record) -> Result<(), RecordError> {
        let path = self.folder.join(&record.id);
        let new = path.with_extension(NEW);
        let write = || -> io::Result<()> {
            let mut options = File::options();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&serde_json::to_vec(record)?)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            self.sync()
        };
        write().map_err(wrong(&path))
    }

    /// Forgets a record.
    pub(super) fn remove(&self, id: &str) -> Result<(), RecordError> {
        let path = self.folder.join(id);
        let removed = absent(fs::remove_file(&path)).and_then(|()| self.sync());
        removed.map_err(wrong(&path))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

fn wrong(path: &Path) -> impl FnOnce(io::Error) -> RecordError {
    let path = path.to_owned();
    move |source| RecordError::File { path, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn record(id: &str) -> Record {
        Record {
            id: id.to_owned(),
            pod: Pod { name: "web".to_owned(), ..Pod::default() },
            state: State::Adding,
            created_at: 1,
            boot: String::new(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            runtime_handler: String::new(),
            network: None,
        }
    }

    #[test]
    fn what_is_stored_is_loaded_and_what_a_kill_left_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(folder.path().to_owned()).unwrap();
        records.store(&record("a")).unwrap();
        let ready = Record { state: State::Ready, ..record("a") };
        records.store(&ready).unwrap();
        records.store(&record("b")).unwrap();
        records.remove("b").unwrap();
        records.remove("b").unwrap();
        let half = folder.path().join("c.new");
        fs::write(&half, "{\"id\":").unwrap();
        let found = records.load().unwrap();
        assert_eq!((found.records, found.corrupt), (vec![ready], vec![]));
        assert!(!half.exists());
    }

    #[test]
    fn a_record_that_cannot_be_read_is_set_aside_once_and_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(folder.path().to_owned()).unwrap();
        fs::write(folder.path().join("a"), "{\"id\":").unwrap();
        fs::write(folder.path().join("b"), serde_json::to_vec(&record("other")).unwrap()).unwrap();
        records.store(&record("c")).unwrap();
        let mut found = records.load().unwrap();
        found.corrupt.sort();
        assert_eq!((found.records.len(), found.corrupt), (1, vec!["a".to_owned(), "b".to_owned()]));
        assert!(folder.path().join("a.corrupt").exists());
        assert!(records.load().unwrap().corrupt.is_empty());
    }
}
