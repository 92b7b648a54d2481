//! One process at a time is at work on a machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::JournalError;
use crate::file::FileError;

/// The lock, below a state folder.
const NAME: &str = "journal.lock";

/// Takes the lock of a state folder, which is made if need be.
pub(super) fn take(folder: &Path) -> Result<File, JournalError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(FileError::of("make the folder", folder))?;
    let path = folder.join(NAME);
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(FileError::of("open", &path))?;
        match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(JournalError::Busy { lock: path }),
            Err(error) => return Err(FileError::of("lock", &path)(error.into()).into()),
        }
        // A reset removes the file at its end: the next process would lock another one.
        let held = file.metadata().map_err(FileError::of("read", &path))?;
        if fs::metadata(&path).is_ok_and(|there| there.ino() == held.ino()) {
            return Ok(file);
        }
    }
}

/// Keeps others from working on a machine. It leaves nothing of its own behind: a folder that is
/// only there because of it goes with it.
#[derive(Debug)]
pub struct Held {
    _lock: File,
    made: Vec<PathBuf>,
}

impl Held {
    /// Takes the lock of a state folder.
    ///
    /// # Errors
    /// [`JournalError::Busy`] while another process works on the machine, or when the lock cannot
    /// be used.
    pub fn take(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(NAME);
        let made = path.ancestors().take_while(|path| !path.exists()).map(Path::to_owned);
        let made = made.collect();
        Ok(Self { _lock: take(folder)?, made })
    }

    /// Whether the folder is only there because of it.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.made.len() > 1
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for path in &self.made {
            // Folders in which there is something by now are not removed, nor need they be.
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
}
