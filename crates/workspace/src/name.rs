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

impl GitUrl {
    /// The same repository, seen from anywhere: a relative path is one from the folder `root`.
    #[must_use]
    pub fn seen_from(&self, root: &Path) -> Self {
        match self.is_path() && !self.0.starts_with('/') {
            true => {
                let mut path = root.to_owned();
                for part in Path::new(&self.0).components() {
                    match part {
                        Component::ParentDir => drop(path.pop()),
                        Component::CurDir => {}
                        part => path.push(part),
                    }
                }
                Self(path.to_string_lossy().into_owned())
            }
            false => self.clone(),
        }
    }

    /// Whether it is a path of this machine: neither `https://host/path` nor `host:path`.
    fn is_path(&self) -> bool {
        let before = self.0.split('/').next().unwrap_or_default();
        !self.0.contains("://") && !before.contains(':')
    }

    /// Whether an address leads to the same repository, whatever the way there: `git@host:x/y` and
    /// `https://host/x/y.git` do.
    #[must_use]
    pub fn leads_to_the_same_as(&self, other: &str) -> bool {
        place(&self.0) == place(other)
    }
}

/// Host and path of an address.
fn place(url: &str) -> (String, String) {
    let (host, path) = match url.split_once("://") {
        Some(("file", path)) => ("", path),
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None => match url.split_once(':').filter(|(host, _)| !host.contains('/')) {
            Some((host, path)) => (host, path),
            None => ("", url),
        },
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((host, "22" | "80" | "443" | "9418")) => host,
        _ => host,
    };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    // Paths of a machine differ by where they begin.
    let path = if host.is_empty() { path } else { path.trim_start_matches('/') };
    (host.to_ascii_lowercase(), path.to_owned())
}

impl Reference {
    /// Whether it is a whole commit id, by SHA-1 or SHA-256.
    #[must_use]
    pub fn is_commit(&self) -> bool {
        [40, 64].contains(&self.0.len())
            && self.0.chars().all(|c| c.is_ascii_hexdigit() && !c.is_uppercase())
    }

    /// Whether it may be a commit id, or the beginning of one.
    #[must_use]
    pub fn may_be_commit(&self) -> bool {
        self.0.len() >= 4 && self.0.chars().all(|c| c.is_ascii_hexdigit())
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
    fn one_repository_has_many_addresses() {
        let url = GitUrl::new("https://host.example/team/one.git").unwrap();
        for same in [
            "https://host.example/team/one",
            "https://me@Host.example:443/team/one.git/",
            "git@host.example:team/one.git",
            "ssh://git@host.example:22/team/one",
        ] {
            assert!(url.leads_to_the_same_as(same), "{same}");
        }
        for other in [
            "https://host.example/team/two",
            "https://host.example/me/one.git",
            "https://other.example/team/one.git",
            "https://host.example:8443/team/one.git",
            "/team/one",
        ] {
            assert!(!url.leads_to_the_same_as(other), "{other}");
        }
        let path = GitUrl::new("file:///srv/one.git").unwrap();
        assert!(path.leads_to_the_same_as("/srv/one"));
        assert!(!path.leads_to_the_same_as("srv/one"));
    }

    #[test]
    fn a_relative_address_is_one_from_the_workspace() {
        for (url, seen) in [
            ("../one", "/one"),
            ("one.git", "/work/one.git"),
            ("./a:b", "/work/a:b"),
            ("/srv/one", "/srv/one"),
            ("host:one", "host:one"),
            ("https://host/one", "https://host/one"),
        ] {
            assert_eq!(GitUrl::new(url).unwrap().seen_from(Path::new("/work")).as_str(), seen);
        }
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        let error = GitUrl::new("https://me:secret@host/x.git").unwrap_err().to_string();
        assert!(error.contains("host") && !error.contains("secret"), "{error}");
    }
}
