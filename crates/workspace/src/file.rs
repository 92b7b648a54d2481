//! Writing files so that nobody ever reads half of one.

use std::io::{self, Write as _};
use std::path::Path;

/// How the names of files begin that are not finished.
const UNFINISHED: &str = ".kubewright-new-";

/// Whether a file was to be put in place of another, and was not yet.
pub(crate) fn is_unfinished(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with(UNFINISHED) && file.is_file()
}

/// Puts a file in place of another: beside it, to the disk, then renamed.
///
/// # Errors
/// What the system says.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    beside.write_all(content)?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    beside.as_file().set_permissions(readable)?;
    beside.as_file().sync_all()?;
    beside.persist(file)?;
    Ok(())
}
