//! Making a machine free again: what kubeadm does, and what it leaves.
//!
//! ```text
//! plan: what is there ──▶ a list, shown first ──▶ run, only when it is asked for
//! ```
//!
//! - Only what is found is listed, and only what is listed is done.
//! - Only what is proved to be ours, or kubeadm's, is removed (see `evidence`): by our journal, or by
//!   what nobody but kubeadm writes. What merely has the right name is told as left, with why and
//!   how to remove it.
//! - One thing that fails keeps nothing else from being done; all failures are told.
//! - A folder below which something is mounted is not removed.

mod certificates;
mod evidence;
mod mounts;
mod rules;
mod run;
mod units;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::config::NodeConfiguration;
use crate::host::Host;
use crate::{machine, service};
use evidence::Evidence;

pub use run::{Done, run};

/// Configurations of the networks that we install, in the folder of CNI configurations.
const NETWORKS: [&str; 5] = [
    "00-kubewright.conflist",
    "00-multus.conf",
    "00-multus.conflist",
    "05-cilium.conflist",
    "10-flannel.conflist",
];

/// Links that only those networks and Kubernetes make.
const LINKS: [&str; 6] =
    ["flannel.1", "flannel-v6.1", "cilium_host", "cilium_vxlan", "cilium_geneve", "kube-ipvs0"];

/// The bridge of flannel, and of many others.
const BRIDGE: &str = "cni0";

/// Where flannel keeps what it knows.
const FLANNEL: [&str; 3] = ["/run/flannel", "/var/lib/cni/flannel", "/var/lib/cni/networks/cbr0"];

const ETCD: &str = "/var/lib/etcd";

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A unit of ours that makes the machine a node at boot.
    Unit(&'static str),
    /// The service of the embedded engine.
    StopService,
    /// The kubelet.
    StopKubelet,
    /// The Node, with what belongs to it.
    Node(String),
    /// Saying, as a node of the embedded engine, that it is none any more.
    Goodbye(String),
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

/// One thing that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// What it is.
    pub what: String,
    /// Why it stays.
    pub why: String,
    /// How it is removed by whoever knows that it may be.
    pub remove: String,
}

impl Left {
    /// Something, why it stays, and how it is removed.
    pub fn new(what: impl Into<String>, why: &str, remove: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.to_owned(), remove: remove.into() }
    }

    fn unproved(what: impl Into<String>, remove: impl Into<String>) -> Self {
        Self::new(what, "nothing tells that kubewright or kubeadm made it", remove)
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.what, self.why, self.remove)
    }
}

/// What is to be done to make a machine free, and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// What is to be done, in order.
    pub items: Vec<Item>,
    /// What is not.
    pub left: Vec<Left>,
}

impl Plan {
    /// Something that is there is removed where it is proved to be ours, and told otherwise.
    fn sort(&mut self, proved: bool, item: Item, left: impl FnOnce() -> Left) {
        match proved {
            true => self.items.push(item),
            false => self.left.push(left()),
        }
    }
}

/// The Node that a machine is, where its cluster has one to be deleted.
#[must_use]
pub fn node(host: &Host, configuration: &NodeConfiguration) -> Option<String> {
    evidence::node(host, &configuration.paths.state)
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(name) => write!(f, "disable and stop {name}"),
            Self::StopService => f.write_str("stop the service of the embedded engine"),
            Self::StopKubelet => f.write_str("stop the kubelet"),
            Self::Node(name) => write!(f, "delete the Node {name}"),
            Self::Goodbye(name) => write!(f, "mark the Node {name} as not ready"),
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

/// What is to be done to make a machine free, and what stays. `node` is what is to be done about its
/// Node, where its cluster is reached.
pub async fn plan(host: &Host, configuration: &NodeConfiguration, node: Option<Item>) -> Plan {
    let mut plan = Plan::default();
    let there = |path: &Path| fs::symlink_metadata(host.path(path)).is_ok();
    let state = &configuration.paths.state;
    let evidence = Evidence::of(host, state);
    // First: it tries again and again, and is none of our children.
    units::found(host, &mut plan);
    if service::running(&host.path(state)).is_ok_and(|pid| pid.is_some()) {
        plan.items.push(Item::StopService);
    }
    // Before its Node goes: a kubelet that starts makes it again.
    plan.items.extend(evidence.kubelet.then_some(Item::StopKubelet));
    let installed = crate::kubeadm::is_installed(host, configuration);
    let kubeadm = (evidence.kubeadm && installed).then_some(Item::Kubeadm);
    match (evidence.etcd, node) {
        // kubeadm finds the member of etcd that is to leave by the Node of this machine.
        (true, Some(Item::Node(name))) if kubeadm.is_none() => {
            let why = "there is no kubeadm here with which its member would leave etcd before";
            let remove = format!(
                "install it and run this again, or remove the member with `etcdctl member remove` and the Node with `kubewright node remove {name}` where the cluster goes on"
            );
            plan.left.push(Left::new(format!("the Node {name} of the cluster"), why, remove));
        }
        (true, node) => plan.items.extend(kubeadm.into_iter().chain(node)),
        (false, node) => plan.items.extend(node.into_iter().chain(kubeadm)),
    }
    networks(host, configuration, evidence, &mut plan);
    rules::found(host, evidence.kubelet, &mut plan).await;
    for (folder, proved) in [
        ("/etc/kubernetes", evidence.kubeadm),
        ("/var/lib/kubelet", evidence.kubelet),
        (ETCD, evidence.etcd),
    ] {
        if there(Path::new(folder)) {
            let left = || Left::unproved(folder, format!("`rm -r {folder}` removes it"));
            plan.sort(proved, Item::Folder(folder.into()), left);
        }
    }
    let certificates = &configuration.certificates.directory;
    let apart = !certificates.starts_with("/etc/kubernetes");
    if apart && certificates::present(&host.path(certificates)).next().is_some() {
        let what = format!("the certificates in {}", certificates.display());
        let left = || Left::unproved(what, "remove those that are of a cluster that is gone");
        plan.sort(evidence.kubeadm, Item::Certificates(certificates.clone()), left);
    }
    let ours = machine::recorded(&host.path(state)).into_iter();
    plan.items.extend(ours.filter(|path| there(path)).map(Item::OurFile));
    if !evidence::state(&host.path(state)).is_empty() {
        plan.items.push(Item::State(state.clone()));
    } else if there(state) {
        let remove = format!("`rm -r {}` removes it", state.display());
        plan.left.push(Left::unproved(state.display().to_string(), remove));
    }
    plan
}

/// The networks that we install: what they leave is theirs where a kubelet of ours ran pods.
fn networks(host: &Host, configuration: &NodeConfiguration, evidence: Evidence, plan: &mut Plan) {
    let there = |path: &Path| fs::symlink_metadata(host.path(path)).is_ok();
    let folder = &configuration.network.cni.conf_dir;
    let names = NETWORKS.iter().map(|name| folder.join(name)).filter(|path| there(path));
    let configurations: Vec<PathBuf> = names.collect();
    let flannel = FLANNEL.iter().any(|folder| there(Path::new(folder)))
        || configurations.iter().any(|path| path.ends_with("10-flannel.conflist"));
    for path in configurations {
        let shown = path.display().to_string();
        let left = || Left::unproved(&shown, format!("`rm {shown}` removes it"));
        plan.sort(evidence.kubelet, Item::Network(path.clone()), left);
    }
    let bridge = (BRIDGE, evidence.kubelet && flannel);
    let links = LINKS.iter().map(|name| (*name, evidence.kubelet)).chain([bridge]);
    for (name, proved) in links.filter(|(name, _)| there(&Path::new("/sys/class/net").join(name))) {
        let left = || {
            Left::unproved(
                format!("the link {name}"),
                format!("`ip link delete {name}` removes it"),
            )
        };
        plan.sort(proved, Item::Link(name.to_owned()), left);
    }
    for folder in FLANNEL.into_iter().filter(|folder| there(Path::new(folder))) {
        let left = || Left::unproved(folder, format!("`rm -r {folder}` removes it"));
        plan.sort(evidence.kubelet, Item::Folder(folder.into()), left);
    }
}

#[cfg(test)]
mod tests;
