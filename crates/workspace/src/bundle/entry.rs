//! Files of a bundle: their paths, and the one spelling of their headers.

use std::fmt;
use std::io;
use std::str::FromStr;

use tar::{EntryType, Header};

/// Unit of a tar, in bytes.
pub(super) const BLOCK: usize = 512;
/// Longest path, in bytes.
pub(super) const LONGEST: usize = 1024;
/// Longest name that a plain header holds, in bytes.
const NAME: usize = 100;
/// The folders and files at the top.
const TOP: [&str; 7] =
    [super::ABOUT, "workspace", "git", "go", "images", super::SUMS, super::SUMS_DIGEST];
/// What tars call a header that holds a long name.
const LONG_LINK: &[u8] = b"././@LongLink";

/// A text is no path in a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} cannot be a path in a bundle: {why}")]
pub struct PathError {
    /// The path.
    pub path: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A path in a bundle: relative, in one of its folders, without `.` and `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundlePath(String);

impl BundlePath {
    /// As it stands in the tar.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BundlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BundlePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let wrong = |why| Err(PathError { path: text.chars().take(200).collect(), why });
        let mut parts = text.split('/');
        let top = parts.next().unwrap_or_default();
        if text.len() > LONGEST {
            return wrong("it is too long");
        }
        if !TOP.contains(&top) {
            return wrong("it is in none of the folders of a bundle");
        }
        if text.split('/').any(|part| matches!(part, "" | "." | "..") || part.len() > 255) {
            return wrong("its parts must be names of files");
        }
        // A backslash ends the one spelling of `sha256sum`.
        match text.chars().any(|letter| letter.is_control() || letter == '\\') {
            true => wrong("it has characters that names of files should not have"),
            false => Ok(Self(text.to_owned())),
        }
    }
}

/// The bytes before the content of a file: decided by its path and size alone.
pub(super) fn encode(path: &BundlePath, size: u64) -> Vec<u8> {
    let name = path.as_str().as_bytes();
    let mut bytes = Vec::with_capacity(BLOCK);
    if name.len() > NAME {
        let long = header(LONG_LINK, name.len() as u64 + 1, EntryType::GNULongName);
        bytes.extend_from_slice(long.as_bytes());
        bytes.extend_from_slice(name);
        bytes.resize(bytes.len() + 1, 0);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    let short = &name[..name.len().min(NAME)];
    bytes.extend_from_slice(header(short, size, EntryType::Regular).as_bytes());
    bytes
}

fn header(name: &[u8], size: u64, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    if let Some(gnu) = header.as_gnu_mut() {
        gnu.name[..name.len()].copy_from_slice(name);
    }
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header
}

/// What a header says, if it is spelled as we spell it.
pub(super) enum Decoded {
    /// The next block holds a name of so many bytes; then comes another header.
    Long(usize),
    /// A file.
    File {
        /// Its name, or the beginning of a long one.
        name: Vec<u8>,
        /// Its size in bytes.
        size: u64,
    },
    /// The end.
    End,
}

/// Reads one block; none when it is no header of ours.
pub(super) fn decode(block: &[u8; BLOCK]) -> Option<Decoded> {
    if block.iter().all(|byte| *byte == 0) {
        return Some(Decoded::End);
    }
    let mut found = Header::new_gnu();
    found.as_mut_bytes().copy_from_slice(block);
    let size = found.entry_size().ok()?;
    let name = found.as_gnu()?.name;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(NAME);
    let name = &name[..end];
    let kind = found.entry_type();
    // Every byte of it follows from these three.
    if header(name, size, kind).as_bytes() != block {
        return None;
    }
    match kind {
        EntryType::Regular => Some(Decoded::File { name: name.to_owned(), size }),
        EntryType::GNULongName if name == LONG_LINK => {
            let length = usize::try_from(size).ok()?;
            (NAME + 2..=LONGEST + 1).contains(&length).then_some(Decoded::Long(length))
        }
        _ => None,
    }
}

/// How many zeros follow so many bytes of content.
pub(super) fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    (BLOCK - over) % BLOCK
}

/// The size of the longest path that is a header together with the others.
pub(super) fn long_name(block: &[u8], length: usize) -> io::Result<BundlePath> {
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    let (name, rest) = block.split_at_checked(length - 1).ok_or_else(wrong)?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(wrong());
    }
    std::str::from_utf8(name).ok().and_then(|name| name.parse().ok()).ok_or_else(wrong)
}
