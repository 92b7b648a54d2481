//! What the layers of a base image hold, as far as a layer on top depends on it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::zstd::Frames;
use crate::descriptor::{Descriptor, media_type};
use crate::digest::Digest;
use crate::document::Manifest;
use crate::layout::{Layout, LayoutError};
use crate::path::{ImagePath, WHITEOUT};
use crate::tree::{Node, Tree};

/// How many links one path may lead through.
const MAX_LINKS: usize = 40;
/// Most entries of one base. Real ones have some ten thousand.
const MAX_ENTRIES: usize = 2_000_000;

/// Why the files of a base cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// A layer is not in the layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A layer is no tar, or damaged.
    #[error("cannot read layer {digest} of the base image")]
    Layer {
        /// Which.
        digest: Digest,
        /// What is wrong.
        #[source]
        source: io::Error,
    },
    /// A layer that nobody may pass on, and so nobody did.
    #[error("layer {0} of the base image may only come from its maker: nothing can be built on it")]
    Foreign(Digest),
    /// A compression this program cannot undo.
    #[error(
        "layer {digest} of the base image is {media_type}; convert the base to gzip first, as with `skopeo copy --dest-compress-format gzip`"
    )]
    Compression {
        /// Which.
        digest: Digest,
        /// Its type.
        media_type: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Folder,
    Link(String),
}

/// The folders and symbolic links of a base image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseFiles {
    found: BTreeMap<ImagePath, Found>,
}

impl BaseFiles {
    /// Of no base at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Lists those of an image in a layout.
    ///
    /// # Errors
    /// When a layer is missing, damaged, or compressed in a way this program cannot undo.
    pub fn read(layout: &Layout, manifest: &Manifest) -> Result<Self, BaseError> {
        let mut files = Self::default();
        for layer in &manifest.layers {
            if layer.is_foreign() && !layout.has(layer) {
                return Err(BaseError::Foreign(layer.digest));
            }
            let blob = layout.open_blob(layer)?;
            let read = match &*layer.media_type {
                media_type::LAYER => files.add(blob),
                media_type::LAYER_GZIP | media_type::DOCKER_LAYER => {
                    files.add(MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, blob)))
                }
                media_type::LAYER_ZSTD => files.add(Frames::new(blob)),
                other => {
                    let (digest, media_type) = (layer.digest, other.to_owned());
                    return Err(BaseError::Compression { digest, media_type });
                }
            };
            read.map_err(|source| unreadable(layer, source))?;
        }
        Ok(files)
    }

    fn add(&mut self, tar: impl Read) -> io::Result<()> {
        let mut archive = tar::Archive::new(tar);
        for entry in archive.entries()? {
            let entry = entry?;
            let path = entry.path_bytes();
            let Ok(path) = std::str::from_utf8(&path) else { continue };
            let (folder, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path));
            if name == ".wh..wh..opq" {
                self.remove(folder, false);
                continue;
            }
            if let Some(gone) = name.strip_prefix(WHITEOUT) {
                self.remove(&format!("{folder}/{gone}"), true);
                continue;
            }
            let Ok(path) = path.parse::<ImagePath>() else { continue };
            match entry.header().entry_type() {
                EntryType::Directory => self.found.insert(path, Found::Folder),
                EntryType::Symlink => {
                    let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                    match String::from_utf8(target) {
                        Ok(target) => self.found.insert(path, Found::Link(target)),
                        Err(_) => None,
                    }
                }
                _ => self.found.remove(&path),
            };
            if self.found.len() > MAX_ENTRIES {
                return Err(io::Error::other("it has more files than any image needs"));
            }
        }
        // What follows the end of the tar is part of the blob that is verified.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop)
    }

    fn remove(&mut self, path: &str, itself: bool) {
        let Ok(path) = path.parse::<ImagePath>() else {
            // The root.
            return if !itself {
                self.found.clear()
            };
        };
        let below = format!("{path}/");
        self.found
            .retain(|other, _| !(other.as_str().starts_with(&below) || itself && *other == path));
    }

    /// Where the files of a tree go, in the order of a layer: folders first.
    pub(super) fn place(&self, tree: &Tree) -> BTreeMap<ImagePath, Node> {
        let mut placed: BTreeMap<ImagePath, Node> = BTreeMap::new();
        for (path, node) in tree.nodes() {
            let path = self.resolve(path);
            for parent in path.parents() {
                if !self.found.contains_key(&parent) {
                    placed.entry(parent).or_insert(Node::Folder { mode: 0o755 });
                }
            }
            // A folder that the base has keeps its permissions and its owner.
            if matches!(node, Node::Folder { .. }) && self.is_folder(&path) {
                continue;
            }
            placed.insert(path, node.clone());
        }
        placed
    }

    fn is_folder(&self, path: &ImagePath) -> bool {
        match self.found.get(path) {
            Some(Found::Folder) => true,
            Some(Found::Link(_)) => self.found.get(&self.follow(path)) == Some(&Found::Folder),
            None => false,
        }
    }

    /// The path with the links among its parents followed, as the container will see it. A link
    /// at the path itself is replaced.
    fn resolve(&self, path: &ImagePath) -> ImagePath {
        match path.as_str().rsplit_once('/') {
            Some((folder, name)) => {
                let folder: Result<ImagePath, _> = folder.parse();
                let resolved = folder.and_then(|folder| self.follow(&folder).join(name));
                resolved.unwrap_or_else(|_| path.clone())
            }
            None => path.clone(),
        }
    }

    /// The path with all links followed; where they lead in circles, the path itself.
    fn follow(&self, path: &ImagePath) -> ImagePath {
        let mut left: Vec<String> = path.as_str().rsplit('/').map(str::to_owned).collect();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = left.pop() {
            match &*part {
                "" | "." => continue,
                ".." => {
                    done.pop();
                    continue;
                }
                _ => done.push(part),
            }
            let here: Option<ImagePath> = done.join("/").parse().ok();
            if let Some(Found::Link(target)) = here.and_then(|here| self.found.get(&here)) {
                links += 1;
                if links > MAX_LINKS {
                    return path.clone();
                }
                match target.starts_with('/') {
                    true => done.clear(),
                    false => drop(done.pop()),
                }
                left.extend(target.rsplit('/').map(str::to_owned));
            }
        }
        done.join("/").parse().unwrap_or_else(|_| path.clone())
    }
}

fn unreadable(layer: &Descriptor, source: io::Error) -> BaseError {
    BaseError::Layer { digest: layer.digest, source }
}

#[cfg(test)]
mod tests;
