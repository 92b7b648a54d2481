//! Names and paths that come from files of others and become paths, arguments and tags.
//!
//! Each type can only be made from text that is harmless in the places where it is used, so that
//! nothing has to be checked again later.

use std::borrow::Borrow;
use std::fmt;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

/// Longest name of a component; it is part of file names.
const LONGEST_NAME: usize = 100;

/// Why a text is not what it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// No name of a component.
    #[error(
        "{0:?} is no name for a component: use letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
    )]
    Component(String),
    /// No path inside a tree.
    #[error("{0:?} is no path inside a component: it must be relative, without `..`")]
    Path(String),
    /// No address of a repository.
    #[error("{0:?} is no address of a git repository: use https, ssh, git, file or a path")]
    Url(String),
    /// An address with a password in it.
    #[error(
        "the address of {0} has a password in it, which would end up in the lock: use a git credential helper"
    )]
    Password(String),
    /// Not a name of a branch, a tag or a commit.
    #[error("{0:?} is no branch, tag or commit")]
    Reference(String),
    /// Not a name of an image.
    #[error("{0:?} is no name of an image: use lower case letters, digits, `.`, `_`, `-` and `/`")]
    Image(String),
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// # Errors
            /// When the text is not harmless, or not what it should be.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let check: fn(&str) -> Result<(), NameError> = $check;
                check(&text)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<Path> for $name {
            fn as_ref(&self) -> &Path {
                Path::new(&self.0)
            }
        }
    };
}

text!(
    /// Name of a component: one part of a path, never `.` or `..`, never an option.
    ComponentName,
    |text| {
        let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        match first && rest && text.len() <= LONGEST_NAME {
            true => Ok(()),
            false => Err(NameError::Component(text.to_owned())),
        }
    }
);

text!(
    /// A path inside a tree: relative, with `/`, never leading out of it, never an option.
    InnerPath,
    |text| {
        let inside = Path::new(text)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let plain = !text.is_empty() && !text.contains(['\0', '\n', '\\']) && !text.starts_with('-');
        match inside && plain {
            true => Ok(()),
            false => Err(NameError::Path(text.to_owned())),
        }
    }
);

text!(
    /// Where a repository is fetched from. Never an option, never a helper program (`ext::`).
    GitUrl,
    |text| {
        let wrong = || NameError::Url(text.to_owned());
        if text.is_empty() || text.starts_with('-') || text.contains(|c: char| c.is_control()) {
            return Err(wrong());
        }
        if text.contains("::") {
            return Err(wrong());
        }
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(()) };
        if !["https", "http", "ssh", "git", "file"].contains(&scheme) {
            return Err(wrong());
        }
        let authority = rest.split('/').next().unwrap_or_default();
        match authority.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => Err(NameError::Password(host.to_owned())),
            _ => Ok(()),
        }
    }
);

text!(
    /// A branch, a tag or a commit, by the rules of `git check-ref-format`.
    Reference,
    |text| {
        let bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
        let wrong = text.is_empty()
            || text.starts_with(['-', '/', '.'])
            || text.ends_with(['/', '.'])
            || text.ends_with(".lock")
            || text.contains("..")
            || text.contains("//")
            || text.contains("@{")
            || text.contains(bad);
        match wrong {
            true => Err(NameError::Reference(text.to_owned())),
            false => Ok(()),
        }
    }
);

text!(
    /// Name of an image, without registry and tag: `node`, `team/node`. The rules are those of the
    /// [distribution specification](https://github.com/opencontainers/distribution-spec).
    ImageName,
    |text| {
        let part = |part: &str| {
            let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            part.starts_with(edge)
                && part.ends_with(edge)
                && part.chars().all(|c| edge(c) || "._-".contains(c))
        };
        match text.split('/').all(part) && text.len() <= 200 {
            true => Ok(()),
            false => Err(NameError::Image(text.to_owned())),
        }
    }
);

impl ImageName {
    /// The last part, by which manifests know it whatever the registry.
    #[must_use]
    pub fn last(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl InnerPath {
    /// The last part.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.trim_end_matches('/').rsplit('/').next().unwrap_or(&self.0)
    }
}

impl Reference {
    /// Whether it is a whole commit id.
    #[must_use]
    pub fn is_commit(&self) -> bool {
        self.0.len() == 40 && self.0.chars().all(|c| c.is_ascii_hexdigit() && !c.is_uppercase())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for bad in ["", ".", "..", "-rf", "a/b", "a b", "é", "a\n"] {
            assert!(ComponentName::new(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "-o", "a\0b", "a\\b"] {
            assert!(InnerPath::new(bad).is_err(), "{bad:?}");
        }
        for bad in ["--upload-pack=x", "ext::sh -c x", "fd::3", "gopher://x/y", "a\nb"] {
            assert!(GitUrl::new(bad).is_err(), "{bad:?}");
        }
        for bad in ["-b", "a..b", "a b", "x^", "@{u}", "a.lock", "/a", "a/", "a:b"] {
            assert!(Reference::new(bad).is_err(), "{bad:?}");
        }
        for bad in ["Node", "a//b", "/a", "a/", "a:b", "-a"] {
            assert!(ImageName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn usual_names_are_taken() {
        assert!(ComponentName::new("libcalico-go").is_ok());
        assert!(InnerPath::new("./bin/calico-node").is_ok());
        for good in ["https://h/r.git", "git@h:r.git", "/srv/r", "../r", "ssh://git@h:22/r"] {
            assert!(GitUrl::new(good).is_ok(), "{good:?}");
        }
        for good in ["v3.14.0", "release-v3.14", "feature/x", "HEAD"] {
            assert!(Reference::new(good).is_ok(), "{good:?}");
        }
        assert_eq!(ImageName::new("calico/node").unwrap().last(), "node");
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        let error = GitUrl::new("https://me:secret@host/x.git").unwrap_err().to_string();
        assert!(error.contains("host") && !error.contains("secret"), "{error}");
    }
}
