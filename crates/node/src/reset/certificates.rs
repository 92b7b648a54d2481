//! The files that kubeadm puts into a folder of certificates.

use std::path::{Path, PathBuf};

/// Pairs of a certificate and its key.
const PAIRS: [&str; 9] = [
    "apiserver",
    "apiserver-etcd-client",
    "apiserver-kubelet-client",
    "ca",
    "etcd/ca",
    "etcd/healthcheck-client",
    "etcd/peer",
    "etcd/server",
    "front-proxy-ca",
];
/// Others.
const OTHERS: [&str; 4] = ["front-proxy-client.crt", "front-proxy-client.key", "sa.key", "sa.pub"];

/// Those of them that are there.
pub(super) fn present(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let pairs = PAIRS.iter().flat_map(|name| [format!("{name}.crt"), format!("{name}.key")]);
    let all = pairs.chain(OTHERS.map(str::to_owned));
    let folder = folder.to_owned();
    all.map(move |name| folder.join(name)).filter(|file| file.is_file())
}
