//! Which kubeadm is installed, and which configuration it takes.

use std::fmt;

use serde::Deserialize;

/// Oldest Kubernetes that is supported.
const OLDEST: (u32, u32) = (1, 28);
/// First one whose kubeadm takes `v1beta4`.
const BETA4: (u32, u32) = (1, 31);
/// First one whose kubeadm leaves the runtime's socket to the kubelet.
const LOCAL_SOCKET: (u32, u32) = (1, 34);
/// Those whose kubeadm has phases that it does not list in all releases: from when
/// ControlPlaneKubeletLocalMode came to before it was there to stay.
const HIDING: std::ops::Range<(u32, u32)> = (1, 31)..(1, 35);

/// What kubeadm says about itself cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// It says something else.
    #[error("`kubeadm version -o json` does not tell a version")]
    Unreadable,
    /// It is too old.
    #[error(
        "kubeadm is of version {version}, and 1.28 is the oldest that works: install a newer one"
    )]
    Old {
        /// Its version.
        version: Version,
    },
}

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    major: u32,
    minor: u32,
    text: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A version of kubeadm's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Extra arguments are maps. Until 1.30; 1.31 to 1.33 still read it.
    V1Beta3,
    /// Extra arguments are lists, and waiting times can be set.
    V1Beta4,
}

impl Schema {
    /// As it stands in documents.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1Beta3 => "kubeadm.k8s.io/v1beta3",
            Self::V1Beta4 => "kubeadm.k8s.io/v1beta4",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    client_version: Client,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    git_version: String,
}

impl Version {
    /// From the output of `kubeadm version -o json`.
    ///
    /// # Errors
    /// [`VersionError`].
    pub fn of_kubeadm(json: &str) -> Result<Self, VersionError> {
        let said: Said = serde_json::from_str(json).map_err(|_| VersionError::Unreadable)?;
        let version = Self::parse(&said.client_version.git_version)?;
        match (version.major, version.minor) < OLDEST {
            true => Err(VersionError::Old { version }),
            false => Ok(version),
        }
    }

    /// From `v1.31.2`, with or without what stands behind a `-` or `+`.
    ///
    /// # Errors
    /// [`VersionError::Unreadable`]; it becomes part of a document, so it has to be plain.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
        let numbers = text.strip_prefix('v').filter(|rest| rest.bytes().all(plain));
        let mut numbers = numbers.ok_or(VersionError::Unreadable)?.split(['.', '-', '+']);
        let mut next = || numbers.next().and_then(|number| number.parse().ok());
        match (next(), next(), next()) {
            (Some(major), Some(minor), Some(_)) => Ok(Self { major, minor, text: text.to_owned() }),
            _ => Err(VersionError::Unreadable),
        }
    }

    /// Whether `kubeadm join --help` may leave out phases that the cluster needs.
    #[must_use]
    pub fn hides_phases(&self) -> bool {
        HIDING.contains(&(self.major, self.minor))
    }

    /// Whether its kubeadm notes the runtime's socket at the Node. From then on the kubelet has it in
    /// a file of its own (the feature gate NodeLocalCRISocket).
    #[must_use]
    pub fn annotates_nodes(&self) -> bool {
        (self.major, self.minor) < LOCAL_SOCKET
    }

    /// The configuration that a kubeadm of this version is given.
    #[must_use]
    pub fn schema(&self) -> Schema {
        match (self.major, self.minor) < BETA4 {
            true => Schema::V1Beta3,
            false => Schema::V1Beta4,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn said(version: &str) -> String {
        format!(r#"{{"clientVersion":{{"major":"1","minor":"9","gitVersion":"{version}"}}}}"#)
    }

    #[test]
    fn the_schema_is_that_of_the_version() {
        for (version, schema) in [
            ("v1.28.0", Schema::V1Beta3),
            ("v1.30.14", Schema::V1Beta3),
            ("v1.31.0", Schema::V1Beta4),
            ("v1.35.2+k3s1", Schema::V1Beta4),
            ("v1.31.0-rc.1", Schema::V1Beta4),
            ("v2.0.0", Schema::V1Beta4),
        ] {
            assert_eq!(Version::of_kubeadm(&said(version)).unwrap().schema(), schema, "{version}");
        }
    }

    #[test]
    fn nodes_are_annotated_until_kubelets_know_their_socket() {
        let annotates = |version| Version::parse(version).unwrap().annotates_nodes();
        assert!(annotates("v1.28.0") && annotates("v1.33.7"));
        assert!(!annotates("v1.34.0") && !annotates("v1.35.1"));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let old = Version::of_kubeadm(&said("v1.27.3")).unwrap_err();
        assert!(old.to_string().contains("v1.27.3") && old.to_string().contains("1.28"), "{old}");
        for text in ["", "v1", "v1.x.2", "1.31.0", "v1.31.0\nkind: X", "v1.31.0 "] {
            assert_eq!(Version::parse(text), Err(VersionError::Unreadable), "{text:?}");
        }
        assert_eq!(Version::of_kubeadm("kubeadm"), Err(VersionError::Unreadable));
    }
}
