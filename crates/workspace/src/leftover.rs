//! What commands leave behind that were killed.

use std::fs;
use std::io;
use std::path::Path;

use crate::build::{OUT, WORK, is_unfinished};
use crate::file;
use crate::sources::FACTS;
use crate::workspace::Workspace;

/// Removes it. Only who holds the workspace may, because it looks the same while it is made. Facts
/// are written by everyone; who loses one that way reads it again.
pub(crate) fn sweep(workspace: &Workspace) -> io::Result<()> {
    each(&workspace.state(WORK), remove)?;
    each(&workspace.state(OUT), |component| remove_if(component, is_unfinished))?;
    remove_if(&workspace.state(FACTS), file::is_unfinished)?;
    remove_if(&workspace.root, file::is_unfinished)
}

fn remove_if(folder: &Path, is_left: impl Fn(&Path) -> bool) -> io::Result<()> {
    each(folder, |entry| if is_left(entry) { remove(entry) } else { Ok(()) })
}

/// Does something for each entry of a folder, which may not be there.
fn each(folder: &Path, act: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for entry in entries {
        act(&entry?.path())?;
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        // Somebody finished it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
