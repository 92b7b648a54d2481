//! The run directory: where a control plane is found again.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::process::Process;

/// Why a run directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// A file cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// File or directory.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The directory belongs to somebody else: what stands in it cannot be trusted.
    #[error("{path} belongs to user {owner}, not to you; name another directory with --state-dir")]
    Foreign {
        /// Directory.
        path: PathBuf,
        /// User id of the owner.
        owner: u32,
    },
    /// Another process serves from here.
    #[error("a control plane runs from {path} already; `kubewright local stop` ends it")]
    Taken {
        /// Directory.
        path: PathBuf,
    },
}

/// How long a process that has ended may still hold its files.
const DYING: Duration = Duration::from_secs(2);

/// What is written about a running control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The serving process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// Objects survive a restart.
    pub durable: bool,
    /// When it became ready.
    pub started: jiff::Timestamp,
}

/// What a run directory tells about its control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// None runs, and the last one ended in order.
    Nothing,
    /// It runs.
    Running(Record),
    /// It ended without a word: killed, or the machine went down.
    Stale(Record),
    /// The record cannot be read.
    Corrupt {
        /// Where it is now.
        set_aside: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A run directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir(PathBuf);

/// Held while a control plane runs; freed by the kernel when the process ends, however.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held for its lock")] fs::File);

impl RunDir {
    /// The directory of the user's default control plane, which keeps nothing over a
    /// restart: below `XDG_RUNTIME_DIR`, or a private directory below `/tmp`.
    pub fn default_for_user() -> Self {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let user = rustix::process::geteuid().as_raw();
        Self(match runtime.filter(|path| path.is_absolute()) {
            Some(path) => path.join("kubewright"),
            None => std::env::temp_dir().join(format!("kubewright-{user}")),
        })
    }

    /// A directory of the user's choice.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.0.join("kubeconfig")
    }

    /// What the process writes.
    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    fn record_file(&self) -> PathBuf {
        self.0.join("control-plane.json")
    }

    fn file_error(path: &Path) -> impl FnOnce(io::Error) -> RunDirError {
        let path = path.to_owned();
        move |source| RunDirError::File { path, source }
    }

    /// Makes the directory, for its owner only, and checks that it is ours.
    pub(super) fn prepare(&self) -> Result<(), RunDirError> {
        let wrap = || Self::file_error(&self.0);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(wrap())?;
        let owner = fs::symlink_metadata(&self.0).map_err(wrap())?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            return Err(RunDirError::Foreign { path: self.0.clone(), owner });
        }
        Ok(())
    }

    /// Takes the directory for this process.
    pub(super) fn lock(&self) -> Result<Lock, RunDirError> {
        let path = self.0.join("lock");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(Self::file_error(&path))?;
        let begin = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Lock(file)),
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    // A process that was killed lets go of its files a moment after it is gone.
                    let running = matches!(self.look(), Ok(Found::Running(_)));
                    if running || begin.elapsed() > DYING {
                        return Err(RunDirError::Taken { path: self.0.clone() });
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(RunDirError::File { path, source: error.into() }),
            }
        }
    }

    /// Notes a control plane that is ready.
    pub(super) fn write(&self, record: &Record, kubeconfig: &str) -> Result<(), RunDirError> {
        replace(&self.kubeconfig(), kubeconfig.as_bytes())?;
        let json = serde_json::to_vec_pretty(record).unwrap_or_default();
        replace(&self.record_file(), &json)
    }

    /// What the record tells. One that cannot be read is set aside, so that it is told of
    /// once and stands in nobody's way.
    ///
    /// # Errors
    /// When the record exists and cannot be read or set aside.
    pub fn look(&self) -> Result<Found, RunDirError> {
        let path = self.record_file();
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(Self::file_error(&path)(error)),
        };
        match serde_json::from_slice::<Record>(&json) {
            Ok(record) if record.process.is_alive() => Ok(Found::Running(record)),
            Ok(record) => Ok(Found::Stale(record)),
            Err(error) => {
                let set_aside = path.with_extension("json.corrupt");
                fs::rename(&path, &set_aside).map_err(Self::file_error(&path))?;
                Ok(Found::Corrupt { set_aside, reason: error.to_string() })
            }
        }
    }

    /// Forgets a control plane that has ended.
    pub(super) fn forget(&self) {
        for path in [self.record_file(), self.kubeconfig()] {
            // A file that is left behind names a process that is gone: harmless.
            let _ = fs::remove_file(path);
        }
    }
}

/// Writes a private file whole or not at all.
fn replace(path: &Path, content: &[u8]) -> Result<(), RunDirError> {
    let temporary = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(RunDir::file_error(path))
}
