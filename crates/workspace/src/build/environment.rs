//! What builds see of the environment.
//!
//! Of our own environment only what finds programs, caches and the network goes through: what could
//! change a result is part of the key, and what is neither is a surprise.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::process::Command;
use std::str::FromStr;

use crate::manifest::Component;

/// Variable of the old Calico build: `false` builds with what `go.mod` asks for.
pub const LOCAL_BUILD: &str = "LOCAL_BUILD";

/// Go through, and are no part of the key: where things are, and how to get them.
const PLACES: [&str; 29] = [
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
    "GOENV",
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
const CHOICES: [&str; 13] = [
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

/// Variables that builds may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// With a variable of another value.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// The search path of programs.
    pub(crate) fn path(&self) -> OsString {
        self.0.get(OsStr::new("PATH")).cloned().unwrap_or_default()
    }

    /// Those that change what comes out.
    pub(super) fn choices(&self) -> BTreeMap<String, String> {
        let value = |name: &str| {
            Some((name.to_owned(), self.0.get(OsStr::new(name))?.to_str()?.to_owned()))
        };
        CHOICES.into_iter().filter_map(value).collect()
    }

    /// Gives a command what goes through, and what a component has of its own.
    pub(crate) fn set(&self, command: &mut Command, component: Option<&Component>) {
        command.env_clear();
        for name in PLACES.into_iter().chain(CHOICES) {
            if let Some(value) = self.0.get(OsStr::new(name)) {
                command.env(name, value);
            }
        }
        command.envs([
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
            ("SOURCE_DATE_EPOCH", "0"),
            ("GOWORK", "off"),
        ]);
        command.envs(component.into_iter().flat_map(|component| &component.env));
    }
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
