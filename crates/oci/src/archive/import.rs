//! An image of `docker save` into a layout.
//!
//! The archive is read by its table; nothing in it becomes a path, and what the configuration says
//! of its layers is checked.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use tar::EntryType;

use super::ArchiveError;
use crate::descriptor::{Descriptor, media_type};
use crate::digest::Hasher;
use crate::document::{ImageConfig, MAX_DOCUMENT, Manifest};
use crate::gzip::Gzip;
use crate::layout::{Layout, LayoutError};
use crate::platform::Platform;

/// Most files of an archive.
const MAX_FILES: usize = 100_000;
/// How many links lead to a layer; docker writes one where two layers are the same.
const MAX_LINKS: usize = 8;
/// The first bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default)]
    layers: Vec<String>,
}

enum Found {
    File { at: u64, size: u64 },
    Link(String),
}

/// Reads the one image of an archive into a layout, without giving it a name there.
///
/// # Errors
/// When it is no such archive, has not one image, or its layers are not what it says.
pub fn import(archive: &Path, layout: &Layout) -> Result<Descriptor, ArchiveError> {
    let archive = Archive::open(archive)?;
    let text = archive.document("manifest.json")?;
    let entries: Vec<Entry> = serde_json::from_slice(&text)
        .map_err(|error| archive.wrong(format!("its manifest.json: {error}")))?;
    let [entry] = &entries[..] else {
        return Err(archive.wrong(format!("it has {} images, not one", entries.len())));
    };
    let text = archive.document(&entry.config)?;
    let config: ImageConfig = serde_json::from_slice(&text)
        .map_err(|error| archive.wrong(format!("its configuration: {error}")))?;
    if config.rootfs.diff_ids.len() != entry.layers.len() {
        return Err(archive.wrong("it has another number of layers than it says".to_owned()));
    }
    let mut layers = Vec::new();
    for (name, diff_id) in entry.layers.iter().zip(&config.rootfs.diff_ids) {
        let (layer, found) = archive.layer(name, layout)?;
        if found != *diff_id {
            return Err(archive.wrong(format!("layer {name:?} is {found}, not {diff_id}")));
        }
        layers.push(layer);
    }
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(media_type::MANIFEST.to_owned()),
        config: layout.write(media_type::CONFIG, &text)?,
        layers,
        annotations: None,
        rest: serde_json::Map::new(),
    };
    let image = layout.write_json(media_type::MANIFEST, &manifest)?;
    Ok(image.on(Platform::from(&config.platform)))
}

struct Archive<'a> {
    path: &'a Path,
    found: HashMap<String, Found>,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Self, ArchiveError> {
        let mut archive = Self { path, found: HashMap::new() };
        archive.scan().map_err(|source| archive.unreadable(source))?;
        Ok(archive)
    }

    fn scan(&mut self) -> io::Result<()> {
        let mut tar = tar::Archive::new(File::open(self.path)?);
        for entry in tar.entries_with_seek()? {
            let entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let found = match entry.header().entry_type() {
                EntryType::Regular => {
                    Found::File { at: entry.raw_file_position(), size: entry.size() }
                }
                EntryType::Symlink | EntryType::Link => {
                    let target = entry.link_name_bytes().unwrap_or_default();
                    Found::Link(String::from_utf8_lossy(&target).into_owned())
                }
                _ => continue,
            };
            self.found.insert(name, found);
            if self.found.len() > MAX_FILES {
                return Err(io::Error::other("it has more files than an archive of an image has"));
            }
        }
        Ok(())
    }

    fn wrong(&self, why: String) -> ArchiveError {
        ArchiveError::Format { path: self.path.to_owned(), why }
    }

    fn unreadable(&self, source: io::Error) -> ArchiveError {
        ArchiveError::Read { path: self.path.to_owned(), source }
    }

    fn file(&self, name: &str) -> Result<(io::Take<File>, u64), ArchiveError> {
        let mut name = name.to_owned();
        for _ in 0..MAX_LINKS {
            match self.found.get(&name) {
                None => return Err(self.wrong(format!("{name:?} is not in it"))),
                Some(Found::Link(target)) => name = beside(&name, target),
                Some(Found::File { at, size }) => {
                    let open = || -> io::Result<File> {
                        let mut file = File::open(self.path)?;
                        file.seek(SeekFrom::Start(*at))?;
                        Ok(file)
                    };
                    let file = open().map_err(|source| self.unreadable(source))?;
                    return Ok((file.take(*size), *size));
                }
            }
        }
        Err(self.wrong(format!("{name:?} is a link to links without end")))
    }

    fn document(&self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let (mut file, size) = self.file(name)?;
        if size > MAX_DOCUMENT {
            return Err(self.wrong(format!("{name:?} has {size} bytes")));
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|source| self.unreadable(source))?;
        Ok(text)
    }

    /// A layer, compressed by us whatever it was: with the digest of its tar.
    fn layer(
        &self,
        name: &str,
        layout: &Layout,
    ) -> Result<(Descriptor, crate::Digest), ArchiveError> {
        let (mut file, _) = self.file(name)?;
        let mut magic = Vec::new();
        let read = (&mut file).take(GZIP.len() as u64).read_to_end(&mut magic);
        read.map_err(|source| self.unreadable(source))?;
        let compressed = magic == GZIP;
        let whole = io::Cursor::new(magic).chain(file);
        let mut tar: Box<dyn Read> = match compressed {
            true => Box::new(MultiGzDecoder::new(io::BufReader::new(whole))),
            false => Box::new(whole),
        };
        let mut gzip = Gzip::new(layout.writer()?);
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        let write = |source| LayoutError::Io {
            verb: "write a layer to",
            path: layout.root().to_owned(),
            source,
        };
        loop {
            let read = tar.read(&mut buffer).map_err(|source| self.unreadable(source))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            gzip.write_all(&buffer[..read]).map_err(write)?;
        }
        let blob = gzip.finish().map_err(write)?;
        Ok((blob.commit(media_type::LAYER_GZIP)?, hasher.finish().0))
    }
}

/// Where a link leads, as a name in the archive.
fn beside(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
