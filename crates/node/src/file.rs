//! Files that are replaced whole: a reader, or the next boot, sees the old content or the new.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Mode of files that hold a secret.
pub const SECRET: u32 = 0o600;
/// Mode of files that anyone may read.
pub const PUBLIC: u32 = 0o644;

/// A file or folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    /// What was tried.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: what was tried on which path.
    pub fn of(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

/// Gives a file this content and mode, durably. Whether that changed anything.
///
/// The temporary file has the mode from its first byte on, so that a secret is at no instant
/// readable by others. It has one name, not a random one: what a crash leaves is overwritten.
///
/// # Errors
/// [`FileError`] with the file and the cause.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> Result<bool, FileError> {
    if is(path, content, mode) {
        return Ok(false);
    }
    write(path, content, mode, Sync::Name).map_err(FileError::of("write", path))?;
    Ok(true)
}

/// As [`replace`], whole for every reader and after a power cut; only whether that finds the old
/// or the new content is open until a file in the same folder is [`replace`]d. For what is
/// followed by one, and for what is worth keeping and no loss.
///
/// # Errors
/// [`FileError`] with the file and the cause.
pub fn replace_whole(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    write(path, content, mode, Sync::Content).map_err(FileError::of("write", path))
}

/// As [`replace`], whole for every reader, and without waiting for the disk: a power cut may take
/// it back. For what can be made again from nothing.
///
/// # Errors
/// [`FileError`] with the file and the cause.
pub fn replace_lightly(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    write(path, content, mode, Sync::Nothing).map_err(FileError::of("write", path))
}

/// Does this where it may wait for the disk without keeping others from going on.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // It is never aborted, and a panic of it is ours.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// What is waited for to be on disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sync {
    Nothing,
    /// The content, before the name leads to it.
    Content,
    /// That, and that the name leads to it.
    Name,
}

/// Whether a file has this content and mode already.
#[must_use]
pub fn is(path: &Path, content: &[u8], mode: u32) -> bool {
    let same_mode = fs::symlink_metadata(path)
        .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o777 == mode);
    same_mode && fs::read(path).is_ok_and(|present| present == content)
}

fn write(path: &Path, content: &[u8], mode: u32, sync: Sync) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let folder_mode = if mode & 0o077 == 0 { 0o700 } else { 0o755 };
    DirBuilder::new().recursive(true).mode(folder_mode).create(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.kubewright-new"));
    remove(&temporary)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    // The umask may have taken bits away.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(content)?;
    if sync != Sync::Nothing {
        file.sync_all()?;
    }
    fs::rename(&temporary, path)?;
    if sync == Sync::Name { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes a file. One that is not there is removed already.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file, or those in a folder whose names end with one of these, in order of their names.
///
/// # Errors
/// [`FileError`] when it is not there, or a folder holds none.
pub(crate) fn files_of(path: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, FileError> {
    let metadata = fs::metadata(path).map_err(FileError::of("read", path))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = || FileError::of("list", path);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed())? {
        let file = entry.map_err(failed())?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if endings.iter().any(|ending| name.ends_with(&format!(".{ending}"))) && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        let nothing =
            io::Error::other(format!("it holds no file that ends with .{}", endings.join(" or .")));
        return Err(failed()(nothing));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_once_and_keeps_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pki/key");
        assert!(replace(&path, b"one", SECRET).unwrap());
        assert!(!replace(&path, b"one", SECRET).unwrap(), "it was so already");
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(replace(&path, b"one", SECRET).unwrap(), "the mode was wrong");
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_link_is_replaced_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("file"), folder.path().join("target"));
        fs::write(&target, "untouched").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(replace(&path, b"new", PUBLIC).unwrap());
        assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn what_a_crash_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(folder.path().join(".file.kubewright-new"), "half").unwrap();
        assert!(replace(&path, b"whole", PUBLIC).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
