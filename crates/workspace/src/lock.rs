//! `workspace.lock`: the commits and digests that a workspace was made of.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file;
use crate::manifest::Component;
use crate::name::{ComponentName, GitUrl, Reference};

/// Name of the file.
pub const FILE: &str = "workspace.lock";
/// The form that this program writes.
const VERSION: u32 = 1;

/// Why a lock cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is damaged.
    #[error("{} cannot be used: restore it, or remove it and sync again", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// It is of another version of this program.
    #[error("{} has version {version}, and only {VERSION} is known here", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: u32,
    },
}

/// All of `workspace.lock`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// Commits by component.
    #[serde(default)]
    pub component: BTreeMap<ComponentName, Pin>,
    /// Digests of bases of images, by the name that the manifest has for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub base: BTreeMap<String, String>,
}

/// The commit of a component, and what it was pinned from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The repository.
    pub git: GitUrl,
    /// The branch or tag.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// The commit.
    pub commit: Reference,
}

impl Default for Lock {
    fn default() -> Self {
        Self { version: VERSION, component: BTreeMap::new(), base: BTreeMap::new() }
    }
}

impl Lock {
    /// Reads a lock; an empty one where there is none.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub fn read(file: &Path) -> Result<Self, LockError> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(LockError::Read { file: file.to_owned(), source }),
        };
        let lock: Self = toml::from_str(&text).map_err(|source| LockError::Syntax {
            file: file.to_owned(),
            source: Box::new(source),
        })?;
        let loose = lock.component.iter().find(|(_, pin)| !pin.commit.is_commit());
        if let Some((name, pin)) = loose {
            let problem = format!("component {name}: {} is no commit", pin.commit);
            let source = Box::new(serde::de::Error::custom(problem));
            return Err(LockError::Syntax { file: file.to_owned(), source });
        }
        match lock.version {
            VERSION => Ok(lock),
            version => Err(LockError::Version { file: file.to_owned(), version }),
        }
    }

    /// Writes it, where it says something else than the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), LockError> {
        let write = || {
            let text = toml::to_string(self).map_err(io::Error::other)?;
            let text = format!("# Written by `kubewright workspace sync`.\n{text}");
            match std::fs::read_to_string(file).is_ok_and(|present| present == text) {
                true => Ok(()),
                false => file::replace(file, text.as_bytes()),
            }
        };
        write().map_err(|source| LockError::Write { file: file.to_owned(), source })
    }

    /// The commit of a component, where it is still pinned from what the manifest says.
    #[must_use]
    pub fn pinned(&self, name: &ComponentName, component: &Component) -> Option<&str> {
        let pin = self.component.get(name)?;
        let same = Some(&pin.git) == component.git.as_ref() && pin.reference == component.reference;
        same.then_some(pin.commit.as_str())
    }
}
