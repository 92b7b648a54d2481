//! Names of nodes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// User names of nodes begin so.
pub const USER_PREFIX: &str = "system:node:";

/// The group of all nodes.
pub const GROUP: &str = "system:nodes";

/// Why a text is no name of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} cannot be the name of a node: lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit, 253 at most; give another one with --name"
)]
pub struct NameError {
    /// What was given.
    pub text: String,
}

/// The name of a node: a DNS subdomain (RFC 1123), so that it may become part of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(String);

impl NodeName {
    /// The name of this host, as kubelets make a name of it.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn of_host() -> Result<Self, NameError> {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        host.trim().to_lowercase().parse()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The user that the node is to the API server.
    pub fn user(&self) -> String {
        format!("{USER_PREFIX}{}", self.0)
    }

    /// The node that a user is.
    pub fn of_user(user: &str) -> Option<Self> {
        user.strip_prefix(USER_PREFIX)?.parse().ok()
    }
}

impl FromStr for NodeName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let label = |label: &str| {
            let bytes = label.as_bytes();
            bytes.first().is_some_and(edge)
                && bytes.last().is_some_and(edge)
                && bytes.iter().all(|byte| edge(byte) || *byte == b'-')
        };
        match text.len() <= 253 && text.split('.').all(label) {
            true => Ok(Self(text.to_owned())),
            false => Err(NameError { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for NodeName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_are_subdomains() {
        for name in ["a", "worker-1", "a.b-c.d0", "0"] {
            assert_eq!(name.parse::<NodeName>().unwrap().as_str(), name);
        }
        let long = "a".repeat(254);
        for text in ["", ".", "a.", "-a", "a-", "A", "a_b", "a/b", "../x", "a b", "a\n", "ü", &long]
        {
            assert!(text.parse::<NodeName>().is_err(), "{text:?}");
        }
        assert_eq!(NodeName::of_user("system:node:a").unwrap().as_str(), "a");
        assert_eq!(NodeName::of_user("system:node:../a"), None);
        assert_eq!(NodeName::of_user("system:bootstrap:abcdef"), None);
    }
}
