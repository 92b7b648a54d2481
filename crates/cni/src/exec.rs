//! Running a plugin: one process, its three pipes, a deadline and a way to stop it.

mod cancel;
mod family;
mod process;
mod root;

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

pub use cancel::Cancel;
pub(crate) use family::kill_orphans;
pub use process::Processes;

/// One run of a program. It cannot be printed, as a configuration may hold secrets.
#[derive(Clone)]
pub struct Invocation {
    /// The program.
    pub program: PathBuf,
    /// The `CNI_` variables, and perhaps a mark. Others are inherited; the `CNI_` variables of the
    /// own process never.
    pub env: Vec<(&'static str, OsString)>,
    /// What it reads on standard input.
    pub stdin: Vec<u8>,
    /// How long it may run.
    pub timeout: Duration,
    /// Stops it when cancelled.
    pub cancel: Option<Cancel>,
}

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// The end of what it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// Why there is no output of a program.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// It did not start.
    #[error("it cannot be started")]
    Spawn(#[source] io::Error),
    /// It was still running at its deadline and has been killed, with all that it has started.
    #[error("it was killed after {:.1} s without an end", .after.as_secs_f32())]
    Timeout {
        /// How long it ran.
        after: Duration,
        /// The end of what it wrote to standard error.
        stderr: Vec<u8>,
    },
    /// It has been killed with all that it has started, as was asked.
    #[error("it was killed, as the call was cancelled")]
    Cancelled,
    /// It has been killed with all that it has started, as it writes without end.
    #[error("it was killed, as it wrote more than {0} bytes to standard output")]
    TooMuchOutput(usize),
    /// The system failed.
    #[error("waiting for it failed")]
    Wait(#[source] io::Error),
}

/// Runs programs. [`Processes`] does; a test may record instead.
pub trait Exec: Send + Sync {
    /// Runs one to its end.
    ///
    /// # Errors
    /// [`ExecError`] when it did not start, or was killed here. A program that fails by itself is
    /// no error.
    fn run(&self, invocation: &Invocation) -> Result<Output, ExecError>;

    /// Whether there is such a program for [`Exec::run`].
    fn has(&self, program: &Path) -> bool {
        is_program(program)
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests;
