//! Records on disk, so that no power failure loses one and nobody waits for a disk.
//!
//! A record is a file, `<uid>/<sandbox>@<interface>.jsonl`, of lines. The first is the record as it
//! was before ADD, written at once and synced. What becomes of the attachment is appended, a whole
//! record in a line, and not synced: the last line that is one counts. A process that is killed
//! loses none. A machine that loses power may lose those appended; then the first still says what
//! DEL needs, and DEL is what is due after a reboot anyway.
//!
//! Appending needs no file beside the one that is there, and a folder for each pod keeps the others'
//! names out of the way: with 110 pods, replacing files of one folder was a third of the agent's
//! processor time for an attachment.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::file_name::{self, Whose};
use super::{LockError, Record, RecordId, SandboxLock, lines};
use crate::name::check_uid;
use crate::pod::SandboxId;

/// Age from which on nobody is still writing a file.
const ABANDONED: Duration = Duration::from_secs(3600);
/// How often a pod's folder is made again that is removed meanwhile.
const ROUNDS: usize = 100;

/// A folder or file of records that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}", path.display())]
pub struct StoreError {
    /// What was tried.
    pub action: &'static str,
    /// With which file or folder.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// A file that was no record. It is in nobody's way now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// Whose record it was.
    pub id: RecordId,
    /// Where it is now.
    pub path: PathBuf,
    /// What was wrong with it.
    pub fault: String,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The records, in order of their files' names.
    pub records: Vec<Record>,
    /// Files that were no records.
    pub corrupt: Vec<Corrupt>,
}

/// Records in a folder.
#[derive(Clone, Debug)]
pub struct Store {
    records: PathBuf,
    corrupt: PathBuf,
    locks: PathBuf,
}

impl Store {
    /// Opens the records under a state root, and makes its folders.
    ///
    /// # Errors
    /// [`StoreError`] when a folder cannot be made.
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        let folder = |name: &str| {
            let path = state_dir.join(name);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
            match made {
                Ok(()) => Ok(path),
                Err(source) => Err(StoreError { action: "making the folder", path, source }),
            }
        };
        Ok(Self {
            records: folder("records")?,
            corrupt: folder("corrupt")?,
            locks: folder("locks")?,
        })
    }

    /// Waits, at most this long, until nobody else works on a sandbox.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn lock(&self, sandbox: &SandboxId, patience: Duration) -> Result<SandboxLock, LockError> {
        SandboxLock::wait(&self.locks, sandbox, patience)
    }

    /// Reads records.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be read. A file that cannot be read is no error.
    pub fn load(&self, whose: Whose<'_>) -> Result<Loaded, StoreError> {
        let mut loaded = Loaded::default();
        for id in self.ids(whose)? {
            match self.read(&id) {
                None => {}
                Some(Ok(record)) => loaded.records.push(record),
                Some(Err(fault)) => loaded.corrupt.extend(self.set_aside(id, fault)),
            }
        }
        Ok(loaded)
    }

    /// Reads records and leaves those that cannot be read where they are, for the engine: it has to
    /// detach what they stood for. Their names come second.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn look(&self, whose: Whose<'_>) -> Result<(Vec<Record>, Vec<RecordId>), StoreError> {
        let (mut records, mut corrupt) = (Vec::new(), Vec::new());
        for id in self.ids(whose)? {
            match self.read(&id) {
                None => {}
                Some(Ok(record)) => records.push(record),
                Some(Err(_)) => corrupt.push(id),
            }
        }
        Ok((records, corrupt))
    }

    /// Names of records, from the names of their files alone.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn ids(&self, whose: Whose<'_>) -> Result<Vec<RecordId>, StoreError> {
        let (uid, sandbox) = whose.parts();
        let uids = match uid {
            Some(uid) => vec![OsString::from(uid)],
            None => names(&self.records)?,
        };
        let mut ids = Vec::new();
        // Temporary files begin with a dot and are no uids; what else is none is not ours.
        for uid in uids.iter().filter_map(|uid| uid.to_str()) {
            if check_uid(uid).is_err() {
                continue;
            }
            let files = match names(&self.records.join(uid)) {
                Err(error) if is_absent(&error.source) => continue,
                files => files?,
            };
            let files = files.iter().filter_map(|file| file.to_str());
            ids.extend(files.filter_map(|file| file_name::parse(uid, file, sandbox)));
        }
        ids.sort();
        Ok(ids)
    }

    /// Reads one record, if it is there; one that cannot be read is set aside and not there.
    #[must_use]
    pub fn get(&self, id: &RecordId) -> Option<Record> {
        match self.read(id)? {
            Ok(record) => Some(record),
            Err(fault) => {
                self.set_aside(id.clone(), fault);
                None
            }
        }
    }

    /// Reads one record; what is wrong with it when it is none, be it the disk's fault.
    fn read(&self, id: &RecordId) -> Option<Result<Record, String>> {
        let content = match fs::read(self.path(id)) {
            Ok(content) => content,
            Err(error) if is_absent(&error) => return None,
            Err(error) => return Some(Err(error.to_string())),
        };
        Some(lines::last(&content, id).map(|(record, lost)| {
            if let Some(fault) = lost {
                tracing::warn!(record = %id, fault, "what became of an attachment cannot be read");
            }
            record
        }))
    }

    /// Puts a file that is no record out of the way, where it can be looked at.
    fn set_aside(&self, id: RecordId, fault: String) -> Option<Corrupt> {
        let from = self.path(&id);
        let path = self.corrupt.join(format!("{}@{}.corrupt", id.pod_uid, file_name::of(&id)));
        let path = match fs::rename(&from, &path) {
            Ok(()) => path,
            // Another reader was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            // It is in nobody's way where it is, only reported again and again.
            Err(error) => {
                tracing::warn!(record = %id, %error, "left in place");
                from
            }
        };
        tracing::warn!(record = %id, path = %path.display(), fault, "record cannot be read");
        Some(Corrupt { id, path, fault })
    }

    /// How long ago a record was made; none when it is not there.
    ///
    /// # Errors
    /// [`StoreError`] when its file cannot be looked at.
    pub fn age(&self, id: &RecordId) -> Result<Option<Duration>, StoreError> {
        let path = self.path(id);
        let made = |metadata: fs::Metadata| metadata.created().or_else(|_| metadata.modified());
        match fs::metadata(&path).and_then(made) {
            // A clock that was set back makes it young, which is the safe side.
            Ok(written) => Ok(Some(written.elapsed().unwrap_or_default())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(StoreError { action: "looking at the record", path, source }),
        }
    }

    /// Writes a new record, in place of any of its name. Every reader sees it from now on; it is
    /// durable when [`Syncing::wait`] returns, which does not have to be waited for idly.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn begin(&self, record: &Record) -> Result<Syncing, StoreError> {
        let id = record.id();
        let path = self.path(&id);
        let failed =
            |source| StoreError { action: "writing the record", path: path.clone(), source };
        let file = self.put(&path, record).map_err(failed)?;
        let pod = File::open(self.pod(&id.pod_uid)).map_err(failed)?;
        let all = File::open(&self.records).map_err(failed)?;
        let sync =
            move || file.sync_data().and_then(|()| pod.sync_all()).and_then(|()| all.sync_all());
        let thread = thread::Builder::new().name("sync".to_owned()).spawn(sync).map_err(failed)?;
        Ok(Syncing { thread, path })
    }

    /// Writes what became of an attachment; a reader sees the record as it was or as it is now.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn write(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.path(&record.id());
        let append = || -> io::Result<()> {
            let line = lines::next(record)?;
            OpenOptions::new().append(true).open(&path)?.write_all(&line)
        };
        match append() {
            Err(error) if is_absent(&error) => self.begin(record)?.wait(),
            written => {
                let failed = |source| StoreError { action: "writing the record", path, source };
                written.map_err(failed)
            }
        }
    }

    /// Puts a file with nothing but this record in its place.
    fn put(&self, path: &Path, record: &Record) -> io::Result<File> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.records.join(format!(".{}-{serial}", std::process::id()));
        let write = || -> io::Result<File> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&temporary)?;
            file.write_all(&lines::first(record)?)?;
            let mut rounds = ROUNDS;
            loop {
                match fs::rename(&temporary, path) {
                    // There was nothing of the pod yet, or not any more.
                    Err(error) if is_absent(&error) && rounds > 0 => {
                        rounds -= 1;
                        let mut folder = DirBuilder::new();
                        folder.recursive(true).mode(0o700).create(self.pod(record.pod.uid()))?;
                    }
                    renamed => return renamed.map(|()| file),
                }
            }
        };
        write().inspect_err(|_| drop(fs::remove_file(&temporary)))
    }

    /// Removes what is of no use any more: files that processes did not finish before they were
    /// killed, folders of pods without records, and locks of sandboxes that are not among the living
    /// and have no record.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn sweep(&self, living: &BTreeSet<SandboxId>) -> Result<(), StoreError> {
        for name in names(&self.records)? {
            let path = self.records.join(&name);
            let name = name.to_str().unwrap_or_default();
            self.retire(name);
            let written = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let age = written.ok().and_then(|written| written.elapsed().ok());
            if name.starts_with('.') && age.is_some_and(|age| age > ABANDONED) {
                self.unlink(&path)?;
            }
        }
        let recorded: BTreeSet<SandboxId> =
            self.ids(Whose::All)?.into_iter().map(|id| id.sandbox).collect();
        for name in names(&self.locks)? {
            let name = Path::new(&name).file_stem().and_then(OsStr::to_str).unwrap_or_default();
            let Ok(sandbox) = SandboxId::new(name) else { continue };
            if living.contains(&sandbox) || recorded.contains(&sandbox) {
                continue;
            }
            // One that is held is in use after all.
            if let Ok(lock) = self.lock(&sandbox, Duration::ZERO) {
                lock.retire();
            }
        }
        Ok(())
    }

    /// Removes a record; one that is not there is removed already.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be removed.
    pub fn remove(&self, id: &RecordId) -> Result<(), StoreError> {
        self.unlink(&self.path(id))
    }

    /// Removes the folder of a pod that has no records any more; of one that has it is kept. A pod
    /// that lives will need it again.
    pub fn retire(&self, pod_uid: &str) {
        if check_uid(pod_uid).is_ok() {
            // One that is not empty is in use, and one that is empty in nobody's way.
            let _ = fs::remove_dir(self.pod(pod_uid));
        }
    }

    fn unlink(&self, path: &Path) -> Result<(), StoreError> {
        match fs::remove_file(path) {
            Err(error) if !is_absent(&error) => {
                let path = path.to_owned();
                Err(StoreError { action: "removing the record", path, source: error })
            }
            _ => Ok(()),
        }
    }

    fn pod(&self, uid: &str) -> PathBuf {
        self.records.join(uid)
    }

    fn path(&self, id: &RecordId) -> PathBuf {
        self.pod(&id.pod_uid).join(file_name::of(id))
    }
}

/// A record on its way to the disk.
#[derive(Debug)]
#[must_use = "it is not durable before it was waited for"]
pub struct Syncing {
    thread: JoinHandle<io::Result<()>>,
    path: PathBuf,
}

impl Syncing {
    /// Waits until the record outlives the machine's power.
    ///
    /// # Errors
    /// [`StoreError`] when the disk failed.
    pub fn wait(self) -> Result<(), StoreError> {
        let synced = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        synced.map_err(|source| StoreError {
            action: "syncing the record",
            path: self.path,
            source,
        })
    }
}

/// Names of what is in a folder.
fn names(folder: &Path) -> Result<Vec<OsString>, StoreError> {
    let failed =
        |source| StoreError { action: "reading the folder", path: folder.to_owned(), source };
    let read = fs::read_dir(folder).map_err(failed)?;
    read.map(|entry| entry.map(|entry| entry.file_name()).map_err(failed)).collect()
}

/// Whether it, or the folder that it would be in, is not there.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
