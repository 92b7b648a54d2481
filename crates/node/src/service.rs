//! The service of this machine in the background: a control plane, or heartbeats. One at a time,
//! found by its lock.
//!
//! ```text
//!  start ──spawns──▶ `node serve` (holds the lock, supervises) ──spawns──▶ worker
//!    ▲ "ready", a line          │ starts it again when it dies                │
//!    └──────────────────────────┴─────────────────────────────────────────────┘
//! ```
//!
//! The kernel keeps the lock and drops it with the process, so that a killed service is seen to be
//! gone at once, and a recycled process id never gets its signal.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::file::{self, FileError};
use crate::join::{NodeName, Registration};

/// What the service is to do, below its state.
const ROLE: &str = "service.json";

/// How long a service may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look whether one that is not our child has ended: the kernel tells nobody but its
/// parent.
const GLANCE: Duration = Duration::from_millis(10);

/// What the service of a machine does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "role", deny_unknown_fields)]
pub enum Role {
    /// It serves the control plane, and is a node besides.
    #[serde(rename_all = "camelCase")]
    Seeder {
        /// Where it listens.
        address: SocketAddr,
        /// Further names of its certificate.
        names: Vec<String>,
        /// The node that the machine is, if it is one.
        node: Option<NodeName>,
    },
    /// It says that the node is alive.
    #[serde(rename_all = "camelCase")]
    Node {
        /// What the node tells of itself.
        registration: Registration,
        /// How long its certificates are to be good, in seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        expiration_seconds: Option<u64>,
    },
}

impl Role {
    /// The node that this machine is.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::Seeder { node, .. } => node.as_ref(),
            Self::Node { registration, .. } => Some(&registration.name),
        }
    }
}

/// Why the service of a machine cannot be found, started or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// One runs already.
    #[error("the service of this machine runs already, from {}", state.display())]
    Taken {
        /// Where its state is.
        state: PathBuf,
    },
    /// This machine is neither a seeder nor a node.
    #[error(
        "{} says nothing about a service: make this machine a seeder with `kubewright node init`, or a node with `kubewright node join`",
        state.display()
    )]
    NoRole {
        /// Where its state would be.
        state: PathBuf,
    },
    /// What the service is to do cannot be made out.
    #[error(
        "{} is damaged; run `kubewright node init` or `kubewright node join` again as this machine was set up, which writes it anew",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The program cannot be started.
    #[error("cannot start {}", program.display())]
    Spawn {
        /// Program.
        program: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("the service ended before it was ready; its log {} ends with:\n{tail}", log.display())]
    Died {
        /// Log file.
        log: PathBuf,
        /// The last lines.
        tail: String,
    },
    /// It cannot be signalled.
    #[error("cannot signal process {id}, the service of this machine")]
    Signal {
        /// Process id.
        id: i32,
        /// Cause.
        #[source]
        source: io::Error,
    },
}

/// Held while the service runs.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "held for its lock")] File);

fn lock_path(state: &Path) -> PathBuf {
    state.join("service.lock")
}

/// What the service writes.
pub fn log(state: &Path) -> PathBuf {
    state.join("service.log")
}

/// Notes what the service is to do.
///
/// # Errors
/// When it cannot be written.
pub fn assign(state: &Path, role: &Role) -> Result<(), FileError> {
    let json = serde_json::to_vec_pretty(role).unwrap_or_default();
    file::replace(&state.join(ROLE), &json, file::SECRET).map(drop)
}

/// What the service is to do.
///
/// # Errors
/// [`ServiceError::NoRole`] when nothing is noted, [`ServiceError::Damaged`] when that says nothing.
pub fn role(state: &Path) -> Result<Role, ServiceError> {
    let path = state.join(ROLE);
    let json = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ServiceError::NoRole { state: state.to_owned() });
        }
        read => read.map_err(FileError::of("read", &path))?,
    };
    serde_json::from_slice(&json).map_err(|source| ServiceError::Damaged { path, source })
}

fn open_lock(state: &Path) -> Result<File, ServiceError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(state);
    made.map_err(FileError::of("make the folder", state))?;
    let path = lock_path(state);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    Ok(options.open(&path).map_err(FileError::of("open", &path))?)
}

/// Takes the place of the service for this process.
///
/// # Errors
/// [`ServiceError::Taken`] when another process has it.
pub fn hold(state: &Path) -> Result<Held, ServiceError> {
    let mut file = open_lock(state)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| ServiceError::Taken { state: state.to_owned() })?;
    let id = std::process::id().to_string();
    let written = file.set_len(0).and_then(|()| file.write_all(id.as_bytes()));
    written.map_err(FileError::of("write", &lock_path(state)))?;
    Ok(Held(file))
}

/// The process of the service, while it runs.
///
/// # Errors
/// When its lock cannot be read.
pub fn running(state: &Path) -> Result<Option<i32>, ServiceError> {
    let path = lock_path(state);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::of("open", &path)(error).into()),
    };
    // Shared, so that two who look do not take each other for the service.
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return Ok(None);
    }
    let mut text = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text));
    read.map_err(FileError::of("read", &path))?;
    // Empty in the moment between the lock and the number: it is about to run.
    Ok(Some(text.trim().parse().unwrap_or(0)))
}

/// Starts `program` with `arguments`, which must [`hold`] this state and print a line when it is
/// ready, in the background, and waits for that. Nothing is done where one runs.
///
/// # Errors
/// When it cannot be started, or ends before it is ready.
pub fn start(state: &Path, program: &Path, arguments: &[String]) -> Result<(), ServiceError> {
    if running(state)?.is_some() {
        return Ok(());
    }
    let log_path = log(state);
    let mut options = OpenOptions::new();
    let log = options.append(true).create(true).mode(0o600).open(&log_path);
    let log = log.map_err(FileError::of("open", &log_path))?;
    let mut child = Command::new(program)
        .args(arguments)
        // What it needs is in its state; a token that came this way is not to stay with it.
        .env_remove(crate::config::TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // Of its own, so that Ctrl-C in the terminal does not reach it.
        .process_group(0)
        .spawn()
        .map_err(|source| ServiceError::Spawn { program: program.to_owned(), source })?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        // The pipe closes when the process ends, so this never waits for a dead one.
        let _ = BufReader::new(stdout).read_line(&mut line);
    }
    if !line.is_empty() {
        return Ok(());
    }
    let _ = child.wait();
    // Of two that are started at the same moment the second finds it taken.
    match running(state)? {
        Some(_) => Ok(()),
        None => Err(ServiceError::Died { tail: tail(&log_path), log: log_path }),
    }
}

fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// Ends the service, if it runs. Whether it did.
///
/// # Errors
/// When it cannot be signalled.
pub fn stop(state: &Path) -> Result<bool, ServiceError> {
    let Some(id) = running(state)? else { return Ok(false) };
    let begin = Instant::now();
    let mut sent = None;
    while let Some(id) = running(state)?.filter(|now| *now == id) {
        let signal = if begin.elapsed() > PATIENCE { Signal::KILL } else { Signal::TERM };
        if let Some(pid) = Pid::from_raw(id).filter(|_| sent != Some(signal)) {
            match kill_process(pid, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => sent = Some(signal),
                Err(error) => return Err(ServiceError::Signal { id, source: error.into() }),
            }
        }
        std::thread::sleep(GLANCE);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_damaged_role_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(role(folder.path()), Err(ServiceError::NoRole { .. })));
        fs::write(folder.path().join(ROLE), "{").unwrap();
        let error = role(folder.path()).unwrap_err();
        assert!(matches!(&error, ServiceError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("service.json is damaged; run"), "{error}");
    }

    #[test]
    fn the_lock_tells_whether_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        assert_eq!(running(&state).unwrap(), None);
        assert!(!stop(&state).unwrap());
        let held = hold(&state).unwrap();
        assert_eq!(running(&state).unwrap(), i32::try_from(std::process::id()).ok());
        assert!(matches!(hold(&state), Err(ServiceError::Taken { .. })));
        drop(held);
        assert_eq!(running(&state).unwrap(), None);
    }

    #[test]
    fn one_that_dies_at_once_is_told_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let words = ["-c".to_owned(), "echo what is wrong >&2; exit 1".to_owned()];
        let error = start(folder.path(), Path::new("/bin/sh"), &words).unwrap_err();
        assert!(error.to_string().contains("what is wrong"), "{error}");
    }

    #[test]
    fn a_role_is_read_as_it_was_noted() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(role(folder.path()), Err(ServiceError::NoRole { .. })));
        let registration = Registration::new("a".parse().unwrap(), "10.0.0.2".parse().ok());
        let noted = Role::Node { registration, expiration_seconds: None };
        assign(folder.path(), &noted).unwrap();
        assert_eq!(role(folder.path()).unwrap(), noted);
    }
}
