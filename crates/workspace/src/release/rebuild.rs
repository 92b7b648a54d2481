//! The second build: other folders, an empty cache, the same commits.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component as Part, Path};

use tempfile::TempDir;

use super::{ReleaseError, images};
use crate::build::{self, Keys, Options, Store};
use crate::lock;
use crate::manifest::{FILE, ImageSource};
use crate::name::ComponentName;
use crate::process::Stop;
use crate::progress::Progress;
use crate::sources::Sources;
use crate::workspace::Workspace;

/// Builds all of it again, from nothing, and compares every file and every image.
pub(super) fn compare(
    workspace: &Workspace,
    sources: &Sources,
    keys: &Keys,
    made: &BTreeMap<String, String>,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<(), ReleaseError> {
    let elsewhere = Elsewhere::new(workspace, sources)?;
    let copy = &elsewhere.workspace;
    let again = Sources::of(copy)?;
    let again_keys = Keys::of_sources(copy, &again, true)?;
    let report = build::build(copy, &again, &again_keys, &Options::default(), progress, stop)?;
    if let Some(error) = report.failed.into_iter().next() {
        return Err(ReleaseError::Rebuild(error));
    }
    let mut differ = Vec::new();
    let (first, second) = (Store::of(workspace), Store::of(copy));
    for name in workspace.manifest.component.keys() {
        let sums = |store: &Store, keys: &Keys| -> BTreeMap<_, _> {
            let record = store.record(name, keys.of(name));
            let outputs = record.into_iter().flat_map(|record| record.outputs);
            outputs.map(|output| (output.path, output.sha256)).collect()
        };
        let (one, other) = (sums(&first, keys), sums(&second, &again_keys));
        let paths = one.keys().chain(other.keys().filter(|path| !one.contains_key(*path)));
        let changed = paths.filter(|path| one.get(*path) != other.get(*path));
        differ.extend(changed.map(|path| format!("{name} {}", path.display())));
    }
    if differ.is_empty() {
        let again = images(copy, &again, &again_keys)?;
        let changed =
            made.iter().filter(|(reference, digest)| again.get(*reference) != Some(digest));
        differ.extend(changed.map(|(reference, _)| reference.clone()));
    }
    match differ.is_empty() {
        true => Ok(()),
        false => Err(ReleaseError::NotReproducible(differ)),
    }
}

/// The workspace once more, with trees of its own.
struct Elsewhere<'a> {
    original: &'a Workspace,
    workspace: Workspace,
    trees: Vec<ComponentName>,
    _folder: TempDir,
}

impl<'a> Elsewhere<'a> {
    fn new(original: &'a Workspace, sources: &Sources) -> Result<Self, ReleaseError> {
        let folder = tempfile::Builder::new().prefix("kubewright-release-").tempdir();
        let folder =
            folder.map_err(|source| ReleaseError::File { path: std::env::temp_dir(), source })?;
        let root = folder.path();
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| ReleaseError::File { path, source }
        };
        let manifest = root.join(FILE);
        let text = toml::to_string(&original.manifest).map_err(io::Error::other);
        let text = text.map_err(failed(&manifest))?;
        fs::write(&manifest, text).map_err(failed(&manifest))?;
        let lock = root.join(lock::FILE);
        original.lock.write(&lock).map_err(crate::workspace::WorkspaceError::from)?;
        let mut workspace = Workspace::open(&manifest)?;
        let cache = root.join("cache");
        workspace.environment = original.environment.clone().with("GOCACHE", cache.as_os_str());
        let mut elsewhere = Self { original, workspace, trees: Vec::new(), _folder: folder };
        for base in oci_folders(original) {
            elsewhere.show(&base).map_err(failed(&base))?;
        }
        for (name, component) in &original.manifest.component {
            let tree = component.tree(name);
            if tree.is_absolute() || tree.components().any(|part| part == Part::ParentDir) {
                return Err(ReleaseError::Outside(name.clone()));
            }
            let Some(state) = sources.states.get(name) else { continue };
            let target = elsewhere.workspace.root.join(&tree);
            let target = target.to_string_lossy();
            let add = ["worktree", "add", "--quiet", "--detach", &target, &state.commit];
            original.repository(name).text(&add).map_err(|source| ReleaseError::Git {
                component: name.clone(),
                what: "make a second tree",
                source,
            })?;
            elsewhere.trees.push(name.clone());
        }
        Ok(elsewhere)
    }

    /// Lets the copy see a folder of the workspace.
    fn show(&self, folder: &Path) -> io::Result<()> {
        let link = self.workspace.root.join(folder);
        if folder.is_absolute() || link.exists() {
            return Ok(());
        }
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent)?;
        }
        std::os::unix::fs::symlink(self.original.root.join(folder), link)
    }
}

impl Drop for Elsewhere<'_> {
    fn drop(&mut self) {
        for name in &self.trees {
            let tree = self.workspace.tree(name);
            let repository = self.original.repository(name);
            // What stays registered is pruned by git itself in time.
            let _ = repository.text(&["worktree", "remove", "--force", &tree.to_string_lossy()]);
        }
    }
}

/// Folders of layouts that images stand on.
fn oci_folders(workspace: &Workspace) -> Vec<std::path::PathBuf> {
    let images = workspace.manifest.component.values().flat_map(|component| component.image.iter());
    let bases = images.filter_map(|image| match &image.source {
        ImageSource::Native(native) => native.base.as_deref()?.strip_prefix("oci:"),
        ImageSource::Dockerfile(_) => None,
    });
    let folders = bases.map(|base| base.split(['@', ':']).next().unwrap_or(base).into());
    folders.collect()
}
