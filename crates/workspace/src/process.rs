//! Running programs: what they said when they failed, and an end to those that never end.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// How much of what a program said is repeated in an error, in bytes.
const TAIL: u64 = 3000;
/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// How often a running program is looked at for [`Stop`].
const LOOK: Duration = Duration::from_millis(100);

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It cannot be started.
    #[error("cannot start {program}: is it installed?")]
    Start {
        /// Its name.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("{program} failed with {status}:\n{said}")]
    Failed {
        /// Its name and what it was to do.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said.
        said: String,
    },
    /// It did not end in time, and was ended.
    #[error("{program} did not end within {} s and was ended; it said last:\n{said}", limit.as_secs())]
    Timeout {
        /// Its name and what it was to do.
        program: String,
        /// The limit.
        limit: Duration,
        /// The end of what it said.
        said: String,
    },
    /// Someone asked to stop.
    #[error("{program} was interrupted")]
    Stopped {
        /// Its name and what it was to do.
        program: String,
    },
    /// Its output cannot be kept.
    #[error("cannot keep the output of {program}")]
    Output {
        /// Its name and what it was to do.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Asks everything that runs to stop; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Stop now.
    pub fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether to stop.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Runs a short program to its end and returns what it wrote to standard output.
///
/// # Errors
/// [`ProcessError`] with the end of its standard error when it failed.
pub fn output(command: &mut Command) -> Result<Vec<u8>, ProcessError> {
    let result = command.stdin(Stdio::null()).output();
    let result =
        result.map_err(|source| ProcessError::Start { program: program(command), source })?;
    match result.status.success() {
        true => Ok(result.stdout),
        false => Err(ProcessError::Failed {
            program: shown(command),
            status: result.status,
            said: scrubbed(&tail_of(&result.stderr)),
        }),
    }
}

/// Runs a program that may take long, with what it says in the file `log`, appended. It gets a
/// process group of its own, so that all of it can be ended.
///
/// # Errors
/// When it fails, does not end within `limit`, or `stop` is asked for.
pub fn watched(
    command: &mut Command,
    log: &Path,
    limit: Duration,
    stop: &Stop,
) -> Result<(), ProcessError> {
    let what = shown(command);
    let unkept = |source| ProcessError::Output { program: what.clone(), source };
    let mut file =
        File::options().create(true).append(true).read(true).open(log).map_err(unkept)?;
    let begin = file.seek(SeekFrom::End(0)).map_err(unkept)?;
    let (out, err) = (file.try_clone().map_err(unkept)?, file.try_clone().map_err(unkept)?);
    command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    let mut child = command
        .spawn()
        .map_err(|source| ProcessError::Start { program: program(command), source })?;
    let end = wait(&mut child, limit, stop).map_err(unkept)?;
    let said = || scrubbed(&tail_of_file(log, begin));
    match end {
        End::Itself(status) if status.success() => Ok(()),
        End::Itself(status) => {
            Err(ProcessError::Failed { program: what.clone(), status, said: said() })
        }
        End::Timeout => Err(ProcessError::Timeout { program: what.clone(), limit, said: said() }),
        End::Stopped => Err(ProcessError::Stopped { program: what.clone() }),
    }
}

enum End {
    Itself(ExitStatus),
    Timeout,
    Stopped,
}

fn wait(child: &mut Child, limit: Duration, stop: &Stop) -> io::Result<End> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if let Some(status) = ends(child, left.min(LOOK))? {
            return Ok(End::Itself(status));
        }
        if stop.stopped() {
            end(child)?;
            return Ok(End::Stopped);
        }
        if left.is_zero() {
            end(child)?;
            return Ok(End::Timeout);
        }
    }
}

/// Waits at most this long, and collects the process if it ended.
fn ends(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    if let Some(status) = child.try_wait()? {
        return Ok(Some(status));
    }
    ended(child, patience)?;
    child.try_wait()
}

/// Waits at most this long, without collecting; a descriptor of the process wakes us the moment it
/// ends.
fn ended(child: &Child, patience: Duration) -> io::Result<bool> {
    let handle = pidfd_open(pid(child), PidfdFlags::empty())?;
    let patience = Timespec::try_from(patience).unwrap_or_default();
    match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&patience)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Ends a program and all that it started. What it started gets as long as it takes itself.
fn end(child: &mut Child) -> io::Result<()> {
    // Until it is collected, nobody else can have its number.
    let _ = kill_process_group(pid(child), Signal::TERM);
    let asked = Instant::now();
    while asked.elapsed() < GRACE && !ended(child, LOOK)? {}
    let _ = kill_process_group(pid(child), Signal::KILL);
    child.wait().map(drop)
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn program(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The program with its arguments, as an error shows it: without what `-c` sets, and without
/// credentials.
fn shown(command: &Command) -> String {
    let mut words = vec![program(command)];
    let mut arguments = command.get_args().map(OsStr::to_string_lossy);
    while let Some(argument) = arguments.next() {
        if argument == "-c" {
            arguments.next();
            continue;
        }
        words.push(argument.into_owned());
    }
    scrubbed(&words.join(" "))
}

/// A text without the credentials of its addresses.
fn scrubbed(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(credentials) => {
                clean.push_str("***");
                &after[credentials..]
            }
            None => after,
        };
    }
    clean + rest
}

fn tail_of(said: &[u8]) -> String {
    let begin = said.len().saturating_sub(TAIL as usize);
    String::from_utf8_lossy(&said[begin..]).trim_end().to_owned()
}

/// The end of a log, of which this program's part begins at `begin`. A log that cannot be read
/// leaves an error without the tail.
fn tail_of_file(log: &Path, begin: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(begin.max(length.saturating_sub(TAIL))))?;
        let mut said = Vec::new();
        file.take(TAIL).read_to_end(&mut said)?;
        Ok(said)
    };
    read().map(|said| tail_of(&said)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_program_said_is_told_without_credentials() {
        let error = output(Command::new("sh").args([
            "-e",
            "-c",
            "echo https://me:secret@host/x is gone >&2; exit 3",
        ]));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("https://***@host/x is gone"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = output(&mut Command::new("/nowhere/no-such")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start no-such: is it installed?");
    }

    #[test]
    fn no_endless_wait_for_a_program_and_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let pid = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; echo begun; wait", pid.display());
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        let limit = Duration::from_secs(3);
        let error = watched(&mut command, &log, limit, &Stop::default()).unwrap_err();
        assert!(matches!(error, ProcessError::Timeout { .. }), "{error}");
        assert!(error.to_string().contains("begun"), "{error}");
        // Its child was killed: gone, or a zombie that nobody collects yet.
        let child = std::fs::read_to_string(pid).unwrap();
        let patience = Instant::now() + Duration::from_secs(30);
        while std::fs::read_to_string(format!("/proc/{}/stat", child.trim()))
            .is_ok_and(|stat| !stat.contains(") Z "))
        {
            assert!(Instant::now() < patience, "the child still runs");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_program_is_stopped_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let stop = Stop::default();
        stop.stop();
        let mut command = Command::new("sleep");
        command.arg("1000");
        let limit = Duration::from_secs(900);
        let error = watched(&mut command, &folder.path().join("log"), limit, &stop).unwrap_err();
        assert!(matches!(error, ProcessError::Stopped { .. }), "{error}");
    }
}
