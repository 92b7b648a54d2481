//! Modules inside of a module.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ModFile;
use super::imports::is_passed_over;

/// Folders of the modules inside of the one in `folder`, of which these are the files, by their
/// paths. What Go passes over is left out, and so is what is no `go.mod`: nobody may need it.
///
/// # Errors
/// What the system says.
pub fn inner(folder: &Path, files: &[PathBuf]) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut modules = BTreeMap::new();
    for file in files.iter().filter(|file| file.ends_with("go.mod") && !is_passed_over(file)) {
        let path = folder.join(file);
        let place = file.parent().unwrap_or(Path::new(""));
        if place.as_os_str().is_empty() || !fs::symlink_metadata(&path)?.is_file() {
            continue;
        }
        let text = fs::read(path)?;
        if let Ok(module) = ModFile::parse(&String::from_utf8_lossy(&text)) {
            modules.insert(module.module, place.to_owned());
        }
    }
    Ok(modules)
}
