//! Files of ours on the machine: what the kubelet and the runtime need before a cluster does.
//!
//! ```text
//! kernel      sysctl, modules           proxy       of the runtime, the kubelet, the machine
//! kubelet     systemd drop-in           registries  hosts.toml, registries.conf, certificates
//! ```
//!
//! - What is wanted is computed from the configuration and the addresses of the machine; writing it
//!   twice changes nothing.
//! - Every file is ours by its name; nobody else's is opened. Which ones there are is on record, so
//!   that `reset`, or a configuration that no longer wants them, removes them and no others.
//! - Modules are loaded, units reloaded or restarted only when one of their files is not the one with
//!   which that was done last. That is on record too: whether a file had to be written now says
//!   nothing, since whoever wrote it may have been killed right after.

pub mod address;
mod proxy;
mod record;
mod registry;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::config::{NodeConfiguration, RuntimeEngine};
use crate::file::{self, FileError, PUBLIC};
use crate::host::{Command, CommandError, Host};

pub use proxy::{environment, passwords};
pub(crate) use record::{APPLIED, RECORD};
pub use record::{forget, recorded};
pub use registry::RegistryError;

/// Modules of the kernel that bridges and images need.
const MODULES: [&str; 2] = ["br_netfilter", "overlay"];

/// Settings of the kernel.
const SYSCTL: &str = "/etc/sysctl.d/99-kubewright.conf";

/// Unit of the kubelet.
const KUBELET: &str = "kubelet.service";

/// First line of each.
const OURS: &str = "# Written by `kubewright node`; `kubewright node reset` removes it.\n";

/// A file of ours.
#[derive(Clone, PartialEq, Eq)]
pub struct OurFile {
    /// What is in it.
    pub content: String,
    /// [`PUBLIC`] or [`file::SECRET`].
    pub mode: u32,
    /// What has to happen when it has changed.
    pub then: Then,
}

/// What has to happen when a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Then {
    /// Nothing: it is read when it is needed.
    Nothing,
    /// The modules are loaded.
    Modules,
    /// The kernel is told.
    Sysctl,
    /// systemd reads its units anew.
    Reload,
    /// That, and the kubelet starts at boot: packages of rpm leave that to whoever installs them.
    Kubelet,
    /// That, and the runtime is restarted.
    RestartRuntime,
}

/// The machine cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A program.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Files by their absolute paths on the machine.
pub type Files = BTreeMap<PathBuf, OurFile>;

/// Unit of the container runtime.
#[must_use]
pub fn runtime_unit(engine: RuntimeEngine) -> &'static str {
    match engine {
        RuntimeEngine::Containerd => "containerd.service",
        RuntimeEngine::Crio => "crio.service",
        RuntimeEngine::Docker => "docker.service",
    }
}

/// The files that a configuration wants on a machine with its `own` addresses. Reads the certificates
/// that it names.
///
/// # Errors
/// [`RegistryError`] when a certificate cannot be read or is not the one whose fingerprint is given.
pub fn files(
    host: &Host,
    configuration: &NodeConfiguration,
    own: &[String],
) -> Result<Files, RegistryError> {
    let mut files = Files::new();
    let mut put = |path: &str, mode, then, content: String| {
        files.insert(PathBuf::from(path), OurFile { content, mode, then });
    };
    put(
        "/etc/modules-load.d/kubewright.conf",
        PUBLIC,
        Then::Modules,
        format!("{OURS}{}\n", MODULES.join("\n")),
    );
    put(SYSCTL, PUBLIC, Then::Sysctl, format!("{OURS}{}", sysctl(configuration)));
    put(
        "/etc/systemd/system/kubelet.service.d/20-kubewright.conf",
        PUBLIC,
        Then::Kubelet,
        drop_in(configuration),
    );
    files.extend(proxy::files(configuration, own));
    files.extend(registry::files(host, configuration)?);
    Ok(files)
}

/// The files that every machine gets, by their names: for those who put them there themselves.
#[must_use]
pub fn defaults() -> Vec<(&'static str, String)> {
    let configuration = NodeConfiguration::default();
    vec![
        ("modules.conf", format!("{OURS}{}\n", MODULES.join("\n"))),
        ("sysctl.conf", format!("{OURS}{}", sysctl(&configuration))),
        ("kubelet-drop-in.conf", drop_in(&configuration)),
    ]
}

fn drop_in(configuration: &NodeConfiguration) -> String {
    let unit = runtime_unit(configuration.runtime.engine);
    format!(
        "{OURS}# Before kubeadm has given it a configuration the kubelet ends at once: try again soon.\n\
         [Unit]\nWants={unit}\nAfter={unit}\nStartLimitIntervalSec=0\n\n\
         [Service]\nRestart=always\nRestartSec=1s\n"
    )
}

fn sysctl(configuration: &NodeConfiguration) -> String {
    let network = &configuration.network;
    let v6 =
        [&network.pod_subnet, &network.service_subnet].iter().any(|subnet| subnet.contains(':'));
    let mut text = "net.bridge.bridge-nf-call-iptables = 1\n\
                    net.bridge.bridge-nf-call-ip6tables = 1\n\
                    net.ipv4.ip_forward = 1\n"
        .to_owned();
    if v6 {
        text += "net.ipv6.conf.all.forwarding = 1\n";
    }
    // A kubelet, containerd and their shims watch more than the default of 128 allows.
    text + "fs.inotify.max_user_instances = 1024\n"
}

/// Writes the files, removes those that are wanted no longer, and does what follows from it.
/// Returns the paths that changed.
///
/// # Errors
/// [`MachineError`]; doing it again goes on where it stopped.
pub async fn prepare(
    host: &Host,
    state: &Path,
    configuration: &NodeConfiguration,
    own: &[String],
) -> Result<Vec<PathBuf>, MachineError> {
    let files = files(host, configuration, own)?;
    let before = record::recorded(state);
    // On record before they are on disk: a crash leaves none that nobody knows.
    let all: BTreeSet<PathBuf> = before.iter().chain(files.keys()).cloned().collect();
    record::write(state, &all)?;
    let mut changed = Vec::new();
    for (path, wanted) in &files {
        if file::replace(&host.path(path), wanted.content.as_bytes(), wanted.mode)? {
            changed.push(path.clone());
        }
    }
    let unwanted: Vec<&PathBuf> = before.iter().filter(|path| !files.contains_key(*path)).collect();
    for path in &unwanted {
        if remove(host, path)? {
            changed.push((*path).clone());
        }
    }
    let (applied, digests) = (record::applied(state), record::digests(&files));
    let owed = files.iter().filter(|(path, _)| applied.get(*path) != digests.get(*path));
    let mut then: BTreeSet<Then> = owed.map(|(_, file)| file.then).collect();
    // Which of them the runtime has read is not known any more.
    then.extend((!unwanted.is_empty()).then_some(Then::RestartRuntime));
    follow(host, configuration.runtime.engine, &then).await?;
    record::write_applied(state, &digests)?;
    record::write(state, &files.keys().cloned().collect())?;
    Ok(changed)
}

/// Removes a file of ours, and its folder where that is empty now and was made for it.
pub(crate) fn remove(host: &Host, path: &Path) -> Result<bool, FileError> {
    let there = host.path(path);
    let removed = file::remove(&there).map_err(FileError::of("remove", &there))?;
    if let Some(folder) = there.parent()
        && folder.parent().is_some_and(|above| above.ends_with("certs.d"))
    {
        // One that is not empty holds something of someone else.
        let _ = std::fs::remove_dir(folder);
    }
    Ok(removed)
}

async fn follow(
    host: &Host,
    engine: RuntimeEngine,
    then: &BTreeSet<Then>,
) -> Result<(), CommandError> {
    if then.contains(&Then::Modules) {
        for module in MODULES {
            host.run(&Command::new("modprobe", [module])).await?;
        }
    }
    if then.contains(&Then::Sysctl) {
        // Ours alone: what others have set, and may fail, is not our business.
        let file = host.path(SYSCTL).display().to_string();
        host.run(&Command::new("sysctl", ["--load".to_owned(), file])).await?;
    }
    let restart = then.contains(&Then::RestartRuntime);
    let kubelet = then.contains(&Then::Kubelet);
    if restart || kubelet || then.contains(&Then::Reload) {
        host.run(&Command::new("systemctl", ["daemon-reload"])).await?;
    }
    if kubelet
        // A unit of another making may start by other means; kubeadm warns if it does not.
        && let Err(error) = host.run(&Command::new("systemctl", ["enable", KUBELET])).await
    {
        tracing::warn!(%error, "the kubelet may not start at boot");
    }
    if restart {
        host.run(&Command::new("systemctl", ["restart", runtime_unit(engine)])).await?;
    }
    Ok(())
}

/// Removes the files of ours from a machine, and does what follows from it.
///
/// # Errors
/// [`MachineError`]; doing it again goes on where it stopped.
pub(crate) async fn take_back(
    host: &Host,
    state: &Path,
    configuration: &NodeConfiguration,
    own: &[String],
) -> Result<(), MachineError> {
    let recorded = record::recorded(state);
    // Where they cannot be told any more, none of them was written just now.
    let restarts = files(host, configuration, own)
        .unwrap_or_default()
        .into_iter()
        .any(|(path, file)| file.then == Then::RestartRuntime && recorded.contains(&path));
    for path in &recorded {
        remove(host, path)?;
    }
    let then = if restarts { Then::RestartRuntime } else { Then::Reload };
    follow(host, configuration.runtime.engine, &[then].into()).await?;
    Ok(forget(state)?)
}

/// The commands that bring the images of an archive into the runtime.
#[must_use]
pub fn import(configuration: &NodeConfiguration, archive: &Path) -> Command {
    let archive = archive.display().to_string();
    let socket = configuration.runtime.socket_path().to_owned();
    match configuration.runtime.engine {
        RuntimeEngine::Containerd => {
            // Unpacked by CRI when it is used, with the snapshotter that CRI is configured for.
            let words = ["--namespace", "k8s.io", "images", "import", "--no-unpack"];
            let address = ["--address".to_owned(), socket];
            let all = address.into_iter().chain(words.map(str::to_owned)).chain([archive]);
            Command::new("ctr", all)
        }
        // CRI-O has no import of its own; podman writes to the same storage.
        RuntimeEngine::Crio => {
            Command::new("podman", ["load".to_owned(), "--input".to_owned(), archive])
        }
        RuntimeEngine::Docker => {
            Command::new("docker", ["load".to_owned(), "--input".to_owned(), archive])
        }
    }
}

/// The archives that a configuration names, those in folders by name.
///
/// # Errors
/// [`FileError`] when one is not there.
pub fn archives(host: &Host, configuration: &NodeConfiguration) -> Result<Vec<PathBuf>, FileError> {
    let mut archives = Vec::new();
    for path in &configuration.bootstrap.images {
        archives
            .extend(crate::file::files_of(&host.path(path), &["tar", "tar.gz", "tgz", "tar.zst"])?);
    }
    Ok(archives)
}

#[cfg(test)]
mod tests;
