//! Doing what was listed.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use kube::Client;
use serde::Serialize;

use super::{Item, certificates, mounts, rules};
use crate::acceptance::{self, Removal};
use crate::config::NodeConfiguration;
use crate::file::FileError;
use crate::host::{Command, Host};
use crate::join::NodeName;
use crate::{file, machine, service};

/// How it went.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// What was done.
    pub done: Vec<Item>,
    /// What was not, and why.
    pub failed: Vec<(Item, String)>,
}

/// Does everything on a list, past failures. `client` is for the Node that goes.
pub async fn run(
    host: &Host,
    configuration: &NodeConfiguration,
    items: Vec<Item>,
    client: Option<&Client>,
) -> Done {
    let mut done = Done::default();
    for item in items {
        // What is remembered is needed as long as something is left.
        if matches!(item, Item::State(_)) && !done.failed.is_empty() {
            done.failed
                .push((item, "something above is left: mend it and run this again".to_owned()));
            continue;
        }
        match one(host, configuration, &item, client).await {
            Ok(()) => done.done.push(item),
            Err(error) => done.failed.push((item, chain(&*error))),
        }
    }
    // Units of ours are gone.
    let ours = |item: &Item| matches!(item, Item::OurFile(_));
    if done.done.iter().any(ours) {
        let _ = host.run(&Command::new("systemctl", ["daemon-reload"])).await;
    }
    done
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn one(
    host: &Host,
    configuration: &NodeConfiguration,
    item: &Item,
    client: Option<&Client>,
) -> Result<(), BoxError> {
    match item {
        Item::StopService => {
            let state = host.path(&configuration.paths.state);
            tokio::task::spawn_blocking(move || service::stop(&state)).await??;
        }
        Item::StopKubelet => {
            host.run(&Command::new("systemctl", ["stop", "kubelet.service"])).await?;
        }
        Item::Node(name) => {
            let client = client.ok_or("its cluster is not reached")?;
            let node: NodeName = name.parse()?;
            let removal =
                Removal { node, patience: Duration::from_secs(60), force: true, keep_token: true };
            acceptance::remove(client, &removal).await?;
        }
        Item::Kubeadm => kubeadm(host, configuration).await?,
        Item::OurFile(path) => {
            machine::remove(host, path)?;
        }
        Item::Network(path) => {
            let path = host.path(path);
            file::remove(&path).map_err(FileError::of("remove", &path))?;
        }
        Item::Link(name) => {
            host.run(&Command::new("ip", ["link", "delete", name.as_str()])).await?;
        }
        Item::Chains(program) => rules::remove(host, program).await?,
        Item::Table(family, name) => {
            host.run(&Command::new("nft", ["delete", "table", family, name])).await?;
        }
        Item::Folder(folder) => remove_folder(&host.path(folder))?,
        Item::Certificates(folder) => {
            for file in certificates::present(&host.path(folder)) {
                file::remove(&file).map_err(FileError::of("remove", &file))?;
            }
        }
        Item::State(state) if is_of_the_system(state) => {
            let error = format!(
                "{} is no folder of kubewright's alone: remove what it left there yourself",
                state.display()
            );
            return Err(error.into());
        }
        Item::State(state) => remove_folder(&host.path(state))?,
    }
    Ok(())
}

async fn kubeadm(host: &Host, configuration: &NodeConfiguration) -> Result<(), BoxError> {
    let program = match configuration.paths.kubeadm.as_str() {
        "" => "kubeadm",
        given => given,
    };
    let socket = configuration.runtime.endpoint();
    let directory = configuration.certificates.directory.display().to_string();
    let mut arguments = vec!["reset", "--force", "--cri-socket", &socket, "--cert-dir", &directory];
    let root = host.root().display().to_string();
    if !host.is_this() {
        arguments.extend(["--rootfs", &root]);
    }
    host.run(&Command::new(program, arguments)).await?;
    Ok(())
}

/// Whether a folder is one that others have files in: those right below the root, homes, and some
/// below them.
fn is_of_the_system(folder: &Path) -> bool {
    let shared = ["/etc", "/usr", "/var", "/home", "/run", "/opt", "/srv", "/mnt", "/media"];
    let parent = folder.parent().unwrap_or(folder);
    let known = ["/var/lib/kubelet", "/var/lib/containerd", "/var/lib/containers"];
    parent == Path::new("/")
        || shared.iter().any(|above| parent == Path::new(above))
        || known.iter().any(|known| folder == Path::new(known))
}

/// Removes a folder below which nothing is mounted.
fn remove_folder(folder: &Path) -> Result<(), BoxError> {
    if let Some(mount) = mounts::below(folder) {
        let error = format!(
            "{} is mounted: unmount it first, or its data would be removed",
            mount.display()
        );
        return Err(error.into());
    }
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::of("remove", folder)(error).into())
        }
        _ => Ok(()),
    }
}
