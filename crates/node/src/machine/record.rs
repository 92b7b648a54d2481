//! Which files are ours, and with which of them the machine goes on already.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Files;
use crate::file::{self, FileError, SECRET};

pub(crate) const RECORD: &str = "files.json";
pub(crate) const APPLIED: &str = "applied.json";

/// The files on record. None where the record is not there or cannot be read: what is not known
/// to be ours is left alone.
#[must_use]
pub fn recorded(state: &Path) -> BTreeSet<PathBuf> {
    let bytes = fs::read(state.join(RECORD)).unwrap_or_default();
    let paths: BTreeSet<PathBuf> = serde_json::from_slice(&bytes).unwrap_or_default();
    paths.into_iter().filter(|path| is_ours(path)).collect()
}

/// Whether a file may be ours at all: a record that was tampered with removes nothing else.
fn is_ours(path: &Path) -> bool {
    let plain = path.components().all(|part| part != std::path::Component::ParentDir);
    let named = path.to_string_lossy().contains("kubewright");
    let registry = ["/etc/containerd/certs.d", "/etc/containers/certs.d", "/etc/docker/certs.d"];
    plain && path.is_absolute() && (named || registry.iter().any(|folder| path.starts_with(folder)))
}

pub(super) fn write(state: &Path, files: &BTreeSet<PathBuf>) -> Result<(), FileError> {
    put(&state.join(RECORD), files)
}

/// Digests of files by their paths.
pub(super) type Applied = BTreeMap<PathBuf, String>;

/// The files whose consequences are done: modules loaded, units reloaded. What is not known is done
/// again.
pub(super) fn applied(state: &Path) -> Applied {
    let bytes = fs::read(state.join(APPLIED)).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// What is on record once the consequences of these files are done.
pub(super) fn digests(files: &Files) -> Applied {
    let digest = |content: &str| {
        Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    files.iter().map(|(path, file)| (path.clone(), digest(&file.content))).collect()
}

pub(super) fn write_applied(state: &Path, applied: &Applied) -> Result<(), FileError> {
    put(&state.join(APPLIED), applied)
}

fn put<T: Serialize>(path: &Path, value: &T) -> Result<(), FileError> {
    let json = serde_json::to_vec_pretty(value)
        .map_err(|error| FileError::of("write", path)(error.into()))?;
    file::replace(path, &json, SECRET)?;
    Ok(())
}

/// Forgets the record, once the files are gone.
///
/// # Errors
/// [`FileError`] when it cannot be removed.
pub fn forget(state: &Path) -> Result<(), FileError> {
    for name in [APPLIED, RECORD] {
        let path = state.join(name);
        file::remove(&path).map_err(FileError::of("remove", &path))?;
    }
    Ok(())
}
