//! Files and folders in the making, told from what a killed process left behind.
//!
//! Whoever makes something holds a lock on it, which ends with the process however that ends. What
//! nobody holds, and what is not of this moment, is nobody's any more.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

/// Between making something and locking it, another process could take it for left behind.
const MOMENT: Duration = Duration::from_secs(60);

/// A folder in the making; gone when this is dropped, and with the next one if it cannot be.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _hold: File,
}

impl Scratch {
    /// Makes a folder whose name begins with `prefix`, and removes those of the same prefix that
    /// killed processes of this user left in `parent`.
    ///
    /// # Errors
    /// What the system says to making it. What cannot be removed stays.
    pub fn new(parent: &Path, prefix: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        let hold = File::open(folder.path())?;
        self::hold(&hold);
        sweep(parent, prefix, &hold.metadata()?);
        Ok(Self { folder, _hold: hold })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives it another name, under which it stays.
    ///
    /// # Errors
    /// What the system says; then it goes.
    pub fn keep_as(self, name: &Path) -> io::Result<()> {
        fs::rename(self.folder.path(), name)?;
        // It is where it belongs.
        let _ = self.folder.keep();
        Ok(())
    }
}

/// Keeps others from taking something for left behind, as long as the file is open. Where a file
/// system has no locks nobody can tell, and nothing is removed.
pub(crate) fn hold(file: &File) {
    let _ = file.try_lock();
}

/// Removes what is left behind of a name's beginning, and of the owner of `like`. It can only free
/// space: what fails is left for the next time.
pub(crate) fn sweep(parent: &Path, prefix: &str, like: &Metadata) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()) {
            let _ = remove_if_left(entry.path(), like);
        }
    }
}

fn remove_if_left(path: PathBuf, like: &Metadata) -> io::Result<()> {
    let found = fs::symlink_metadata(&path)?;
    let recent = found.modified()?.elapsed().is_ok_and(|age| age < MOMENT);
    let plain = found.is_dir() || found.is_file();
    if !plain || recent || found.uid() != like.uid() {
        return Ok(());
    }
    let hold = File::open(&path)?;
    if hold.try_lock().is_err() {
        return Ok(());
    }
    match found.is_dir() {
        true => fs::remove_dir_all(&path),
        false => fs::remove_file(&path),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_killed_process_left_goes_and_what_is_in_the_making_stays() {
        let parent = tempfile::tempdir().unwrap();
        let old = |name: &str| {
            let path = parent.path().join(name);
            let time = SystemTime::now() - 2 * MOMENT;
            File::open(&path).unwrap().set_modified(time).unwrap();
            path
        };
        let left = parent.path().join(".new-left");
        fs::create_dir_all(left.join("sub")).unwrap();
        fs::write(left.join("sub/file"), "x").unwrap();
        fs::write(parent.path().join(".new-file"), "x").unwrap();
        fs::create_dir(parent.path().join("other")).unwrap();
        std::os::unix::fs::symlink("other", parent.path().join(".new-link")).unwrap();
        fs::create_dir(parent.path().join(".new-now")).unwrap();
        let making = Scratch::new(parent.path(), ".new-").unwrap();
        let held = old(making.path().file_name().unwrap().to_str().unwrap());
        let gone = [old(".new-left"), old(".new-file")];
        old("other");
        drop(Scratch::new(parent.path(), ".new-").unwrap());
        assert!(gone.iter().all(|path| !path.exists()));
        for name in ["other", ".new-link", ".new-now"] {
            assert!(parent.path().join(name).exists(), "{name}");
        }
        assert!(held.exists());
        let kept = parent.path().join("kept");
        making.keep_as(&kept).unwrap();
        assert!(kept.is_dir() && !held.exists());
    }
}
