//! Reading a bundle from the first byte to the last, believing nothing.

use std::fmt;
use std::io::{self, Read};

use kubewright_oci::Digest;
use kubewright_oci::digest::Hasher;

use super::entry::{BLOCK, BundlePath, Decoded, decode, long_name, padding};
use super::{SUMS, SUMS_DIGEST};

/// How much is read at once, in bytes.
pub(super) const PIECE: usize = 1 << 20;
/// Largest table of digests, in bytes: some hundred thousand files.
const MAX_SUMS: u64 = 64 << 20;

/// What is wrong with a bundle, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A header is not as it is written.
    Header {
        /// The file before it; none at the beginning.
        after: Option<BundlePath>,
        /// Where in the bundle, in bytes.
        at: u64,
    },
    /// The zeros after a file are none.
    Padding(BundlePath),
    /// The content of a file is not that of the table.
    Content(BundlePath),
    /// The table does not say what is there, and the digest of the table tells that it is the table.
    Table,
    /// The digest of the table is not that of the table.
    TableDigest,
    /// The table names files that are not there, or not those that are.
    Files(String),
    /// It ends in the middle.
    Truncated {
        /// The file it ends in, or after.
        file: Option<BundlePath>,
        /// Where it ends, in bytes.
        at: u64,
    },
    /// There is something after the end.
    Trailing {
        /// Where it begins, in bytes.
        at: u64,
    },
    /// A blob is not of the digest that is its name.
    Blob(BundlePath),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { after: Some(after), at } => {
                write!(f, "the header after {after}, at byte {at}, is not as it was written")
            }
            Self::Header { after: None, at } => {
                write!(f, "the header at byte {at} is none of a bundle")
            }
            Self::Padding(path) => write!(f, "the padding after {path} is not as it was written"),
            Self::Content(path) => write!(f, "the content of {path} is not as it was written"),
            Self::Table => write!(f, "{SUMS} is not as it was written"),
            Self::TableDigest => write!(f, "{SUMS_DIGEST} is not as it was written"),
            Self::Files(what) => write!(f, "{what}"),
            Self::Truncated { file: Some(file), at } => {
                write!(f, "it ends at byte {at}, in or after {file}")
            }
            Self::Truncated { file: None, at } => write!(f, "it ends at byte {at}"),
            Self::Trailing { at } => write!(f, "there is more after its end at byte {at}"),
            Self::Blob(path) => write!(f, "{path} does not have the digest that is its name"),
        }
    }
}

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Failure<E> {
    Damage(Damage),
    Io(io::Error),
    /// What takes the files says no.
    Taker(E),
}

/// Who takes the files of a bundle, one after the other. What it is given is not yet checked
/// against the table, which comes last.
pub(super) trait Taker {
    /// Why it stops.
    type Error;
    /// A file begins.
    fn begin(&mut self, path: &BundlePath, size: u64) -> Result<(), Self::Error>;
    /// Its content goes on.
    fn content(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
    /// It ended, with this digest.
    fn end(&mut self, digest: Digest) -> Result<(), Self::Error>;
}

/// What there was in a bundle.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// Reads a bundle whole; when it returns without a failure, every bit was as it was written.
pub(super) fn read<T: Taker>(
    from: impl Read,
    taker: &mut T,
) -> Result<Contents, Failure<T::Error>> {
    let mut reader = Reader { from, at: 0, last: None };
    let mut contents = Contents::default();
    // Digest of the table as it should be, and the table as it is.
    let mut computed = Hasher::new();
    let mut table = Vec::new();
    let mut expected = Table::default();
    let mut buffer = vec![0; PIECE];
    while let Some((path, size)) = reader.header()? {
        if reader.last.as_ref().is_some_and(|last| last.as_str() == SUMS_DIGEST) {
            let what = format!("{path} is after {SUMS_DIGEST}");
            return Err(Failure::Damage(Damage::Files(what)));
        }
        reader.last = Some(path.clone());
        let special = matches!(path.as_str(), SUMS | SUMS_DIGEST);
        if special && size > MAX_SUMS {
            return Err(Failure::Damage(Damage::Table));
        }
        if !special {
            taker.begin(&path, size).map_err(Failure::Taker)?;
        }
        let mut hasher = Hasher::new();
        let mut left = size;
        let mut kept = Vec::new();
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let piece = &mut buffer[..most];
            reader.fill(piece)?;
            hasher.update(piece);
            match special {
                true => kept.extend_from_slice(piece),
                false => taker.content(piece).map_err(Failure::Taker)?,
            }
            left -= most as u64;
        }
        let padding = &mut buffer[..padding(size)];
        reader.fill(padding)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Failure::Damage(Damage::Padding(path)));
        }
        let (digest, _) = hasher.finish();
        match path.as_str() {
            SUMS => table = kept,
            SUMS_DIGEST => {
                let damage = judge(&expected, computed.clone(), &table, &kept);
                if let Some(damage) = damage {
                    return Err(Failure::Damage(damage));
                }
            }
            _ => {
                let line = line(&digest, &path);
                computed.update(line.as_bytes());
                expected.lines.push((path, digest));
                contents.files += 1;
                contents.bytes += size;
                taker.end(digest).map_err(Failure::Taker)?;
            }
        }
    }
    match reader.last.as_ref().map(BundlePath::as_str) {
        Some(SUMS_DIGEST) => Ok(contents),
        _ => {
            let what = format!("{SUMS_DIGEST} is not there");
            Err(Failure::Damage(Damage::Files(what)))
        }
    }
}

/// One line of the table, as `sha256sum` writes it.
pub(super) fn line(digest: &Digest, path: &BundlePath) -> String {
    format!("{}  {path}\n", digest.hex())
}

/// What the last file of a bundle holds.
pub(super) fn sums_digest(table: Hasher) -> String {
    format!("{}  {SUMS}\n", table.finish().0.hex())
}

#[derive(Default)]
struct Table {
    lines: Vec<(BundlePath, Digest)>,
}

/// Which of the three is wrong when they do not agree: the files, the table, or its digest. Two of
/// them always agree when only one was damaged.
fn judge(files: &Table, computed: Hasher, table: &[u8], digest: &[u8]) -> Option<Damage> {
    let mut stored = Hasher::new();
    stored.update(table);
    let (of_files, of_table) = (sums_digest(computed), sums_digest(stored));
    match (of_files.as_bytes() == digest, of_table.as_bytes() == digest) {
        (true, true) => None,
        // Files and digest agree.
        (true, false) => Some(Damage::Table),
        // Files and table agree.
        (false, false) if of_files == of_table => Some(Damage::TableDigest),
        (false, _) => Some(differing(files, table)),
    }
}

/// The file that the table has another digest for.
fn differing(files: &Table, table: &[u8]) -> Damage {
    let mut lines = table.split_inclusive(|byte| *byte == b'\n');
    for (path, digest) in &files.lines {
        let wanted = line(digest, path);
        match lines.next() {
            Some(found) if found == wanted.as_bytes() => {}
            Some(found) if found.get(64..) == wanted.as_bytes().get(64..) => {
                return Damage::Content(path.clone());
            }
            _ => return Damage::Files(format!("{path} is not in its place in {SUMS}")),
        }
    }
    Damage::Files(format!("{SUMS} names files that are not there"))
}

struct Reader<R> {
    from: R,
    at: u64,
    last: Option<BundlePath>,
}

impl<R: Read> Reader<R> {
    fn fill<E>(&mut self, buffer: &mut [u8]) -> Result<(), Failure<E>> {
        let mut done = 0;
        while done < buffer.len() {
            match self.from.read(&mut buffer[done..]) {
                Ok(0) => {
                    let (file, at) = (self.last.clone(), self.at + done as u64);
                    return Err(Failure::Damage(Damage::Truncated { file, at }));
                }
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Io(error)),
            }
        }
        self.at += done as u64;
        Ok(())
    }

    fn block<E>(&mut self) -> Result<[u8; BLOCK], Failure<E>> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        Ok(block)
    }

    /// Path and size of the next file; none at the end.
    fn header<E>(&mut self) -> Result<Option<(BundlePath, u64)>, Failure<E>> {
        let at = self.at;
        let damage = |after: &Option<BundlePath>| {
            Failure::Damage(Damage::Header { after: after.clone(), at })
        };
        match decode(&self.block()?) {
            Some(Decoded::End) => self.end(at).map(|()| None),
            Some(Decoded::File { name, size }) => {
                let name = std::str::from_utf8(&name).ok().and_then(|name| name.parse().ok());
                name.map(|name| Some((name, size))).ok_or_else(|| damage(&self.last))
            }
            Some(Decoded::Long(length)) => {
                let mut block = vec![0; length.next_multiple_of(BLOCK)];
                self.fill(&mut block)?;
                let path = long_name(&block, length).map_err(|_| damage(&self.last))?;
                match decode(&self.block()?) {
                    Some(Decoded::File { name, size })
                        if path.as_str().as_bytes().starts_with(&name) && name.len() == 100 =>
                    {
                        Ok(Some((path, size)))
                    }
                    _ => Err(damage(&self.last)),
                }
            }
            None => Err(damage(&self.last)),
        }
    }

    /// Two empty blocks, and then nothing.
    fn end<E>(&mut self, at: u64) -> Result<(), Failure<E>> {
        if self.block()?.iter().any(|byte| *byte != 0) {
            return Err(Failure::Damage(Damage::Header { after: self.last.clone(), at }));
        }
        match self.from.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Failure::Damage(Damage::Trailing { at: self.at })),
            Err(error) => Err(Failure::Io(error)),
        }
    }
}
