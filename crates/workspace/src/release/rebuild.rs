//! The second build: other folders, an empty cache, the same commits.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component as Part, Path, PathBuf};

use super::{ReleaseError, folder, images};
use crate::build::{self, Keys, Options, Store};
use crate::lock;
use crate::manifest::{FILE, ImageSource, file_name};
use crate::name::ComponentName;
use crate::process::{self, Stop};
use crate::progress::Progress;
use crate::sources::Sources;
use crate::workspace::Workspace;

/// Folder of whole repositories of which a component is a part.
const WHOLE: &str = ".whole";

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
    let again_keys = keys.again(copy, &again)?;
    let report = build::build(copy, &again, &again_keys, &Options::default(), progress, stop)?;
    if let Some(error) = report.failed.into_iter().next() {
        return Err(ReleaseError::Rebuild(error));
    }
    let mut differ = Vec::new();
    let (first, second) = (Store::of(workspace), Store::of(copy));
    let platforms = workspace.manifest.workspace.platforms();
    let folders: Vec<String> = platforms.iter().map(file_name).collect();
    for name in workspace.manifest.component.keys() {
        let sums = |store: &Store, keys: &Keys| -> BTreeMap<_, _> {
            let record = store.record(name, keys.of(name));
            let outputs = record.into_iter().flat_map(|record| record.outputs);
            // Earlier builds of the same may have been for more platforms than are released.
            let released = outputs
                .filter(|output| folders.iter().any(|folder| output.path.starts_with(folder)));
            released.map(|output| (output.path, output.sha256)).collect()
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

/// The workspace once more, with trees of its own, inside of what can be made again: there is as
/// much room as for the first build.
struct Elsewhere<'a> {
    original: &'a Workspace,
    workspace: Workspace,
    /// Trees, with the component that each is of.
    trees: Vec<(ComponentName, PathBuf)>,
}

impl<'a> Elsewhere<'a> {
    fn new(original: &'a Workspace, sources: &Sources) -> Result<Self, ReleaseError> {
        let root = folder::second(original);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| ReleaseError::File { path, source }
        };
        fs::create_dir_all(&root).map_err(failed(&root))?;
        let manifest = root.join(FILE);
        let text = toml::to_string(&original.manifest).map_err(io::Error::other);
        let text = text.map_err(failed(&manifest))?;
        fs::write(&manifest, text).map_err(failed(&manifest))?;
        let lock = root.join(lock::FILE);
        original.lock.write(&lock).map_err(crate::workspace::WorkspaceError::from)?;
        let mut workspace = Workspace::open(&manifest)?;
        let cache = root.join("cache");
        workspace.environment = original.environment.clone().with("GOCACHE", cache.as_os_str());
        let mut elsewhere = Self { original, workspace, trees: Vec::new() };
        for base in oci_folders(original) {
            elsewhere.show(&base).map_err(failed(&base))?;
        }
        for (name, component) in &original.manifest.component {
            let tree = component.tree(name);
            if tree.is_absolute() || tree.components().any(|part| part == Part::ParentDir) {
                return Err(ReleaseError::Outside(name.clone()));
            }
            let Some(state) = sources.states.get(name) else { continue };
            elsewhere.add(name, &tree, &state.commit)?;
        }
        Ok(elsewhere)
    }

    /// A second tree of a component.
    fn add(&mut self, name: &ComponentName, tree: &Path, commit: &str) -> Result<(), ReleaseError> {
        let repository = self.original.repository(name);
        let failed = |source| ReleaseError::Git {
            component: name.clone(),
            what: "make a second tree",
            source,
        };
        let prefix = repository.line(&["rev-parse", "--show-prefix"]).map_err(failed)?;
        let place = self.workspace.root.join(tree);
        // A folder of a repository is shown where it was; git makes trees of whole repositories.
        let whole = match prefix.is_empty() {
            true => place.clone(),
            false => self.workspace.root.join(WHOLE).join(name.as_str()),
        };
        let mut add = repository.git();
        // The same place may be known from a release that was killed.
        add.args(["worktree", "add", "--quiet", "--force", "--detach"]).arg(&whole).arg(commit);
        process::output(&mut add).map_err(failed)?;
        self.trees.push((name.clone(), whole.clone()));
        if whole != place {
            let show = || {
                fs::create_dir_all(place.parent().unwrap_or(&place))?;
                std::os::unix::fs::symlink(whole.join(&prefix), &place)
            };
            show().map_err(|source| ReleaseError::File { path: place.clone(), source })?;
        }
        Ok(())
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
        for (name, tree) in &self.trees {
            let mut remove = self.original.repository(name).git();
            // What stays is swept by the next release.
            let _ = process::output(remove.args(["worktree", "remove", "--force"]).arg(tree));
        }
        let _ = fs::remove_dir_all(&self.workspace.root);
    }
}

/// Folders of layouts that images stand on.
fn oci_folders(workspace: &Workspace) -> Vec<PathBuf> {
    let images = workspace.manifest.component.values().flat_map(|component| component.image.iter());
    let bases = images.filter_map(|image| match &image.source {
        ImageSource::Native(native) => native.base.as_deref()?.strip_prefix("oci:"),
        ImageSource::Dockerfile(_) => None,
    });
    let folders = bases.map(|base| base.split(['@', ':']).next().unwrap_or(base).into());
    folders.collect()
}
