//! The files of a component as its commands and images see them: its tree, its inputs on top, its
//! outputs on top of these.
//!
//! Files that git ignores are not seen. They are no part of the key, so whatever came of them could
//! be of any age.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::BuildError;
use super::keys::Keys;
use super::store::Store;
use crate::manifest::{Component, Input, Platform};
use crate::name::ComponentName;
use crate::workspace::Workspace;

/// Path in the component → where the file is. Links stay links.
pub type Files = BTreeMap<PathBuf, PathBuf>;

/// Sees the files of one component for one platform.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The workspace.
    pub workspace: &'a Workspace,
    /// Keys of the components, under which their outputs are.
    pub keys: &'a Keys,
    /// Where the outputs are.
    pub store: &'a Store,
    /// The component.
    pub name: &'a ComponentName,
    /// What it says of itself.
    pub component: &'a Component,
    /// The platform.
    pub platform: &'a Platform,
}

impl View<'_> {
    /// Its tree and inputs, without outputs.
    ///
    /// # Errors
    /// When an input is not there, or a file cannot be read.
    pub fn sources(&self) -> Result<Files, BuildError> {
        let tree = self.workspace.tree(self.name);
        let mut files = self.of_tree(self.name, Path::new("."))?;
        for path in files.values_mut() {
            *path = tree.join(&*path);
        }
        files.extend(self.inputs()?);
        Ok(files)
    }

    /// All it has.
    ///
    /// # Errors
    /// As for [`sources`](Self::sources), and when it was not built.
    pub fn all(&self) -> Result<Files, BuildError> {
        let mut files = self.sources()?;
        files.extend(self.outputs()?);
        Ok(files)
    }

    /// Its outputs.
    ///
    /// # Errors
    /// When it was not built.
    pub fn outputs(&self) -> Result<Files, BuildError> {
        let folder = self.store.outputs(self.name, self.keys.of(self.name), self.platform);
        let mut files = Files::new();
        for output in self.component.outputs() {
            let path = Path::new(output.as_str());
            add(&mut files, path, &folder.join(path)).map_err(self.file("read", &folder))?;
        }
        Ok(files)
    }

    /// The files of its inputs.
    ///
    /// # Errors
    /// When one is not there.
    pub fn inputs(&self) -> Result<Files, BuildError> {
        let mut files = Files::new();
        for input in &self.component.inputs {
            files.extend(self.input(input)?);
        }
        Ok(files)
    }

    fn input(&self, input: &Input) -> Result<Files, BuildError> {
        let (path, to) = (Path::new(input.path.as_str()), Path::new(input.to.as_str()));
        let from = self.workspace.manifest.component.get(&input.from);
        let mut outputs = from.iter().flat_map(|from| from.outputs());
        let mut files = Files::new();
        if outputs.any(|output| path.starts_with(output.as_str())) {
            let key = self.keys.of(&input.from);
            let source = self.store.outputs(&input.from, key, self.platform).join(path);
            add(&mut files, to, &source).map_err(self.file("read", &source))?;
        } else {
            let tree = self.workspace.tree(&input.from);
            for found in self.of_tree(&input.from, path)?.into_keys() {
                let below = found.strip_prefix(normal(path)).unwrap_or(&found);
                let place =
                    if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) };
                files.insert(place, tree.join(&found));
            }
        }
        match files.is_empty() {
            false => Ok(files),
            true => Err(BuildError::Input {
                component: self.name.clone(),
                from: input.from.clone(),
                path: input.path.clone(),
            }),
        }
    }

    /// Files of a tree below a path, as git knows them, relative to the tree.
    fn of_tree(&self, name: &ComponentName, path: &Path) -> Result<Files, BuildError> {
        let files = self.workspace.repository(name).files(path);
        let files = files.map_err(|source| BuildError::List { component: name.clone(), source })?;
        Ok(files.into_iter().map(|path| (path.clone(), path)).collect())
    }

    /// Copies files into a folder, with links as links.
    ///
    /// # Errors
    /// What the system says.
    pub fn copy(&self, files: &Files, folder: &Path) -> Result<(), BuildError> {
        let root = folder.canonicalize().map_err(self.file("find", folder))?;
        for (path, source) in files {
            let target = root.join(path);
            copy(source, &target, &root).map_err(self.file("copy", source))?;
        }
        Ok(())
    }

    fn file(
        &self,
        what: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> BuildError + use<> {
        let (component, path) = (self.name.clone(), path.to_owned());
        move |source| BuildError::File { component, what, path, source }
    }
}

fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != std::path::Component::CurDir).collect()
}

/// A file, or all files of a folder, as if it were at `place`.
pub(super) fn files_of(place: &Path, source: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    add(&mut files, place, source)?;
    Ok(files)
}

/// Adds a file, or all files of a folder.
fn add(files: &mut Files, place: &Path, source: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(source)?;
    if !metadata.is_dir() {
        files.insert(normal(place), source.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        add(files, &place.join(entry.file_name()), &entry.path())?;
    }
    Ok(())
}

/// Whether a folder on the way is a link to nowhere, through which something would be made there.
fn dangling(folder: &Path, root: &Path) -> bool {
    let mut way = folder.ancestors().take_while(|folder| *folder != root);
    way.any(|folder| folder.is_symlink() && !folder.exists())
}

/// Copies one file. A link that was copied before must not lead it out of `root`.
fn copy(source: &Path, target: &Path, root: &Path) -> io::Result<()> {
    let parent = target.parent().unwrap_or(root);
    let mut there = parent;
    while !there.exists() && there != root {
        there = there.parent().unwrap_or(root);
    }
    // What is not there yet will be made below what is.
    if !there.canonicalize()?.starts_with(root) || dangling(parent, root) {
        let wrong = format!("a link leads {} out of the component", target.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, wrong));
    }
    fs::create_dir_all(parent)?;
    let metadata = fs::symlink_metadata(source)?;
    if metadata.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(source)?, target)
    } else if metadata.is_dir() {
        // A repository inside, which is not the component's to copy.
        fs::create_dir_all(target)
    } else {
        // A link that was copied first must not lead this file elsewhere.
        match fs::symlink_metadata(target) {
            Ok(_) => fs::remove_file(target)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        fs::copy(source, target).map(drop)
    }
}
