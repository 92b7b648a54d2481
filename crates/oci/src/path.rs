//! Paths inside an image.

use std::fmt;
use std::str::FromStr;

/// The prefix by which a layer says that a file of a lower layer is gone.
pub(crate) const WHITEOUT: &str = ".wh.";

/// Longest path that Linux takes, in bytes.
const MAX: usize = 4095;

/// Why a text is no path inside an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path {path:?} inside an image {why}")]
pub struct PathError {
    /// The path.
    pub path: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A path inside an image: relative to its root, without `.` and `..`, never empty.
/// `/usr//bin/x` and `usr/bin/x` are the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath(String);

impl ImagePath {
    /// As it stands in a tar.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders it is in, outermost first.
    pub fn parents(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.match_indices('/').map(|(end, _)| Self(self.0[..end].to_owned()))
    }

    /// A path below this one.
    ///
    /// # Errors
    /// When the result is none.
    pub fn join(&self, below: &str) -> Result<Self, PathError> {
        format!("{}/{below}", self.0).parse()
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ImagePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let wrong = |why| Err(PathError { path: text.chars().take(200).collect(), why });
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let path = parts.join("/");
        if parts.is_empty() {
            wrong("names nothing below its root")
        } else if parts.contains(&"..") {
            wrong("leads upwards")
        } else if parts.iter().any(|part| part.starts_with(WHITEOUT)) {
            wrong("has a name that would delete files of lower layers")
        } else if path.len() > MAX || parts.iter().any(|part| part.len() > 255) {
            wrong("is longer than Linux takes")
        } else if text.bytes().any(|byte| byte == 0 || byte == b'\n') {
            wrong("has characters that no file of an image needs")
        } else {
            Ok(Self(path))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths_are_relative_and_stay_inside() {
        for (text, path) in [("/usr//bin/x", "usr/bin/x"), ("./a/", "a"), ("a/./b", "a/b")] {
            assert_eq!(text.parse::<ImagePath>().unwrap().as_str(), path);
        }
        for hostile in
            ["", "/", ".", "../x", "a/../../x", "a/.wh.b", ".wh..wh..opq", "a\0b", "a\nb"]
        {
            assert!(hostile.parse::<ImagePath>().is_err(), "{hostile:?}");
        }
        assert!("x".repeat(256).parse::<ImagePath>().is_err());
        assert!("x/".repeat(2100).parse::<ImagePath>().is_err());
    }

    #[test]
    fn parents_come_outermost_first() {
        let path: ImagePath = "a/b/c".parse().unwrap();
        let parents: Vec<String> = path.parents().map(|path| path.to_string()).collect();
        assert_eq!(parents, ["a", "a/b"]);
    }
}
