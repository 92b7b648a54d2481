//! `[component.NAME]`: one repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::OneOrMany;
use crate::name::{ComponentName, GitUrl, ImageName, InnerPath, Reference};

/// One component.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Where its repository is; without it the component is the folder `path` as it is, and `sync`
    /// leaves it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<GitUrl>,
    /// The branch, tag or commit to work on; without it the repository's default branch.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Where its tree is, relative to the workspace; the component's name without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Components it needs. Where it is given it must say all that the sources say, and no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depends_on: Option<Vec<ComponentName>>,
    /// What is built.
    #[serde(default, skip_serializing_if = "OneOrMany::is_empty")]
    pub build: OneOrMany<Build>,
    /// Files of other components that its image and its commands see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// The images that are made of it.
    #[serde(default, skip_serializing_if = "OneOrMany::is_empty")]
    pub image: OneOrMany<Image>,
    /// Environment of its builds, part of the cache key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl Component {
    /// Its tree, relative to the workspace.
    #[must_use]
    pub fn tree(&self, name: &ComponentName) -> PathBuf {
        self.path.clone().unwrap_or_else(|| Path::new(name.as_str()).to_owned())
    }

    /// Whether a program of its own takes part in its build.
    #[must_use]
    pub fn has_command(&self) -> bool {
        self.build.iter().any(|build| matches!(build.recipe, Recipe::Command(_)))
    }

    /// Every file that its builds promise.
    pub fn outputs(&self) -> impl Iterator<Item = &InnerPath> {
        self.build.iter().flat_map(|build| &build.outputs)
    }
}

/// One step of a build.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "BuildTable", into = "BuildTable")]
pub struct Build {
    /// How.
    pub recipe: Recipe,
    /// The files that come of it, relative to the component.
    pub outputs: Vec<InnerPath>,
}

/// How something is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// `go build` of one package.
    Go {
        /// The package, relative to the component, as `./cmd/felix`.
        package: String,
        /// Whether C code takes part.
        cgo: bool,
        /// Flags of the linker; `{describe}` and `{commit}` stand for the component's.
        ldflags: String,
        /// Build tags.
        tags: Vec<String>,
    },
    /// A program, run in a copy of the tree; `{describe}` and `{commit}` stand for the component's.
    Command(Vec<String>),
}

/// How a [`Build`] is written.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct BuildTable {
    #[serde(skip_serializing_if = "Option::is_none")]
    go: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cgo: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    ldflags: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "OneOrMany::is_empty")]
    output: OneOrMany<InnerPath>,
}

/// Why a build is none.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error("a build has either `go` or `command`")]
    Kind,
    #[error("`command` needs at least the program")]
    Empty,
    #[error("{0:?} is no package of this component: write it as `./cmd/name`")]
    Package(String),
    #[error("`go` makes one file: give one `output`")]
    OneOutput,
    #[error("`cgo`, `ldflags` and `tags` belong to `go`")]
    GoOnly,
    #[error("say with `output` which files `command` makes")]
    NoOutput,
    #[error("{0:?} is no build tag")]
    Tag(String),
}

impl TryFrom<BuildTable> for Build {
    type Error = BuildError;

    fn try_from(table: BuildTable) -> Result<Self, BuildError> {
        let BuildTable { go, cgo, ldflags, tags, command, output } = table;
        let outputs: Vec<InnerPath> = output.into_iter().collect();
        match (go, command) {
            (Some(package), None) => {
                let inner = match package.strip_prefix("./") {
                    Some(rest) => InnerPath::new(rest).is_ok(),
                    None => package == ".",
                };
                if !inner {
                    return Err(BuildError::Package(package));
                }
                let plain = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
                if let Some(tag) = tags.iter().find(|tag| tag.is_empty() || !tag.chars().all(plain))
                {
                    return Err(BuildError::Tag(tag.clone()));
                }
                if outputs.len() != 1 {
                    return Err(BuildError::OneOutput);
                }
                Ok(Self { recipe: Recipe::Go { package, cgo, ldflags, tags }, outputs })
            }
            (None, Some(command)) => {
                if cgo || !ldflags.is_empty() || !tags.is_empty() {
                    return Err(BuildError::GoOnly);
                }
                if command.first().is_none_or(String::is_empty) {
                    return Err(BuildError::Empty);
                }
                if outputs.is_empty() {
                    return Err(BuildError::NoOutput);
                }
                Ok(Self { recipe: Recipe::Command(command), outputs })
            }
            _ => Err(BuildError::Kind),
        }
    }
}

impl From<Build> for BuildTable {
    fn from(build: Build) -> Self {
        let output = build.outputs.into();
        match build.recipe {
            Recipe::Go { package, cgo, ldflags, tags } => {
                Self { go: Some(package), cgo, ldflags, tags, output, ..Self::default() }
            }
            Recipe::Command(command) => Self { command: Some(command), output, ..Self::default() },
        }
    }
}

/// Files of another component.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The component that has them.
    pub from: ComponentName,
    /// A file or folder there: an output of its build, or part of its tree.
    pub path: InnerPath,
    /// Where this component sees it.
    pub to: InnerPath,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "ImageTable", into = "ImageTable")]
pub struct Image {
    /// Its name, without registry and tag.
    pub name: ImageName,
    /// What it is made of.
    pub source: ImageSource,
}

/// What an image is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource {
    /// Files on a base, without running anything.
    Native(Native),
    /// What a Dockerfile says.
    Dockerfile(Dockerfile),
}

/// Files on a base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Native {
    /// The base: `oci:FOLDER`, `oci:FOLDER:NAME` or `REGISTRY/NAME:TAG`, each with `@sha256:…` or
    /// pinned by the lock; nothing for an empty one.
    pub base: Option<String>,
    /// The files; empty is each output in `/usr/local/bin`, and each input where it is.
    pub files: Vec<FileCopy>,
    /// What runs; empty is the first output where `files` is empty, else what the base has.
    pub entrypoint: Vec<String>,
    /// Its arguments.
    pub cmd: Vec<String>,
    /// User, as `1000:1000`.
    pub user: Option<String>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A Dockerfile, with a copy of the tree, its inputs and outputs as context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    /// The file, relative to the component.
    pub file: InnerPath,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
}

/// A file in an image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FileCopy {
    /// A file or folder of the component: an output, an input or part of its tree.
    pub from: InnerPath,
    /// Absolute path in the image.
    pub to: String,
}

/// How an [`Image`] is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ImageTable {
    name: ImageName,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileCopy>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    entrypoint: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cmd: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dockerfile: Option<InnerPath>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    args: BTreeMap<String, String>,
}

/// Why an image is none.
#[derive(Debug, thiserror::Error)]
enum ImageError {
    #[error("an image is made by its `dockerfile`; {0} would have no effect")]
    NoEffect(&'static str),
    #[error("`args` are those of a `dockerfile`")]
    Args,
    #[error("{0:?} is no absolute path in an image")]
    Target(String),
}

impl TryFrom<ImageTable> for Image {
    type Error = ImageError;

    fn try_from(table: ImageTable) -> Result<Self, ImageError> {
        let name = table.name;
        let Some(file) = table.dockerfile else {
            if !table.args.is_empty() {
                return Err(ImageError::Args);
            }
            let inside = |path: &str| match path.strip_prefix('/') {
                Some(rest) => rest.is_empty() || InnerPath::new(rest).is_ok(),
                None => false,
            };
            if let Some(wrong) = table.files.iter().find(|file| !inside(&file.to)) {
                return Err(ImageError::Target(wrong.to.clone()));
            }
            let source = ImageSource::Native(Native {
                base: table.base,
                files: table.files,
                entrypoint: table.entrypoint,
                cmd: table.cmd,
                user: table.user,
                env: table.env,
                labels: table.labels,
            });
            return Ok(Self { name, source });
        };
        for (what, given) in [
            ("`base`", table.base.is_some()),
            ("`files`", !table.files.is_empty()),
            ("`entrypoint`", !table.entrypoint.is_empty()),
            ("`cmd`", !table.cmd.is_empty()),
            ("`user`", table.user.is_some()),
            ("`env`", !table.env.is_empty()),
            ("`labels`", !table.labels.is_empty()),
        ] {
            if given {
                return Err(ImageError::NoEffect(what));
            }
        }
        Ok(Self { name, source: ImageSource::Dockerfile(Dockerfile { file, args: table.args }) })
    }
}

impl From<Image> for ImageTable {
    fn from(image: Image) -> Self {
        let empty = Self {
            name: image.name,
            base: None,
            files: Vec::new(),
            entrypoint: Vec::new(),
            cmd: Vec::new(),
            user: None,
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            dockerfile: None,
            args: BTreeMap::new(),
        };
        match image.source {
            ImageSource::Native(Native { base, files, entrypoint, cmd, user, env, labels }) => {
                Self { base, files, entrypoint, cmd, user, env, labels, ..empty }
            }
            ImageSource::Dockerfile(Dockerfile { file, args }) => {
                Self { dockerfile: Some(file), args, ..empty }
            }
        }
    }
}
