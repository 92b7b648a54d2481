//! Digests: what a blob is called, and how its content is checked against the name.
//!
//! Only `sha256` exists here: it is the one algorithm that every registry and runtime has, and a
//! digest becomes a file name, so nothing else gets through the parser.
//! <https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests>

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The prefix that names the algorithm.
const PREFIX: &str = "sha256:";

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Another algorithm, or none.
    #[error("digest {0:?} is not of sha256, the one algorithm that all registries share")]
    Algorithm(String),
    /// Not 64 hexadecimal digits in lower case.
    #[error("digest {0:?} does not have 64 hexadecimal digits in lower case")]
    Encoding(String),
}

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// That of bytes at hand.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish().0
    }

    /// The digits alone: the file name of a blob.
    #[must_use]
    pub fn hex(&self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// The first twelve digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(12);
        hex
    }

    /// From the digits alone.
    ///
    /// # Errors
    /// When they are not 64 in lower case.
    pub fn from_hex(hex: &str) -> Result<Self, DigestError> {
        let wrong = || DigestError::Encoding(hex.chars().take(80).collect());
        let digits = hex.as_bytes();
        if digits.len() != 64 {
            return Err(wrong());
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = value(pair[0]).zip(value(pair[1])).ok_or_else(wrong)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text.strip_prefix(PREFIX) {
            Some(hex) => Self::from_hex(hex),
            None => Err(DigestError::Algorithm(text.chars().take(80).collect())),
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Computes a digest and counts bytes, piece by piece.
#[derive(Clone)]
pub struct Hasher {
    // ring's assembly is as quick in a debug build as in a release.
    context: ring::digest::Context,
    size: u64,
}

impl Hasher {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { context: ring::digest::Context::new(&ring::digest::SHA256), size: 0 }
    }

    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// How many bytes it has taken.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest and the number of bytes.
    #[must_use]
    pub fn finish(self) -> (Digest, u64) {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.context.finish().as_ref());
        (Digest(bytes), self.size)
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What came is not what its name says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Other content.
    #[error("content has digest {found}, not {wanted}")]
    Digest {
        /// By its name.
        wanted: Digest,
        /// By its content.
        found: Digest,
    },
    /// Ended early.
    #[error("content of {digest} ends after {found} of {wanted} bytes")]
    Short {
        /// By its name.
        digest: Digest,
        /// Announced, in bytes.
        wanted: u64,
        /// Read, in bytes.
        found: u64,
    },
    /// Goes on.
    #[error("content of {digest} is longer than the {wanted} bytes announced")]
    Long {
        /// By its name.
        digest: Digest,
        /// Announced, in bytes.
        wanted: u64,
    },
}

/// A reader whose end is an error (`InvalidData` around a [`Mismatch`]) when what was read is not
/// what was announced. Never gives out more bytes than were announced.
#[derive(Debug)]
pub struct Verified<R> {
    inner: R,
    digest: Digest,
    size: u64,
    hasher: Option<Hasher>,
}

impl<R: Read> Verified<R> {
    /// Checks `inner` against the digest and the size in bytes.
    pub fn new(inner: R, digest: Digest, size: u64) -> Self {
        Self { inner, digest, size, hasher: Some(Hasher::new()) }
    }

    fn check_end(&mut self) -> io::Result<()> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        let (found, size) = hasher.finish();
        let (digest, wanted) = (self.digest, self.size);
        if size < wanted {
            return Err(invalid(Mismatch::Short { digest, wanted, found: size }));
        }
        match found == digest {
            true => Ok(()),
            false => Err(invalid(Mismatch::Digest { wanted: digest, found })),
        }
    }
}

fn invalid(mismatch: Mismatch) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, mismatch)
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let Some(hasher) = &mut self.hasher else { return Ok(0) };
        let left = self.size - hasher.size();
        if left == 0 {
            if self.inner.read(&mut [0])? > 0 {
                self.hasher = None;
                return Err(invalid(Mismatch::Long { digest: self.digest, wanted: self.size }));
            }
            return self.check_end().map(|()| 0);
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..most])?;
        if read == 0 {
            return self.check_end().map(|()| 0);
        }
        hasher.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
