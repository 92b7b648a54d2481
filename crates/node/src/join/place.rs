//! The files of a node that has joined, for their owner only.

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

    /// What is known of the cluster: where it is, and its authority.
    pub fn cluster(&self) -> PathBuf {
        self.0.join("cluster.json")
    }

    /// The private key of the node.
    pub fn key(&self) -> PathBuf {
        self.0.join("kubelet-client.key")
    }

    /// The certificate of the node.
    pub fn certificate(&self) -> PathBuf {
        self.0.join("kubelet-client.crt")
    }

    /// The kubeconfig of the node, with both in it.
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

    /// Writes a private file whole or not at all, over any that is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path, content: &str) -> Result<(), FileError> {
        file::replace(path, content.as_bytes(), file::SECRET).map(drop)
    }
}
