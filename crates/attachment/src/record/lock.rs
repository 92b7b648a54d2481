//! One at a time for each sandbox, across processes: the agent and the plugin the runtime calls.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::pod::SandboxId;

/// Pause between two attempts to get a lock that is held.
const PAUSE: Duration = Duration::from_millis(5);

/// The sandbox cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The lock file cannot be used.
    #[error("lock of sandbox {sandbox}, file {}", path.display())]
    File {
        /// The sandbox.
        sandbox: SandboxId,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Someone else works on the sandbox.
    #[error("sandbox {sandbox} is still being worked on by another process after {waited:?}")]
    Held {
        /// The sandbox.
        sandbox: SandboxId,
        /// How long it was waited for.
        waited: Duration,
    },
}

/// The right to change a sandbox, until dropped. The kernel drops it with the process.
#[derive(Debug)]
pub struct SandboxLock {
    file: File,
    path: PathBuf,
}

impl SandboxLock {
    /// Waits for the sandbox to be free, at most this long.
    pub(super) fn wait(
        folder: &Path,
        sandbox: &SandboxId,
        patience: Duration,
    ) -> Result<Self, LockError> {
        let path = folder.join(format!("{sandbox}.lock"));
        let failed =
            |source| LockError::File { sandbox: sandbox.clone(), path: path.clone(), source };
        let start = Instant::now();
        loop {
            if let Some(lock) = Self::attempt(&path).map_err(failed)? {
                return Ok(lock);
            }
            if start.elapsed() >= patience {
                return Err(LockError::Held { sandbox: sandbox.clone(), waited: patience });
            }
            thread::sleep(PAUSE);
        }
    }

    fn attempt(path: &Path) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            result => result?,
        }
        // Whoever held it may have removed the file meanwhile; then this is nobody's lock.
        let current = match fs::metadata(path) {
            Ok(metadata) => metadata.ino() == file.metadata()?.ino(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        Ok(current.then(|| Self { file, path: path.to_owned() }))
    }

    /// Releases the lock of a sandbox that is gone, and its file with it.
    pub fn retire(self) {
        // A file left behind is empty and used again or retired later.
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "lock file not removed");
        }
        drop(self.file);
    }
}
