//! One workspace: its files, its folders, and who works on it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::build::Environment;
use crate::file;
use crate::git::Repository;
use crate::leftover;
use crate::lock::{self, Lock, LockError};
use crate::manifest::{Component, Manifest, ManifestError};
use crate::name::ComponentName;

/// Folder of everything that can be made again.
pub const STATE: &str = ".kubewright";

/// Why a workspace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// Its manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Its lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its folders.
    #[error("cannot use {}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process works on it.
    #[error("another kubewright works on {}: wait until it ends", root.display())]
    Busy {
        /// The workspace.
        root: PathBuf,
    },
    /// A name on the command line is none of its components.
    #[error("there is no component {name}{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// The nearest one.
        hint: String,
    },
}

/// One workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The folder of `workspace.toml`, without links in its path.
    pub root: PathBuf,
    /// What `workspace.toml` says.
    pub manifest: Manifest,
    /// What `workspace.lock` says.
    pub lock: Lock,
    /// What builds may see of the environment.
    pub environment: Environment,
}

/// As long as it lives, no other process builds or syncs the workspace.
#[derive(Debug)]
pub struct Hold {
    _file: File,
}

impl Workspace {
    /// Opens the workspace of a `workspace.toml`.
    ///
    /// # Errors
    /// When its files cannot be used.
    pub fn open(file: &Path) -> Result<Self, WorkspaceError> {
        let manifest = Manifest::read(file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let root = folder
            .canonicalize()
            .map_err(|source| WorkspaceError::Folder { path: folder.to_owned(), source })?;
        let lock = Lock::read(&root.join(lock::FILE))?;
        let environment = crate::bundle::with_modules(Environment::of_process(), &root);
        Ok(Self { root, manifest, lock, environment })
    }

    /// The file of its lock.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.root.join(lock::FILE)
    }

    /// A component by a name from outside.
    ///
    /// # Errors
    /// [`WorkspaceError::Unknown`], with the nearest one.
    pub fn component(&self, name: &str) -> Result<(&ComponentName, &Component), WorkspaceError> {
        self.manifest.component.get_key_value(name).ok_or_else(|| {
            let known = self.manifest.component.keys().map(ComponentName::as_str);
            let near = crate::manifest::nearest(name, known);
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            WorkspaceError::Unknown { name: name.to_owned(), hint }
        })
    }

    /// The tree of a component.
    #[must_use]
    pub fn tree(&self, name: &ComponentName) -> PathBuf {
        let component = self.manifest.component.get(name);
        self.root.join(component.map_or_else(|| PathBuf::from(name.as_str()), |c| c.tree(name)))
    }

    /// The repository of a component's tree.
    #[must_use]
    pub fn repository(&self, name: &ComponentName) -> Repository {
        Repository::at(self.tree(name))
    }

    /// A path among what can be made again.
    #[must_use]
    pub fn state(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(STATE).join(path)
    }

    /// Makes a folder among what can be made again.
    ///
    /// # Errors
    /// When that fails.
    pub fn state_folder(&self, path: impl AsRef<Path>) -> Result<PathBuf, WorkspaceError> {
        let folder = self.state(path);
        let make = || {
            std::fs::create_dir_all(&folder)?;
            // A workspace inside a repository must not make it dirty.
            let ignore = self.state(".gitignore");
            match ignore.exists() {
                true => Ok(()),
                false => file::replace(&ignore, b"*\n"),
            }
        };
        make().map_err(|source| WorkspaceError::Folder { path: folder.clone(), source })?;
        Ok(folder)
    }

    /// Keeps other processes from writing, and removes what earlier ones have not finished.
    ///
    /// # Errors
    /// [`WorkspaceError::Busy`] when one does.
    pub fn hold(&self) -> Result<Hold, WorkspaceError> {
        let path = self.state_folder("")?.join("lock");
        let wrong = |source| WorkspaceError::Folder { path: path.clone(), source };
        let file = File::options().create(true).append(true).open(&path).map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => {
                let hold = Hold { _file: file };
                let root = || self.root.clone();
                leftover::sweep(self)
                    .map_err(|source| WorkspaceError::Folder { path: root(), source })?;
                Ok(hold)
            }
            Err(TryLockError::WouldBlock) => Err(WorkspaceError::Busy { root: self.root.clone() }),
            Err(TryLockError::Error(source)) => Err(wrong(source)),
        }
    }
}
