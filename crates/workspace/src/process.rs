//! Running programs: what they said when they failed, and an end to those that never end.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
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

    /// Waits until someone asks.
    pub async fn asked(&self) {
        while !self.stopped() {
            tokio::time::sleep(LOOK).await;
        }
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

/// Where the words of a bound program begin.
const BOUND: &str = "kubewright-build";

/// Runs its arguments, and when it is asked to end, or we are gone, ends them with all that they
/// started: they get as long as [`GRACE`].
const KEEPER: &str = r#"
trap 'trap "" TERM; kill -s TERM -- -$$; (sleep 2; kill -s KILL -- -$$) & wait "$child"; exit 143' TERM
"$@" & child=$!
wait "$child"
"#;

/// A program that does not outlive us, however we end, where `setpriv` of util-linux is there to
/// arrange it. To be run by [`watched`], with `search` as its `PATH`.
pub(crate) fn bound(program: &str, search: &OsStr) -> Command {
    static SETPRIV: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let setpriv = find("setpriv", &std::env::var_os("PATH")?)?;
        let mut tried = Command::new(&setpriv);
        // That of busybox cannot do it.
        output(tried.args(["--pdeathsig", "TERM", "--", "true"])).is_ok().then_some(setpriv)
    });
    let is_there = program.contains('/') || find(program, search).is_some();
    let Some(setpriv) = SETPRIV.as_ref().filter(|_| is_there) else {
        return Command::new(program);
    };
    let mut command = Command::new(setpriv);
    // The signal goes to one process only, so that one is there to pass it on.
    command.args(["--pdeathsig", "TERM", "--", "/bin/sh", "-c", KEEPER, BOUND, program]);
    command
}

/// A program by its name.
fn find(program: &str, search: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(search).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Runs a program that may take long, with what it says in the file `log`, appended. It gets a
/// process group of its own, so that all of it can be ended; what it leaves running is ended too.
///
/// # Errors
/// When it fails, does not end within `limit`, or `stop` is asked for.
pub fn watched(
    command: &mut Command,
    log: &Path,
    limit: Duration,
    stop: &Stop,
) -> Result<(), ProcessError> {
    let unkept = unkept(command);
    let mut file =
        File::options().create(true).append(true).read(true).open(log).map_err(&unkept)?;
    let begin = file.seek(SeekFrom::End(0)).map_err(&unkept)?;
    let out = file.try_clone().map_err(&unkept)?;
    supervised(command, out, file, begin, limit, stop)
}

/// As [`watched`], for a program that answers: returns what it wrote to standard output.
///
/// # Errors
/// As [`watched`].
pub(crate) fn answered(
    command: &mut Command,
    limit: Duration,
    stop: &Stop,
) -> Result<Vec<u8>, ProcessError> {
    let unkept = unkept(command);
    // Files, as nobody need empty them while it runs.
    let mut answer = tempfile::tempfile().map_err(&unkept)?;
    let said = tempfile::tempfile().map_err(&unkept)?;
    supervised(command, answer.try_clone().map_err(&unkept)?, said, 0, limit, stop)?;
    let mut text = Vec::new();
    let read = answer.rewind().and_then(|()| answer.read_to_end(&mut text));
    read.map(|_| text).map_err(unkept)
}

fn unkept(command: &Command) -> impl Fn(io::Error) -> ProcessError + use<> {
    let program = shown(command);
    move |source| ProcessError::Output { program: program.clone(), source }
}

/// Runs a program in a process group of its own. Its part of the file `err` begins at `begin`.
fn supervised(
    command: &mut Command,
    out: File,
    err: File,
    begin: u64,
    limit: Duration,
    stop: &Stop,
) -> Result<(), ProcessError> {
    let (what, unkept) = (shown(command), unkept(command));
    command.stdin(Stdio::null()).stdout(out);
    command.stderr(err.try_clone().map_err(&unkept)?).process_group(0);
    let mut child = command
        .spawn()
        .map_err(|source| ProcessError::Start { program: program(command), source })?;
    let end = wait(&mut child, limit, stop).map_err(unkept)?;
    let said = || scrubbed(&tail_of_file(err, begin));
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
    if !ended(child, patience)? {
        return Ok(None);
    }
    // Nobody waits for what it left behind. Until it is collected, nobody else can have its number.
    let _ = kill_process_group(pid(child), Signal::KILL);
    child.wait().map(Some)
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

/// The program with its arguments, as an error shows it: without what `-c` sets for git, and without
/// credentials.
fn shown(command: &Command) -> String {
    let mut words = vec![program(command)];
    let mut arguments = command.get_args().map(OsStr::to_string_lossy);
    if command.get_args().any(|argument| argument == BOUND) {
        words.clear();
        arguments.find(|argument| argument == BOUND);
    }
    while let Some(argument) = arguments.next() {
        if argument == "-c" && words.first().is_some_and(|program| program == "git") {
            arguments.next();
            continue;
        }
        words.push(argument.into_owned());
    }
    scrubbed(&words.join(" "))
}

/// A text without the credentials of its addresses.
pub(crate) fn scrubbed(text: &str) -> String {
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
fn tail_of_file(mut file: File, begin: u64) -> String {
    let read = move || -> io::Result<Vec<u8>> {
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
        let folder = tempfile::tempdir().unwrap();
        let (log, limit) = (folder.path().join("log"), Duration::from_secs(900));
        let error = watched(&mut bound("no-such", &search()), &log, limit, &Stop::default());
        assert_eq!(error.unwrap_err().to_string(), "cannot start no-such: is it installed?");
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
        while !is_gone(&child) {
            assert!(Instant::now() < patience, "the child still runs");
            std::thread::yield_now();
        }
    }

    fn search() -> std::ffi::OsString {
        std::env::var_os("PATH").unwrap()
    }

    /// Whether a process is gone, or a zombie that nobody collects yet.
    fn is_gone(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn what_a_program_leaves_running_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        for mut command in [Command::new("sh"), bound("sh", &search())] {
            command.args(["-c", &format!("sleep 1000 & echo $! > {}", pid.display())]);
            let limit = Duration::from_secs(900);
            watched(&mut command, &folder.path().join("log"), limit, &Stop::default()).unwrap();
            let child = std::fs::read_to_string(&pid).unwrap();
            let patience = Instant::now() + Duration::from_secs(30);
            while !is_gone(&child) {
                assert!(Instant::now() < patience, "the child still runs");
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_bound_program_is_told_of_by_its_own_name_and_ends_as_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = bound("sh", &search());
        command.args(["-c", "echo said; exit 7"]);
        let limit = Duration::from_secs(900);
        let log = folder.path().join("log");
        let error = watched(&mut command, &log, limit, &Stop::default()).unwrap_err().to_string();
        assert_eq!(error, "sh -c echo said; exit 7 failed with exit status: 7:\nsaid");
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
