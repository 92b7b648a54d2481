//! The store on disk: one redb table of objects, written in groups.
//!
//! Key: `group/plural/namespace/name`; value: the JSON as stored. The last version
//! stands in a table of its own and is written in the same transaction, so that a
//! restart never hands out a version twice. A new file is complete before it gets its name.
//!
//! Room that deletions leave is used again by later writes. When it is by far the greater part
//! of the file, and nothing is to be written, the file is made small again.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use super::object::{ObjectKey, ResourceKey};

const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// How long a process that has ended may still hold the file.
const DYING: Duration = Duration::from_secs(2);

/// A file of this size is never worth making smaller.
const SMALL: u64 = 32 * 1024 * 1024;

/// How many times as large as what is in it a file may be. Right after many creations it is
/// up to twice as large.
const ROOMY: u64 = 4;

const LAST_VERSION: &str = "resource-version";

/// Why the durable store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened or read.
    #[error("cannot open the object store {path}")]
    Open {
        /// File.
        path: PathBuf,
        /// Cause.
        #[source]
        source: Box<redb::Error>,
    },
    /// A transaction failed.
    #[error("cannot write to the object store")]
    Write(#[source] Box<redb::Error>),
    /// A record cannot be read back.
    #[error("the object store holds a record under {key:?} that cannot be read: {why}")]
    Corrupt {
        /// Key of the record.
        key: String,
        /// What is wrong.
        why: String,
    },
}

/// A record to write: `None` deletes it.
pub(super) struct Record {
    pub(super) resource: ResourceKey,
    pub(super) key: ObjectKey,
    pub(super) json: Option<bytes::Bytes>,
    pub(super) resource_version: u64,
}

/// An open database.
pub(super) struct Disk {
    database: Database,
    /// Where it is, unless in a test.
    path: Option<PathBuf>,
    /// Bytes of all keys and objects.
    live: u64,
    /// Size of the file when it was last made small: it may not get any smaller.
    least: u64,
}

impl Disk {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let wrap = |source: redb::Error| Error::Open { path: path.into(), source: source.into() };
        if !path.exists() {
            Self::create(path).map_err(wrap)?;
        }
        let begin = Instant::now();
        loop {
            match Database::create(path) {
                Ok(database) => return Ok(Self { path: Some(path.into()), ..Self::new(database) }),
                // A server that was killed lets go of its file a moment after it is gone.
                Err(DatabaseError::DatabaseAlreadyOpen) if begin.elapsed() < DYING => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(wrap(error.into())),
            }
        }
    }

    /// Makes an empty database, whole or not at all: one whose making was interrupted cannot
    /// be opened.
    fn create(path: &Path) -> Result<(), redb::Error> {
        let temporary = path.with_extension("new");
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        // Secrets are in it, and the directory may be one that others can look into.
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&temporary)?;
        let mut disk = Self::new(Database::builder().create_file(file)?);
        disk.try_write(&[])?;
        drop(disk);
        std::fs::rename(&temporary, path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        std::fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }

    fn new(database: Database) -> Self {
        Self { database, path: None, live: 0, least: 0 }
    }

    /// On something other than a file.
    #[cfg(test)]
    pub(super) fn over(backend: impl redb::StorageBackend) -> Result<Self, redb::Error> {
        Ok(Self::new(Database::builder().create_with_backend(backend)?))
    }

    /// The last version handed out, and every record through `each`.
    pub(super) fn load(
        &mut self,
        mut each: impl FnMut(ResourceKey, ObjectKey, &[u8]) -> Result<(), String>,
    ) -> Result<u64, Error> {
        let transaction =
            self.database.begin_read().map_err(|e| Error::Write(Box::new(e.into())))?;
        let objects = match transaction.open_table(OBJECTS) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(0),
            Err(error) => return Err(Error::Write(Box::new(error.into()))),
        };
        for entry in objects.iter().map_err(|e| Error::Write(Box::new(e.into())))? {
            let (path, json) = entry.map_err(|e| Error::Write(Box::new(e.into())))?;
            self.live += size(path.value(), json.value());
            let corrupt = |why: String| Error::Corrupt { key: path.value().to_owned(), why };
            let parts: Vec<_> = path.value().splitn(4, '/').collect();
            let [group, plural, namespace, name] = parts[..] else {
                return Err(corrupt("the key has not four parts".to_owned()));
            };
            let resource = ResourceKey::new(group, plural);
            each(resource, ObjectKey::new(namespace, name), json.value()).map_err(corrupt)?;
        }
        let meta = transaction.open_table(META).map_err(|e| Error::Write(Box::new(e.into())))?;
        let last = meta.get(LAST_VERSION).map_err(|e| Error::Write(Box::new(e.into())))?;
        Ok(last.map_or(0, |version| version.value()))
    }

    /// Writes records in one transaction; they are on disk when this returns.
    pub(super) fn write(&mut self, records: &[Record]) -> Result<(), Error> {
        self.try_write(records).map_err(|error| Error::Write(Box::new(error)))
    }

    fn try_write(&mut self, records: &[Record]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        // After a kill the file is used as it is, whatever its size: without this the database
        // would first read all of it. Measured in `cargo xtask bench apiserver`.
        transaction.set_quick_repair(true);
        {
            let mut objects = transaction.open_table(OBJECTS)?;
            for record in records {
                let path = path(&record.resource, &record.key);
                let before = match &record.json {
                    Some(json) => {
                        self.live += size(&path, json);
                        objects.insert(path.as_str(), json.as_ref())?
                    }
                    None => objects.remove(path.as_str())?,
                };
                let before = before.map_or(0, |json| size(&path, json.value()));
                self.live = self.live.saturating_sub(before);
            }
            let mut meta = transaction.open_table(META)?;
            if let Some(last) = records.iter().map(|record| record.resource_version).max() {
                meta.insert(LAST_VERSION, last)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Makes the file smaller where most of it is empty. Takes as long as writing all objects.
    pub(super) fn tidy(&mut self) -> Result<(), Error> {
        let roomy = self.len().filter(|len| {
            *len > SMALL && *len > self.live.saturating_mul(ROOMY) && *len > 2 * self.least
        });
        let Some(before) = roomy else {
            return Ok(());
        };
        self.compact().map_err(|error| Error::Write(Box::new(error)))?;
        self.least = self.len().unwrap_or(before);
        tracing::info!(before, after = self.least, "made the object store smaller");
        Ok(())
    }

    pub(super) fn compact(&mut self) -> Result<(), redb::Error> {
        self.database.compact()?;
        // So that it can be used as it is also after this.
        self.try_write(&[])
    }

    fn len(&self) -> Option<u64> {
        Some(std::fs::metadata(self.path.as_ref()?).ok()?.len())
    }
}

fn size(path: &str, json: &[u8]) -> u64 {
    (path.len() + json.len()) as u64
}

fn path(resource: &ResourceKey, key: &ObjectKey) -> String {
    format!("{}/{}/{}/{}", resource.group, resource.plural, key.namespace, key.name)
}
