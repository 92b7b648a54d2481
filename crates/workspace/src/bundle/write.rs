//! Writing a bundle: once from the first byte to the last, going on after a kill.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use kubewright_oci::Digest;
use kubewright_oci::digest::Hasher;
use serde::Serialize;

use super::entry::{BLOCK, BundlePath, encode, padding};
use super::journal::{Done, Journal};
use super::plan::{Item, Plan, Source};
use super::read::{PIECE, line, sums_digest};
use super::{BundleError, SUMS, SUMS_DIGEST, file};
use crate::process::Stop;

/// After so many bytes what is whole is brought to disk and noted.
const STRIDE: u64 = 32 << 20;

/// What writing came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Files in the bundle, without the table.
    pub files: usize,
    /// Size of the bundle, in bytes.
    pub bytes: u64,
    /// Bytes that were there from an interrupted run.
    pub resumed: u64,
}

/// Writes a bundle beside its name, and gives it the name when it is whole. `moved` hears of each
/// piece that was written.
///
/// # Errors
/// When a file cannot be read or changed since it was planned, the bundle cannot be written, or `stop`
/// is asked for. What was written stays, and the next call goes on from there.
pub fn write(
    plan: &Plan,
    out: &Path,
    moved: &dyn Fn(u64),
    stop: &Stop,
) -> Result<Written, BundleError> {
    let beside = with_suffix(out, ".partial");
    let data = File::options().create(true).truncate(false).read(true).write(true).open(&beside);
    let data = data.map_err(file("write", &beside))?;
    match data.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(BundleError::Busy(out.to_owned())),
        Err(TryLockError::Error(error)) => return Err(file("lock", &beside)(error)),
    }
    let journal_path = with_suffix(out, ".partial.journal");
    let (journal, done) =
        Journal::open(&journal_path, plan.digest()).map_err(file("write", &journal_path))?;
    let done = trusted(plan, &data, done).map_err(file("read", &beside))?;
    let syncer = data.try_clone().map_err(file("write", &beside))?;
    let mut writer =
        Writer { data, path: &beside, at: 0, sums: Hasher::new(), table: Vec::new(), moved, stop };
    let resumed = writer.skip(plan, &done)?;
    // Bringing to disk takes as long as all the rest: it goes on beside it.
    let journal = thread::scope(|scope| {
        let (tell, told) = mpsc::sync_channel::<Vec<Done>>(1);
        let sync = scope.spawn(move || -> io::Result<Journal> {
            let mut journal = journal;
            for done in told {
                syncer.sync_data()?;
                journal.append(&done)?;
            }
            Ok(journal)
        });
        let written = writer.items(&plan.items()[done.len()..], &tell);
        drop(tell);
        let journal = sync.join().unwrap_or_else(|_| Err(io::Error::other("the writer stopped")));
        written.and_then(|()| journal.map_err(file("write", &journal_path)))
    })?;
    writer.end()?;
    writer.data.sync_all().map_err(file("write", &beside))?;
    let (files, bytes) = (plan.items().len(), writer.at);
    fs::rename(&beside, out).map_err(file("rename", &beside))?;
    journal.remove().map_err(file("remove", &journal_path))?;
    Ok(Written { files, bytes, resumed })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What a journal says and the file bears out.
fn trusted(plan: &Plan, data: &File, mut done: Vec<Done>) -> io::Result<Vec<Done>> {
    let length = data.metadata()?.len();
    let mut at = 0;
    let mut good = 0;
    for (item, done) in plan.items().iter().zip(&done) {
        at += span(item);
        if done.end != at || at > length {
            break;
        }
        good += 1;
    }
    done.truncate(good);
    Ok(done)
}

/// How much of a bundle a file takes, in bytes.
fn span(item: &Item) -> u64 {
    let size = item.source.size();
    encode(&item.path, size).len() as u64 + size + padding(size) as u64
}

struct Writer<'a> {
    data: File,
    path: &'a Path,
    at: u64,
    sums: Hasher,
    table: Vec<u8>,
    moved: &'a dyn Fn(u64),
    stop: &'a Stop,
}

impl Writer<'_> {
    /// Passes over what is done, and drops what is not.
    fn skip(&mut self, plan: &Plan, done: &[Done]) -> Result<u64, BundleError> {
        for (item, done) in plan.items().iter().zip(done) {
            self.note(&item.path, &done.digest);
            self.at = done.end;
        }
        let seek =
            self.data.set_len(self.at).and_then(|()| self.data.seek(SeekFrom::Start(self.at)));
        seek.map_err(file("write", self.path))?;
        (self.moved)(self.at);
        Ok(self.at)
    }

    fn note(&mut self, path: &BundlePath, digest: &Digest) {
        let line = line(digest, path);
        self.sums.update(line.as_bytes());
        self.table.extend_from_slice(line.as_bytes());
    }

    fn items(
        &mut self,
        items: &[Item],
        tell: &mpsc::SyncSender<Vec<Done>>,
    ) -> Result<(), BundleError> {
        let mut whole = Vec::new();
        let mut told = self.at;
        let mut buffer = vec![0; PIECE];
        for item in items {
            let digest = self.item(item, &mut buffer)?;
            self.note(&item.path, &digest);
            whole.push(Done { end: self.at, digest });
            if self.at - told >= STRIDE {
                told = self.at;
                // It ends early only with an error, which is told at the end.
                let _ = tell.send(std::mem::take(&mut whole));
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &Item, buffer: &mut [u8]) -> Result<Digest, BundleError> {
        let size = item.source.size();
        self.put(&encode(&item.path, size))?;
        let mut hasher = Hasher::new();
        match &item.source {
            Source::Bytes(bytes) => {
                hasher.update(bytes);
                self.put(bytes)?;
            }
            Source::File { path, .. } => {
                let mut from = File::open(path).map_err(file("open", path))?;
                loop {
                    let read = from.read(buffer).map_err(file("read", path))?;
                    if read == 0 {
                        break;
                    }
                    if self.stop.stopped() {
                        return Err(BundleError::Stopped);
                    }
                    let piece = &buffer[..read];
                    if hasher.size() + read as u64 > size {
                        return Err(BundleError::Changed(path.clone()));
                    }
                    hasher.update(piece);
                    self.put(piece)?;
                    (self.moved)(read as u64);
                }
                // The size is in the header already.
                if hasher.size() != size || Source::file(path)? != item.source {
                    return Err(BundleError::Changed(path.clone()));
                }
            }
        }
        self.put(&[0; BLOCK][..padding(size)])?;
        Ok(hasher.finish().0)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        self.data.write_all(bytes).map_err(file("write", self.path))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// The table, its digest, and the end.
    fn end(&mut self) -> Result<(), BundleError> {
        let table = std::mem::take(&mut self.table);
        let digest = sums_digest(self.sums.clone());
        for (path, content) in [(SUMS, table), (SUMS_DIGEST, digest.into_bytes())] {
            let item = Item { path: path.parse()?, source: Source::Bytes(content) };
            self.item(&item, &mut [])?;
        }
        self.put(&[0; 2 * BLOCK])
    }
}
