//! `workspace.toml`: which repositories there are, and what becomes of them.
//!
//! Reading is strict: an unknown key is an error that shows the line and the nearest known key. What
//! the format alone cannot say is told by [`check`]; that edges are really there is told by
//! [`graph`](crate::graph), which has seen the sources.

mod check;
mod component;
pub mod import;

mod one_or_many;
mod platforms;
mod suggestion;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::name::{ComponentName, InnerPath};

pub use component::{
    Build, Component, Dockerfile, FileCopy, Image, ImageSource, Input, Native, Recipe,
};
pub use kubewright_oci::Platform;
pub use one_or_many::OneOrMany;
pub use platforms::file_name;
pub use suggestion::nearest;

/// Name of the file.
pub const FILE: &str = "workspace.toml";

/// Why a `workspace.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is none here or above.
    #[error("there is no {FILE} in {} or above it: `workspace init` makes one", folder.display())]
    None {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// It is no TOML, or has keys or values that it must not have.
    #[error("{}: {message}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// What is wrong, with the line.
        message: String,
    },
    /// It contradicts itself.
    #[error("{}:{line}: component {component}: {problem}", file.display())]
    Component {
        /// The file.
        file: PathBuf,
        /// Line of the component.
        line: usize,
        /// Its name.
        component: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A setting of the workspace is wrong.
    #[error("{}: {problem}", file.display())]
    Settings {
        /// The file.
        file: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
}

/// All of `workspace.toml`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What holds for all components.
    #[serde(default)]
    pub workspace: Settings,
    /// The components by name.
    #[serde(default)]
    pub component: BTreeMap<ComponentName, Component>,
    /// Kubernetes manifests whose images are to be set.
    #[serde(default, skip_serializing_if = "Manifests::is_default")]
    pub manifests: Manifests,
    /// What `deploy` tries out.
    #[serde(default, skip_serializing_if = "Test::is_default")]
    pub test: Test,
}

/// `[workspace]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where images go, as `registry.example/dev`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Template of tags; see [`crate::image::tag`].
    pub tag: String,
    /// Platforms to build for; empty is that of this machine.
    #[serde(skip_serializing_if = "Vec::is_empty", with = "platforms")]
    pub platforms: Vec<Platform>,
    /// Minutes that one step of a build may take.
    pub timeout_minutes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            registry: None,
            tag: "{describe}-{key8}".to_owned(),
            platforms: Vec::new(),
            timeout_minutes: 60,
        }
    }
}

impl Settings {
    /// The platforms to build for.
    #[must_use]
    pub fn platforms(&self) -> Vec<Platform> {
        match self.platforms.is_empty() {
            true => vec![Platform::host()],
            false => self.platforms.clone(),
        }
    }
}

/// `[manifests]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manifests {
    /// Files, relative to the workspace; `*` stands for part of a file name.
    pub sources: Vec<InnerPath>,
    /// Images of others, which stay as they are; `*` stands for anything.
    pub external: Vec<String>,
}

impl Manifests {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `[test]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Test {
    /// Names of rendered manifests to deploy; empty is all of them.
    pub deploy: Vec<InnerPath>,
}

impl Test {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Manifest {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub fn read(file: &Path) -> Result<Self, ManifestError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ManifestError::Read { file: file.to_owned(), source })?;
        Self::parse(&text, file)
    }

    /// What a text says; `file` is for errors.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|error| ManifestError::Syntax {
            file: file.to_owned(),
            message: suggestion::explained(&error),
        })?;
        check::check(&manifest, text, file)?;
        Ok(manifest)
    }

    /// The `workspace.toml` of a folder, or of the nearest folder above it.
    ///
    /// # Errors
    /// [`ManifestError::None`] when there is none.
    pub fn find(folder: &Path) -> Result<PathBuf, ManifestError> {
        let found = folder.ancestors().map(|folder| folder.join(FILE)).find(|file| file.is_file());
        found.ok_or_else(|| ManifestError::None { folder: folder.to_owned() })
    }
}

#[cfg(test)]
mod tests;
