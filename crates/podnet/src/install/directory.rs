//! A directory in which files come and go as a whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{Change, InstallError};

/// An existing directory.
pub(super) struct Directory {
    path: PathBuf,
    handle: File,
    dry_run: bool,
}

impl Directory {
    /// Opens it. It is not created: a directory that is missing is not the one the runtime uses.
    pub(super) fn open(path: &Path, dry_run: bool) -> Result<Self, InstallError> {
        let handle = File::open(path).map_err(InstallError::io("open", path))?;
        Ok(Self { path: path.to_owned(), handle, dry_run })
    }

    /// Keeps other installers out until it is dropped.
    pub(super) fn locked(self) -> Result<Self, InstallError> {
        flock(&self.handle, FlockOperation::LockExclusive)
            .map_err(|errno| InstallError::io("lock", &self.path)(errno.into()))?;
        Ok(self)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Gives the file this content and mode at once, durably, unless it has both.
    pub(super) fn write(
        &mut self,
        name: &str,
        content: &[u8],
        mode: u32,
    ) -> Result<Change, InstallError> {
        match self.stage(name, content, mode)? {
            None => Ok(Change::Unchanged),
            Some(staged) => staged.put(),
        }
    }

    /// Writes the content beside the file, to be looked at before it is put in place; none when the
    /// file has this content and mode.
    pub(super) fn stage(
        &mut self,
        name: &str,
        content: &[u8],
        mode: u32,
    ) -> Result<Option<Staged<'_>>, InstallError> {
        let file = self.file(name);
        if has(&file, content, mode).map_err(InstallError::io("read", &file))? {
            self.discard(&self.temporary(name))?;
            return Ok(None);
        }
        let temporary = self.temporary(name);
        if !self.dry_run {
            self.discard(&temporary)?;
            create(&temporary, content, mode).map_err(InstallError::io("write", &temporary))?;
        }
        Ok(Some(Staged { directory: self, temporary, file }))
    }

    /// Removes the file, durably, and what an interrupted call left of it.
    pub(super) fn remove(&mut self, name: &str) -> Result<Change, InstallError> {
        self.discard(&self.temporary(name))?;
        let file = self.file(name);
        if self.dry_run {
            return Ok(if file.exists() { Change::Removed } else { Change::Unchanged });
        }
        match fs::remove_file(&file) {
            Ok(()) => self.sync().map(|()| Change::Removed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Change::Unchanged),
            Err(error) => Err(InstallError::io("remove", &file)(error)),
        }
    }

    /// Runtimes read files that end in .conf, .conflist or .json; this is none of them. There is one
    /// per file, so that being killed over and over leaves one.
    fn temporary(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}.new"))
    }

    fn discard(&self, temporary: &Path) -> Result<(), InstallError> {
        if self.dry_run {
            return Ok(());
        }
        match fs::remove_file(temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(InstallError::io("remove", temporary)(error))
            }
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<(), InstallError> {
        self.handle.sync_all().map_err(InstallError::io("sync", &self.path))
    }
}

/// Content that is written beside its file; it goes away unless it is put in place.
pub(super) struct Staged<'a> {
    directory: &'a Directory,
    temporary: PathBuf,
    file: PathBuf,
}

impl Staged<'_> {
    /// Where the content is until then; none in a dry run.
    pub(super) fn path(&self) -> Option<&Path> {
        (!self.directory.dry_run).then_some(self.temporary.as_path())
    }

    /// Replaces the file. A program that runs from it goes on with what it has open.
    pub(super) fn put(self) -> Result<Change, InstallError> {
        if !self.directory.dry_run {
            fs::rename(&self.temporary, &self.file)
                .map_err(InstallError::io("replace", &self.file))?;
            self.directory.sync()?;
        }
        Ok(Change::Written)
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        // After `put` it is not there any more; otherwise the next call would remove it.
        let _ = self.directory.discard(&self.temporary);
    }
}

fn has(file: &Path, content: &[u8], mode: u32) -> io::Result<bool> {
    let metadata = match fs::symlink_metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(metadata.is_file()
        && metadata.permissions().mode() & 0o7777 == mode
        && metadata.len() == content.len() as u64
        && fs::read(file)? == content)
}

fn create(file: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut handle = OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?;
    handle.write_all(content)?;
    // The umask may have taken some of the mode away.
    handle.set_permissions(Permissions::from_mode(mode))?;
    handle.sync_all()
}
