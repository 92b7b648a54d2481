//! Which files of a tree git knows or would take.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::Repository;
use crate::process::{self, ProcessError};

impl Repository {
    /// Files below a path of the tree, relative to the tree: committed ones that are there, and new
    /// ones, but none that git ignores. A repository inside is one entry, its folder.
    ///
    /// # Errors
    /// When git fails.
    pub fn files(&self, below: &Path) -> Result<Vec<PathBuf>, ProcessError> {
        let mut command = self.git();
        command.arg("--literal-pathspecs");
        command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]);
        let said = process::output(command.arg(below))?;
        let mut files: Vec<PathBuf> = paths(&said).collect();
        // One that is deleted is still in the index; one with a conflict is there three times.
        files.retain(|path| fs::symlink_metadata(self.folder().join(path)).is_ok());
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Go sources of the tree that git ignores.
    ///
    /// # Errors
    /// When git fails.
    pub fn ignored_go_files(&self) -> Result<Vec<PathBuf>, ProcessError> {
        let mut command = self.git();
        command.args(["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--"]);
        process::output(command.arg("*.go")).map(|said| paths(&said).collect())
    }
}

/// Paths with a zero after each.
pub(super) fn paths(said: &[u8]) -> impl Iterator<Item = PathBuf> {
    let paths = said.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    paths.map(|path| PathBuf::from(OsStr::from_bytes(path)))
}
