//! Starting, finding and ending a control plane in the background.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::directory::{Found, Record, RunDir, RunDirError};

/// How long a control plane may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look whether a process that is not our child has ended: the kernel tells
/// nobody but its parent.
const GLANCE: Duration = Duration::from_millis(5);

/// Why a control plane was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The run directory cannot be used.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// The process cannot be started.
    #[error("cannot start {}", program.display())]
    Spawn {
        /// Program.
        program: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The process ended before it was ready.
    #[error("the control plane ended before it was ready; its log {} ends with:\n{tail}", log.display())]
    Died {
        /// Log file.
        log: PathBuf,
        /// The last lines.
        tail: String,
    },
}

/// Why a control plane was not ended.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The run directory cannot be used.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// The signal cannot be sent.
    #[error("cannot signal process {id}")]
    Signal {
        /// Process id.
        id: i32,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
}

/// Starts `program` with `arguments` (which must end in [`super::serve`] on this run
/// directory and print one line when it is ready) in the background, and waits for that.
///
/// # Errors
/// [`RunDirError::Taken`] when one runs from there already; else what kept it from starting.
pub fn start(run_dir: &RunDir, program: &Path, arguments: &[String]) -> Result<Record, StartError> {
    run_dir.prepare()?;
    // Held until here only, for a clear answer; the process takes it again, and of two that
    // are started at the same moment the second finds it taken.
    drop(run_dir.lock()?);
    let log_path = run_dir.log();
    let mut options = OpenOptions::new();
    // Appending, so that the loser of such a race leaves the winner's log alone.
    let log = options.append(true).create(true).mode(0o600).open(&log_path);
    let log = log.map_err(|source| RunDirError::File { path: log_path.clone(), source })?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // Of its own, so that Ctrl-C in the terminal does not reach it.
        .process_group(0)
        .spawn()
        .map_err(|source| StartError::Spawn { program: program.to_owned(), source })?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        // The pipe closes when the process ends, so this never waits for a dead one.
        let _ = BufReader::new(stdout).read_line(&mut line);
    }
    match run_dir.look()? {
        Found::Running(record) if !line.is_empty() => Ok(record),
        _ => {
            let _ = child.wait();
            Err(StartError::Died { tail: tail(&log_path), log: log_path })
        }
    }
}

fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// Ends the control plane of a directory; `None` when there is none. The record of one that
/// ended without a word is cleaned up.
///
/// # Errors
/// When the process cannot be signalled or the record cannot be read.
pub fn stop(run_dir: &RunDir) -> Result<Option<Record>, StopError> {
    let record = match run_dir.look()? {
        Found::Running(record) => record,
        Found::Nothing | Found::Stale(_) | Found::Corrupt { .. } => {
            run_dir.forget();
            return Ok(None);
        }
    };
    let id = record.process.id;
    let signal = |signal| {
        let sent = record.process.signal(signal);
        sent.map_err(|error| StopError::Signal { id, source: error.into() })
    };
    signal(Signal::TERM)?;
    let deadline = Instant::now() + PATIENCE;
    let mut killed = false;
    while record.process.is_alive() {
        if !killed && Instant::now() > deadline {
            signal(Signal::KILL)?;
            killed = true;
        }
        std::thread::sleep(GLANCE);
    }
    run_dir.forget();
    Ok(Some(record))
}
