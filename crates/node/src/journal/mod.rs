//! What an engine has done on this machine, on disk, so that being killed costs one step at most.
//!
//! ```text
//! open ──▶ run("certs", …) ──▶ run("kubeconfig", …) ──▶ … ──▶ finish
//!            │   ├─ begun   written and synced before the work starts
//!            │   └─ done    written and synced when it has succeeded
//!            └─ done already: nothing happens
//! ```
//!
//! - A step that is `begun` may have happened in part. It is done again, so each step has to lead
//!   to the same state however often and however far it was done before.
//! - The journal belongs to one configuration, known by its fingerprint, of which one digest is
//!   enough: that of what was given, or that of what it means with all defaults. While it is
//!   unfinished another configuration starts it over: someone has corrected a mistake. A finished
//!   one is refused: what has become of the machine cannot be told from the new file.
//! - One process at a time: the kernel keeps the lock and drops it with the process, and with the
//!   programs that were given it ([`Journal::lock`]).
//! - A journal that cannot be read is set aside and named in [`Journal::set_aside`]; all steps are
//!   done again, which by the first rule does no harm.
//! - No secret is ever written to it: not even values that steps hand on.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::file::{self, FileError};

/// Which configuration a journal belongs to: one digest or several, separated by `+`, any of which
/// it is known by. Older programs know one, and compare all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of everything that decides what is to be done. Secrets among it stay unknown.
    ///
    /// # Panics
    /// Never: what is given is a tree of strings and numbers.
    #[must_use]
    pub fn of(wanted: &serde_json::Value) -> Self {
        let digest = Sha256::digest(wanted.to_string());
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The same configuration, described in another way.
    #[must_use]
    pub fn or(self, wanted: &serde_json::Value) -> Self {
        Self(format!("{}+{}", self.0, Self::of(wanted).0))
    }

    /// Whether both are of one configuration.
    fn is(&self, other: &Self) -> bool {
        self.0.split('+').any(|digest| other.0.split('+').any(|known| known == digest))
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Progress {
    /// It may have happened, in part or whole.
    Begun,
    /// It has happened.
    Done,
    /// It had happened, and was taken back.
    Undone,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Undone => "undone",
        })
    }
}

/// A step as it is on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// How far it is.
    pub progress: Progress,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    purpose: String,
    fingerprint: Fingerprint,
    finished: bool,
    steps: Vec<Step>,
}

const VERSION: u32 = 1;

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process is at work.
    #[error("another kubewright is at work on this machine: {} is locked; wait for it to end", lock.display())]
    Busy {
        /// The lock.
        lock: PathBuf,
    },
    /// The machine was set up from another configuration.
    #[error(
        "this machine has finished `{purpose}` with another configuration; run `kubewright node reset` first, or give the configuration it was set up with ({} tells)",
        journal.display()
    )]
    Changed {
        /// What was finished.
        purpose: String,
        /// Where that is on record.
        journal: PathBuf,
    },
}

/// Why a step did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StepError<E: std::error::Error + 'static> {
    /// The work failed. The step stays `begun`.
    #[error("step {step} failed")]
    Failed {
        /// Its name.
        step: String,
        /// Why.
        #[source]
        source: E,
    },
    /// What was done cannot be put on record.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Hears of each change, to show progress.
pub type Observer = Box<dyn FnMut(&Step) + Send>;

/// An open journal; no other process has it open.
pub struct Journal {
    path: PathBuf,
    record: Record,
    set_aside: Option<PathBuf>,
    observer: Option<Observer>,
    /// Steps are put on record together.
    light: bool,
    /// What is on disk is of another configuration.
    foreign: bool,
    lock: File,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).field("record", &self.record).finish()
    }
}

impl Journal {
    /// Opens the journal of a purpose, `init` or `join`, in a folder that is made if need be.
    ///
    /// # Errors
    /// [`JournalError`] when files cannot be used, another process is at work, or this purpose
    /// was finished with another configuration.
    pub fn open(
        folder: &Path,
        purpose: &str,
        fingerprint: &Fingerprint,
    ) -> Result<Self, JournalError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(FileError::of("make the folder", folder))?;
        let lock = lock(&folder.join("journal.lock"))?;
        let path = path(folder, purpose);
        let (found, set_aside) = read(&path)?;
        let fresh = || Record {
            version: VERSION,
            purpose: purpose.to_owned(),
            fingerprint: fingerprint.clone(),
            finished: false,
            steps: Vec::new(),
        };
        let before = found.as_ref().map_or(fingerprint, |record| &record.fingerprint).clone();
        let (record, foreign) = match found {
            // The record of an older program, or of one with other defaults, is kept up to date.
            Some(record) if record.fingerprint.is(fingerprint) => {
                (Record { fingerprint: fingerprint.clone(), ..record }, false)
            }
            Some(record) if record.finished => {
                return Err(JournalError::Changed { purpose: record.purpose, journal: path });
            }
            found => (fresh(), found.is_some()),
        };
        let mut journal =
            Self { path, record, set_aside, observer: None, light: false, foreign, lock };
        if journal.record.finished && journal.record.fingerprint != before {
            journal.write()?;
        }
        Ok(journal)
    }

    /// Tells `observer` of every change from now on, right after it is on record, or on its way
    /// there.
    pub fn observe(&mut self, observer: Observer) {
        self.observer = Some(observer);
    }

    /// For steps that may all be done again from nothing: they are put on record together, by
    /// [`Journal::keep`] and at the end, and only the end is waited for to be on disk. What is not
    /// on record is done again.
    pub fn lighten(&mut self) {
        self.light = true;
    }

    /// The lock, for programs that are not to run beside the next who opens the journal.
    ///
    /// # Errors
    /// [`JournalError`] when this process can have no more files open.
    pub fn lock(&self) -> Result<File, JournalError> {
        Ok(self.lock.try_clone().map_err(FileError::of("share the lock of", &self.path))?)
    }

    /// Where a journal that could not be read was put.
    #[must_use]
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    /// Whether everything was done, so that there is nothing to do.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.record.finished
    }

    /// Whether a step is done.
    #[must_use]
    pub fn is_done(&self, step: &str) -> bool {
        self.progress(step) == Some(Progress::Done)
    }

    /// How far a step is; nothing when it was never begun.
    #[must_use]
    pub fn progress(&self, step: &str) -> Option<Progress> {
        self.record.steps.iter().find(|it| it.name == step).map(|it| it.progress)
    }

    /// The steps so far, in the order in which they were begun first.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.record.steps
    }

    /// Does a step, unless it is done. Whether it was done now.
    ///
    /// # Errors
    /// [`StepError`]; the step stays `begun` and is done again next time.
    pub async fn run<E: std::error::Error + 'static>(
        &mut self,
        step: &str,
        work: impl AsyncFnOnce() -> Result<(), E>,
    ) -> Result<bool, StepError<E>> {
        if self.is_done(step) {
            return Ok(false);
        }
        self.mark(step, Progress::Begun)?;
        work().await.map_err(|source| StepError::Failed { step: step.to_owned(), source })?;
        self.mark(step, Progress::Done)?;
        Ok(true)
    }

    /// Takes back a step that was begun. Whether there was anything to take back.
    ///
    /// # Errors
    /// [`StepError`]; the step stays as it was on record.
    pub async fn undo<E: std::error::Error + 'static>(
        &mut self,
        step: &str,
        work: impl AsyncFnOnce() -> Result<(), E>,
    ) -> Result<bool, StepError<E>> {
        if !matches!(self.progress(step), Some(Progress::Begun | Progress::Done)) {
            return Ok(false);
        }
        work().await.map_err(|source| StepError::Failed { step: step.to_owned(), source })?;
        self.mark(step, Progress::Undone)?;
        Ok(true)
    }

    /// Puts on record what was done so far.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be written.
    pub fn keep(&mut self) -> Result<(), JournalError> {
        self.write()
    }

    /// Forgets what was done: everything is to be done again.
    ///
    /// # Errors
    /// [`JournalError`] when that cannot be put on record.
    pub fn start_over(&mut self) -> Result<(), JournalError> {
        self.record.steps.clear();
        self.record.finished = false;
        self.write()
    }

    /// Puts on record that everything is done.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be written.
    pub fn finish(&mut self) -> Result<(), JournalError> {
        if !self.record.finished {
            self.record.finished = true;
            self.write()?;
        }
        Ok(())
    }

    fn mark(&mut self, step: &str, progress: Progress) -> Result<(), JournalError> {
        let steps = &mut self.record.steps;
        let at = steps.iter().position(|it| it.name == step).unwrap_or(steps.len());
        let marked = Step { name: step.to_owned(), progress };
        match steps.get_mut(at) {
            Some(present) => *present = marked.clone(),
            None => steps.push(marked.clone()),
        }
        // Whoever does or undoes anything is not finished.
        self.record.finished = false;
        // That steps of another configuration were done must not be taken for ours.
        if !self.light || self.foreign {
            self.write()?;
        }
        if let Some(observer) = &mut self.observer {
            observer(&marked);
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), JournalError> {
        let mut json = serde_json::to_vec_pretty(&self.record)
            .map_err(|error| FileError::of("write", &self.path)(error.into()))?;
        json.push(b'\n');
        if self.light && !self.record.finished {
            file::replace_lightly(&self.path, &json, file::SECRET)?;
        } else {
            file::replace(&self.path, &json, file::SECRET)?;
        }
        self.foreign = false;
        Ok(())
    }
}

/// Forgets what was done, for `reset`; the lock stays with whoever holds it.
///
/// # Errors
/// [`FileError`] when the file is there and cannot be removed.
pub fn forget(folder: &Path, purpose: &str) -> Result<bool, FileError> {
    let path = path(folder, purpose);
    file::remove(&path).map_err(FileError::of("remove", &path))
}

/// What is on record for a purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Everything was done.
    pub finished: bool,
    /// The steps so far, in the order in which they were begun first.
    pub steps: Vec<Step>,
}

/// What is on record for a purpose, for those who only look; nothing when there is none that can
/// be read.
#[must_use]
pub fn recorded(folder: &Path, purpose: &str) -> Option<Recorded> {
    let bytes = fs::read(path(folder, purpose)).ok()?;
    let Record { finished, steps, .. } = serde_json::from_slice(&bytes).ok()?;
    Some(Recorded { finished, steps })
}

/// Whether this purpose was finished; for those who only look.
#[must_use]
pub fn is_finished(folder: &Path, purpose: &str) -> bool {
    recorded(folder, purpose).is_some_and(|record| record.finished)
}

/// The steps of this purpose so far; for those who only look.
#[must_use]
pub fn steps(folder: &Path, purpose: &str) -> Vec<Step> {
    recorded(folder, purpose).map(|record| record.steps).unwrap_or_default()
}

fn path(folder: &Path, purpose: &str) -> PathBuf {
    folder.join(format!("{purpose}.journal.json"))
}

fn lock(path: &Path) -> Result<File, JournalError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path).map_err(FileError::of("open", path))?;
    match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(JournalError::Busy { lock: path.to_owned() }),
        Err(error) => Err(FileError::of("lock", path)(error.into()).into()),
    }
}

/// The record, and where one that could not be read was put.
fn read(path: &Path) -> Result<(Option<Record>, Option<PathBuf>), FileError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, None)),
        Err(source) => return Err(FileError::of("read", path)(source)),
    };
    let fault = match serde_json::from_slice::<Record>(&bytes) {
        Ok(record) if record.version == VERSION => return Ok((Some(record), None)),
        Ok(record) => format!("it is of version {}", record.version),
        Err(error) => error.to_string(),
    };
    let aside = unused(path);
    fs::rename(path, &aside).map_err(FileError::of("set aside", path))?;
    tracing::warn!(journal = %path.display(), aside = %aside.display(), fault, "the journal cannot be read: every step is done again");
    Ok((None, Some(aside)))
}

/// A name beside a file that nothing has: an older record set aside is not lost.
fn unused(path: &Path) -> PathBuf {
    let mut number = 1_u32;
    loop {
        let candidate = PathBuf::from(format!("{}.corrupt-{number}", path.display()));
        if !candidate.exists() {
            return candidate;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests;
