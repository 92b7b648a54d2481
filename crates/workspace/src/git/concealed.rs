//! What `git status` does not tell of: files that it was told to look away from, and committed
//! files whose content is not here.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::files::paths;
use super::state::{STATUS, Status, hex};
use super::{Repository, StateError};
use crate::process::{self, ProcessError};

/// How a pointer of Git LFS begins, by <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// What is not told.
#[derive(Debug, Default)]
pub(super) struct Concealed {
    /// Files that may be changed, relative to the tree.
    pub(super) changed: Vec<PathBuf>,
    /// Digest of the list of files whose content is not here; nothing where all are whole.
    pub(super) absent: Option<String>,
}

impl Concealed {
    /// Looks at the marks of all files, which takes one short command where there are none.
    pub(super) fn of(repository: &Repository, prefix: &Path) -> Result<Self, StateError> {
        let folder = repository.folder();
        let failed = |source| StateError::Git { folder: folder.to_owned(), source };
        let mut marks = repository.git();
        marks.args(["ls-files", "-z", "-v", "--cached", "--", "."]);
        let marks = process::output(&mut marks).map_err(failed)?;
        let (mut marked, mut absent, mut with_lfs) = (Vec::new(), Vec::new(), false);
        for entry in marks.split(|byte| *byte == 0).filter(|entry| entry.len() > 2) {
            // `skip-worktree` is `S`, `assume-unchanged` makes any letter small.
            let (mark, path) = (entry[0], &entry[2..]);
            if mark != b'H' && mark != b'M' {
                let path = paths(path).next().unwrap_or_default();
                match (folder.join(&path).symlink_metadata().is_ok(), mark) {
                    (false, b'S' | b's') => absent.push(path),
                    _ => marked.push(path),
                }
            } else if path.ends_with(b".gitattributes") {
                let path = folder.join(paths(path).next().unwrap_or_default());
                with_lfs |= fs::read(path).is_ok_and(|text| contains(&text, b"filter=lfs"));
            }
        }
        let changed = match marked.is_empty() {
            true => Vec::new(),
            false => unmarked(repository, prefix, &absent)?,
        };
        if with_lfs {
            let read = |source| StateError::Read { file: folder.to_owned(), source };
            let pointers = pointers(repository).map_err(failed)?;
            absent.extend(pointers.map_err(read)?);
        }
        Ok(Self { changed, absent: digest(absent) })
    }
}

/// What is changed by an index without marks. All files are read for it.
fn unmarked(
    repository: &Repository,
    prefix: &Path,
    absent: &[PathBuf],
) -> Result<Vec<PathBuf>, StateError> {
    let folder = repository.folder();
    let failed = |source| StateError::Git { folder: folder.to_owned(), source };
    let scratch = tempfile::tempdir()
        .map_err(|source| StateError::Read { file: std::env::temp_dir(), source })?;
    let git = |arguments: &[&str]| {
        let mut command = repository.git();
        command.env("GIT_INDEX_FILE", scratch.path().join("index")).args(arguments);
        process::output(&mut command).map_err(failed)
    };
    git(&["read-tree", "HEAD"])?;
    let mut changed = Status::parse(&git(&STATUS)?).below(prefix);
    changed.retain(|path| !absent.contains(path));
    Ok(changed)
}

/// Files of Git LFS that are pointers still.
fn pointers(repository: &Repository) -> Result<io::Result<Vec<PathBuf>>, ProcessError> {
    let mut command = repository.git();
    command.args(["ls-files", "-z", "--cached", "--", ":(attr:filter=lfs)."]);
    let said = process::output(&mut command)?;
    let is_pointer = |path: &PathBuf| -> io::Result<bool> {
        let file = match fs::File::open(repository.folder().join(path)) {
            Ok(file) => file,
            // Deleted, which is a change as any other.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut begin = Vec::new();
        file.take(POINTER.len() as u64).read_to_end(&mut begin)?;
        Ok(begin == POINTER)
    };
    let found = paths(&said).filter_map(|path| match is_pointer(&path) {
        Ok(true) => Some(Ok(path)),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    });
    Ok(found.collect())
}

fn digest(mut paths: Vec<PathBuf>) -> Option<String> {
    use std::os::unix::ffi::OsStrExt as _;
    paths.sort();
    let mut hasher = Sha256::new();
    for path in &paths {
        hasher.update(path.as_os_str().as_bytes());
        hasher.update([0]);
    }
    (!paths.is_empty()).then(|| hex(&hasher.finalize()))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
