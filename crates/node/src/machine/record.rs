//! Which files are ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::file::{self, FileError, SECRET};

const RECORD: &str = "files.json";

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
    let path = state.join(RECORD);
    let json = serde_json::to_vec_pretty(files)
        .map_err(|error| FileError::of("write", &path)(error.into()))?;
    file::replace(&path, &json, SECRET)?;
    Ok(())
}

/// Forgets the record, once the files are gone.
///
/// # Errors
/// [`FileError`] when it cannot be removed.
pub fn forget(state: &Path) -> Result<bool, FileError> {
    let path = state.join(RECORD);
    file::remove(&path).map_err(FileError::of("remove", &path))
}
