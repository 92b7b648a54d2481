//! Outputs by key.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use kubewright_oci::Scratch;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::BuildError;
use crate::cache::Key;
use crate::file;
use crate::git::hex;
use crate::manifest::{Component, Platform, file_name};
use crate::name::ComponentName;
use crate::workspace::{Workspace, WorkspaceError};

/// Name of the record in an entry.
const RECORD: &str = "record.json";
/// Folder of the store.
pub(crate) const FOLDER: &str = "out";
/// How the name of an entry begins that is not finished.
const UNFINISHED: &str = ".new-";
/// Entries of a component that are kept, besides the present one.
const KEPT: usize = 4;

/// The outputs of a workspace.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its key.
    pub key: Key,
    /// Its files.
    pub outputs: Vec<Output>,
}

/// One file of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// `linux-amd64/bin/felix`.
    pub path: PathBuf,
    /// SHA-256 of its content; of a link, of where it leads.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// When it was written, in nanoseconds: one that was written since is not it.
    pub modified: i128,
}

impl Store {
    /// The store of a workspace.
    #[must_use]
    pub fn of(workspace: &Workspace) -> Self {
        Self { folder: workspace.state(FOLDER) }
    }

    /// The folder with the outputs of a component for a platform.
    #[must_use]
    pub fn outputs(&self, name: &ComponentName, key: &Key, platform: &Platform) -> PathBuf {
        self.entry(name, key).join(file_name(platform))
    }

    fn entry(&self, name: &ComponentName, key: &Key) -> PathBuf {
        self.folder.join(name.as_str()).join(key.as_str())
    }

    /// What is recorded of a component, if all of it is still there.
    #[must_use]
    pub fn record(&self, name: &ComponentName, key: &Key) -> Option<Record> {
        let entry = self.entry(name, key);
        let record: Record = serde_json::from_slice(&fs::read(entry.join(RECORD)).ok()?).ok()?;
        let whole = record.outputs.iter().all(|output| {
            fs::symlink_metadata(entry.join(&output.path)).is_ok_and(|found| {
                found.len() == output.size && modified(&found) == output.modified
            })
        });
        whole.then_some(record)
    }

    /// Whether all outputs of a component are there, for all platforms.
    #[must_use]
    pub fn has(
        &self,
        name: &ComponentName,
        key: &Key,
        component: &Component,
        platforms: &[Platform],
    ) -> bool {
        let Some(record) = self.record(name, key) else { return false };
        let mut wanted = platforms.iter().flat_map(|platform| {
            let folder = file_name(platform);
            component.outputs().map(move |output| Path::new(&folder).join(output.as_str()))
        });
        wanted.all(|path| record.outputs.iter().any(|output| output.path.starts_with(&path)))
    }

    /// A place to collect an entry in.
    pub(super) fn begin(&self, name: &ComponentName) -> Result<Scratch, BuildError> {
        let folder = self.folder.join(name.as_str());
        let make = || {
            fs::create_dir_all(&folder)?;
            Scratch::new(&folder, UNFINISHED)
        };
        make().map_err(|source| WorkspaceError::Folder { path: folder.clone(), source }.into())
    }

    /// Puts a collected entry in its place.
    pub(super) fn finish(
        &self,
        entry: Scratch,
        name: &ComponentName,
        key: &Key,
    ) -> Result<(), BuildError> {
        let target = self.entry(name, key);
        let finish = || {
            let mut outputs = Vec::new();
            collect(entry.path(), Path::new(""), &mut outputs)?;
            outputs.sort_by(|a, b| a.path.cmp(&b.path));
            let record = Record { key: key.clone(), outputs };
            let text = serde_json::to_vec_pretty(&record).map_err(io::Error::other)?;
            file::replace(&entry.path().join(RECORD), &text)?;
            if target.exists() {
                // Of other platforms, or damaged.
                fs::remove_dir_all(&target)?;
            }
            entry.keep_as(&target)?;
            self.prune(name, &target)
        };
        finish().map_err(|source| BuildError::File {
            component: name.clone(),
            what: "keep the outputs in",
            path: target.clone(),
            source,
        })
    }

    /// Removes the oldest entries of a component.
    fn prune(&self, name: &ComponentName, present: &Path) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.folder.join(name.as_str()))? {
            let entry = entry?;
            let path = entry.path();
            if path != present && path.join(RECORD).is_file() {
                entries.push((entry.metadata()?.modified()?, path));
            }
        }
        entries.sort();
        let old = entries.len().saturating_sub(KEPT);
        entries[..old].iter().try_for_each(|(_, path)| fs::remove_dir_all(path))
    }
}

/// Whether this is an entry that was begun and not put in its place.
pub(crate) fn is_unfinished(entry: &Path) -> bool {
    let name = entry.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with(UNFINISHED)
}

fn modified(metadata: &fs::Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}

fn collect(root: &Path, folder: &Path, outputs: &mut Vec<Output>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, outputs)?;
            continue;
        }
        // A link is what it says: what it leads to may be elsewhere, or nowhere.
        let metadata = fs::symlink_metadata(root.join(&path))?;
        let sha256 = match metadata.is_symlink() {
            true => {
                let target = fs::read_link(root.join(&path))?;
                hex(&Sha256::digest(target.as_os_str().as_encoded_bytes()))
            }
            false => sha256(&root.join(&path))?,
        };
        outputs.push(Output { path, sha256, size: metadata.len(), modified: modified(&metadata) });
    }
    Ok(())
}

/// Digest of a file.
pub(crate) fn sha256(file: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = fs::File::open(file)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}
