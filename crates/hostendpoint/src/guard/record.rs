//! The record of why the node is locked or was opened, under `/run`.
//!
//! The truth is the table in the kernel. The record only explains it to
//! [`status`](super::status), and tells a restarted release since when the node
//! is locked. It is written by temp file, fsync and rename; one that cannot be
//! read is set aside and reported, never fatal.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The name of the record in the state directory.
pub const RECORD: &str = "guard.json";

/// What happened last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// When, by the wall clock. For people: at boot the clock may be far off.
    pub at: Timestamp,
    /// When, in milliseconds since boot.
    pub uptime_millis: u64,
    /// During which boot; the uptime means nothing in another.
    pub boot_id: String,
}

/// What the record tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// The table was loaded.
    Locked,
    /// Everything was in place; the table is removed right after this is written.
    Released,
    /// An operator overrode the guard.
    ReleasedByOperator,
    /// Something was missing, and the time to fail open had passed.
    FailedOpen,
}

/// What was found in place of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is none.
    Nothing,
    /// There is one.
    Record(Record),
    /// There was one that could not be understood.
    Corrupt {
        /// Where it is now.
        set_aside: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why the record could not be written or read. Never a reason to open or close
/// the node.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the guard's record {}", path.display())]
pub struct RecordError {
    /// What was tried.
    pub action: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// The current boot and the time in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootClock {
    /// The kernel's random id of this boot.
    pub boot_id: String,
    /// The time since boot, including suspension.
    pub uptime: Duration,
}

impl BootClock {
    /// Reads the clock from `/proc`, which cannot jump as the wall clock does
    /// when the node first hears of the time.
    ///
    /// # Errors
    /// [`RecordError`] when `/proc` is not mounted.
    pub fn now() -> Result<Self, RecordError> {
        let read = |path: &str| {
            fs::read_to_string(path).map_err(|source| RecordError {
                action: "read the time for",
                path: path.into(),
                source,
            })
        };
        let boot_id = read("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        let uptime = read("/proc/uptime")?;
        let seconds: f64 =
            uptime.split_ascii_whitespace().next().and_then(|s| s.parse().ok()).unwrap_or_default();
        Ok(Self { boot_id, uptime: Duration::try_from_secs_f64(seconds).unwrap_or_default() })
    }
}

impl Record {
    /// A record of `event` happening now.
    pub fn new(event: Event, clock: &BootClock, at: Timestamp) -> Self {
        let uptime_millis = u64::try_from(clock.uptime.as_millis()).unwrap_or(u64::MAX);
        Self { event, at, uptime_millis, boot_id: clock.boot_id.clone() }
    }

    /// Since when, in time since boot, the node is locked according to this
    /// record; nothing if it tells of another boot or of something else.
    pub fn locked_at(&self, clock: &BootClock) -> Option<Duration> {
        let locked = self.event == Event::Locked && self.boot_id == clock.boot_id;
        locked.then(|| Duration::from_millis(self.uptime_millis).min(clock.uptime))
    }

    /// Writes the record into `dir`, creating it if need be. After a crash there
    /// is either the old record or this one.
    ///
    /// # Errors
    /// [`RecordError`] with the file and the cause.
    pub fn write(&self, dir: &Path) -> Result<(), RecordError> {
        let path = dir.join(RECORD);
        // One name, not a random one: what a crash leaves is overwritten, not collected.
        let temporary = dir.join(format!(".{RECORD}.new"));
        let write = || {
            fs::create_dir_all(dir)?;
            let mut file = File::create(&temporary)?;
            let mut json = serde_json::to_vec(self)?;
            json.push(b'\n');
            file.write_all(&json)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(dir)?.sync_all()
        };
        write().map_err(|source| RecordError { action: "write", path: path.clone(), source })
    }
}

/// Reads the record of `dir`. One that cannot be understood is renamed, so that
/// it neither gets in the way again nor is lost.
///
/// # Errors
/// [`RecordError`] when the file is there and cannot be read or set aside.
pub fn read(dir: &Path) -> Result<Found, RecordError> {
    let path = dir.join(RECORD);
    let failed = |action| {
        let path = path.clone();
        move |source| RecordError { action, path, source }
    };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed("read")(error)),
    };
    let reason = match serde_json::from_slice(&bytes) {
        Ok(record) => return Ok(Found::Record(record)),
        Err(error) => error.to_string(),
    };
    let mut set_aside = dir.join(format!("{RECORD}.corrupt-0"));
    for n in 1.. {
        if !set_aside.exists() {
            break;
        }
        set_aside = dir.join(format!("{RECORD}.corrupt-{n}"));
    }
    fs::rename(&path, &set_aside).map_err(failed("set aside"))?;
    tracing::warn!(file = %set_aside.display(), %reason, "the guard's record was corrupt and has been set aside");
    Ok(Found::Corrupt { set_aside, reason })
}

#[cfg(test)]
mod tests;
