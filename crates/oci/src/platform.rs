//! Platforms: for which operating system and processor an image is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Why a text is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "platform {0:?} is not of the form os/architecture or os/architecture/variant, as in linux/arm64"
)]
pub struct PlatformError(String);

/// An operating system and a processor, in Go's words: `linux/amd64`, `linux/arm64`,
/// `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `GOARCH`.
    pub architecture: String,
    /// `GOOS`.
    pub os: String,
    /// Which of several processors of one name, as in `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What else the descriptor said, such as `os.version`.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Platform {
    /// An operating system and a processor without variant.
    #[must_use]
    pub fn new(os: &str, architecture: &str) -> Self {
        let (os, architecture) = (os.to_owned(), architecture.to_owned());
        Self { architecture, os, variant: None, rest: Map::new() }
    }

    /// Linux on the processor this runs on.
    #[must_use]
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self::new("linux", architecture)
    }

    /// Whether an image for `self` runs where `wanted` is asked for. Where no variant is asked for,
    /// any is meant; `v8` of `arm64` and `v1` of `amd64` are the plain ones.
    #[must_use]
    pub fn serves(&self, wanted: &Self) -> bool {
        let asked = wanted.plain_variant();
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (asked.is_none() || self.plain_variant() == asked)
    }

    /// Of several images that serve where no variant is asked for, the one with the least is meant:
    /// the plain one, else the lowest variant. For `arm` that is `v7`, as everywhere else.
    pub(crate) fn preference(&self) -> (bool, Option<&str>) {
        let variant = self.plain_variant();
        let usual = match &*self.architecture {
            "arm" => variant.is_none_or(|variant| variant == "v7"),
            _ => variant.is_none(),
        };
        (!usual, variant)
    }

    /// The variant, without one that says nothing.
    fn plain_variant(&self) -> Option<&str> {
        match (&*self.architecture, self.variant.as_deref()) {
            ("arm64", Some("v8")) | ("amd64", Some("v1")) => None,
            (_, variant) => variant,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let word = |word: &str| {
            !word.is_empty()
                && word.len() <= 32
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let words: Vec<&str> = text.split('/').collect();
        if !words.iter().all(|part| word(part)) {
            return Err(PlatformError(text.to_owned()));
        }
        match words[..] {
            [os, architecture] => Ok(Self::new(os, architecture)),
            [os, architecture, variant] => {
                Ok(Self { variant: Some(variant.to_owned()), ..Self::new(os, architecture) })
            }
            _ => Err(PlatformError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn platforms_are_read_and_written_in_gos_words() {
        for text in ["linux/amd64", "linux/arm/v7"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        for wrong in ["", "linux", "linux/", "linux/amd64/v1/x", "Linux/amd64", "linux/../x"] {
            assert!(wrong.parse::<Platform>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_variant_matters_only_where_it_is_asked_for() {
        let platform = |text: &str| text.parse::<Platform>().unwrap();
        assert!(platform("linux/arm64/v8").serves(&platform("linux/arm64")));
        assert!(platform("linux/arm64").serves(&platform("linux/arm64/v8")));
        assert!(platform("linux/arm/v7").serves(&platform("linux/arm")));
        assert!(!platform("linux/arm/v6").serves(&platform("linux/arm/v7")));
        assert!(!platform("linux/amd64").serves(&platform("linux/arm64")));
    }
}
