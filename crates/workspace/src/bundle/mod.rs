//! Bundles: a whole workspace in one file, to carry where there is no network.
//!
//! ```text
//! bundle.json                     what it is: format, components with commits, images with digests
//! workspace/workspace.toml …      manifest, lock, Kubernetes manifests
//! git/NAME.bundle                 each repository at its commit, with its history and tags
//! go/PATH/@v/VERSION.{info,mod,zip}   Go modules of others, as a module proxy serves them
//! images/…                        one OCI layout: images with all their platforms
//! SHA256SUMS                      the digest of every file above
//! SHA256SUMS.sha256               the digest of SHA256SUMS
//! ```
//!
//! It is a tar, so any tar can list and unpack it, and `sha256sum -c SHA256SUMS` checks it. But it
//! is a tar of one spelling: the header of a file is decided by its path and size alone, padding is
//! zero, and nothing follows the end. [`verify`] knows no other, so every bit of the file is either
//! what it must be or found and named.
//!
//! Writing goes from the first byte to the last, once, in a few megabytes of memory. A journal
//! beside the unfinished file says what is on disk; after a kill, writing goes on from there.

pub mod containerd;
mod entry;
mod git;
mod journal;
mod load;
mod modules;
mod plan;
mod read;
mod verify;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use kubewright_oci::layout::LayoutError;

use crate::name::ComponentName;
use crate::process::ProcessError;
use crate::workspace::WorkspaceError;

pub use entry::{BundlePath, PathError};
pub use load::{Loaded, PROXY, images, load, vacant, with_modules};
pub use plan::{About, BundledComponent, BundledImage, Item, Plan, Source};
pub use read::Damage;
pub use verify::{Verified, verify};
pub use write::{Written, write};

/// Name of the first file: what the bundle is.
pub const ABOUT: &str = "bundle.json";
/// Name of the table of digests.
pub const SUMS: &str = "SHA256SUMS";
/// Name of the digest of the table.
pub const SUMS_DIGEST: &str = "SHA256SUMS.sha256";
/// The form that this program writes and reads.
pub const FORMAT: &str = "kubewright-bundle/1";

/// Why a bundle cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be used.
    #[error("cannot {what} {}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file changed while it was copied.
    #[error("{} changed while it was bundled: bundle again", .0.display())]
    Changed(PathBuf),
    /// A path cannot be in a bundle.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Two files of one path.
    #[error("two files would be {0} in the bundle")]
    Twice(BundlePath),
    /// The bundle is not what was written.
    #[error("{} is damaged: {damage}", bundle.display())]
    Damaged {
        /// The file.
        bundle: PathBuf,
        /// What and where.
        damage: Damage,
    },
    /// The bundle is of another form.
    #[error("{} is of the form {format:?}, and only {FORMAT:?} is known here", bundle.display())]
    Format {
        /// The file.
        bundle: PathBuf,
        /// Its form.
        format: String,
    },
    /// A component has no repository.
    #[error("component {0} is a folder without `git`: a bundle holds repositories")]
    NoRepository(ComponentName),
    /// A component is not what its lock says.
    #[error("component {component}: {problem}, and a bundle holds commits: {remedy}")]
    NotLocked {
        /// The component.
        component: ComponentName,
        /// What is in the way.
        problem: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A git bundle cannot be made or used.
    #[error("component {component}: cannot {what}")]
    Git {
        /// The component.
        component: ComponentName,
        /// What was tried.
        what: &'static str,
        /// What git said.
        #[source]
        source: ProcessError,
    },
    /// There is something where the bundle was to be loaded.
    #[error("{} is there already: load a bundle into a folder that is not", .0.display())]
    Occupied(PathBuf),
    /// Another process writes the same file.
    #[error("another process writes {}: wait until it ends", .0.display())]
    Busy(PathBuf),
    /// Someone asked to stop.
    #[error("interrupted before it was done")]
    Stopped,
    /// Its images.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The workspace.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BundleError {
    let path = path.to_owned();
    move |source| BundleError::File { what, path, source }
}

#[cfg(test)]
mod tests;
