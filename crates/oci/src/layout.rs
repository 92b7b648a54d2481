//! Image layouts: a folder of blobs by digest, and an index of what it holds.
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>
//!
//! A blob appears under its name only complete, checked and on disk. Several processes may write
//! to one layout: the index is changed under a lock, and replaced whole.

mod blob;
mod error;
mod walk;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::descriptor::{Descriptor, annotation};
use crate::digest::{Digest, Verified};
use crate::document::{ImageConfig, Index, MAX_DOCUMENT, Manifest};
use crate::scratch;

pub use blob::BlobWriter;
pub use error::LayoutError;
pub(crate) use walk::MAX_DEPTH;

use error::io_error;

/// A folder of images.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Opens a layout, making it where there is none.
    ///
    /// # Errors
    /// When the folder cannot be made or is something else.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, LayoutError> {
        let layout = Self { root: root.into() };
        let blobs = layout.blobs();
        fs::create_dir_all(&blobs).map_err(io_error("make the folder", &blobs))?;
        let lock = layout.lock()?;
        if let Ok(owner) = lock.metadata() {
            scratch::sweep(&layout.root.join("blobs"), blob::PART, &owner);
        }
        if !layout.marker().exists() {
            layout.replace(&layout.marker(), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        }
        if !layout.index_path().exists() {
            layout.write_index(&Index::default())?;
        }
        Self::open(layout.root)
    }

    /// Opens a layout.
    ///
    /// # Errors
    /// When it is none.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, LayoutError> {
        let layout = Self { root: root.into() };
        let marker = fs::read(layout.marker()).ok();
        let version = marker.and_then(|text| {
            let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
            Some(value.get("imageLayoutVersion")?.as_str()?.starts_with("1."))
        });
        match version {
            Some(true) => Ok(layout),
            _ => Err(LayoutError::NotALayout(layout.root)),
        }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn marker(&self) -> PathBuf {
        self.root.join("oci-layout")
    }

    fn index_path(&self) -> PathBuf {
        self.root.join("index.json")
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    /// Where the blob is, if it is there.
    #[must_use]
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// Whether a blob of that digest and size is there. Its content was checked when it was
    /// written, and is checked again whenever it is read.
    #[must_use]
    pub fn has(&self, descriptor: &Descriptor) -> bool {
        fs::metadata(self.blob_path(&descriptor.digest))
            .is_ok_and(|found| found.is_file() && found.len() == descriptor.size)
    }

    /// Reads a blob; the reader fails when the content is not that of the digest.
    ///
    /// # Errors
    /// When it is not there.
    pub fn open_blob(&self, descriptor: &Descriptor) -> Result<Verified<File>, LayoutError> {
        let Descriptor { digest, size, .. } = *descriptor;
        if !self.has(descriptor) {
            return Err(LayoutError::Missing { digest, size, layout: self.root.clone() });
        }
        let path = self.blob_path(&digest);
        let file = File::open(&path).map_err(io_error("open", path))?;
        Ok(Verified::new(file, digest, size))
    }

    /// Reads a document whole.
    ///
    /// # Errors
    /// When it is not there, too large, or not of its digest.
    pub fn read(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        let Descriptor { digest, size, .. } = *descriptor;
        if size > MAX_DOCUMENT {
            return Err(LayoutError::TooLarge { digest, size });
        }
        let mut bytes = Vec::new();
        let mut blob = self.open_blob(descriptor)?;
        blob.read_to_end(&mut bytes).map_err(io_error("read", self.blob_path(&digest)))?;
        Ok(bytes)
    }

    fn document<T>(&self, descriptor: &Descriptor, what: &'static str) -> Result<T, LayoutError>
    where
        T: DeserializeOwned,
    {
        parse(&self.read(descriptor)?, &descriptor.digest, what)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn manifest(&self, descriptor: &Descriptor) -> Result<Manifest, LayoutError> {
        self.document(descriptor, "image manifest")
    }

    /// Reads an index.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn index(&self, descriptor: &Descriptor) -> Result<Index, LayoutError> {
        self.document(descriptor, "image index")
    }

    /// Reads the configuration of an image.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn config(&self, manifest: &Manifest) -> Result<ImageConfig, LayoutError> {
        self.document(&manifest.config, "image configuration")
    }

    /// Writes a document, unless it is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, LayoutError> {
        let descriptor = Descriptor::of(media_type, bytes);
        if self.has(&descriptor) {
            return Ok(descriptor);
        }
        let mut blob = self.writer()?;
        blob.write_all(bytes).map_err(io_error("write", self.blob_path(&descriptor.digest)))?;
        blob.commit_as(&descriptor)?;
        Ok(descriptor)
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_json(
        &self,
        media_type: &str,
        value: &impl serde::Serialize,
    ) -> Result<Descriptor, LayoutError> {
        let bytes = serde_json::to_vec(value).map_err(|source| LayoutError::Document {
            name: "what is to be written".to_owned(),
            what: "document",
            source,
        })?;
        self.write(media_type, &bytes)
    }

    /// Begins a blob whose digest is known when it is complete.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn writer(&self) -> Result<BlobWriter, LayoutError> {
        BlobWriter::new(self.clone())
    }

    /// What the layout holds by name.
    ///
    /// # Errors
    /// When its `index.json` cannot be read.
    pub fn images(&self) -> Result<Index, LayoutError> {
        let path = self.index_path();
        let mut text = Vec::new();
        let file = File::open(&path).map_err(io_error("open", &path))?;
        file.take(MAX_DOCUMENT).read_to_end(&mut text).map_err(io_error("read", &path))?;
        parse(&text, &path.display(), "image index")
    }

    /// The image of a name: what its `org.opencontainers.image.ref.name` says.
    ///
    /// # Errors
    /// When there is none; the error lists those there are.
    pub fn find(&self, name: &str) -> Result<Descriptor, LayoutError> {
        let index = self.images()?;
        let named = |found: &&Descriptor| found.annotation(annotation::REF_NAME) == Some(name);
        if let Some(found) = index.manifests.iter().find(named) {
            return Ok(found.clone());
        }
        let names =
            index.manifests.iter().filter_map(|found| found.annotation(annotation::REF_NAME));
        let known = names.map(str::to_owned).collect();
        Err(LayoutError::NoImage { name: name.to_owned(), layout: self.root.clone(), known })
    }

    /// Names an image; what had the name before loses it. Blobs are never deleted.
    ///
    /// # Errors
    /// When the index cannot be replaced.
    pub fn tag(&self, name: &str, descriptor: &Descriptor) -> Result<(), LayoutError> {
        let _lock = self.lock()?;
        let mut index = self.images()?;
        let named = descriptor.clone().annotated(annotation::REF_NAME, name);
        if index.manifests.contains(&named) {
            return Ok(());
        }
        index.manifests.retain(|found| found.annotation(annotation::REF_NAME) != Some(name));
        index.manifests.push(named);
        // The same images tagged in another order are the same index.
        index.manifests.sort_by(|one, other| {
            let key = |of: &Descriptor| {
                (of.annotation(annotation::REF_NAME).map(str::to_owned), of.digest)
            };
            key(one).cmp(&key(other))
        });
        self.write_index(&index)
    }

    fn write_index(&self, index: &Index) -> Result<(), LayoutError> {
        let text = serde_json::to_vec(index).map_err(|source| LayoutError::Document {
            name: "index.json".to_owned(),
            what: "image index",
            source,
        })?;
        self.replace(&self.index_path(), &text)
    }

    fn replace(&self, path: &Path, text: &[u8]) -> Result<(), LayoutError> {
        let file = tempfile::Builder::new().prefix(".").tempfile_in(&self.root);
        let mut file = file.map_err(io_error("make a file in", &self.root))?;
        file.write_all(text)
            .and_then(|()| readable(file.as_file()))
            .and_then(|()| file.as_file().sync_all())
            .and_then(|()| file.persist(path).map_err(|error| error.error))
            .map_err(io_error("replace", path))?;
        Ok(())
    }

    /// Held while the index changes; released with the file.
    fn lock(&self) -> Result<File, LayoutError> {
        let path = self.root.join(".lock");
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(io_error("open", &path))?;
        file.lock().map_err(io_error("lock", &path))?;
        Ok(file)
    }
}

/// Temporary files are for their owner alone; what is in a layout is for all.
fn readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

pub(crate) fn parse<T: DeserializeOwned>(
    text: &[u8],
    name: &dyn std::fmt::Display,
    what: &'static str,
) -> Result<T, LayoutError> {
    serde_json::from_slice(text).map_err(|source| LayoutError::Document {
        name: name.to_string(),
        what,
        source,
    })
}

#[cfg(test)]
mod tests;
