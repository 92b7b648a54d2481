//! The API group that serves Calico's resources.

use std::{fmt, str::FromStr};

use kube::core::ApiResource;

/// Where Calico's resources are read and written.
///
/// Calico serves the same resources twice: as plain CRDs
/// (`crd.projectcalico.org/v1`), and as `projectcalico.org/v3` through its own
/// API server or, since 3.32, natively as CRDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CalicoGroup {
    /// `crd.projectcalico.org/v1`, where an annotation overrides the metadata.
    CrdV1,
    /// `projectcalico.org/v3`.
    ProjectV3,
}

/// A group name on the command line that is none of the two.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown Calico API group {given:?}, expected crd.projectcalico.org/v1 or projectcalico.org/v3"
)]
pub struct UnknownGroup {
    /// What was given.
    pub given: String,
}

impl CalicoGroup {
    /// The group's name, without version.
    pub fn group(self) -> &'static str {
        match self {
            Self::CrdV1 => "crd.projectcalico.org",
            Self::ProjectV3 => "projectcalico.org",
        }
    }

    /// The version.
    pub fn version(self) -> &'static str {
        match self {
            Self::CrdV1 => "v1",
            Self::ProjectV3 => "v3",
        }
    }

    /// `group/version`, as in an object's `apiVersion`.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::CrdV1 => "crd.projectcalico.org/v1",
            Self::ProjectV3 => "projectcalico.org/v3",
        }
    }

    /// One of Calico's cluster-scoped kinds in this group.
    pub fn resource(self, kind: &str, plural: &str) -> ApiResource {
        ApiResource {
            group: self.group().to_owned(),
            version: self.version().to_owned(),
            api_version: self.api_version().to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        }
    }

    /// `GlobalNetworkPolicy`, the only policies that select host endpoints.
    pub fn global_network_policies(self) -> ApiResource {
        self.resource("GlobalNetworkPolicy", "globalnetworkpolicies")
    }

    /// `FelixConfiguration`, which may override the failsafe ports.
    pub fn felix_configurations(self) -> ApiResource {
        self.resource("FelixConfiguration", "felixconfigurations")
    }

    /// `KubeControllersConfiguration`, read for import only.
    pub fn kube_controllers_configurations(self) -> ApiResource {
        self.resource("KubeControllersConfiguration", "kubecontrollersconfigurations")
    }
}

impl fmt::Display for CalicoGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api_version())
    }
}

impl FromStr for CalicoGroup {
    type Err = UnknownGroup;

    fn from_str(given: &str) -> Result<Self, UnknownGroup> {
        match given {
            "crd.projectcalico.org/v1" | "crd.projectcalico.org" => Ok(Self::CrdV1),
            "projectcalico.org/v3" | "projectcalico.org" => Ok(Self::ProjectV3),
            _ => Err(UnknownGroup { given: given.to_owned() }),
        }
    }
}
