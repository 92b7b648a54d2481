//! Whether a bundle is, bit by bit, what was written.

use std::fs::File;
use std::path::Path;

use kubewright_oci::Digest;
use serde::Serialize;

use super::entry::BundlePath;
use super::plan::About;
use super::read::{self, Damage, Failure, Taker};
use super::{ABOUT, BundleError, FORMAT, file};

/// Where blobs are; the name of each is the digest of its content.
pub(super) const BLOBS: &str = "images/blobs/sha256/";
/// Longest description, in bytes.
pub(super) const MAX_ABOUT: u64 = 16 << 20;

/// What a whole bundle holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// What it says of itself.
    #[serde(flatten)]
    pub about: About,
    /// How many files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// Reads a bundle once, in constant memory. `moved` hears of each piece that was read.
///
/// # Errors
/// [`BundleError::Damaged`] with what and where, when a single bit is not as it was written.
pub fn verify(bundle: &Path, moved: &dyn Fn(u64)) -> Result<Verified, BundleError> {
    let from = File::open(bundle).map_err(file("open", bundle))?;
    let mut checker = Checker { about: Vec::new(), path: None, moved };
    let contents = read::read(from, &mut checker).map_err(|failure| match failure {
        Failure::Damage(damage) | Failure::Taker(damage) => damaged(bundle, damage),
        Failure::Io(error) => file("read", bundle)(error),
    })?;
    let about = describe(bundle, &checker.about)?;
    Ok(Verified { about, files: contents.files, bytes: contents.bytes })
}

pub(super) fn damaged(bundle: &Path, damage: Damage) -> BundleError {
    BundleError::Damaged { bundle: bundle.to_owned(), damage }
}

/// What a bundle says of itself.
pub(super) fn describe(bundle: &Path, text: &[u8]) -> Result<About, BundleError> {
    let no =
        || damaged(bundle, Damage::Files(format!("{ABOUT} is not what a bundle says of itself")));
    let about: About = serde_json::from_slice(text).map_err(|_| no())?;
    match about.format == FORMAT {
        true => Ok(about),
        false => Err(BundleError::Format { bundle: bundle.to_owned(), format: about.format }),
    }
}

struct Checker<'a> {
    about: Vec<u8>,
    path: Option<BundlePath>,
    moved: &'a dyn Fn(u64),
}

impl Taker for Checker<'_> {
    type Error = Damage;

    fn begin(&mut self, path: &BundlePath, size: u64) -> Result<(), Damage> {
        if self.path.is_none() && path.as_str() != ABOUT {
            return Err(Damage::Files(format!("{ABOUT} is not its first file")));
        }
        if path.as_str() == ABOUT && size > MAX_ABOUT {
            return Err(Damage::Files(format!("{ABOUT} is too large")));
        }
        self.path = Some(path.clone());
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        if self.path.as_ref().is_some_and(|path| path.as_str() == ABOUT) {
            self.about.extend_from_slice(bytes);
        }
        (self.moved)(bytes.len() as u64);
        Ok(())
    }

    fn end(&mut self, digest: Digest) -> Result<(), Damage> {
        match &self.path {
            Some(path) => check_blob(path, digest),
            None => Ok(()),
        }
    }
}

/// A blob that was damaged before it was bundled is no blob.
pub(super) fn check_blob(path: &BundlePath, digest: Digest) -> Result<(), Damage> {
    match path.as_str().strip_prefix(BLOBS) {
        Some(name) if name != digest.hex() => Err(Damage::Blob(path.clone())),
        _ => Ok(()),
    }
}
