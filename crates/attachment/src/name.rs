//! Names of interfaces, and names that are checked before they become paths or arguments.
//!
//! An interface without a name of its own choosing gets one that depends on the network only, so
//! adding or removing another network never renames it. [`Naming::Hash`] is Kaloom's scheme.

use std::fmt;
use std::str::FromStr;

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

/// Bytes of the hash that are written, as hexadecimal digits, behind `net`.
const HASH_BYTES: usize = 6;

/// How interfaces are named that the annotation gives no name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Naming {
    /// `net` and 12 hexadecimal digits of the MD5 of the network's name, as podagent and kactus do.
    #[default]
    Hash,
    /// `net1`, `net2`, ...: the first that is free; it stays while the interface lives.
    Numbered,
}

/// A naming scheme that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interface naming {0:?} does not exist: use hash or netN")]
pub struct UnknownNaming(String);

impl FromStr for Naming {
    type Err = UnknownNaming;

    fn from_str(text: &str) -> Result<Self, UnknownNaming> {
        match text {
            "hash" => Ok(Self::Hash),
            "netN" => Ok(Self::Numbered),
            other => Err(UnknownNaming(other.to_owned())),
        }
    }
}

impl fmt::Display for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hash => "hash",
            Self::Numbered => "netN",
        })
    }
}

/// A name that may not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The kernel or the CNI specification would refuse it.
    #[error(transparent)]
    Cni(#[from] kubewright_cni::NameError),
    /// An interface that belongs to the pod, not to one of its networks.
    #[error("interface name {0:?} is taken: it is the pod's own")]
    Reserved(String),
    /// Not a name of a Kubernetes object.
    #[error(
        "{what} {name:?} is not valid: use lower case letters, digits, '-'{dots}, beginning and ending with a letter or digit, at most {max} bytes",
        dots = if *.max > 63 { " and '.'" } else { "" }
    )]
    Object {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
        /// Longest name there may be.
        max: usize,
    },
    /// Not the uid of an object.
    #[error("uid {0:?} is not valid: use letters, digits and '-', at most 64 bytes")]
    Uid(String),
}

/// Name of an interface in a pod: valid for the kernel, and not one of the pod's own (`lo`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

impl InterfaceName {
    /// The interface of the cluster's network.
    pub const DEFAULT: &str = "eth0";

    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] when the kernel would refuse it or it is the loopback's.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        kubewright_cni::name::check_interface(&name)?;
        match name == "lo" {
            true => Err(NameError::Reserved(name)),
            false => Ok(Self(name)),
        }
    }

    /// Checks a name that an annotation asks for: `eth0` is not for the asking either.
    ///
    /// # Errors
    /// [`NameError`], as [`InterfaceName::new`].
    pub fn requested(name: &str) -> Result<Self, NameError> {
        match name == Self::DEFAULT {
            true => Err(NameError::Reserved(name.to_owned())),
            false => Self::new(name),
        }
    }

    /// Name by hash for the `ordinal`th attachment (0 is the first) of a pod to one network.
    #[must_use]
    pub fn hashed(network: &str, ordinal: usize) -> Self {
        // No network has a '#' in its name, so a further attachment is never another's first.
        let key = match ordinal {
            0 => network.to_owned(),
            further => format!("{network}#{further}"),
        };
        let hash = Md5::digest(key.as_bytes());
        let digits: String =
            hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("net{digits}"))
    }

    /// `net1` for 1.
    #[must_use]
    pub fn numbered(number: usize) -> Self {
        Self(format!("net{number}"))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Checks the name of a namespace (a DNS label).
///
/// # Errors
/// [`NameError::Object`].
pub fn check_namespace(name: &str) -> Result<(), NameError> {
    check_object("namespace", name, 63, false)
}

/// Checks the name of a pod (a DNS subdomain).
///
/// # Errors
/// [`NameError::Object`].
pub fn check_pod(name: &str) -> Result<(), NameError> {
    check_object("pod name", name, 253, true)
}

/// Checks the name of a network (a DNS subdomain).
///
/// # Errors
/// [`NameError::Object`].
pub fn check_network(name: &str) -> Result<(), NameError> {
    check_object("network name", name, 253, true)
}

/// Checks the uid of a pod; the API server's are UUIDs, those of static pods are hashes.
///
/// # Errors
/// [`NameError::Uid`].
pub fn check_uid(uid: &str) -> Result<(), NameError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match !uid.is_empty() && uid.len() <= 64 && uid.bytes().all(fits) {
        true => Ok(()),
        false => Err(NameError::Uid(uid.to_owned())),
    }
}

fn check_object(what: &'static str, name: &str, max: usize, dots: bool) -> Result<(), NameError> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        matches!(bytes, [first, .., last] if inner(*first) && inner(*last))
            || matches!(bytes, [only] if inner(*only))
    };
    let valid = name.len() <= max
        && name.bytes().all(|byte| inner(byte) || byte == b'-' || dots && byte == b'.')
        && name.split('.').all(label);
    match valid {
        true => Ok(()),
        false => Err(NameError::Object { what, name: name.to_owned(), max }),
    }
}

#[cfg(test)]
mod tests;
