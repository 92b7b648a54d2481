//! The files that a layer adds.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::path::{ImagePath, PathError};

/// Mode of folders, and of files that may be executed.
const EXECUTABLE: u32 = 0o755;
/// Mode of other files.
const PLAIN: u32 = 0o644;
/// Deepest folder that is copied.
const MAX_DEPTH: usize = 128;

/// Why files cannot be put into a layer.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The name does not do.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A file to copy cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Not a file, a folder or a symbolic link.
    #[error("{} is no file, folder or symbolic link, so it cannot be copied into an image", .0.display())]
    Special(PathBuf),
    /// A name that is not UTF-8 would not be the same everywhere.
    #[error("the name of {} is not UTF-8", .0.display())]
    Name(PathBuf),
    /// Folders in folders without end.
    #[error("{} is nested more than {MAX_DEPTH} deep", .0.display())]
    TooDeep(PathBuf),
}

/// Where the content of a file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes at hand.
    Bytes(Vec<u8>),
    /// A file, read when the layer is written.
    File(PathBuf),
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A file.
    File {
        /// Its content.
        content: Content,
        /// Its permissions.
        mode: u32,
    },
    /// A folder.
    Folder {
        /// Its permissions.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Where it points.
        target: String,
    },
}

/// The files that a layer adds, by path. All belong to root.
///
/// Only names, contents and whether a file may be executed go into the image: not the times, the
/// owners and the umask of the machine that builds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    nodes: BTreeMap<ImagePath, Node>,
}

impl Tree {
    /// Of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What is in it, folders before their contents.
    pub fn nodes(&self) -> impl Iterator<Item = (&ImagePath, &Node)> {
        self.nodes.iter()
    }

    /// Adds a file with the permissions given.
    ///
    /// # Errors
    /// When `path` is no path inside an image.
    pub fn file(&mut self, path: &str, content: Content, mode: u32) -> Result<(), TreeError> {
        self.nodes.insert(path.parse()?, Node::File { content, mode: mode & 0o7777 });
        Ok(())
    }

    /// Adds a folder with the permissions given.
    ///
    /// # Errors
    /// When `path` is no path inside an image.
    pub fn folder(&mut self, path: &str, mode: u32) -> Result<(), TreeError> {
        self.nodes.insert(path.parse()?, Node::Folder { mode: mode & 0o7777 });
        Ok(())
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// When `path` is no path inside an image.
    pub fn link(&mut self, path: &str, target: impl Into<String>) -> Result<(), TreeError> {
        self.nodes.insert(path.parse()?, Node::Link { target: target.into() });
        Ok(())
    }

    /// Copies a file, or a folder with all that is in it, to `to`. Symbolic links are copied as
    /// such, except `from` itself. To `/`, the contents of a folder.
    ///
    /// # Errors
    /// When something cannot be read, or is neither file, folder nor link.
    pub fn copy(&mut self, from: &Path, to: &str) -> Result<(), TreeError> {
        let metadata = fs::metadata(from).map_err(reading(from))?;
        let root = to.split('/').all(|part| matches!(part, "" | "."));
        match metadata.is_dir() {
            true if root => self.copy_contents(from, None, 0),
            _ => self.copy_node(from, &to.parse()?, &metadata, 0),
        }
    }

    fn copy_node(
        &mut self,
        from: &Path,
        to: &ImagePath,
        metadata: &fs::Metadata,
        depth: usize,
    ) -> Result<(), TreeError> {
        let node = if metadata.is_file() {
            let executable = metadata.permissions().mode() & 0o111 != 0;
            let mode = if executable { EXECUTABLE } else { PLAIN };
            Node::File { content: Content::File(from.to_owned()), mode }
        } else if metadata.is_dir() {
            self.nodes.insert(to.clone(), Node::Folder { mode: EXECUTABLE });
            return self.copy_contents(from, Some(to), depth);
        } else if metadata.is_symlink() {
            let target = fs::read_link(from).map_err(reading(from))?;
            let target = target.into_os_string().into_string();
            Node::Link { target: target.map_err(|_| TreeError::Name(from.to_owned()))? }
        } else {
            return Err(TreeError::Special(from.to_owned()));
        };
        self.nodes.insert(to.clone(), node);
        Ok(())
    }

    fn copy_contents(
        &mut self,
        from: &Path,
        to: Option<&ImagePath>,
        depth: usize,
    ) -> Result<(), TreeError> {
        if depth > MAX_DEPTH {
            return Err(TreeError::TooDeep(from.to_owned()));
        }
        for entry in fs::read_dir(from).map_err(reading(from))? {
            let entry = entry.map_err(reading(from))?;
            let path = entry.path();
            let name = entry.file_name().into_string();
            let name = name.map_err(|_| TreeError::Name(path.clone()))?;
            let below = match to {
                Some(to) => to.join(&name)?,
                None => name.parse()?,
            };
            let metadata = entry.metadata().map_err(reading(&path))?;
            self.copy_node(&path, &below, &metadata, depth + 1)?;
        }
        Ok(())
    }
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> TreeError {
    let path = path.to_owned();
    move |source| TreeError::Read { path, source }
}
