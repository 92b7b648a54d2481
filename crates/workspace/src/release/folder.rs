//! The folder of a release: made beside its place, then moved there whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{Built, ReleaseError};
use crate::build::sha256;
use crate::name::Reference;
use crate::workspace::Workspace;

/// Folder of all releases.
const RELEASES: &str = "release";
/// Where one is made. No version begins with a dot.
const NEW: &str = ".new";
/// Where one is put that was never tagged, until another is in its place.
const OLD: &str = ".old";
/// Where the second build takes place.
const SECOND: &str = ".second";
const NOTES: &str = "NOTES.md";

/// What goes into it.
pub(super) struct Content<'a> {
    pub(super) built: &'a BTreeMap<String, Built>,
    pub(super) images: &'a BTreeMap<String, String>,
    pub(super) notes: &'a str,
}

/// Removes what an interrupted release left behind.
pub(super) fn sweep(workspace: &Workspace) -> Result<(), ReleaseError> {
    [NEW, OLD, SECOND].iter().try_for_each(|name| remove(&place(workspace, name)))
}

/// The folder of the second build, which is not there.
pub(super) fn second(workspace: &Workspace) -> PathBuf {
    place(workspace, SECOND)
}

fn place(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.state(Path::new(RELEASES).join(name))
}

fn remove(folder: &Path) -> Result<(), ReleaseError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(folder)(error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ReleaseError + use<> {
    let path = path.to_owned();
    move |source| ReleaseError::File { path, source }
}

impl Content<'_> {
    /// Puts all of it in place. What is there under a version that is tagged stays, and has to be the
    /// same; notes may have been edited.
    pub(super) fn put(
        &self,
        workspace: &Workspace,
        version: &Reference,
        tagged: bool,
    ) -> Result<PathBuf, ReleaseError> {
        workspace.state_folder(RELEASES)?;
        let folder = place(workspace, &version.as_str().replace('/', "%2F"));
        if tagged && folder.is_dir() {
            let files = self.differing(&folder);
            return match files.is_empty() {
                true => Ok(folder),
                false => Err(ReleaseError::Differs { version: version.clone(), folder, files }),
            };
        }
        let (new, old) = (place(workspace, NEW), place(workspace, OLD));
        fs::create_dir(&new).map_err(failed(&new))?;
        self.write(&new)?;
        if folder.is_dir() {
            fs::rename(&folder, &old).map_err(failed(&folder))?;
        }
        fs::rename(&new, &folder).map_err(failed(&folder))?;
        remove(&old)?;
        Ok(folder)
    }

    /// The texts beside the files.
    fn texts(&self) -> [(&'static str, String); 2] {
        let sums = self.built.iter().map(|(file, built)| format!("{}  {file}\n", built.sha256));
        let images = self.images.iter().map(|(name, digest)| format!("{name}@{digest}\n"));
        [("SHA256SUMS", sums.collect()), ("IMAGES", images.collect())]
    }

    fn differing(&self, folder: &Path) -> Vec<String> {
        let files = self.built.iter().filter(|(name, built)| {
            sha256(&folder.join(name)).ok().as_deref() != Some(&built.sha256)
        });
        let mut differing: Vec<String> = files.map(|(name, _)| name.clone()).collect();
        for (name, text) in self.texts() {
            if fs::read_to_string(folder.join(name)).ok().as_deref() != Some(&text) {
                differing.push(name.to_owned());
            }
        }
        differing
    }

    fn write(&self, folder: &Path) -> Result<(), ReleaseError> {
        for (name, built) in self.built {
            let target = folder.join(name);
            let copied = fs::copy(&built.path, &target).and_then(|_| sha256(&target));
            if copied.map_err(failed(&target))? != built.sha256 {
                let wrong = io::Error::other("it is not what was built: build again");
                return Err(failed(&built.path)(wrong));
            }
            sync(&target)?;
        }
        for (name, text) in self.texts().into_iter().chain([(NOTES, self.notes.to_owned())]) {
            let target = folder.join(name);
            fs::write(&target, text).map_err(failed(&target))?;
            sync(&target)?;
        }
        sync(folder)
    }
}

fn sync(path: &Path) -> Result<(), ReleaseError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(failed(path))
}
