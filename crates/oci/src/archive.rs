//! Images in one tar: for containerd and docker, and from docker.

mod export;
mod import;

use std::io;
use std::path::PathBuf;

use crate::layout::LayoutError;

pub use export::export;
pub use import::import;

/// Why there is no archive, or nothing in it.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// It cannot be written.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
    /// It cannot be read.
    #[error("cannot read the archive {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is none that docker or skopeo wrote.
    #[error("{} is no archive of an image: {why}", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}
