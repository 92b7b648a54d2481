//! A sandbox as it is, and above all where its network is.
//!
//! The interface says whose network a sandbox has, not where. That is in what containerd and cri-o
//! add to a verbose status: under the key `info` a JSON object whose `runtimeSpec` is the OCI
//! configuration of the sandbox. Both keep the namespace in a file of its own, which is listed there
//! also after the sandbox was stopped and the file is gone.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::message::{
    NamespaceMode, PodSandboxMetadata, PodSandboxState, PodSandboxStatus, PodSandboxStatusResponse,
};

/// Key of the runtime's additions; the same for containerd and cri-o.
pub const INFO: &str = "info";

/// A sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Its id; also CNI's container id.
    pub id: String,
    /// Which pod it is of.
    pub pod: PodSandboxMetadata,
    /// Whether it can be used.
    pub ready: bool,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Labels, those of the kubelet among them.
    pub labels: BTreeMap<String, String>,
    /// Annotations it was made with; those of the pod may have changed since.
    pub annotations: BTreeMap<String, String>,
    /// Addresses of its default network; none with the node's.
    pub addresses: Vec<IpAddr>,
    /// Where its network is.
    pub network: Network,
    /// Process that keeps it, where there is one and the runtime tells.
    pub pid: Option<u32>,
}

/// Where the network of a sandbox is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// It is the node's: the pod has `hostNetwork`.
    Node,
    /// A file that stands for the namespace, as CNI takes it.
    Namespace(PathBuf),
    /// It is gone, or goes: the sandbox is not ready any more.
    Closed,
    /// The runtime does not tell.
    Unknown(Untold),
}

/// What a runtime does not tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// Nothing beyond the interface; cri-dockerd for example.
    #[error("the runtime adds no {INFO:?} to a verbose status")]
    Info,
    /// Something else than JSON.
    #[error("the runtime's {INFO:?} is not the JSON that is expected: {0}")]
    Json(String),
    /// No network namespace, though it is not the node's either.
    #[error("the runtime's configuration of the sandbox has no network namespace")]
    Namespace,
    /// A path that depends on the folder one is in.
    #[error("the runtime tells {0:?} as path of the network namespace, which is not absolute")]
    Path(PathBuf),
}

/// Why there is no network namespace to plug anything into.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetnsError {
    /// `hostNetwork`.
    #[error("sandbox {id} has the network of the node")]
    Node {
        /// The sandbox.
        id: String,
    },
    /// Stopped.
    #[error("sandbox {id} is not ready any more")]
    Closed {
        /// The sandbox.
        id: String,
    },
    /// Not told.
    #[error("the network namespace of sandbox {id} is not known")]
    Unknown {
        /// The sandbox.
        id: String,
        /// Why not.
        #[source]
        source: Untold,
    },
}

impl Sandbox {
    /// From the answer to a verbose question; nothing when it has no status.
    #[must_use]
    pub fn from_status(answer: PodSandboxStatusResponse) -> Option<Self> {
        let PodSandboxStatusResponse { status, info } = answer;
        let status = status?;
        let info = Info::parse(info.get(INFO));
        let ready = status.state == i32::from(PodSandboxState::Ready);
        let network = match &info {
            _ if has_network_of_node(&status) => Network::Node,
            _ if !ready => Network::Closed,
            Err(untold) => Network::Unknown(untold.clone()),
            Ok(info) => info.network(),
        };
        Some(Self {
            addresses: addresses(&status),
            id: status.id,
            pod: status.metadata.unwrap_or_default(),
            ready,
            created_at: status.created_at,
            labels: status.labels,
            annotations: status.annotations,
            network,
            pid: info.ok().and_then(|info| info.pid()),
        })
    }

    /// The file that stands for its network namespace, which is open.
    ///
    /// # Errors
    /// There is none to plug anything into.
    pub fn netns(&self) -> Result<&Path, NetnsError> {
        let id = self.id.clone();
        match &self.network {
            Network::Namespace(path) => Ok(path),
            Network::Node => Err(NetnsError::Node { id }),
            Network::Closed => Err(NetnsError::Closed { id }),
            Network::Unknown(untold) => Err(NetnsError::Unknown { id, source: untold.clone() }),
        }
    }
}

fn has_network_of_node(status: &PodSandboxStatus) -> bool {
    let namespaces = status.linux.as_ref().and_then(|linux| linux.namespaces.as_ref());
    let options = namespaces.and_then(|namespaces| namespaces.options.as_ref());
    options.is_some_and(|options| options.network == i32::from(NamespaceMode::Node))
}

fn addresses(status: &PodSandboxStatus) -> Vec<IpAddr> {
    let network = status.network.iter();
    let texts = network.flat_map(|network| {
        std::iter::once(&network.ip).chain(network.additional_ips.iter().map(|also| &also.ip))
    });
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// What containerd and cri-o add. Absent and null are the same to both.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    pid: Option<i64>,
    /// Of containerd; cri-o tells by the state alone.
    net_namespace_closed: Option<bool>,
    runtime_spec: Option<RuntimeSpec>,
}

#[derive(Debug, Deserialize)]
struct RuntimeSpec {
    linux: Option<Linux>,
}

#[derive(Debug, Deserialize)]
struct Linux {
    namespaces: Option<Vec<LinuxNamespace>>,
}

#[derive(Debug, Deserialize)]
struct LinuxNamespace {
    r#type: String,
    path: Option<PathBuf>,
}

impl Info {
    fn parse(text: Option<&String>) -> Result<Self, Untold> {
        let text = text.ok_or(Untold::Info)?;
        serde_json::from_str(text).map_err(|error| Untold::Json(error.to_string()))
    }

    fn pid(&self) -> Option<u32> {
        self.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0)
    }

    fn network(&self) -> Network {
        if self.net_namespace_closed == Some(true) {
            return Network::Closed;
        }
        let linux = self.runtime_spec.as_ref().and_then(|spec| spec.linux.as_ref());
        let mut namespaces =
            linux.and_then(|linux| linux.namespaces.as_ref()).into_iter().flatten();
        let Some(namespace) = namespaces.find(|namespace| namespace.r#type == "network") else {
            return Network::Unknown(Untold::Namespace);
        };
        let given = namespace.path.clone().filter(|path| !path.as_os_str().is_empty());
        // Without a path the OCI runtime has made the namespace, with the process.
        let of_process = || self.pid().map(|pid| PathBuf::from(format!("/proc/{pid}/ns/net")));
        match given.or_else(of_process) {
            None => Network::Unknown(Untold::Namespace),
            Some(path) if !path.is_absolute() => Network::Unknown(Untold::Path(path)),
            Some(path) => Network::Namespace(path),
        }
    }
}

#[cfg(test)]
mod tests;
