//! What builds see of the environment.
//!
//! Of our own environment only what finds programs, caches and the network goes through: what could
//! change a result is part of the key, and what is neither is a surprise. What `go env -w` has set
//! counts as if it were in our environment, and Go itself does not look it up again.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use crate::manifest::Component;

/// Variable of the old Calico build: `false` builds with what `go.mod` asks for.
pub const LOCAL_BUILD: &str = "LOCAL_BUILD";

/// Go through, and are no part of the key: where things are, and how to get them.
pub const PLACES: [&str; 28] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "GOROOT",
    "GOPATH",
    "GOCACHE",
    "GOMODCACHE",
    "GOTMPDIR",
    "GOPROXY",
    "GOSUMDB",
    "GONOSUMDB",
    "GOPRIVATE",
    "GONOPROXY",
    "GOINSECURE",
    "GOVCS",
    "NETRC",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
];

/// Go through, and are part of the key: they change what comes out.
pub const CHOICES: [&str; 13] = [
    "GOFLAGS",
    "GOEXPERIMENT",
    "GOTOOLCHAIN",
    "GOAMD64",
    "GOARM64",
    "CGO_CFLAGS",
    "CGO_CPPFLAGS",
    "CGO_CXXFLAGS",
    "CGO_LDFLAGS",
    "CC",
    "CXX",
    "AR",
    "PKG_CONFIG",
];

/// Flags of Go that name files or programs, which may be anything.
const FOREIGN_FLAGS: [&str; 6] = ["-C", "-modfile", "-overlay", "-pgo", "-toolexec", "-workfile"];

/// Variables that builds may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// What `go env -w` has set.
    of_go: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::new(std::env::vars_os().collect())
    }

    fn new(variables: BTreeMap<OsString, OsString>) -> Self {
        let of_go = settings_file(&variables).and_then(|file| std::fs::read_to_string(file).ok());
        let of_go = of_go.map(|text| settings(&text)).unwrap_or_default();
        Self { variables, of_go }
    }

    /// With a variable of another value.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        Self::new(self.variables)
    }

    /// What a variable is, if it is anything. An empty one is none for Go.
    fn get(&self, name: &str) -> Option<&OsString> {
        let name = OsStr::new(name);
        let here = self.variables.get(name).filter(|value| !value.is_empty());
        here.or_else(|| self.of_go.get(name)).or_else(|| self.variables.get(name))
    }

    /// The search path of programs.
    pub(crate) fn path(&self) -> OsString {
        self.variables.get(OsStr::new("PATH")).cloned().unwrap_or_default()
    }

    /// Those that change what comes out.
    pub(super) fn choices(&self) -> BTreeMap<String, String> {
        let value = |name: &str| {
            // Two that are no text must not be taken for the same.
            let value = self.get(name)?;
            let text = value.to_str().map_or_else(|| format!("{value:?}"), str::to_owned);
            Some((name.to_owned(), text))
        };
        CHOICES.into_iter().filter_map(value).collect()
    }

    /// The C compiler that takes part where C does.
    pub(super) fn compiler<'a>(&'a self, component: &'a Component) -> &'a str {
        let own = component.env.get("CC").map(String::as_str);
        let ours = || self.get("CC").and_then(|value| value.to_str());
        own.or_else(ours).filter(|name| !name.is_empty()).unwrap_or("gcc")
    }

    /// A flag of `GOFLAGS` that would bring something into a build that the key does not know of.
    pub(super) fn foreign_flag(&self, component: &Component) -> Option<String> {
        let own = component.env.get("GOFLAGS").map(String::as_str);
        let flags = own.or_else(|| self.get("GOFLAGS").and_then(|flags| flags.to_str()))?;
        let flag = flags.split_whitespace().find(|flag| {
            let flag = flag.trim_matches(['\'', '"']);
            let name = flag.split('=').next().unwrap_or(flag);
            let name = name.strip_prefix('-').filter(|rest| rest.starts_with('-')).unwrap_or(name);
            FOREIGN_FLAGS.contains(&name) && !flag.ends_with("-pgo=off")
        });
        flag.map(str::to_owned)
    }

    /// Gives a command what goes through, and what a component has of its own.
    pub(crate) fn set(&self, command: &mut Command, component: Option<&Component>) {
        command.env_clear();
        for name in PLACES.into_iter().chain(CHOICES) {
            if let Some(value) = self.get(name) {
                command.env(name, value);
            }
        }
        command.envs([
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
            ("SOURCE_DATE_EPOCH", "0"),
            ("GOENV", "off"),
            ("GOWORK", "off"),
        ]);
        command.envs(component.into_iter().flat_map(|component| &component.env));
    }
}

/// The file of `go env -w`, by `go help environment`.
fn settings_file(variables: &BTreeMap<OsString, OsString>) -> Option<PathBuf> {
    let value = |name: &str| variables.get(OsStr::new(name)).filter(|value| !value.is_empty());
    match value("GOENV") {
        Some(file) if file == "off" => None,
        Some(file) => Some(PathBuf::from(file)),
        None => {
            let own = value("XDG_CONFIG_HOME").map(PathBuf::from);
            let folder = own.or_else(|| Some(Path::new(value("HOME")?).join(".config")));
            folder.map(|folder| folder.join("go/env"))
        }
    }
}

/// What such a file says: `NAME=VALUE`, line by line.
fn settings(text: &str) -> BTreeMap<OsString, OsString> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.into(), value.into())).collect()
}

/// Yes or no, as people write it in variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch(pub bool);

/// A text is neither yes nor no.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is neither true nor false")]
pub struct SwitchError(String);

impl FromStr for Switch {
    type Err = SwitchError;

    fn from_str(text: &str) -> Result<Self, SwitchError> {
        match &text.to_ascii_lowercase()[..] {
            "true" | "yes" | "on" | "1" => Ok(Self(true)),
            "false" | "no" | "off" | "0" | "" => Ok(Self(false)),
            _ => Err(SwitchError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_go_was_told_to_keep_in_mind_counts_as_if_it_were_set_here() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        let text = "# mine\nGOFLAGS=-tags=x\nGOPRIVATE=example.org\nGOAMD64=v3\nGOARM=6\n";
        std::fs::write(&file, text).unwrap();
        let environment = Environment::default().with("GOAMD64", "v2").with("GOENV", &file);
        let choices = environment.choices();
        assert_eq!(choices["GOFLAGS"], "-tags=x");
        assert_eq!(choices["GOAMD64"], "v2");
        let mut go = Command::new("go");
        environment.set(&mut go, None);
        let seen: BTreeMap<_, _> = go.get_envs().collect();
        let seen = |name: &str| seen.get(OsStr::new(name)).copied().flatten();
        assert_eq!(seen("GOENV"), Some(OsStr::new("off")));
        assert_eq!(seen("GOPRIVATE"), Some(OsStr::new("example.org")));
        // No build of ours takes it from there, so none may differ by it.
        assert_eq!(seen("GOARM"), None);
        assert_eq!(Environment::default().with("GOENV", "off").choices(), BTreeMap::new());
    }

    #[test]
    fn flags_that_bring_in_anything_are_seen() {
        let flag = |flags: &str| {
            let environment = Environment::default().with("GOFLAGS", flags);
            environment.foreign_flag(&Component::default())
        };
        for bad in ["-overlay=/x.json", "-v --modfile=/x", "'-toolexec=/x y'", "-pgo=/x"] {
            assert!(flag(bad).is_some(), "{bad}");
        }
        for good in ["", "-mod=mod -tags=overlay", "-ldflags=-s", "-pgo=off"] {
            assert_eq!(flag(good), None, "{good}");
        }
    }

    #[test]
    fn local_build_false_is_no() {
        for text in ["false", "FALSE", "no", "off", "0", ""] {
            assert_eq!(text.parse::<Switch>().unwrap(), Switch(false), "{text:?}");
        }
        for text in ["true", "True", "yes", "on", "1"] {
            assert_eq!(text.parse::<Switch>().unwrap(), Switch(true), "{text:?}");
        }
        assert!("maybe".parse::<Switch>().is_err());
    }
}
