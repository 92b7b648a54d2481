//! Why a layout cannot be read or written.

use std::io;
use std::path::PathBuf;

use super::walk::MAX_DEPTH;
use crate::digest::Digest;
use crate::document::MAX_DOCUMENT;
use crate::platform::Platform;

/// Why a layout cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file cannot be read or written.
    #[error("cannot {verb} {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A folder that is no layout, or of a version to come.
    #[error("{} is no image layout of version 1.0.0", .0.display())]
    NotALayout(PathBuf),
    /// A blob is not there, or not of the size announced.
    #[error("blob {digest} of {size} bytes is not in {}", layout.display())]
    Missing {
        /// Which.
        digest: Digest,
        /// Announced, in bytes.
        size: u64,
        /// Where it should be.
        layout: PathBuf,
    },
    /// What was written is not what was announced.
    #[error(
        "wrote {found} of {found_size} bytes, but {wanted} of {wanted_size} bytes was announced"
    )]
    Unexpected {
        /// Announced.
        wanted: Digest,
        /// Announced, in bytes.
        wanted_size: u64,
        /// Written.
        found: Digest,
        /// Written, in bytes.
        found_size: u64,
    },
    /// A document is larger than any registry takes.
    #[error("document {digest} has {size} bytes; more than {MAX_DOCUMENT} are not read")]
    TooLarge {
        /// Which.
        digest: Digest,
        /// In bytes.
        size: u64,
    },
    /// A document is not what its media type says.
    #[error("{name} is no valid {what}")]
    Document {
        /// Its digest or file name.
        name: String,
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Indexes refer to indexes without end.
    #[error("index {0} is nested more than {MAX_DEPTH} deep")]
    TooDeep(Digest),
    /// Nothing has that name.
    #[error("no image {name:?} in {}; it has {}", layout.display(), list(known))]
    NoImage {
        /// What was asked for.
        name: String,
        /// Where.
        layout: PathBuf,
        /// What there is.
        known: Vec<String>,
    },
    /// There is no image for the platform.
    #[error("no image for {wanted} in {digest}; it has {}", list(known))]
    NoPlatform {
        /// Asked for.
        wanted: Platform,
        /// In which index.
        digest: Digest,
        /// What there is.
        known: Vec<String>,
    },
    /// An image was expected.
    #[error("{digest} is of type {media_type}, which is no image")]
    NotAnImage {
        /// Which.
        digest: Digest,
        /// What it says it is.
        media_type: String,
    },
}

fn list(known: &[String]) -> String {
    match known {
        [] => "none".to_owned(),
        known => known.join(", "),
    }
}

pub(super) fn io_error(
    verb: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> LayoutError {
    let path = path.into();
    move |source| LayoutError::Io { verb, path, source }
}
