//! Images of components, in a layout of the workspace.
//!
//! ```text
//!  View (tree, inputs, outputs) ──┐
//!  base, pinned by the lock ──────┴──▶ one image per platform ──▶ index of all ──▶ layout
//!                                       NAME:TAG-linux-arm64        NAME:TAG
//! ```
//!
//! The same key gives the same digest: nothing of the time, the machine or the folder goes in. Each
//! image in the layout bears the key that it was made under, and is made again when that changed.

pub mod base;
pub mod dockerfile;
mod native;
pub mod tag;

use std::collections::BTreeMap;
use std::path::PathBuf;

use kubewright_oci::{Descriptor, Layout, image, layout};
use serde::Serialize;

use crate::build::{BuildError, Keys, Store};
use crate::manifest::{Component, Image, ImageSource, Platform, file_name};
use crate::name::{ComponentName, ImageName, InnerPath};
use crate::parallel;
use crate::process::{ProcessError, Stop};
use crate::sources::Sources;
use crate::workspace::{Workspace, WorkspaceError};

/// Annotation of an image in the layout: the key that it was made under.
const KEY: &str = "io.kubewright.workspace.key";

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Its component was not built.
    #[error("image {image}: component {component} is not built for {platform}: build it first")]
    NotBuilt {
        /// The image.
        image: ImageName,
        /// Its component.
        component: ComponentName,
        /// The platform.
        platform: Platform,
    },
    /// Its component's files cannot be used.
    #[error("image {image}: its files cannot be used")]
    Files {
        /// The image.
        image: ImageName,
        /// Why.
        #[source]
        source: BuildError,
    },
    /// A file that it wants is not there.
    #[error("image {image}: component {component} has no {path}, neither built nor in its tree")]
    NoFile {
        /// The image.
        image: ImageName,
        /// Its component.
        component: ComponentName,
        /// The file.
        path: InnerPath,
    },
    /// A file cannot go into an image.
    #[error("image {image}: cannot take {}", path.display())]
    File {
        /// The image.
        image: ImageName,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: kubewright_oci::tree::TreeError,
    },
    /// Its base.
    #[error("image {image}: cannot use base {base}")]
    Base {
        /// The image.
        image: ImageName,
        /// The base.
        base: String,
        /// Why.
        #[source]
        source: base::BaseError,
    },
    /// It cannot be written.
    #[error("image {image}: cannot write it for {platform}")]
    Write {
        /// The image.
        image: ImageName,
        /// The platform.
        platform: Platform,
        /// Why.
        #[source]
        source: image::ImageError,
    },
    /// Its Dockerfile.
    #[error("image {image}: cannot build its Dockerfile for {platform}")]
    Dockerfile {
        /// The image.
        image: ImageName,
        /// The platform.
        platform: Platform,
        /// Why.
        #[source]
        source: dockerfile::DockerfileError,
    },
    /// The layout of the workspace cannot be used.
    #[error("cannot use the images of the workspace")]
    Layout(#[from] layout::LayoutError),
    /// The version of a component is not known.
    #[error("component {component}: cannot describe its commit")]
    Describe {
        /// The component.
        component: ComponentName,
        /// What git said.
        #[source]
        source: ProcessError,
    },
    /// The workspace cannot be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

/// An image for one platform.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// Its component.
    pub component: ComponentName,
    /// Its name with registry and tag.
    pub reference: String,
    /// The platform; nothing for the index of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Its digest.
    pub digest: String,
    /// Whether it was there already.
    pub cached: bool,
    /// Its descriptor in the layout.
    #[serde(skip)]
    pub descriptor: Descriptor,
}

/// Makes the images of a workspace that is built.
#[derive(Debug)]
pub struct Images<'a> {
    workspace: &'a Workspace,
    keys: &'a Keys,
    store: Store,
    layout: Layout,
    tags: BTreeMap<ComponentName, String>,
    stop: Stop,
}

impl<'a> Images<'a> {
    /// The images of a workspace; nothing is made yet. Their tags come from keys, which are known
    /// before anything is built.
    ///
    /// # Errors
    /// When git cannot tell a version, or the layout cannot be used.
    pub fn of(
        workspace: &'a Workspace,
        sources: &Sources,
        keys: &'a Keys,
    ) -> Result<Self, ImageError> {
        let layout = Layout::create(workspace.state_folder("images")?)?;
        let tags = tags(workspace, sources, keys)?;
        let (store, stop) = (Store::of(workspace), Stop::default());
        Ok(Self { workspace, keys, store, layout, tags, stop })
    }

    /// The same, ending what runs when it is asked to.
    #[must_use]
    pub fn stopping(self, stop: &Stop) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// Where they are.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// All images that components have.
    pub fn all(&self) -> impl Iterator<Item = (&'a ComponentName, &'a Image)> + use<'a> {
        let components = self.workspace.manifest.component.iter();
        components
            .flat_map(|(name, component)| component.image.iter().map(move |image| (name, image)))
    }

    /// Name with registry and tag.
    #[must_use]
    pub fn reference(&self, component: &ComponentName, image: &Image) -> String {
        let tag = self.tags.get(component).map_or("latest", String::as_str);
        match &self.workspace.manifest.workspace.registry {
            Some(registry) => format!("{registry}/{}:{tag}", image.name),
            None => format!("{}:{tag}", image.name),
        }
    }

    /// An image for one platform, if it is there: made under this key, here or where a bundle came
    /// from. Nothing has to be built for it.
    #[must_use]
    pub fn ready(&self, name: &ComponentName, image: &Image, platform: &Platform) -> Option<Made> {
        let found = self.layout.find(&self.local(name, image, platform)).ok()?;
        let same = found.annotation(KEY) == Some(self.keys.of(name).as_str());
        (same && self.whole(&found)).then(|| self.made(name, image, platform, found, true))
    }

    /// Name of an image for one platform in the layout.
    fn local(&self, name: &ComponentName, image: &Image, platform: &Platform) -> String {
        format!("{}-{}", self.reference(name, image), file_name(platform))
    }

    fn made(
        &self,
        name: &ComponentName,
        image: &Image,
        platform: &Platform,
        descriptor: Descriptor,
        cached: bool,
    ) -> Made {
        Made {
            component: name.clone(),
            reference: self.reference(name, image),
            platform: Some(platform.clone()),
            digest: descriptor.digest.to_string(),
            cached,
            descriptor,
        }
    }

    /// Makes an image for one platform, unless it is there.
    ///
    /// # Errors
    /// When its component is not built, or a file or its base is not there.
    pub fn make(
        &self,
        name: &ComponentName,
        image: &Image,
        platform: &Platform,
    ) -> Result<Made, ImageError> {
        if let Some(made) = self.ready(name, image, platform) {
            return Ok(made);
        }
        let Some(component) = self.workspace.manifest.component.get(name) else {
            return Err(self.not_built(name, image, platform));
        };
        let platforms = std::slice::from_ref(platform);
        if !component.build.is_empty()
            && !self.store.has(name, self.keys.of(name), component, platforms)
        {
            return Err(self.not_built(name, image, platform));
        }
        let descriptor = self.write(name, component, image, platform)?;
        let descriptor = descriptor.annotated(KEY, self.keys.of(name).as_str());
        self.layout.tag(&self.local(name, image, platform), &descriptor)?;
        Ok(self.made(name, image, platform, descriptor, false))
    }

    /// Whether everything that an image consists of is there.
    fn whole(&self, image: &Descriptor) -> bool {
        let closure = self.layout.closure(image);
        closure.is_ok_and(|all| all.iter().all(|descriptor| self.layout.has(descriptor)))
    }

    fn write(
        &self,
        name: &ComponentName,
        component: &Component,
        image: &Image,
        platform: &Platform,
    ) -> Result<Descriptor, ImageError> {
        match &image.source {
            ImageSource::Native(native) => self.native(name, component, image, native, platform),
            ImageSource::Dockerfile(dockerfile) => {
                self.dockerfile(name, component, image, dockerfile, platform)
            }
        }
    }

    /// Joins the images of all platforms in an index, and names it as manifests do. What is for one
    /// platform only becomes an index too, so that its digest does not depend on how many there are
    /// later.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn index(&self, name: &ComponentName, image: &Image) -> Result<Made, ImageError> {
        let reference = self.reference(name, image);
        let parts = self.parts(name, image)?;
        let descriptor = image::join(&self.layout, &parts, &BTreeMap::new());
        let descriptor = descriptor.map_err(|source| ImageError::Write {
            image: image.name.clone(),
            platform: Platform::host(),
            source,
        })?;
        let cached =
            self.layout.find(&reference).is_ok_and(|found| found.digest == descriptor.digest);
        self.layout.tag(&reference, &descriptor)?;
        let (component, digest) = (name.clone(), descriptor.digest.to_string());
        Ok(Made { component, reference, platform: None, digest, cached, descriptor })
    }

    /// Whether the images of all platforms are joined already; nothing is written.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn joined(&self, name: &ComponentName, image: &Image) -> Result<bool, ImageError> {
        let parts = self.parts(name, image)?;
        let there = self.layout.find(&self.reference(name, image)).ok();
        let there = there.and_then(|there| self.layout.index(&there).ok());
        Ok(there.is_some_and(|there| {
            let digests = |of: &[Descriptor]| of.iter().map(|one| one.digest).collect::<Vec<_>>();
            let (mut one, mut other) = (digests(&there.manifests), digests(&parts));
            one.sort_unstable();
            other.sort_unstable();
            one == other
        }))
    }

    /// The images of all platforms, each with its own.
    fn parts(&self, name: &ComponentName, image: &Image) -> Result<Vec<Descriptor>, ImageError> {
        let platforms = self.workspace.manifest.workspace.platforms().into_iter();
        let part = |platform: Platform| {
            let found = self.layout.find(&self.local(name, image, &platform)).ok();
            match found.filter(|found| found.annotation(KEY) == Some(self.keys.of(name).as_str())) {
                Some(found) => Ok(found.on(platform)),
                None => Err(self.not_built(name, image, &platform)),
            }
        };
        platforms.map(part).collect()
    }

    fn not_built(&self, name: &ComponentName, image: &Image, platform: &Platform) -> ImageError {
        let (image, component) = (image.name.clone(), name.clone());
        ImageError::NotBuilt { image, component, platform: platform.clone() }
    }
}

/// The tag of each component.
fn tags(
    workspace: &Workspace,
    sources: &Sources,
    keys: &Keys,
) -> Result<BTreeMap<ComponentName, String>, ImageError> {
    let template = &workspace.manifest.workspace.tag;
    let describes = template.contains("{describe}");
    let with_images = workspace.manifest.component.iter().filter(|(_, c)| !c.image.is_empty());
    let names: Vec<&ComponentName> = with_images.map(|(name, _)| name).collect();
    let described = parallel::map(&names, parallel::PROCESSES, |name| match describes {
        true => keys.describe(&workspace.repository(name)),
        false => Ok(String::new()),
    });
    let mut tags = BTreeMap::new();
    for (name, describe) in names.into_iter().zip(described) {
        let describe =
            describe.map_err(|source| ImageError::Describe { component: name.clone(), source })?;
        let commit = sources.states.get(name).map_or("", |state| state.commit.as_str());
        let values = tag::Values {
            describe: &describe,
            commit,
            key: keys.of(name).as_str(),
            component: name.as_str(),
        };
        tags.insert(name.clone(), tag::tag(template, values));
    }
    Ok(tags)
}
