//! What a tree holds: its commit, and what was changed since.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Repository;
use super::concealed::Concealed;
use crate::process::{self, ProcessError};

/// What is asked of git.
pub(super) const STATUS: [&str; 10] = [
    "-c",
    "status.showUntrackedFiles=all",
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    "--no-renames",
    "--untracked-files=all",
    "--",
    ".",
];

/// Why the state of a tree is not known.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Git cannot tell.
    #[error("git cannot tell the state of {}", folder.display())]
    Git {
        /// The tree.
        folder: PathBuf,
        /// What git said.
        #[source]
        source: ProcessError,
    },
    /// Nothing was committed yet.
    #[error("the repository {} has no commit", folder.display())]
    Empty {
        /// The tree.
        folder: PathBuf,
    },
    /// A changed file cannot be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A file that is not as committed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// The file, relative to the component.
    #[serde(serialize_with = "spelled")]
    pub path: PathBuf,
    /// Digest of what it is now with its mode; nothing where it is gone.
    pub digest: Option<String>,
}

/// A path as text. One that is no UTF-8 is written with escapes, so that no two are the same.
fn spelled<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    match path.to_str() {
        Some(path) => serializer.serialize_str(path),
        None => serializer.collect_str(&format_args!("{path:?}")),
    }
}

/// What a tree holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The commit that is checked out.
    pub commit: String,
    /// Its tree, or the part of it that is the component.
    pub tree: String,
    /// The branch; nothing where a commit is checked out.
    pub branch: Option<String>,
    /// Commits that the branch has and its upstream has not, and the other way round.
    pub ahead_behind: Option<(u32, u32)>,
    /// Files that are not as committed, ignored ones aside; also those that git was told to look
    /// away from.
    pub changes: Vec<Change>,
    /// Digest of the list of committed files whose content is not here, because of a sparse
    /// checkout or as pointers of Git LFS; nothing where the tree is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent: Option<String>,
}

impl State {
    /// Whether anything is changed.
    #[must_use]
    pub fn dirty(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Looks at a tree, which may be a folder inside one.
    ///
    /// # Errors
    /// When git fails or a file cannot be read.
    pub fn of(repository: &Repository) -> Result<Self, StateError> {
        let folder = repository.folder();
        let failed = |source| StateError::Git { folder: folder.to_owned(), source };
        let status = process::output(repository.git().args(STATUS));
        let status = Status::parse(&status.map_err(failed)?);
        let Some(commit) = status.commit.clone() else {
            return Err(StateError::Empty { folder: folder.to_owned() });
        };
        let tree = repository.text(&["rev-parse", "--show-prefix", "HEAD:./"]).map_err(failed)?;
        let (prefix, tree) = tree.split_once('\n').unwrap_or_default();
        let prefix = Path::new(prefix);
        let concealed = Concealed::of(repository, prefix)?;
        let mut paths = status.below(prefix);
        paths.extend(concealed.changed);
        paths.sort();
        paths.dedup();
        let changes: Result<_, _> = paths.into_iter().map(|path| change(folder, path)).collect();
        Ok(Self {
            commit,
            tree: tree.trim_end().to_owned(),
            branch: status.branch,
            ahead_behind: status.ahead_behind,
            changes: changes?,
            absent: concealed.absent,
        })
    }
}

/// What a changed path is now.
fn change(folder: &Path, path: PathBuf) -> Result<Change, StateError> {
    let file = folder.join(&path);
    match digest(&file) {
        Ok(digest) => Ok(Change { path, digest: Some(digest) }),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(Change { path, digest: None })
        }
        Err(source) => Err(StateError::Read { file, source }),
    }
}

/// Of a file with what git would record of it: its kind, whether it can be executed, its content.
fn digest(file: &Path) -> io::Result<String> {
    let metadata = fs::symlink_metadata(file)?;
    let mut hasher = Sha256::new();
    if metadata.is_symlink() {
        hasher.update(b"link\0");
        hasher.update(fs::read_link(file)?.as_os_str().as_bytes());
    } else if metadata.is_dir() {
        // A repository inside: its commit is all that git would record.
        hasher.update(b"repository\0");
        let commit = Repository::at(file).commit("HEAD").unwrap_or_default();
        hasher.update(commit.as_bytes());
        // Changes inside it are seen by their size and time only.
        hasher.update(metadata.mtime().to_le_bytes());
    } else {
        let executable = metadata.permissions().mode() & 0o100 != 0;
        hasher.update(if executable { b"exec\0" } else { b"file\0" });
        io::copy(&mut fs::File::open(file)?, &mut Writer(&mut hasher))?;
    }
    Ok(hex(&hasher.finalize()))
}

/// A hasher as a place to write to.
struct Writer<'a>(&'a mut Sha256);

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The output of `git status --porcelain=v2 --branch -z`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Status {
    commit: Option<String>,
    branch: Option<String>,
    ahead_behind: Option<(u32, u32)>,
    paths: Vec<PathBuf>,
}

impl Status {
    /// The paths of a folder of the tree, relative to it.
    pub(super) fn below(&self, prefix: &Path) -> Vec<PathBuf> {
        let inside = |path: &PathBuf| path.strip_prefix(prefix).unwrap_or(path).to_owned();
        self.paths.iter().map(inside).collect()
    }

    pub(super) fn parse(output: &[u8]) -> Self {
        let mut status = Self::default();
        for entry in output.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            let path = |fields| {
                let path = entry.splitn(fields, |byte| *byte == b' ').last().unwrap_or_default();
                PathBuf::from(std::ffi::OsStr::from_bytes(path))
            };
            match entry[0] {
                b'#' => status.header(&String::from_utf8_lossy(entry)),
                b'1' => status.paths.push(path(9)),
                b'u' => status.paths.push(path(11)),
                b'?' => status.paths.push(path(2)),
                // Renames are not asked for.
                _ => {}
            }
        }
        status
    }

    fn header(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["#", "branch.oid", oid] if oid != "(initial)" => self.commit = Some(oid.to_owned()),
            ["#", "branch.head", name] if name != "(detached)" => {
                self.branch = Some(name.to_owned());
            }
            ["#", "branch.ab", ahead, behind] => {
                let count = |text: &str| text[1..].parse().unwrap_or(0);
                self.ahead_behind = Some((count(ahead), count(behind)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_entry_is_read() {
        let output = b"# branch.oid 1234\0# branch.head main\0# branch.upstream origin/main\0\
            # branch.ab +2 -1\0\
            1 .M N... 100644 100644 100644 aa bb with space.go\0\
            1 D. N... 100644 000000 000000 aa bb gone\0\
            u UU N... 100644 100644 100644 100644 a b c both\0\
            ? new/file\0";
        let status = Status::parse(output);
        assert_eq!(status.commit.as_deref(), Some("1234"));
        assert_eq!(status.branch.as_deref(), Some("main"));
        assert_eq!(status.ahead_behind, Some((2, 1)));
        let paths = ["with space.go", "gone", "both", "new/file"].map(PathBuf::from);
        assert_eq!(status.paths, paths);
    }

    #[test]
    fn a_repository_without_commits_has_none() {
        let status = Status::parse(b"# branch.oid (initial)\0# branch.head main\0");
        assert_eq!(status.commit, None);
    }
}
