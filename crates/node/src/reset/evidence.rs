//! What tells that something on a machine may be removed: a journal of ours that says that we had it
//! made, or a file that nobody but kubeadm writes.
//!
//! Names alone tell nothing: `/var/lib/etcd` is where Debian's etcd has its data, and `cni0` is what
//! many a bridge is called.

use std::fs;
use std::path::Path;

use x509_parser::pem::Pem;

use crate::host::Host;
use crate::journal::{self, Progress, Step};
use crate::{embedded, kubeadm, machine, service};

/// kubeadm marks the pods of its control plane with annotations of this group.
const MARK: &str = "kubeadm.kubernetes.io/";
/// Where kubelets keep the certificate that they got from their cluster.
const CERTIFICATE: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";
const MANIFESTS: &str = "/etc/kubernetes/manifests";
/// Made by whoever asks whether another is at work, before anything is known to be right.
const LOCKS: [&str; 2] = ["journal.lock", "service.lock"];

/// What is known of the past of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// kubeadm wrote to `/etc/kubernetes` and `/var/lib/kubelet`.
    pub(super) kubeadm: bool,
    /// A kubelet of kubeadm's was started, so that pods, networks and rules may be its.
    pub(super) kubelet: bool,
    /// So was an etcd.
    pub(super) etcd: bool,
}

impl Evidence {
    pub(super) fn of(host: &Host, state: &Path) -> Self {
        let begun = begun(&host.path(state));
        let has = |steps: &[&str]| begun.iter().any(|step| steps.contains(&step.as_str()));
        let flags = host.path(kubeadm::KUBELET_FLAGS).is_file();
        let marked = marked(host);
        let kubelet = flags || has(&["kubelet-start"]);
        let files = ["certs", "kubeconfig", "etcd", "control-plane", "control-plane-prepare"];
        Self {
            kubeadm: kubelet || !marked.is_empty() || has(&files),
            kubelet,
            etcd: marked.iter().any(|name| name == "etcd.yaml")
                // Before the kubelet starts, the manifest is there and the data is not.
                || (has(&["etcd", "etcd-join", "control-plane-join"]) && kubelet),
        }
    }
}

/// The steps with kubeadm that may have left something. The embedded engine, whose steps partly
/// have the same names, changes nothing outside of its state.
fn begun(state: &Path) -> Vec<String> {
    let journals = [embedded::INIT, embedded::JOIN].map(|purpose| journal::steps(state, purpose));
    let with_kubeadm = |steps: &Vec<Step>| steps.iter().any(|step| step.name == kubeadm::CHECKS);
    let steps = journals.into_iter().filter(with_kubeadm).flatten();
    steps.filter(|step| step.progress != Progress::Undone).map(|step| step.name).collect()
}

/// The manifests of kubeadm's control plane, by their file names.
fn marked(host: &Host) -> Vec<String> {
    let entries = fs::read_dir(host.path(MANIFESTS)).into_iter().flatten().flatten();
    let marked = entries.filter(|entry| {
        fs::read_to_string(entry.path()).is_ok_and(|manifest| manifest.contains(MARK))
    });
    marked.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The name of the Node that a machine is, as its cluster knows it: what its service or its
/// certificate says.
pub(super) fn node(host: &Host, state: &Path) -> Option<String> {
    if let Ok(role) = service::role(&host.path(state)) {
        return role.node().map(ToString::to_string);
    }
    let pem = fs::read(host.path(CERTIFICATE)).ok()?;
    // The key is in the same file.
    let mut blocks = Pem::iter_from_buffer(&pem).flatten();
    let block = blocks.find(|block| block.label == "CERTIFICATE")?;
    let certificate = block.parse_x509().ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    name.strip_prefix("system:node:").map(str::to_owned)
}

/// The names in the state folder that are kubewright's; nothing in a folder of somebody else's, which
/// has neither a journal nor a service. It may have a lock, of a run that never began; where there is
/// nothing else, that goes, too.
pub(super) fn state(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let locks = names.iter().all(|name| LOCKS.contains(&name.as_str()));
    match locks || names.iter().any(|name| marks(name)) {
        true => names.into_iter().filter(|name| is_of_state(name)).collect(),
        false => Vec::new(),
    }
}

/// Whether a name in a folder tells that it is a state folder.
pub(super) fn marks(name: &str) -> bool {
    ["service.json", machine::RECORD].contains(&name) || is_journal(name)
}

fn is_journal(name: &str) -> bool {
    name.ends_with(".journal.json") || name.contains(".journal.json.corrupt-")
}

fn is_of_state(name: &str) -> bool {
    let known = [
        machine::APPLIED,
        machine::RECORD,
        "before",
        "certificate-key",
        "cluster.json",
        "control-plane",
        "joining.json",
        "journal.lock",
        "kubeadm.yaml",
        "kubelet-client.crt",
        "kubelet-client.key",
        "kubelet.conf",
        "service.json",
        "service.lock",
        "service.log",
        "token",
    ];
    // What a crash left of one that was being replaced.
    let half = name.strip_prefix('.').and_then(|name| name.strip_suffix(".kubewright-new"));
    let name = half.unwrap_or(name);
    known.contains(&name) || is_journal(name)
}
