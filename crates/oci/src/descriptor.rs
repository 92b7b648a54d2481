//! Descriptors: what a blob is, how large, and by which digest it is found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::platform::Platform;

/// Names of what blobs hold.
pub mod media_type {
    /// An image manifest.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// A list of manifests, one per platform.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// The configuration of an image.
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// A layer: tar.
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// A layer: tar in gzip.
    pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A layer: tar in zstd.
    pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// Docker's name of a manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's name of an index.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's name of a configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker's name of a layer.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
}

/// Keys of annotations.
pub mod annotation {
    /// In the `index.json` of a layout: the tag, or the whole reference.
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
    /// Where containerd takes the name of an imported image from.
    pub const CONTAINERD_NAME: &str = "io.containerd.image.name";
    /// The commit an image was built from.
    pub const REVISION: &str = "org.opencontainers.image.revision";
    /// The repository an image was built from.
    pub const SOURCE: &str = "org.opencontainers.image.source";
    /// The digest of the base image.
    pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
    /// The name of the base image.
    pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
}

/// What a blob holds, as far as copying an image depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Manifests, one per platform.
    Index,
    /// A configuration and layers.
    Manifest,
    /// Nothing that refers to other blobs.
    Leaf,
}

/// A reference to content by its digest.
/// <https://github.com/opencontainers/image-spec/blob/main/descriptor.md>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What else is said about it, such as its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// In an index: what it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Fields this crate has no use for: they are kept.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Descriptor {
    /// Without annotations or platform.
    #[must_use]
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        let media_type = media_type.to_owned();
        Self { media_type, digest, size, annotations: None, platform: None, rest: Map::new() }
    }

    /// Of bytes at hand.
    #[must_use]
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// The same for a platform.
    #[must_use]
    pub fn on(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// The same with one more annotation.
    #[must_use]
    pub fn annotated(mut self, key: &str, value: impl Into<String>) -> Self {
        self.annotations.get_or_insert_default().insert(key.to_owned(), value.into());
        self
    }

    /// An annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// What the content is, as far as copying depends on it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &*self.media_type {
            media_type::INDEX | media_type::DOCKER_LIST => Kind::Index,
            media_type::MANIFEST | media_type::DOCKER_MANIFEST => Kind::Manifest,
            _ => Kind::Leaf,
        }
    }

    /// Whether the content is a layer that may not be passed on and stays where `urls` says.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.media_type.contains("nondistributable") || self.media_type.contains(".foreign.")
    }
}
