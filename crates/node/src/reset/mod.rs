//! Making a machine free again: what kubeadm does, and what it leaves.
//!
//! ```text
//! plan: what is there ──▶ a list, shown first ──▶ run, only when it is asked for
//! ```
//!
//! - Only what is found is listed, and only what is listed is done.
//! - One thing that fails keeps nothing else from being done; all failures are told.
//! - CNI configurations go by the names of the networks that we install; those of others stay.
//!   Rules go by the names of chains and tables that Kubernetes and those networks make.
//! - A folder below which something is mounted is not removed, nor one that belongs to the system:
//!   it may be somebody's data, whatever a configuration says.

mod certificates;
mod mounts;
mod rules;
mod run;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::config::NodeConfiguration;
use crate::host::Host;
use crate::{machine, service};

pub use run::{Done, run};

/// Configurations of the networks that we install, in the folder of CNI configurations.
const NETWORKS: [&str; 5] = [
    "00-kubewright.conflist",
    "00-multus.conf",
    "00-multus.conflist",
    "05-cilium.conflist",
    "10-flannel.conflist",
];

/// Links of those networks.
const LINKS: [&str; 7] = [
    "cni0",
    "flannel.1",
    "flannel-v6.1",
    "cilium_host",
    "cilium_vxlan",
    "cilium_geneve",
    "kube-ipvs0",
];

/// Folders of Kubernetes and of those networks.
const FOLDERS: [&str; 6] = [
    "/etc/kubernetes",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/lib/cni/networks/cbr0",
    "/var/lib/cni/flannel",
    "/run/flannel",
];

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The service of the embedded engine.
    StopService,
    /// The kubelet.
    StopKubelet,
    /// The Node, with what belongs to it.
    Node(String),
    /// `kubeadm reset`.
    Kubeadm,
    /// A file of ours.
    OurFile(PathBuf),
    /// A CNI configuration of a network of ours.
    Network(PathBuf),
    /// A link of a network of ours.
    Link(String),
    /// Chains of Kubernetes in the rules of `iptables`, or `ip6tables`.
    Chains(&'static str),
    /// A table of Kubernetes in nftables: family and name.
    Table(String, String),
    /// A folder with all that is in it.
    Folder(PathBuf),
    /// The cluster's certificates in a folder that may hold others.
    Certificates(PathBuf),
    /// What kubewright remembers of the machine.
    State(PathBuf),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StopService => f.write_str("stop the service of the embedded engine"),
            Self::StopKubelet => f.write_str("stop the kubelet"),
            Self::Node(name) => write!(f, "delete the Node {name}"),
            Self::Kubeadm => f.write_str("run kubeadm reset"),
            Self::OurFile(path) | Self::Network(path) => write!(f, "remove {}", path.display()),
            Self::Link(name) => write!(f, "remove the link {name}"),
            Self::Chains(program) => write!(f, "remove the chains of Kubernetes from {program}"),
            Self::Table(family, name) => write!(f, "remove the nftables table {family} {name}"),
            Self::Folder(path) => write!(f, "remove {} and all that is in it", path.display()),
            Self::Certificates(path) => {
                write!(f, "remove the certificates of the cluster from {}", path.display())
            }
            Self::State(path) => write!(f, "forget the state in {}", path.display()),
        }
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is to be done to make a machine free, in order. `node` is the Node that goes, where its
/// cluster is reached.
pub async fn plan(host: &Host, configuration: &NodeConfiguration, node: Option<&str>) -> Vec<Item> {
    let mut items = Vec::new();
    let there = |path: &Path| fs::symlink_metadata(host.path(path)).is_ok();
    let state = &configuration.paths.state;
    if service::running(&host.path(state)).is_ok_and(|pid| pid.is_some()) {
        items.push(Item::StopService);
    }
    let set_up = [
        "/etc/kubernetes/kubelet.conf",
        "/etc/kubernetes/manifests",
        "/var/lib/kubelet/config.yaml",
    ]
    .iter()
    .any(|path| there(Path::new(path)));
    // Before its Node goes: a kubelet that starts makes it again.
    items.extend(set_up.then_some(Item::StopKubelet));
    items.extend(node.map(|name| Item::Node(name.to_owned())));
    items.extend(
        (set_up && crate::kubeadm::is_installed(host, configuration)).then_some(Item::Kubeadm),
    );
    let cni = &configuration.network.cni.conf_dir;
    let networks = NETWORKS.iter().map(|name| cni.join(name));
    items.extend(networks.filter(|path| there(path)).map(Item::Network));
    let links = LINKS.iter().filter(|name| there(&Path::new("/sys/class/net").join(name)));
    items.extend(links.map(|name| Item::Link((*name).to_owned())));
    items.extend(rules::found(host).await);
    let folders = FOLDERS.iter().map(PathBuf::from);
    items.extend(folders.filter(|folder| there(folder)).map(Item::Folder));
    let certificates = &configuration.certificates.directory;
    let kept = !FOLDERS.iter().any(|folder| certificates.starts_with(folder));
    if kept && certificates::present(&host.path(certificates)).next().is_some() {
        items.push(Item::Certificates(certificates.clone()));
    }
    let ours = machine::recorded(&host.path(state)).into_iter();
    items.extend(ours.filter(|path| there(path)).map(Item::OurFile));
    items.extend(there(state).then(|| Item::State(state.clone())));
    items
}

#[cfg(test)]
mod tests;
