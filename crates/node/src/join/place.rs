//! The files of a node, for their owner only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file::{self, FileError};

/// The directory with the files of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(PathBuf);

impl Place {
    /// This directory; it is made for its owner only when the first file is written.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What there is between finding the cluster and belonging to it: the cluster, and the key that
    /// a certificate is asked for with.
    pub fn joining(&self) -> PathBuf {
        self.0.join("joining.json")
    }

    /// The kubeconfig of the node: the cluster, its key and its certificate.
    pub fn kubeconfig(&self) -> PathBuf {
        self.0.join("kubelet.conf")
    }

    /// The content of a file; nothing, if it is not there.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(&self, path: &Path) -> Result<Option<String>, FileError> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::of("read", path)(error)),
        }
    }

    /// Writes a private file whole or not at all, over any that is there, and durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn write(&self, path: PathBuf, content: String) -> Result<(), FileError> {
        let write = move || file::replace(&path, content.as_bytes(), file::SECRET).map(drop);
        file::aside(write).await
    }

    /// As [`Place::write`], before another file of this directory is written durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn write_first(&self, path: PathBuf, content: String) -> Result<(), FileError> {
        let write = move || file::replace_whole(&path, content.as_bytes(), file::SECRET);
        file::aside(write).await
    }
}
