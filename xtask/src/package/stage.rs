//! The files of a package as a tree on disk.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::contents::{Entry, Kind};

/// Writes the files below `root`. Directories are 0755, whatever the umask.
pub(super) fn write(entries: &[Entry], root: &Path) -> Result<()> {
    for entry in entries {
        let to = inside(root, &entry.path);
        let parent = to.parent().context("a file has a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
        let written = match entry.kind {
            Kind::Link => symlink(OsStr::from_bytes(&entry.content), &to),
            Kind::Plain | Kind::Configuration => fs::write(&to, &entry.content)
                .and_then(|()| fs::set_permissions(&to, Permissions::from_mode(entry.mode))),
        };
        written.with_context(|| format!("writing {}", to.display()))?;
        for dir in parent.ancestors().take_while(|dir| dir.starts_with(root)) {
            fs::set_permissions(dir, Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// An absolute path, taken to be below `root`.
pub(super) fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
