//! Doing what was listed.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use kube::Client;
use serde::Serialize;

use super::evidence::Evidence;
use super::{Item, Left, certificates, evidence, mounts, rules};
use crate::acceptance::{self, Removal};
use crate::config::NodeConfiguration;
use crate::embedded::Member;
use crate::file::FileError;
use crate::host::{Command, Host};
use crate::join::NodeName;
use crate::service::Role;
use crate::{file, machine, service};

/// kubeadm empties the folder that it is told to have its certificates in, and takes the one of its
/// cluster's configuration when it is told none. That one may hold others' ([`Item::Certificates`]).
const CERTIFICATES: &str = "/etc/kubernetes/pki";

/// How long that may take: it waits for etcd, and for pods to end.
const RESET: Duration = Duration::from_secs(10 * 60);

/// What kubeadm says when the member of etcd stays in its cluster.
const ETCD_LEFT: &str = "Failed to remove etcd member";

/// How long other API servers may take to answer, and how often they are asked.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);

/// How it went.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// What was done.
    pub done: Vec<Item>,
    /// What was not, and why.
    pub failed: Vec<(Item, String)>,
    /// What has gone where nobody can do it any more.
    pub left: Vec<Left>,
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
        // It comes after kubeadm where there is an etcd to leave.
        let stays = done.failed.iter().any(|(failed, _)| *failed == Item::Kubeadm);
        if stays && matches!(item, Item::Node(_)) {
            let why = "kubeadm reset has failed, and by this Node others find the member of etcd that is to leave";
            done.failed.push((item, why.to_owned()));
            continue;
        }
        if let (Item::Node(name), Some(client)) = (&item, client)
            && done.done.contains(&Item::Kubeadm)
            && is_gone(client).await
        {
            let what = format!("the Node {name} of the cluster");
            let why = "the API server has gone with the control plane of this machine";
            let remove = format!(
                "where the cluster goes on elsewhere, `kubewright node remove {name}` removes it there"
            );
            done.left.push(Left::new(what, why, remove));
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

/// Whether a cluster that lost a control-plane node has no API server any more. With others it may
/// take a while until etcd has a leader, and until whatever is in front of them leads to one.
async fn is_gone(client: &Client) -> bool {
    let answers = async {
        loop {
            match client.apiserver_version().await {
                Ok(_) => return,
                // It answers, whatever it says.
                Err(kube::Error::Api(status)) if status.code < 500 => return,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, answers).await.is_err()
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
        Item::Unit(name) => {
            host.run(&Command::new("systemctl", ["disable", "--now", name])).await?;
        }
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
        Item::Goodbye(_) => {
            let state = host.path(&configuration.paths.state);
            let Role::Node { registration, .. } = service::role(&state)? else { return Ok(()) };
            Member::load(&state, registration, None)?.leave().await?;
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
        Item::State(state) => forget(&host.path(state))?,
    }
    Ok(())
}

async fn kubeadm(host: &Host, configuration: &NodeConfiguration) -> Result<(), BoxError> {
    let program = match configuration.paths.kubeadm.as_str() {
        "" => "kubeadm",
        given => given,
    };
    let socket = configuration.runtime.endpoint();
    let mut arguments =
        vec!["reset", "--force", "--cri-socket", &socket, "--cert-dir", CERTIFICATES];
    let root = host.root().display().to_string();
    if !Evidence::of(host, &configuration.paths.state).etcd {
        // Where there is no manifest of etcd, it would remove the data of whatever etcd there is.
        arguments.extend(["--skip-phases", "remove-etcd-member"]);
    }
    if !host.is_this() {
        arguments.extend(["--rootfs", &root]);
    }
    let output = host.run(&Command::new(program, arguments).within(RESET)).await?;
    // It goes on past this, and ends as if all were well.
    let said = output.stderr.lines().chain(output.stdout.lines());
    match said.into_iter().find(|line| line.contains(ETCD_LEFT)) {
        Some(line) => Err(format!(
            "{}; remove it on another control-plane node with `etcdctl member remove`, then run this again",
            line.trim()
        )
        .into()),
        None => Ok(()),
    }
}

/// Removes what is kubewright's from its state folder, and the folder when nothing else is in it.
fn forget(state: &Path) -> Result<(), BoxError> {
    let mut names = evidence::state(state);
    // The marks go last: without them the rest would not be known any more.
    names.sort_by_key(|name| evidence::marks(name));
    for name in names {
        let path = state.join(name);
        match path.is_dir() {
            true => remove_folder(&path)?,
            false => drop(file::remove(&path).map_err(FileError::of("remove", &path))?),
        }
    }
    // One that is not empty holds something of someone else.
    let _ = fs::remove_dir(state);
    Ok(())
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
