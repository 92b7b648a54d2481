//! What images stand on: an image of another layout, or of a registry.

use std::io;
use std::path::Path;

use kubewright_oci::digest::DigestError;
use kubewright_oci::layout::LayoutError;
use kubewright_oci::reference::ReferenceError;
use kubewright_oci::registry::{Options, RegistryError};
use kubewright_oci::{Descriptor, Digest, Layout, Reference, Registry};

use super::Images;
use crate::lock::Lock;
use crate::manifest::{ImageSource, Manifest};
use crate::workspace::{Workspace, WorkspaceError};

/// Why a base cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// It names nothing.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// Its digest is none.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A layout cannot be read or written.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A registry fails.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The layout has several images, and none is named.
    #[error("the layout has {0} images: say which, as oci:FOLDER:NAME")]
    Several(usize),
    /// The layout has another image than the pinned one.
    #[error("it is {found} now, and {pinned} was pinned: sync with --update, or restore it")]
    Moved {
        /// What it is.
        found: Digest,
        /// What the lock or the manifest says.
        pinned: Digest,
    },
    /// It has no digest, and the lock none for it.
    #[error("the lock has no digest for it: sync pins it")]
    Unpinned,
    /// Waiting is impossible.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}

/// A base as it is written: where, and which.
enum Place<'a> {
    Layout { folder: &'a str, name: Option<&'a str>, digest: Option<Digest> },
    Registry(Reference),
}

impl<'a> Place<'a> {
    fn parse(text: &'a str) -> Result<Self, BaseError> {
        let Some(rest) = text.strip_prefix("oci:") else {
            return Ok(Self::Registry(text.parse()?));
        };
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (rest, None),
        };
        let (folder, name) = match rest.split_once(':') {
            Some((folder, name)) => (folder, Some(name)),
            None => (rest, None),
        };
        Ok(Self::Layout { folder, name, digest })
    }

    fn digest(&self) -> Option<Digest> {
        match self {
            Self::Layout { digest, .. } => *digest,
            Self::Registry(reference) => reference.digest(),
        }
    }
}

/// The bases of a manifest that say no digest.
fn open_bases(manifest: &Manifest) -> impl Iterator<Item = &str> {
    let images = manifest.component.values().flat_map(|component| component.image.iter());
    images.filter_map(|image| match &image.source {
        ImageSource::Native(native) => native.base.as_deref().filter(|base| !base.contains('@')),
        ImageSource::Dockerfile(_) => None,
    })
}

/// Pins the bases that say no digest: those that the lock lacks, or all of them.
///
/// # Errors
/// When one is not there, or the lock cannot be written.
pub fn pin(workspace: &mut Workspace, update: bool) -> Result<(), PinError> {
    // Another process may have synced since this one has.
    let _hold = workspace.hold()?;
    let file = workspace.lock_file();
    workspace.lock = Lock::read(&file).map_err(WorkspaceError::from)?;
    let mut pinned = std::collections::BTreeMap::new();
    for base in open_bases(&workspace.manifest) {
        let digest = match workspace.lock.base.get(base).filter(|_| !update) {
            Some(digest) => digest.clone(),
            None => {
                let found = resolve(&workspace.root, base);
                found
                    .map_err(|source| PinError::Base { base: base.to_owned(), source })?
                    .to_string()
            }
        };
        pinned.insert(base.to_owned(), digest);
    }
    workspace.lock.base = pinned;
    Ok(workspace.lock.write(&file).map_err(WorkspaceError::from)?)
}

/// Why bases cannot be pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// One of them.
    #[error("cannot pin base {base}")]
    Base {
        /// The base.
        base: String,
        /// Why.
        #[source]
        source: BaseError,
    },
    /// The lock.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

fn resolve(root: &Path, base: &str) -> Result<Digest, BaseError> {
    match Place::parse(base)? {
        Place::Layout { folder, name, .. } => {
            Ok(in_layout(&Layout::open(root.join(folder))?, name)?.digest)
        }
        Place::Registry(reference) => {
            let registry = Registry::new(reference.registry(), Options::default())?;
            let found = wait(registry.resolve(&reference))?;
            Ok(found?.digest)
        }
    }
}

fn in_layout(layout: &Layout, name: Option<&str>) -> Result<Descriptor, BaseError> {
    if let Some(name) = name {
        return Ok(layout.find(name)?);
    }
    match &layout.images()?.manifests[..] {
        [one] => Ok(one.clone()),
        several => Err(BaseError::Several(several.len())),
    }
}

fn wait<T>(work: impl Future<Output = T>) -> Result<T, BaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(BaseError::Runtime)?.block_on(work))
}

impl Images<'_> {
    /// Brings a base into the layout of the workspace.
    pub(super) fn base(&self, base: &str) -> Result<Descriptor, BaseError> {
        let place = Place::parse(base)?;
        let pinned = match place.digest() {
            Some(digest) => digest,
            None => {
                let pinned = self.workspace.lock.base.get(base).ok_or(BaseError::Unpinned)?;
                pinned.parse()?
            }
        };
        match place {
            Place::Layout { folder, name, digest } => {
                let other = Layout::open(self.workspace.root.join(folder))?;
                let found = match (digest, name) {
                    // The layout may have several images, and the digest says which.
                    (Some(digest), None) => by_digest(&other, digest)?,
                    _ => in_layout(&other, name)?,
                };
                if found.digest != pinned {
                    return Err(BaseError::Moved { found: found.digest, pinned });
                }
                copy(&other, &self.layout, &found)?;
                Ok(found)
            }
            Place::Registry(reference) => {
                let reference = reference.with_digest(pinned);
                let registry = Registry::new(reference.registry(), Options::default())?;
                let platforms = self.workspace.manifest.workspace.platforms();
                Ok(wait(registry.pull(&reference, &platforms, &self.layout))??)
            }
        }
    }
}

fn by_digest(layout: &Layout, digest: Digest) -> Result<Descriptor, BaseError> {
    let images = layout.images()?.manifests;
    match images.iter().find(|image| image.digest == digest) {
        Some(image) => Ok(image.clone()),
        None => match &images[..] {
            [one] => Err(BaseError::Moved { found: one.digest, pinned: digest }),
            several => Err(BaseError::Several(several.len())),
        },
    }
}

/// Copies an image between layouts, checking every byte on the way.
pub(super) fn copy(from: &Layout, to: &Layout, image: &Descriptor) -> Result<(), LayoutError> {
    for descriptor in from.closure(image)? {
        if to.has(&descriptor) {
            continue;
        }
        let mut writer = to.writer()?;
        let mut blob = from.open_blob(&descriptor)?;
        io::copy(&mut blob, &mut writer).map_err(|source| LayoutError::Io {
            verb: "copy",
            path: from.blob_path(&descriptor.digest),
            source,
        })?;
        writer.commit_as(&descriptor)?;
    }
    Ok(())
}
