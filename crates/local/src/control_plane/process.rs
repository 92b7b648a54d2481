//! A process, told apart from later ones with the same id.

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// A process id and when that process started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Process id.
    pub id: i32,
    /// Start time in clock ticks since boot (`/proc/<id>/stat`, field 22).
    start: u64,
}

impl Process {
    /// This process.
    pub fn current() -> Self {
        let id = rustix::process::getpid().as_raw_nonzero().get();
        Self { id, start: start_of(id).unwrap_or_default() }
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        start_of(self.id) == Some(self.start)
    }

    /// Sends a signal, unless the process is gone.
    pub(super) fn signal(&self, signal: Signal) -> rustix::io::Result<()> {
        match Pid::from_raw(self.id) {
            Some(pid) if self.is_alive() => kill_process(pid, signal),
            _ => Ok(()),
        }
    }
}

fn start_of(id: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    parse_start(&stat)
}

/// The name in parentheses may hold anything, so fields are counted from its end.
/// A zombie has ended.
fn parse_start(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_an_earlier_one_with_its_id_is_not() {
        let current = Process::current();
        assert!(current.is_alive());
        assert!(!Process { start: current.start.wrapping_sub(1), ..current }.is_alive());
    }

    #[test]
    fn odd_process_names_do_not_confuse() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 99 1";
        assert_eq!(parse_start(stat), Some(12345));
        assert_eq!(parse_start(&stat.replace(" S ", " Z ")), None);
    }
}
