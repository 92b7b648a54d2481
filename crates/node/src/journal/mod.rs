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
//!   unfinished another configuration starts it over: someone has corrected a mistake. When it is
//!   finished, whoever asks for something else is refused, and told for what; who says less than
//!   before has asked for nothing else.
//! - One process at a time: the kernel keeps the lock and drops it with the process, and with the
//!   programs that were given it ([`Journal::lock`]).
//! - A journal that cannot be read is set aside and named in [`Journal::set_aside`]; like one that is
//!   missing it is blank ([`Journal::is_blank`]). An engine finds out what it can without it, and does
//!   the other steps again, which by the first rule does no harm to a machine that is not done.
//! - No secret is ever written to it: not even values that steps hand on.

mod fingerprint;
mod lock;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::fingerprint::Fingerprint;
pub(crate) use self::fingerprint::keys;
pub use self::lock::Held;
use crate::file::{self, FileError};

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
    fingerprint: String,
    /// Digests of what was meant, by key.
    #[serde(default)]
    values: BTreeMap<String, String>,
    /// It is of a machine that was done before it was begun: what is not among the values is not
    /// known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    adopted: bool,
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
        "this machine has finished `{purpose}` with another {} (on record in {}); leave that as it was, or run `kubewright node reset` first",
        named(differing), journal.display()
    )]
    Changed {
        /// What was finished.
        purpose: String,
        /// The keys of the configuration that differ, as far as that is known.
        differing: Vec<String>,
        /// Where that is on record.
        journal: PathBuf,
    },
}

fn named(keys: &[String]) -> String {
    if keys.is_empty() { "configuration".to_owned() } else { keys.join(", ") }
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
    kept: Vec<String>,
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
        let lock = lock::take(folder)?;
        let path = path(folder, purpose);
        let (found, set_aside) = read(&path)?;
        let fresh = || Record {
            version: VERSION,
            purpose: purpose.to_owned(),
            fingerprint: fingerprint.whole.clone(),
            values: fingerprint.values.clone(),
            adopted: false,
            finished: false,
            steps: Vec::new(),
        };
        let (mut kept, mut outdated) = (Vec::new(), false);
        let (record, foreign) = match found {
            // The record of an older program, or of one with other defaults, is kept up to date; what
            // the machine was made with stays.
            Some(Record { fingerprint: known, values, adopted, finished, steps, .. })
                if fingerprint.is(&known) =>
            {
                outdated = finished && (known != fingerprint.whole || values.is_empty());
                let values = match finished && !values.is_empty() {
                    true => values,
                    false => fingerprint.values.clone(),
                };
                (Record { values, adopted, finished, steps, ..fresh() }, false)
            }
            Some(record) if record.finished => {
                let (mut differing, mut unasked) = fingerprint.against(&record.values);
                if record.adopted {
                    differing.retain(|key| record.values.contains_key(key));
                    unasked.retain(|key| record.values.contains_key(key));
                }
                // An older program has noted no values: something differs, and that is all.
                let unnamed = record.values.is_empty() && !record.adopted;
                if unnamed || !differing.is_empty() {
                    let (purpose, journal) = (record.purpose, path);
                    let differing = if unnamed { Vec::new() } else { differing };
                    return Err(JournalError::Changed { purpose, differing, journal });
                }
                kept = unasked;
                (record, false)
            }
            found => (fresh(), found.is_some()),
        };
        let mut journal =
            Self { path, record, set_aside, kept, observer: None, light: false, foreign, lock };
        if outdated {
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

    /// Whether nothing is on record: no journal was there, or none that could be read. On a machine
    /// on which something was done it was lost.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.record.steps.is_empty() && !self.record.finished && !self.foreign
    }

    /// What a finished machine was made with and nobody asks for any more: keys whose value would be
    /// another one if it were made now.
    #[must_use]
    pub fn kept(&self) -> &[String] {
        &self.kept
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

    /// Takes a configuration for that which this journal belongs to, when more is known of it than
    /// was when it was opened. It is on record with the next step.
    pub fn restate(&mut self, fingerprint: &Fingerprint) {
        self.record.fingerprint.clone_from(&fingerprint.whole);
        self.record.values.clone_from(&fingerprint.values);
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

    /// Puts on record that everything is done already, by a run of which nothing is known but its
    /// first step, by which the engine is known, and what was asked for now.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be written.
    pub fn adopt(&mut self, first: &str, fingerprint: &Fingerprint) -> Result<(), JournalError> {
        if self.record.steps.is_empty() {
            let first = Step { name: first.to_owned(), progress: Progress::Done };
            self.record.steps.push(first);
        }
        self.record.fingerprint.clone_from(&fingerprint.whole);
        self.record.values = fingerprint.asked();
        self.record.adopted = true;
        self.finish()
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
    tracing::warn!(journal = %path.display(), aside = %aside.display(), fault, "the journal cannot be read");
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
