//! What goes into a bundle, and in which order.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use kubewright_oci::descriptor::annotation;
use kubewright_oci::digest::Hasher;
use kubewright_oci::{Descriptor, Digest, Layout};
use serde::{Deserialize, Serialize};

use super::entry::BundlePath;
use super::{ABOUT, BundleError, FORMAT, file, git, modules};
use crate::lock;
use crate::manifest;
use crate::name::ComponentName;
use crate::process::Stop;
use crate::sources::Sources;
use crate::workspace::Workspace;

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// [`FORMAT`].
    pub format: String,
    /// Its repositories.
    pub components: Vec<BundledComponent>,
    /// Its images.
    pub images: Vec<BundledImage>,
    /// Its Go modules, as `PATH@VERSION`.
    pub modules: Vec<String>,
}

/// A repository of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledComponent {
    /// The component.
    pub name: ComponentName,
    /// Its commit.
    pub commit: String,
}

/// An image of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledImage {
    /// Registry, repository and tag.
    pub name: String,
    /// What it is.
    pub descriptor: Descriptor,
}

/// Where the content of a file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Bytes at hand.
    Bytes(Vec<u8>),
    /// A file of a size, and when it was written, in nanoseconds.
    File {
        /// Which.
        path: PathBuf,
        /// Bytes.
        size: u64,
        /// When.
        modified: i128,
    },
}

impl Source {
    /// A file as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, BundleError> {
        let path = path.into();
        let found = fs::metadata(&path).map_err(file("read", &path))?;
        let modified = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
        Ok(Self::File { path, size: found.len(), modified })
    }

    /// Bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }
}

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it is in the bundle.
    pub path: BundlePath,
    /// Where it comes from.
    pub source: Source,
}

/// The files of a bundle, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    items: Vec<Item>,
}

impl Plan {
    /// Of what it says of itself, and files in any order.
    ///
    /// # Errors
    /// When two have one path.
    pub fn new(about: &About, items: Vec<Item>) -> Result<Self, BundleError> {
        let text = serde_json::to_vec_pretty(about).unwrap_or_default();
        let first = Item { path: ABOUT.parse()?, source: Source::Bytes(text) };
        let mut by_path = BTreeMap::new();
        for item in items {
            if let Some(twice) = by_path.insert(item.path.clone(), item) {
                return Err(BundleError::Twice(twice.path));
            }
        }
        if by_path.contains_key(&first.path) {
            return Err(BundleError::Twice(first.path));
        }
        Ok(Self { items: std::iter::once(first).chain(by_path.into_values()).collect() })
    }

    /// Of a workspace with images that are in its layout. Makes git bundles of repositories where
    /// there are none of their commits and tags yet.
    ///
    /// # Errors
    /// When a component is not what its lock says, a file cannot be read, or `stop` is asked for.
    pub fn of_workspace(
        workspace: &Workspace,
        sources: &Sources,
        layout: &Layout,
        images: Vec<BundledImage>,
        stop: &Stop,
    ) -> Result<Self, BundleError> {
        let mut items = Vec::new();
        let mut add = |path: String, source: Source| -> Result<(), BundleError> {
            items.push(Item { path: path.parse()?, source });
            Ok(())
        };
        for name in [manifest::FILE, lock::FILE] {
            add(format!("workspace/{name}"), Source::file(workspace.root.join(name))?)?;
        }
        for path in kubernetes_manifests(workspace)? {
            add(format!("workspace/{path}"), Source::file(workspace.root.join(&path))?)?;
        }
        let mut components = Vec::new();
        for name in workspace.manifest.component.keys() {
            let commit = git::locked(workspace, sources, name)?;
            let bundle = git::bundle(workspace, name, &commit, stop)?;
            add(format!("git/{name}.bundle"), Source::file(bundle)?)?;
            components.push(BundledComponent { name: name.clone(), commit });
        }
        let modules = modules::find(workspace, sources)?;
        for (path, from) in modules.files {
            add(format!("go/{path}"), Source::file(from)?)?;
        }
        add("images/oci-layout".to_owned(), bytes(r#"{"imageLayoutVersion":"1.0.0"}"#))?;
        let mut blobs = BTreeMap::new();
        for image in &images {
            for blob in layout.closure(&image.descriptor)? {
                blobs.insert(blob.digest, blob);
            }
        }
        // Also the names of their parts for each platform: where it is loaded, they are there.
        let mut index = layout.images()?;
        index.manifests.retain(|found| {
            let name = found.annotation(annotation::REF_NAME).unwrap_or_default();
            let of = |image: &BundledImage| {
                let rest = name.strip_prefix(&image.name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            };
            blobs.contains_key(&found.digest) && images.iter().any(of)
        });
        let index = serde_json::to_string(&index).unwrap_or_default();
        add("images/index.json".to_owned(), bytes(&index))?;
        for blob in blobs.into_values() {
            let source = Source::file(layout.blob_path(&blob.digest))?;
            add(format!("images/blobs/sha256/{}", blob.digest.hex()), source)?;
        }
        let format = FORMAT.to_owned();
        let about = About { format, components, images, modules: modules.names };
        Self::new(&about, items)
    }

    /// Its files, in order.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// How many bytes of content.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.items.iter().map(|item| item.source.size()).sum()
    }

    /// What tells it from others: a bundle that was begun from another plan is begun anew.
    pub(super) fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        for Item { path, source } in &self.items {
            let what = match source {
                Source::Bytes(bytes) => Digest::of(bytes).hex(),
                Source::File { path, size, modified } => {
                    format!("{size} {modified} {}", path.display())
                }
            };
            hasher.update(format!("{path}\0{what}\n").as_bytes());
        }
        hasher.finish().0
    }
}

fn bytes(text: &str) -> Source {
    Source::Bytes(text.as_bytes().to_owned())
}

/// The Kubernetes manifests of a workspace, relative to it.
fn kubernetes_manifests(workspace: &Workspace) -> Result<Vec<String>, BundleError> {
    let mut found = Vec::new();
    for source in &workspace.manifest.manifests.sources {
        let (folder, pattern) = source.as_str().rsplit_once('/').unwrap_or(("", source.as_str()));
        let Some((before, after)) = pattern.split_once('*') else {
            found.push(source.as_str().to_owned());
            continue;
        };
        let path = workspace.root.join(folder);
        for entry in fs::read_dir(&path).map_err(file("list", &path))? {
            let name = entry.map_err(file("list", &path))?.file_name();
            let Some(name) = name.to_str() else { continue };
            let long = name.len() >= before.len() + after.len();
            if long && name.starts_with(before) && name.ends_with(after) {
                let joint = if folder.is_empty() { "" } else { "/" };
                found.push(format!("{folder}{joint}{name}"));
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
