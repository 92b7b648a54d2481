//! Plugins with all that they have started, wherever that has gone.
//!
//! A process group reaches what did not leave it. What left it, by `setsid` for example, is still a
//! descendant; only what its own parent has left behind, as a daemon does on purpose, belongs to
//! nobody and is left alone.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, kill_process, kill_process_group, pidfd_open,
};

/// Rounds of looking for descendants that were started meanwhile.
const ROUNDS: usize = 100;

/// How long a process that was killed is waited for, in seconds.
const DEATH_SECONDS: i64 = 5;

/// What `/proc` says of a process.
struct Process {
    pid: Pid,
    parent: Option<Pid>,
    group: Option<Pid>,
    session: Option<Pid>,
}

/// Kills a process, its process group, and all descendants.
///
/// The process is one that nobody takes note of meanwhile (a child that is not waited for), so that
/// its id stays its own.
pub(super) fn kill(root: Pid) {
    let mut all = BTreeSet::from([root.as_raw_pid()]);
    stop(root);
    for _ in 0..ROUNDS {
        let is_new = |process: &Process| {
            !all.contains(&process.pid.as_raw_pid())
                && process.parent.is_some_and(|parent| all.contains(&parent.as_raw_pid()))
        };
        let found: Vec<Pid> = processes().filter(is_new).map(|process| process.pid).collect();
        if found.is_empty() {
            break;
        }
        for pid in found {
            stop(pid);
            all.insert(pid.as_raw_pid());
        }
    }
    // Each of these fails only for what is gone.
    let _ = kill_process_group(root, Signal::KILL);
    for pid in all.into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Stopped it starts nothing, and takes no note of the end of its children: their ids stay theirs.
fn stop(pid: Pid) {
    let _ = kill_process(pid, Signal::STOP);
}

/// Kills plugins that were called with all of these variables by a process that is gone, and waits
/// for their end; how many there were.
pub(crate) fn kill_orphans(variables: &[(&str, &OsStr)]) -> usize {
    let mut killed = 0;
    for process in processes() {
        // As plugins are started here: a group of their own in the session of the caller. A daemon
        // has a session of its own.
        let leads = process.group == Some(process.pid) && process.session != Some(process.pid);
        if !leads || process.pid == getpid() || process.parent == Some(getpid()) {
            continue;
        }
        // From here on the id is that of this process, or of none.
        let Ok(pidfd) = pidfd_open(process.pid, PidfdFlags::empty()) else { continue };
        if !has(process.pid, variables) {
            continue;
        }
        kill(process.pid);
        let limit = Timespec { tv_sec: DEATH_SECONDS, tv_nsec: 0 };
        let _ = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit));
        killed += 1;
    }
    killed
}

/// Whether a process was started with all of these variables.
fn has(pid: Pid, variables: &[(&str, &OsStr)]) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{}/environ", pid.as_raw_pid())) else {
        return false;
    };
    variables.iter().all(|(name, value)| {
        let wanted = [name.as_bytes(), b"=", value.as_bytes()].concat();
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted)
    })
}

fn processes() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name before may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(1);
        let mut next = || fields.next().and_then(|field| Pid::from_raw(field.parse().ok()?));
        let (parent, group, session) = (next(), next(), next());
        Some(Process { pid, parent, group, session })
    })
}
