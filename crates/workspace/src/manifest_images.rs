//! Kubernetes manifests with the images of the workspace in them.
//!
//! Only the references are replaced, where they stand in the text: comments, order and style stay.
//! An image that is made by no component and is not said to be of others is an error; the old way,
//! replacing what matched, left such images as they were and nobody noticed.
//!
//! ```text
//! text ──> nodes, aliases and merges followed ──> places: what Kubernetes would run ──┐
//!            └──> all other texts ──> mentions of images, replaced where they are ours ─┴──> text
//! ```

mod mention;
mod node;
mod output;
mod place;
mod rewrite;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::image::{ImageError, Images};
use crate::name::InnerPath;
use crate::workspace::Workspace;

pub use output::{OutputError, Written, write};
pub use rewrite::{Place, RewriteError, Rewritten, rewrite};

/// Why manifests cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A pattern of `[manifests] sources` matches nothing.
    #[error("[manifests] sources: {0} matches no file")]
    NoFile(InnerPath),
    /// Nothing is said to be rendered.
    #[error("[manifests] has no sources: say which files the manifests are in")]
    NoSources,
    /// Two sources would be rendered to the same file.
    #[error("{} and {} would both be rendered to {name}", first.display(), second.display())]
    SameName {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// The file.
        name: String,
    },
    /// A file cannot be used.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A manifest cannot be rewritten.
    #[error("{}: {source}", path.display())]
    Rewrite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: RewriteError,
    },
    /// An image has no digest yet.
    #[error(transparent)]
    Image(Box<ImageError>),
}

impl From<ImageError> for RenderError {
    fn from(error: ImageError) -> Self {
        Self::Image(Box::new(error))
    }
}

/// A rendered manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rendered {
    /// The file it was made of.
    pub source: PathBuf,
    /// Its file name.
    pub name: String,
    /// Its text.
    #[serde(skip)]
    pub text: String,
    /// The images in it.
    pub images: Vec<Place>,
}

/// How images are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By tags, which are known before anything is built.
    Tag,
    /// By digests, which are known when the images are made.
    Digest,
}

/// Renders all manifests of a workspace; nothing is written.
///
/// # Errors
/// When a file cannot be used, or an image in it is unknown.
pub fn render(
    workspace: &Workspace,
    images: &Images<'_>,
    by: By,
) -> Result<Vec<Rendered>, RenderError> {
    let sources = &workspace.manifest.manifests.sources;
    if sources.is_empty() {
        return Err(RenderError::NoSources);
    }
    let known = references(images, by)?;
    let external = &workspace.manifest.manifests.external;
    let replace = |reference: &str| {
        if external.iter().any(|pattern| matches(pattern, reference)) {
            return Some(reference.to_owned());
        }
        let parsed: kubewright_oci::Reference = reference.parse().ok()?;
        let last = parsed.repository().rsplit('/').next()?;
        known.get(last).cloned()
    };
    let mut rendered: BTreeMap<String, Rendered> = BTreeMap::new();
    for source in sources {
        for path in files(&workspace.root, source)? {
            let wrong = |source| RenderError::File { path: path.clone(), source };
            let text = std::fs::read_to_string(&path).map_err(wrong)?;
            let rewritten = rewrite(&text, replace)
                .map_err(|source| RenderError::Rewrite { path: path.clone(), source })?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Rewritten { text, images } = rewritten;
            let one = Rendered { source: path.clone(), name: name.clone(), text, images };
            if let Some(first) = rendered.insert(name.clone(), one)
                && first.source != path
            {
                return Err(RenderError::SameName { first: first.source, second: path, name });
            }
        }
    }
    Ok(rendered.into_values().collect())
}

/// References of all images by the last part of their names.
fn references(images: &Images<'_>, by: By) -> Result<BTreeMap<String, String>, ImageError> {
    let mut known = BTreeMap::new();
    for (name, image) in images.all() {
        let reference = match by {
            By::Tag => images.reference(name, image),
            By::Digest => {
                let digest = images.index(name, image)?.digest;
                let reference = images.reference(name, image);
                let untagged = reference.rsplit_once(':').map_or(&reference[..], |(name, _)| name);
                format!("{untagged}@{digest}")
            }
        };
        known.insert(image.name.last().to_owned(), reference);
    }
    Ok(known)
}

/// The files of a pattern, in order; `*` stands for part of a file name.
fn files(root: &Path, pattern: &InnerPath) -> Result<Vec<PathBuf>, RenderError> {
    let path = root.join(pattern.as_str());
    if !pattern.as_str().contains('*') {
        return match path.is_file() {
            true => Ok(vec![path]),
            false => Err(RenderError::NoFile(pattern.clone())),
        };
    }
    let folder = path.parent().unwrap_or(root).to_owned();
    let wrong = |source| RenderError::File { path: folder.clone(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        if matches(pattern.file_name(), &entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        }
    }
    found.retain(|path| path.is_file());
    found.sort();
    match found.is_empty() {
        true => Err(RenderError::NoFile(pattern.clone())),
        false => Ok(found),
    }
}

/// Whether a text is as a pattern, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests;
