//! Releases: what was built, built again from nothing and compared, with notes and checksums; then,
//! last of all, tags.
//!
//! A tag is a promise, so everything that can go wrong goes wrong before it: trees with changes or
//! off the lock are refused, and so is a build that does not give the same bytes twice. Nothing is
//! pushed.
//!
//! What is built bears the version although its tag is not there yet: once it is, `git describe`
//! says the same. A release that was interrupted is made by the same command; where a tag is there
//! already, its files are compared and never replaced.

mod folder;
mod notes;
mod rebuild;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::build::{BuildError, Keys, KeysError, Store};
use crate::image::{ImageError, Images};
use crate::manifest::file_name;
use crate::name::{ComponentName, Reference};
use crate::process::{ProcessError, Stop};
use crate::progress::Progress;
use crate::sources::{Sources, SourcesError};
use crate::workspace::{Workspace, WorkspaceError};

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Trees have changes.
    #[error("these components have changed files, which no tag would hold: {}", names(.0))]
    Dirty(Vec<ComponentName>),
    /// Trees are not what the lock has.
    #[error("these components are not at the commits of the lock: {}; sync, or sync --update", names(.0))]
    Drift(Vec<ComponentName>),
    /// The tag is there already, at another commit.
    #[error("component {component} has a tag {version} at {commit}")]
    Tagged {
        /// The component.
        component: ComponentName,
        /// The tag.
        version: Reference,
        /// Its commit.
        commit: String,
    },
    /// It is no version.
    #[error("{0} cannot be a tag: take another name")]
    Version(Reference),
    /// Files of the release are there, and others.
    #[error("{version} is released already, and {} has something else: {}", folder.display(), files.join(", "))]
    Differs {
        /// The version.
        version: Reference,
        /// The folder of its files.
        folder: PathBuf,
        /// Those that are not what was built now.
        files: Vec<String>,
    },
    /// Two files of the release would have one name.
    #[error("{} and {} would both be released as {file}: give one of the outputs another name", first.display(), second.display())]
    Twice {
        /// The name.
        file: String,
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A component was not built.
    #[error("component {0} is not built")]
    NotBuilt(ComponentName),
    /// The tree of a component cannot be made again elsewhere.
    #[error("component {0} is outside of the workspace, so it cannot be built again from nothing")]
    Outside(ComponentName),
    /// The same sources gave something else the second time.
    #[error("it is not reproducible, a second build from nothing differs in: {}", .0.join(", "))]
    NotReproducible(Vec<String>),
    /// The second build failed.
    #[error("the second build failed")]
    Rebuild(#[source] BuildError),
    /// Git fails.
    #[error("component {component}: cannot {what}")]
    Git {
        /// The component.
        component: ComponentName,
        /// What was tried.
        what: &'static str,
        /// What git said.
        #[source]
        source: ProcessError,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The workspace cannot be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The sources cannot be used.
    #[error(transparent)]
    Sources(#[from] SourcesError),
    /// There are no keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// There are no images.
    #[error(transparent)]
    Image(#[from] ImageError),
}

fn names(names: &[ComponentName]) -> String {
    names.iter().map(ComponentName::as_str).collect::<Vec<_>>().join(", ")
}

/// A release.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Its version.
    pub version: Reference,
    /// The folder with its files.
    pub folder: PathBuf,
    /// SHA-256 of each file.
    pub files: BTreeMap<String, String>,
    /// Digests of the images, by reference.
    pub images: BTreeMap<String, String>,
    /// Components that were tagged.
    pub tagged: Vec<ComponentName>,
}

/// What is to be released: a version of trees that are fit for it.
#[derive(Debug)]
pub struct Candidate<'a> {
    workspace: &'a Workspace,
    version: &'a Reference,
    sources: Sources,
    keys: Keys,
    /// Whether a component has the tag already.
    tagged: bool,
}

impl<'a> Candidate<'a> {
    /// Looks whether the trees can be released. `local`: whether Go modules of the workspace are
    /// built with each other.
    ///
    /// # Errors
    /// When a tree has changes, is off the lock, or has the tag elsewhere.
    pub fn new(
        workspace: &'a Workspace,
        version: &'a Reference,
        local: bool,
    ) -> Result<Self, ReleaseError> {
        if version.as_str() == "HEAD" {
            return Err(ReleaseError::Version(version.clone()));
        }
        let sources = Sources::of(workspace)?;
        let tagged = check(workspace, &sources, version)?;
        let keys = Keys::of_release(workspace, &sources, local, version)?;
        Ok(Self { workspace, version, sources, keys, tagged })
    }

    /// The trees.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The keys under which all of it has to be built.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Releases what was built. With `tag` false all is done but the tags.
    ///
    /// # Errors
    /// When anything is not as a release wants it; then no component is tagged.
    pub fn release(
        &self,
        tag: bool,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Release, ReleaseError> {
        let (workspace, version) = (self.workspace, self.version);
        let _hold = workspace.hold()?;
        if tag {
            identities(workspace)?;
        }
        folder::sweep(workspace)?;
        let built = self.built()?;
        let images = images(workspace, &self.sources, &self.keys)?;
        rebuild::compare(workspace, &self.sources, &self.keys, &images, progress, stop)?;
        let notes = notes::notes(workspace, version)?;
        let folder = folder::Content { built: &built, images: &images, notes: &notes };
        let folder = folder.put(workspace, version, self.tagged)?;
        let tagged = match tag {
            true => tag_all(workspace, version)?,
            false => Vec::new(),
        };
        let files = built.into_iter().map(|(name, built)| (name, built.sha256)).collect();
        Ok(Release { version: version.clone(), folder, files, images, tagged })
    }

    /// The files of the release by their names in it.
    fn built(&self) -> Result<BTreeMap<String, Built>, ReleaseError> {
        let store = Store::of(self.workspace);
        let mut files = BTreeMap::new();
        for (name, component) in &self.workspace.manifest.component {
            if component.build.is_empty() {
                continue;
            }
            let record = store.record(name, self.keys.of(name));
            let record = record.ok_or_else(|| ReleaseError::NotBuilt(name.clone()))?;
            for platform in self.workspace.manifest.workspace.platforms() {
                let folder = file_name(&platform);
                let outputs = store.outputs(name, self.keys.of(name), &platform);
                for output in &record.outputs {
                    let Ok(inner) = output.path.strip_prefix(&folder) else { continue };
                    let path = outputs.join(inner);
                    let inner = inner.to_string_lossy().replace('/', "_");
                    let inner = inner.strip_prefix("bin_").unwrap_or(&inner);
                    let version = self.version;
                    let file = format!("{name}_{inner}_{version}_{folder}").replace('/', "-");
                    let built = Built { path: path.clone(), sha256: output.sha256.clone() };
                    if let Some(first) = files.insert(file.clone(), built) {
                        return Err(ReleaseError::Twice { file, first: first.path, second: path });
                    }
                }
            }
        }
        Ok(files)
    }
}

/// One file that was built.
#[derive(Debug)]
struct Built {
    path: PathBuf,
    sha256: String,
}

/// Whether any component has the tag already; everything that speaks against a release is an error.
fn check(
    workspace: &Workspace,
    sources: &Sources,
    version: &Reference,
) -> Result<bool, ReleaseError> {
    let dirty: Vec<_> = crate::status::dirty(&sources.states).into_iter().cloned().collect();
    if !dirty.is_empty() {
        return Err(ReleaseError::Dirty(dirty));
    }
    let drift = workspace.manifest.component.iter().filter(|(name, component)| {
        let pinned = workspace.lock.pinned(name, component);
        let commit = sources.states.get(*name).map(|state| state.commit.as_str());
        component.git.is_some() && pinned != commit
    });
    let drift: Vec<_> = drift.map(|(name, _)| name.clone()).collect();
    if !drift.is_empty() {
        return Err(ReleaseError::Drift(drift));
    }
    let mut tagged = false;
    for (name, state) in &sources.states {
        let Some(commit) = workspace.repository(name).commit(&format!("refs/tags/{version}"))
        else {
            continue;
        };
        if commit != state.commit {
            let (component, version) = (name.clone(), version.clone());
            return Err(ReleaseError::Tagged { component, version, commit });
        }
        tagged = true;
    }
    Ok(tagged)
}

/// That git knows who tags, before anything takes long.
fn identities(workspace: &Workspace) -> Result<(), ReleaseError> {
    for name in workspace.manifest.component.keys() {
        let asked = workspace.repository(name).line(&["var", "GIT_COMMITTER_IDENT"]);
        asked.map_err(|source| ReleaseError::Git {
            component: name.clone(),
            what: "tell who tags it",
            source,
        })?;
    }
    Ok(())
}

/// Digests of all images, by reference.
fn images(
    workspace: &Workspace,
    sources: &Sources,
    keys: &Keys,
) -> Result<BTreeMap<String, String>, ReleaseError> {
    let images = Images::of(workspace, sources, keys)?;
    let mut digests = BTreeMap::new();
    for (name, image) in images.all() {
        for platform in workspace.manifest.workspace.platforms() {
            images.make(name, image, &platform)?;
        }
        let index = images.index(name, image)?;
        digests.insert(index.reference, index.digest);
    }
    Ok(digests)
}

/// Tags all components, or none of them.
fn tag_all(workspace: &Workspace, version: &Reference) -> Result<Vec<ComponentName>, ReleaseError> {
    let mut tagged: Vec<ComponentName> = Vec::new();
    for name in workspace.manifest.component.keys() {
        let repository = workspace.repository(name);
        if repository.commit(&format!("refs/tags/{version}")).is_some() {
            continue;
        }
        let message = format!("{name} {version}");
        let tag = ["tag", "--annotate", "--message", &message, version.as_str()];
        if let Err(source) = repository.text(&tag) {
            for name in &tagged {
                // What cannot be taken back either is told with the error that led here.
                let _ = workspace.repository(name).text(&["tag", "--delete", version.as_str()]);
            }
            return Err(ReleaseError::Git { component: name.clone(), what: "tag it", source });
        }
        tagged.push(name.clone());
    }
    Ok(tagged)
}
