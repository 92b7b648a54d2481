//! Images: a base, files, and how they are started. Written into a layout, without a daemon and
//! without running anything, so an image for another processor is as easy as one for this.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::descriptor::{Descriptor, annotation, media_type};
use crate::document::{ConfigPlatform, History, ImageConfig, Index, Manifest, RootFs, Runtime};
use crate::layer::{BaseError, BaseFiles, Layer, LayerError};
use crate::layout::{Layout, LayoutError};
use crate::platform::Platform;
use crate::tree::Tree;

/// Why an image cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The layout cannot be read or written.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The base cannot be read.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// A layer cannot be written.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The base has more or fewer layers than its configuration says.
    #[error("base image {digest} has {layers} layers and {diff_ids} digests of layers")]
    BaseLayers {
        /// Which.
        digest: crate::Digest,
        /// In its manifest.
        layers: usize,
        /// In its configuration.
        diff_ids: usize,
    },
    /// Not a time that can be written.
    #[error("{0} is no time in seconds since 1970")]
    Created(u64),
    /// Two images for one platform.
    #[error("two images for {0} in one index")]
    SamePlatform(Platform),
    /// An entry of an index has no platform.
    #[error("image {0} says no platform, so it cannot be part of an index")]
    NoPlatform(crate::Digest),
}

/// How the image is started, where it differs from its base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is started. Takes the arguments of the base away, as a Dockerfile does.
    pub entrypoint: Option<Vec<String>>,
    /// Its arguments.
    pub cmd: Option<Vec<String>>,
    /// Variables, by name; added to those of the base.
    pub env: BTreeMap<String, String>,
    /// The user.
    pub user: Option<String>,
    /// The folder it is started in.
    pub working_dir: Option<String>,
    /// Ports such as `8080/tcp`, added to those of the base.
    pub ports: Vec<String>,
    /// Labels, added to those of the base.
    pub labels: BTreeMap<String, String>,
}

/// An image to be written.
#[derive(Clone, Debug)]
pub struct Image {
    /// What it runs on.
    pub platform: Platform,
    /// The image it stands on, in the same layout: a manifest, or an index that has the platform.
    pub base: Option<Descriptor>,
    /// What the base is called, for annotations.
    pub base_name: Option<String>,
    /// Its own layers, lowest first. Empty ones are left out.
    pub layers: Vec<Tree>,
    /// How it is started.
    pub changes: Changes,
    /// What is said about it.
    pub annotations: BTreeMap<String, String>,
    /// The time that everything in it bears, in seconds since 1970: that of the commit, or 0,
    /// never now.
    pub created: u64,
}

impl Image {
    /// With nothing in it.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        Self {
            platform,
            base: None,
            base_name: None,
            layers: Vec::new(),
            changes: Changes::default(),
            annotations: BTreeMap::new(),
            created: 0,
        }
    }

    /// Writes it into a layout, without a name. The descriptor says the platform.
    ///
    /// # Errors
    /// When the base is not there, a file cannot be read, or the layout not be written.
    pub fn write(&self, layout: &Layout) -> Result<Descriptor, ImageError> {
        let seconds = i64::try_from(self.created).map_err(|_| ImageError::Created(self.created))?;
        let created = Timestamp::from_second(seconds);
        let created = created.map_err(|_| ImageError::Created(self.created))?.to_string();
        let mut foundation = self.foundation(layout)?;
        let mut annotations = self.annotations.clone();
        if let Some(base) = &self.base {
            annotations.insert(annotation::BASE_DIGEST.to_owned(), base.digest.to_string());
        }
        if let Some(name) = &self.base_name {
            annotations.insert(annotation::BASE_NAME.to_owned(), name.clone());
        }
        for tree in self.layers.iter().filter(|tree| !tree.is_empty()) {
            let layer = Layer::write(layout, tree, &foundation.files, self.created)?;
            foundation.layers.push(layer.descriptor);
            foundation.config.rootfs.diff_ids.push(layer.diff_id);
            foundation.config.history.push(History {
                created: Some(created.clone()),
                created_by: Some("kubewright workspace image".to_owned()),
                ..History::default()
            });
        }
        let mut config = foundation.config;
        config.created = Some(created);
        self.changes.apply(&mut config.config);
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media_type::MANIFEST.to_owned()),
            config: layout.write_json(media_type::CONFIG, &config)?,
            layers: foundation.layers,
            annotations: (!annotations.is_empty()).then_some(annotations),
            rest: Map::new(),
        };
        let descriptor = layout.write_json(media_type::MANIFEST, &manifest)?;
        Ok(descriptor.on(Platform::from(&config.platform)))
    }

    fn foundation(&self, layout: &Layout) -> Result<Foundation, ImageError> {
        let Some(base) = &self.base else {
            return Ok(Foundation {
                files: BaseFiles::none(),
                layers: Vec::new(),
                config: ImageConfig {
                    created: None,
                    platform: ConfigPlatform::from(&self.platform),
                    config: Runtime::default(),
                    rootfs: RootFs { kind: "layers".to_owned(), diff_ids: Vec::new() },
                    history: Vec::new(),
                    rest: Map::new(),
                },
            });
        };
        let image = layout.select(base, &self.platform)?;
        let manifest = layout.manifest(&image)?;
        let config = layout.config(&manifest)?;
        let has = Platform::from(&config.platform);
        if !has.serves(&self.platform) {
            let (wanted, digest) = (self.platform.clone(), image.digest);
            let known = vec![has.to_string()];
            return Err(LayoutError::NoPlatform { wanted, digest, known }.into());
        }
        let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            return Err(ImageError::BaseLayers { digest: image.digest, layers, diff_ids });
        }
        let files = match self.layers.iter().all(Tree::is_empty) {
            true => BaseFiles::none(),
            false => BaseFiles::read(layout, &manifest)?,
        };
        let layers = manifest.layers.into_iter().map(oci_layer).collect();
        Ok(Foundation { files, layers, config })
    }
}

/// What an image stands on.
struct Foundation {
    files: BaseFiles,
    layers: Vec<Descriptor>,
    config: ImageConfig,
}

/// A layer of Docker's type by its OCI name: the content is the same, and an OCI manifest names
/// OCI types.
fn oci_layer(mut layer: Descriptor) -> Descriptor {
    if layer.media_type == media_type::DOCKER_LAYER {
        media_type::LAYER_GZIP.clone_into(&mut layer.media_type);
    }
    layer
}

impl Changes {
    fn apply(&self, runtime: &mut Runtime) {
        if let Some(entrypoint) = &self.entrypoint {
            runtime.entrypoint = Some(entrypoint.clone());
            runtime.cmd = None;
        }
        let set = |to: &mut Option<_>, from: &Option<_>| {
            if let Some(value) = from {
                *to = Some(Clone::clone(value));
            }
        };
        if let Some(cmd) = &self.cmd {
            runtime.cmd = Some(cmd.clone());
        }
        set(&mut runtime.user, &self.user);
        set(&mut runtime.working_dir, &self.working_dir);
        for (name, value) in &self.env {
            let env = runtime.env.get_or_insert_default();
            let prefix = format!("{name}=");
            env.retain(|other| !other.starts_with(&prefix));
            env.push(prefix + value);
        }
        for port in &self.ports {
            let ports = runtime.exposed_ports.get_or_insert_default();
            ports.insert(port.clone(), Value::Object(Map::new()));
        }
        for (name, value) in &self.labels {
            runtime.labels.get_or_insert_default().insert(name.clone(), value.clone());
        }
    }
}

/// Joins images for several platforms into one, in a stable order. Each must say its platform.
///
/// # Errors
/// When two are for the same platform, or one for none, or the layout cannot be written.
pub fn join(
    layout: &Layout,
    images: &[Descriptor],
    annotations: &BTreeMap<String, String>,
) -> Result<Descriptor, ImageError> {
    let mut entries: BTreeMap<String, Descriptor> = BTreeMap::new();
    for image in images {
        let platform = image.platform.clone().ok_or(ImageError::NoPlatform(image.digest))?;
        let entry = Descriptor::new(&image.media_type, image.digest, image.size);
        if entries.insert(platform.to_string(), entry.on(platform.clone())).is_some() {
            return Err(ImageError::SamePlatform(platform));
        }
    }
    let mut index = Index::of(entries.into_values().collect());
    index.annotations = (!annotations.is_empty()).then(|| annotations.clone());
    Ok(layout.write_json(media_type::INDEX, &index)?)
}

#[cfg(test)]
mod tests;
