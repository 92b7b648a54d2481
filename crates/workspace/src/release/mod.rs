//! Releases: what was built, built again from nothing and compared, with notes and checksums; then,
//! last of all, tags.
//!
//! A tag is a promise, so everything that can go wrong goes wrong before it: trees with changes or
//! off the lock are refused, and so is a build that does not give the same bytes twice. Nothing is
//! pushed.

mod notes;
mod rebuild;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::build::{BuildError, Keys, KeysError, Store};
use crate::file;
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

/// Releases what was built. With `tag` false all is done but the tags.
///
/// # Errors
/// When anything is not as a release wants it; then no component is tagged.
pub fn release(
    workspace: &Workspace,
    version: &Reference,
    tag: bool,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Release, ReleaseError> {
    let sources = Sources::of(workspace)?;
    check(workspace, &sources, version)?;
    let keys = Keys::of_sources(workspace, &sources, true)?;
    let store = Store::of(workspace);
    let (mut outputs, mut paths) = (BTreeMap::new(), BTreeMap::new());
    for (name, component) in &workspace.manifest.component {
        if component.build.is_empty() {
            continue;
        }
        let record = store.record(name, keys.of(name));
        let record = record.ok_or_else(|| ReleaseError::NotBuilt(name.clone()))?;
        for platform in workspace.manifest.workspace.platforms() {
            let folder = file_name(&platform);
            for output in &record.outputs {
                let Ok(inner) = output.path.strip_prefix(&folder) else { continue };
                let inner = inner.to_string_lossy().replace('/', "_");
                let inner = inner.strip_prefix("bin_").unwrap_or(&inner);
                let file = format!("{name}_{inner}_{version}_{folder}").replace('/', "-");
                let path = store.outputs(name, keys.of(name), &platform);
                let path = path.parent().map(|entry| entry.join(&output.path)).unwrap_or_default();
                paths.insert(file.clone(), path);
                outputs.insert(file, output.sha256.clone());
            }
        }
    }
    let images = images(workspace, &sources, &keys)?;
    rebuild::compare(workspace, &sources, &keys, &images, progress, stop)?;
    let folder = workspace.state_folder(Path::new("release").join(version.as_str()))?;
    write(workspace, version, &folder, &outputs, &paths, &images)?;
    let tagged = match tag {
        true => tag_all(workspace, version)?,
        false => Vec::new(),
    };
    Ok(Release { version: version.clone(), folder, files: outputs, images, tagged })
}

fn check(
    workspace: &Workspace,
    sources: &Sources,
    version: &Reference,
) -> Result<(), ReleaseError> {
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
    for (name, state) in &sources.states {
        let there = workspace.repository(name).commit(&format!("refs/tags/{version}"));
        if let Some(commit) = there.filter(|commit| *commit != state.commit) {
            let (component, version) = (name.clone(), version.clone());
            return Err(ReleaseError::Tagged { component, version, commit });
        }
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

fn write(
    workspace: &Workspace,
    version: &Reference,
    folder: &Path,
    outputs: &BTreeMap<String, String>,
    paths: &BTreeMap<String, PathBuf>,
    images: &BTreeMap<String, String>,
) -> Result<(), ReleaseError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReleaseError::File { path, source }
    };
    for (name, path) in paths {
        let target = folder.join(name);
        fs::copy(path, &target).map_err(failed(&target))?;
    }
    let sums: String = outputs.iter().map(|(file, sum)| format!("{sum}  {file}\n")).collect();
    let digests: String =
        images.iter().map(|(reference, digest)| format!("{reference}@{digest}\n")).collect();
    let notes = notes::notes(workspace, version)?;
    for (name, text) in [("SHA256SUMS", sums), ("IMAGES", digests), ("NOTES.md", notes)] {
        let path = folder.join(name);
        file::replace(&path, text.as_bytes()).map_err(failed(&path))?;
    }
    Ok(())
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
