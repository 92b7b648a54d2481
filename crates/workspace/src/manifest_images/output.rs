//! Rendered manifests in a folder, which holds none of those of before: a folder is what people give
//! to `kubectl apply -f`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use kubewright_oci::Digest;
use serde::Serialize;

use super::Rendered;
use crate::file;

/// Where a folder keeps which files were written, and as what.
const RECORD: &str = ".kubewright-manifests";

/// Why manifests cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}", path.display())]
pub struct OutputError {
    /// What was tried.
    pub verb: &'static str,
    /// With which file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// What became of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Files that were removed: no source makes them any longer.
    pub removed: Vec<String>,
    /// Files that no source makes any longer, but someone has changed: they are left.
    pub changed: Vec<String>,
}

/// Writes manifests into a folder, and removes what was written there before and is no longer made.
/// What others put there stays.
///
/// # Errors
/// When a file cannot be written or removed.
pub fn write(folder: &Path, rendered: &[Rendered]) -> Result<Written, OutputError> {
    let failed = |verb: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| OutputError { verb, path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed("make", folder))?;
    let record = folder.join(RECORD);
    let before = match std::fs::read(&record) {
        // What is damaged says nothing, and nothing is removed for it.
        Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(failed("read", &record)(error)),
    };
    let now: BTreeMap<&str, String> = rendered
        .iter()
        .map(|one| (&one.name[..], Digest::of(one.text.as_bytes()).to_string()))
        .collect();
    // Named before they are written, so that a kill in between leaves nothing that nobody knows.
    let mut all: BTreeMap<&str, &str> =
        before.iter().map(|(k, v): (&String, &String)| (&k[..], &v[..])).collect();
    all.extend(now.iter().map(|(name, digest)| (*name, &digest[..])));
    let keep = |names: &BTreeMap<&str, &str>| -> io::Result<()> {
        file::replace(&record, &serde_json::to_vec_pretty(names)?)
    };
    keep(&all).map_err(failed("write", &record))?;
    for one in rendered {
        let path = folder.join(&one.name);
        file::replace(&path, one.text.as_bytes()).map_err(failed("write", &path))?;
    }
    let mut written = Written::default();
    for (name, digest) in before.iter().filter(|(name, _)| !now.contains_key(&name[..])) {
        // The record is a file like others: it must not lead to another folder.
        let plain = Path::new(name).file_name().is_some_and(|own| own == &name[..]);
        let path = folder.join(name);
        match std::fs::read(&path) {
            Ok(text) if plain && Digest::of(&text).to_string() == *digest => {
                std::fs::remove_file(&path).map_err(failed("remove", &path))?;
                written.removed.push(name.clone());
            }
            Ok(_) if plain => written.changed.push(name.clone()),
            _ => {}
        }
    }
    all.retain(|name, _| now.contains_key(name));
    keep(&all).map_err(failed("write", &record))?;
    Ok(written)
}
