//! Copies of trees for Go to read.
//!
//! Go compiles what lies in a folder, whether git knows of it or not: sources that git ignores,
//! submodules, repositories inside. None of these are part of the key, so Go gets a copy of what is,
//! in `.kubewright/src`: the tree, and the inputs where the component wants them. All copies lie side by side, wherever the trees are, which gives the
//! same relative paths in every workspace. A copy that is there is compared byte by byte and mended,
//! never trusted.

use std::collections::BTreeMap;
use std::fs::{self, Metadata, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component as Part, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{BuildError, Files, View};
use crate::manifest::file_name;
use crate::name::ComponentName;
use crate::sources::Sources;
use crate::workspace::Workspace;

/// Where copies are.
const FOLDER: &str = "src";

/// The copies that one run of a build works with.
#[derive(Debug)]
pub(super) struct Exports<'a> {
    workspace: &'a Workspace,
    sources: &'a Sources,
    /// Whether each was brought up to date in this run, by folder.
    made: Mutex<BTreeMap<PathBuf, Arc<Mutex<bool>>>>,
}

impl<'a> Exports<'a> {
    pub(super) fn new(workspace: &'a Workspace, sources: &'a Sources) -> Self {
        Self { workspace, sources, made: Mutex::default() }
    }

    /// The copy of a component, its tree with its inputs in place, brought up to date when it is
    /// first asked for. Others who ask meanwhile wait.
    pub(super) fn of(&self, view: &View<'_>) -> Result<PathBuf, BuildError> {
        // Inputs may be programs. No component has such a name.
        let name = match view.component.inputs.is_empty() {
            true => view.name.to_string(),
            false => format!("{}+{}", view.name, file_name(view.platform)),
        };
        let folder = self.workspace.state_folder(Path::new(FOLDER).join(name))?;
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = Arc::clone(all.entry(folder.clone()).or_default());
        drop(all);
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if !*made {
            bring(view, &folder)?;
            // What was copied is what the key was made of.
            let from = view.component.inputs.iter().map(|input| &input.from);
            for name in from.chain([view.name]) {
                super::unchanged(self.workspace, self.sources, name)?;
            }
            *made = true;
        }
        Ok(folder)
    }
}

fn bring(view: &View<'_>, folder: &Path) -> Result<(), BuildError> {
    let mut files = view.sources()?;
    // An input is where it is wanted, also where the tree has a link on the way.
    let inputs = view.inputs()?;
    for above in inputs.keys().flat_map(|input| input.ancestors().skip(1)) {
        files.remove(above);
    }
    files.retain(|file, source| is_taken(source, file));
    let failed = |path: &Path| {
        let (component, path) = (view.name.clone(), path.to_owned());
        move |source| BuildError::File { component, what: "copy", path, source }
    };
    remove_others(folder, Path::new(""), &files).map_err(failed(folder))?;
    files
        .iter()
        .try_for_each(|(file, source)| copy(source, &folder.join(file)).map_err(failed(source)))
}

/// What lies in the trees of a component and of what it needs, and no build sees: Go sources that
/// git ignores, repositories inside, links that lead out; each as `COMPONENT/FILE`. For people who
/// wonder why a build fails; what cannot be told is left out.
#[must_use]
pub fn unseen(workspace: &Workspace, sources: &Sources, name: &ComponentName) -> Vec<String> {
    let mut unseen = Vec::new();
    for name in sources.graph.with_needs([name]) {
        let repository = workspace.repository(name);
        let mut files = repository.files(Path::new(".")).unwrap_or_default();
        files.retain(|file| !is_taken(&repository.folder().join(file), file));
        files.extend(repository.ignored_go_files().unwrap_or_default());
        unseen.extend(files.iter().map(|file| format!("{name}/{}", file.display())));
    }
    unseen.sort();
    unseen
}

/// Whether a file goes to its place in a copy: repositories inside do not, and neither do links that
/// lead out of it, because nobody knows what they lead to.
fn is_taken(source: &Path, place: &Path) -> bool {
    match fs::symlink_metadata(source) {
        Ok(metadata) if metadata.is_symlink() => {
            let folder = place.parent().unwrap_or(Path::new(""));
            fs::read_link(source).is_ok_and(|target| !leads_out(folder, &target))
        }
        Ok(metadata) => metadata.is_file(),
        Err(_) => false,
    }
}

/// Whether a path, seen from a folder inside of a tree, may lead out of that tree. What goes down
/// and up again does: what it goes down into may be a link.
pub(super) fn leads_out(folder: &Path, target: &Path) -> bool {
    let mut above = folder.components().filter(|part| matches!(part, Part::Normal(_))).count();
    let mut down = false;
    target.components().any(|part| match part {
        Part::CurDir => false,
        Part::Normal(_) => {
            down = true;
            false
        }
        Part::ParentDir if above > 0 && !down => {
            above -= 1;
            false
        }
        Part::ParentDir | Part::RootDir | Part::Prefix(_) => true,
    })
}

/// Removes what is in a copy and not in its tree any more.
fn remove_others(root: &Path, below: &Path, wanted: &Files) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let is_folder = entry.file_type()?.is_dir();
        let has_wanted = || {
            let mut from = wanted.range(path.clone()..);
            from.next().is_some_and(|(next, _)| *next != path && next.starts_with(&path))
        };
        match (is_folder, wanted.contains_key(&path)) {
            (true, false) if has_wanted() => remove_others(root, &path, wanted)?,
            (true, _) => fs::remove_dir_all(entry.path())?,
            (false, false) => fs::remove_file(entry.path())?,
            (false, true) => {}
        }
    }
    Ok(())
}

/// Copies one file, unless it is there already. Copies are not written to by mistake: they are
/// read-only.
fn copy(source: &Path, target: &Path) -> io::Result<()> {
    let from = fs::symlink_metadata(source)?;
    let to = match fs::symlink_metadata(target) {
        Ok(to) => Some(to),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some(to) = to {
        if is_same((source, &from), (target, &to))? {
            return Ok(());
        }
        fs::remove_file(target)?;
    } else if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    if from.is_symlink() {
        return symlink(fs::read_link(source)?, target);
    }
    fs::copy(source, target)?;
    fs::set_permissions(target, Permissions::from_mode(mode(&from)))
}

/// What the mode of a copy is.
fn mode(source: &Metadata) -> u32 {
    if source.permissions().mode() & 0o100 != 0 { 0o555 } else { 0o444 }
}

fn is_same(source: (&Path, &Metadata), target: (&Path, &Metadata)) -> io::Result<bool> {
    let ((source, from), (target, to)) = (source, target);
    if from.is_symlink() || to.is_symlink() {
        let both = from.is_symlink() && to.is_symlink();
        return Ok(both && fs::read_link(source)? == fs::read_link(target)?);
    }
    if from.len() != to.len() || to.permissions().mode() & 0o777 != mode(from) {
        return Ok(false);
    }
    let (mut one, mut other) = (fs::File::open(source)?, fs::File::open(target)?);
    let (mut first, mut second) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = fill(&mut one, &mut first)?;
        if fill(&mut other, &mut second)? != read || first[..read] != second[..read] {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut at = 0;
    while at < buffer.len() {
        match file.read(&mut buffer[at..])? {
            0 => break,
            read => at += read,
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ways_out_of_a_tree_are_known() {
        for (folder, target, out) in [
            ("", "a.go", false),
            ("", "../a.go", true),
            ("a/b", "../../c", false),
            ("a/b", "../../../c", true),
            ("a", "/etc/passwd", true),
            ("a", "b/../../../c", true),
            // `b` may be a link to the root of the tree.
            ("", "b/../c", true),
            ("a", ".././c", false),
        ] {
            assert_eq!(leads_out(Path::new(folder), Path::new(target)), out, "{folder} {target}");
        }
    }

    #[test]
    fn a_copy_is_mended_whatever_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, export) = (folder.path().join("tree"), folder.path().join("export"));
        fs::create_dir_all(tree.join("a/b")).unwrap();
        for (file, content) in [("a/b/one", "one"), ("two", "two"), ("a.go", "x")] {
            fs::write(tree.join(file), content).unwrap();
        }
        symlink("two", tree.join("link")).unwrap();
        // What an earlier state left: other kinds, other content of the same length, more files.
        fs::create_dir_all(export.join("two/x")).unwrap();
        fs::create_dir_all(export.join("old/deep")).unwrap();
        fs::create_dir_all(export.join("a")).unwrap();
        fs::write(export.join("a/b"), "a file").unwrap();
        fs::write(export.join("a.go"), "y").unwrap();
        fs::write(export.join("link"), "two").unwrap();
        let wanted = ["a.go", "a/b/one", "link", "two"].map(|file| (file.into(), tree.join(file)));
        let wanted = Files::from(wanted);
        for _ in 0..2 {
            remove_others(&export, Path::new(""), &wanted).unwrap();
            for (file, source) in &wanted {
                copy(source, &export.join(file)).unwrap();
            }
            assert_eq!(fs::read_to_string(export.join("a/b/one")).unwrap(), "one");
            assert_eq!(fs::read_to_string(export.join("two")).unwrap(), "two");
            assert_eq!(fs::read_to_string(export.join("a.go")).unwrap(), "x");
            assert_eq!(fs::read_link(export.join("link")).unwrap(), Path::new("two"));
            assert!(!export.join("old").exists());
        }
    }
}
