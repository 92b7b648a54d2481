//! What a machine needs to run pods, and how to get it.

use std::path::PathBuf;

use crate::runtime;

/// Where distributions and Kubernetes put CNI plugins.
const PLUGIN_FOLDERS: [&str; 3] = ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"];

/// The plugins that are used.
const PLUGINS: [&str; 3] = ["bridge", "host-local", "loopback"];

/// The folder of CNI plugins, when this machine can run pods; else what is missing.
pub(super) fn met() -> Result<PathBuf, String> {
    if !rustix::process::geteuid().is_root() {
        return Err("not root, and a pod has a network namespace: run as root".to_owned());
    }
    let ip = super::super::guard::find("ip");
    ip.ok_or("no ip: apt-get install iproute2")?;
    let folders = PLUGIN_FOLDERS.map(PathBuf::from);
    let has_all = |folder: &PathBuf| PLUGINS.iter().all(|plugin| folder.join(plugin).is_file());
    let found = folders.into_iter().find(has_all).ok_or_else(|| {
        format!(
            "no CNI plugins in {}: apt-get install containernetworking-plugins",
            PLUGIN_FOLDERS.join(", ")
        )
    })?;
    // A container without the right to make namespaces is the usual reason.
    runtime::can_make_namespaces().map_err(|error| {
        format!("cannot make a network namespace ({error}): run where root may make them")
    })?;
    Ok(found)
}
