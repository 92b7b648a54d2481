//! A layout as a tar that `ctr images import` and `docker load` take.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::Serialize;
use tar::{EntryType, Header};

use super::ArchiveError;
use crate::descriptor::{Descriptor, Kind, annotation};
use crate::document::Index;
use crate::layout::Layout;
use crate::platform::Platform;

/// What docker reads of an archive.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: [String; 1],
    layers: Vec<String>,
}

/// Writes images, each with its whole name, as one tar: the same bytes for the same images, in
/// constant memory. Docker, which knows one platform, finds those for `platform`.
///
/// # Errors
/// When the layout cannot be read, a blob in it is damaged, or writing fails.
pub fn export(
    layout: &Layout,
    images: &[(String, Descriptor)],
    platform: &Platform,
    out: impl Write,
) -> Result<(), ArchiveError> {
    let mut blobs = BTreeMap::new();
    let mut index = Index::default();
    let mut docker = Vec::new();
    for (name, image) in images {
        for blob in layout.closure(image)? {
            blobs.insert(blob.digest, blob);
        }
        let named = image.clone().annotated(annotation::CONTAINERD_NAME, name);
        index.manifests.push(named.annotated(annotation::REF_NAME, name));
        if let Ok(one) = layout.select(image, platform)
            && one.kind() == Kind::Manifest
        {
            let manifest = layout.manifest(&one)?;
            docker.push(DockerEntry {
                config: place(&manifest.config),
                repo_tags: [name.clone()],
                layers: manifest.layers.iter().map(place).collect(),
            });
        }
    }
    let json = |value: serde_json::Result<Vec<u8>>| {
        value.map_err(|error| ArchiveError::Write(error.into()))
    };
    let mut tar = tar::Builder::new(out);
    for folder in ["blobs/", "blobs/sha256/"] {
        put(&mut tar, folder, 0, io::empty())?;
    }
    for blob in blobs.into_values() {
        put(&mut tar, &place(&blob), blob.size, layout.open_blob(&blob)?)?;
    }
    for (name, content) in [
        ("index.json", json(serde_json::to_vec(&index))?),
        ("manifest.json", json(serde_json::to_vec(&docker))?),
        ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
    ] {
        put(&mut tar, name, content.len() as u64, &*content)?;
    }
    tar.into_inner().and_then(|mut out| out.flush()).map_err(ArchiveError::Write)
}

fn place(blob: &Descriptor) -> String {
    format!("blobs/sha256/{}", blob.digest.hex())
}

fn put(
    tar: &mut tar::Builder<impl Write>,
    name: &str,
    size: u64,
    content: impl Read,
) -> Result<(), ArchiveError> {
    let mut header = Header::new_gnu();
    let folder = name.ends_with('/');
    header.set_entry_type(if folder { EntryType::Directory } else { EntryType::Regular });
    header.set_mode(if folder { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    tar.append_data(&mut header, name, content).map_err(ArchiveError::Write)
}
