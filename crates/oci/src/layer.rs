//! Layers: a tree as a tar in gzip, the same bytes for the same files.

mod base;
mod zstd;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use tar::{EntryType, Header};

use crate::descriptor::{Descriptor, media_type};
use crate::digest::{Digest, Hasher};
use crate::gzip::Gzip;
use crate::layout::{Layout, LayoutError};
use crate::path::ImagePath;
use crate::tree::{Content, Node, Tree};

pub use base::{BaseError, BaseFiles};

/// Why a layer cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The layout does not take it.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A file of the tree cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file changed meanwhile.
    #[error("{} changed while it was copied into an image", .0.display())]
    Changed(PathBuf),
    /// Writing failed.
    #[error("cannot write {path} of a layer")]
    Write {
        /// Which entry.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A layer in a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Of the compressed tar.
    pub descriptor: Descriptor,
    /// Digest of the tar itself.
    pub diff_id: Digest,
}

impl Layer {
    /// Writes a tree as a layer: entries in the order of their paths, owned by root, with
    /// `mtime` in seconds since 1970. Folders that neither the tree nor the base has are added,
    /// those of the base stay as they are, and paths follow the symbolic links of the base: a
    /// file for `/bin` of a base where that is a link to `usr/bin` does not replace the link.
    ///
    /// # Errors
    /// When a file cannot be read, changes meanwhile, or the layout cannot be written.
    pub fn write(
        layout: &Layout,
        tree: &Tree,
        base: &BaseFiles,
        mtime: u64,
    ) -> Result<Self, LayerError> {
        let sink = Sink { gzip: Gzip::new(layout.writer()?), tar: Hasher::new() };
        let mut tar = tar::Builder::new(sink);
        for (path, node) in &base.place(tree) {
            append(&mut tar, path, node, mtime)?;
        }
        let ending = |source| LayerError::Write { path: "the end".to_owned(), source };
        let sink = tar.into_inner().map_err(ending)?;
        let (diff_id, _) = sink.tar.finish();
        let blob = sink.gzip.finish().map_err(ending)?;
        Ok(Self { descriptor: blob.commit(media_type::LAYER_GZIP)?, diff_id })
    }
}

/// Takes the tar: its digest, and compressed into a blob.
struct Sink<W> {
    gzip: Gzip<W>,
    tar: Hasher,
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.gzip.write(bytes)?;
        self.tar.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.gzip.flush()
    }
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    path: &ImagePath,
    node: &Node,
    mtime: u64,
) -> Result<(), LayerError> {
    let writing = |source| LayerError::Write { path: path.to_string(), source };
    let mut header = Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    match node {
        Node::Folder { mode } => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(*mode);
            header.set_size(0);
            tar.append_data(&mut header, format!("{path}/"), io::empty()).map_err(writing)
        }
        Node::Link { target } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            tar.append_link(&mut header, path.as_str(), target).map_err(writing)
        }
        Node::File { content, mode } => {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(*mode);
            match content {
                Content::Bytes(bytes) => {
                    header.set_size(bytes.len() as u64);
                    tar.append_data(&mut header, path.as_str(), &**bytes).map_err(writing)
                }
                Content::File(from) => append_file(tar, path, from.clone(), header),
            }
        }
    }
}

fn append_file(
    tar: &mut tar::Builder<impl Write>,
    path: &ImagePath,
    from: PathBuf,
    mut header: Header,
) -> Result<(), LayerError> {
    let reading = |source| LayerError::Read { path: from.clone(), source };
    let file = File::open(&from).map_err(reading)?;
    let size = file.metadata().map_err(reading)?.len();
    header.set_size(size);
    let mut counted = Counted { file, left: size, over: false };
    tar.append_data(&mut header, path.as_str(), &mut counted)
        .map_err(|source| LayerError::Write { path: path.to_string(), source })?;
    match counted.left == 0 && !counted.over {
        true => Ok(()),
        false => Err(LayerError::Changed(from)),
    }
}

/// A file of a size that its header has announced already.
struct Counted {
    file: File,
    left: u64,
    over: bool,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.over = !buffer.is_empty() && self.file.read(&mut [0])? > 0;
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
