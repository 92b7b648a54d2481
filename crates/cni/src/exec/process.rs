//! Processes of the system.
//!
//! One thread serves a run: it polls the three pipes, a pidfd and the cancellation together, so
//! a call costs no thread and no signal handler. The run is over when the process is, whoever
//! still holds its pipes: a plugin's daemon that inherits them keeps nobody waiting.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use std::os::unix::process::CommandExt as _;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

use super::root::Root;
use super::{Exec, ExecError, Invocation, Output, family, is_program};

/// A result is some hundred bytes; with this many a plugin is out of its mind.
const MAX_STDOUT: usize = 1 << 20;
/// Of standard error only the end is kept.
const MAX_STDERR: usize = 16 << 10;
/// How long a killed process may take to be dead before nobody waits for it any more.
const KILL_SECONDS: u64 = 5;
/// A program that is being replaced cannot be started, for as long as it is written;
/// milliseconds between tries.
const BUSY_WAITS: [u64; 5] = [2, 10, 50, 200, 500];

/// Without pidfds, how often to look whether the process has ended, in milliseconds.
const LOOK: u64 = 5;

/// Runs programs as processes, each in a process group of its own.
#[derive(Clone, Debug)]
pub struct Processes {
    /// Whether the kernel tells of the end of a process by a descriptor, as it does since 5.3.
    pidfds: bool,
    /// Where they find themselves, if not where this process does.
    root: Option<Root>,
}

impl Processes {
    /// Runs them in the best way that the kernel knows.
    #[must_use]
    pub fn new() -> Self {
        let own = pidfd_open(rustix::process::getpid(), PidfdFlags::empty());
        Self { pidfds: own.is_ok(), root: None }
    }

    /// The same with this folder as the root of the programs: each is looked for, started and at
    /// work in it. Their `/proc` has to be of the own PID namespace.
    ///
    /// # Errors
    /// When the folder cannot be a root, or this process may not say so (`CAP_SYS_CHROOT`).
    pub fn in_root(self, folder: &Path) -> io::Result<Self> {
        Ok(Self { root: Some(Root::new(folder)?), ..self })
    }

    /// Runs them as on kernels before 5.3.
    #[cfg(test)]
    pub(super) fn without_pidfds() -> Self {
        Self { pidfds: false, root: None }
    }
}

impl Default for Processes {
    fn default() -> Self {
        Self::new()
    }
}

impl Exec for Processes {
    fn run(&self, invocation: &Invocation) -> Result<Output, ExecError> {
        if invocation.cancel.as_ref().is_some_and(super::Cancel::is_cancelled) {
            return Err(ExecError::Cancelled);
        }
        let started = Instant::now();
        let mut run = Run::start(invocation, self)?;
        let outcome = run.serve(invocation, started.checked_add(invocation.timeout));
        let stop = match outcome {
            Ok(()) => {
                let status = run.child.wait().map_err(ExecError::Wait)?;
                return Ok(Output { status, stdout: run.stdout.bytes, stderr: run.stderr.bytes });
            }
            Err(stop) => stop,
        };
        family::kill(Pid::from_child(&run.child));
        let (after, stderr) = (started.elapsed(), std::mem::take(&mut run.stderr.bytes));
        run.reap().map_err(ExecError::Wait)?;
        Err(match stop {
            Stop::Timeout => ExecError::Timeout { after, stderr },
            Stop::Cancelled => ExecError::Cancelled,
            Stop::TooMuchOutput => ExecError::TooMuchOutput(MAX_STDOUT),
            Stop::System(error) => ExecError::Wait(error.into()),
        })
    }

    fn has(&self, program: &Path) -> bool {
        match &self.root {
            // Through links as they are meant there.
            Some(root) => root.within(|| Ok(is_program(program))).unwrap_or(false),
            None => is_program(program),
        }
    }
}

/// Why a process is not left to end by itself.
enum Stop {
    Timeout,
    Cancelled,
    TooMuchOutput,
    System(Errno),
}

impl From<Errno> for Stop {
    fn from(error: Errno) -> Self {
        Self::System(error)
    }
}

struct Run {
    child: Child,
    pidfd: Option<OwnedFd>,
    stdin: Option<OwnedFd>,
    written: usize,
    stdout: Pipe,
    stderr: Pipe,
}

/// The reading end of a pipe and what came through it.
struct Pipe {
    end: Option<OwnedFd>,
    bytes: Vec<u8>,
}

impl Run {
    fn start(invocation: &Invocation, how: &Processes) -> Result<Self, ExecError> {
        let mut child = spawn(invocation, how.root.as_ref()).map_err(ExecError::Spawn)?;
        match Self::connect(&mut child, how.pidfds) {
            Ok((pidfd, stdin, stdout, stderr)) => {
                Ok(Self { child, pidfd, stdin, written: 0, stdout, stderr })
            }
            Err(error) => {
                family::kill(Pid::from_child(&child));
                let _ = child.wait();
                Err(ExecError::Wait(error))
            }
        }
    }

    fn connect(
        child: &mut Child,
        pidfds: bool,
    ) -> io::Result<(Option<OwnedFd>, Option<OwnedFd>, Pipe, Pipe)> {
        // Nobody else waits for the child, so its id is still its own.
        let open = || pidfd_open(Pid::from_child(child), PidfdFlags::empty());
        let pidfd = pidfds.then(open).transpose()?;
        let unblocked = |end: Option<OwnedFd>| -> io::Result<Option<OwnedFd>> {
            if let Some(end) = &end {
                rustix::io::ioctl_fionbio(end, true)?;
            }
            Ok(end)
        };
        let stdin = unblocked(child.stdin.take().map(OwnedFd::from))?;
        let stdout = unblocked(child.stdout.take().map(OwnedFd::from))?;
        let stderr = unblocked(child.stderr.take().map(OwnedFd::from))?;
        let pipe = |end| Pipe { end, bytes: Vec::new() };
        Ok((pidfd, stdin, pipe(stdout), pipe(stderr)))
    }

    /// Feeds and reads the process until it ends.
    fn serve(&mut self, invocation: &Invocation, deadline: Option<Instant>) -> Result<(), Stop> {
        loop {
            // First without asking: a configuration fits into the pipe, and what came before the
            // end of the process is read after it.
            self.feed(&invocation.stdin)?;
            let ended = self.wait(invocation.cancel.as_ref().map(AsFd::as_fd), deadline)?;
            self.stdout.read(MAX_STDOUT, Excess::Refused)?;
            self.stderr.read(MAX_STDERR, Excess::Dropped)?;
            if ended {
                return Ok(());
            }
        }
    }

    /// Waits until there is something to do; true when the process has ended.
    fn wait(
        &self,
        cancel: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> Result<bool, Stop> {
        let left = deadline
            .map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        let mut waited = Vec::with_capacity(5);
        for end in [&self.stdout.end, &self.stderr.end].into_iter().flatten() {
            waited.push(PollFd::new(end, PollFlags::IN));
        }
        waited.extend(self.stdin.iter().map(|end| PollFd::new(end, PollFlags::OUT)));
        let pipes = waited.len();
        waited.extend(cancel.map(|cancel| PollFd::from_borrowed_fd(cancel, PollFlags::IN)));
        waited.extend(self.pidfd.iter().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
        let pause = if self.pidfd.is_some() { left } else { left.min(Duration::from_millis(LOOK)) };
        match poll(&mut waited, Some(&timespec(pause))) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let cancelled = cancel.is_some() && !waited[pipes].revents().is_empty();
        if self.has_ended()? {
            Ok(true)
        } else if cancelled {
            Err(Stop::Cancelled)
        } else if left.is_zero() {
            Err(Stop::Timeout)
        } else {
            Ok(false)
        }
    }

    /// Whether the process is dead. It is not reaped, so its id stays its own.
    fn has_ended(&self) -> Result<bool, Errno> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?.is_some())
    }

    /// Waits for a process that has been killed. One that hangs in the kernel dies only when that
    /// lets go; then a thread waits for it, and the caller goes on.
    fn reap(mut self) -> io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(KILL_SECONDS);
        // What it wrote meanwhile is of no interest, and must not wake this up.
        (self.stdin, self.stdout.end, self.stderr.end) = (None, None, None);
        loop {
            match self.wait(None, Some(deadline)) {
                Ok(true) => return self.child.wait().map(drop),
                Ok(false) => {}
                Err(Stop::System(error)) => return Err(error.into()),
                Err(_) => break,
            }
        }
        tracing::warn!(pid = self.child.id(), "a plugin hangs in the kernel and is not dead yet");
        let reaper = thread::Builder::new().name("reap-plugin".to_owned());
        reaper.spawn(move || self.child.wait()).map(drop)
    }

    fn feed(&mut self, stdin: &[u8]) -> Result<(), Stop> {
        while let Some(end) = &self.stdin {
            match rustix::io::write(end, &stdin[self.written..]) {
                Ok(bytes) => self.written += bytes,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                // It does not want to know more, which is its own affair.
                Err(Errno::PIPE) => self.written = stdin.len(),
                Err(error) => return Err(error.into()),
            }
            if self.written == stdin.len() {
                self.stdin = None;
            }
        }
        Ok(())
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// What becomes of output that is too long.
#[derive(Clone, Copy, PartialEq)]
enum Excess {
    Refused,
    /// The start goes, the end stays.
    Dropped,
}

impl Pipe {
    /// Reads what is there, without waiting for more.
    fn read(&mut self, limit: usize, excess: Excess) -> Result<(), Stop> {
        let mut buffer = [0; 4096];
        // A limit here too: a writer that is faster than this reader must not hold it.
        let mut rounds = 2 * MAX_STDOUT / buffer.len();
        while let Some(end) = &self.end
            && rounds > 0
        {
            rounds -= 1;
            match rustix::io::read(end, &mut buffer) {
                Ok(0) => self.end = None,
                Ok(bytes) => self.bytes.extend_from_slice(&buffer[..bytes]),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            match self.bytes.len().checked_sub(limit) {
                None | Some(0) => {}
                Some(_) if excess == Excess::Refused => return Err(Stop::TooMuchOutput),
                Some(surplus) => drop(self.bytes.drain(..surplus)),
            }
        }
        Ok(())
    }
}

/// Starts the program. With nothing but an environment, pipes and a process group to set, the
/// standard library uses `posix_spawn`, whose cost does not grow with the memory of the agent.
fn spawn(invocation: &Invocation, root: Option<&Root>) -> io::Result<Child> {
    let mut command = Command::new(&invocation.program);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"CNI_") {
            command.env_remove(name);
        }
    }
    command
        .envs(invocation.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut waits = BUSY_WAITS.iter();
    loop {
        let spawned = match root {
            Some(root) => root.within(|| command.spawn()),
            None => command.spawn(),
        };
        match (spawned, waits.next()) {
            (Err(error), Some(wait)) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(*wait));
            }
            (spawned, _) => return spawned,
        }
    }
}
