//! One blob on its way into a layout.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::{Layout, LayoutError, io_error, readable};
use crate::descriptor::Descriptor;
use crate::digest::{Digest, Hasher};
use crate::scratch;

/// How names of unfinished blobs begin.
pub(super) const PART: &str = ".part-";

/// Takes content and gives it its name. Dropped before, it leaves nothing behind.
#[derive(Debug)]
pub struct BlobWriter {
    layout: Layout,
    file: NamedTempFile,
    hasher: Hasher,
}

impl BlobWriter {
    pub(super) fn new(layout: Layout) -> Result<Self, LayoutError> {
        // Beside the blobs, so that the name is given by a rename; where no digest can be.
        let folder = layout.root.join("blobs");
        let file = tempfile::Builder::new().prefix(PART).tempfile_in(&folder);
        let file = file.map_err(io_error("make a file in", folder))?;
        scratch::hold(file.as_file());
        Ok(Self { layout, file, hasher: Hasher::new() })
    }

    /// How many bytes it has taken.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.hasher.size()
    }

    /// Gives the blob the name of its content.
    ///
    /// # Errors
    /// When the file cannot be brought to disk or renamed.
    pub fn commit(self, media_type: &str) -> Result<Descriptor, LayoutError> {
        let (digest, size) = self.hasher.clone().finish();
        self.keep(digest)?;
        Ok(Descriptor::new(media_type, digest, size))
    }

    /// The same, where the content is known beforehand.
    ///
    /// # Errors
    /// When the content is another; nothing is kept then.
    pub fn commit_as(self, wanted: &Descriptor) -> Result<(), LayoutError> {
        let (found, found_size) = self.hasher.clone().finish();
        if (found, found_size) != (wanted.digest, wanted.size) {
            return Err(LayoutError::Unexpected {
                wanted: wanted.digest,
                wanted_size: wanted.size,
                found,
                found_size,
            });
        }
        self.keep(found)
    }

    fn keep(self, digest: Digest) -> Result<(), LayoutError> {
        let path = self.layout.blob_path(&digest);
        readable(self.file.as_file())
            .and_then(|()| self.file.as_file().sync_all())
            .and_then(|()| self.file.persist(&path).map_err(|error| error.error))
            .and_then(|_| sync_folder(&path))
            .map_err(io_error("write", path))
    }
}

/// Brings the name itself to disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => fs::metadata(path).map(drop),
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
