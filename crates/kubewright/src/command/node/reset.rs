//! `kubewright node reset`: make this machine free again.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client};
use kubewright_node::config::NodeConfiguration;
use kubewright_node::host::Host;
use kubewright_node::reset::{self, Done, Item};
use kubewright_operator::ClientArgs;

use super::configuration::{ConfigurationArgs, node_name};
use crate::failure::Outcome;
use crate::output::FormatArgs;

/// Where kubeadm leaves the administrator's kubeconfig.
const ADMIN: &str = "/etc/kubernetes/admin.conf";
/// How long the cluster may take to say whether it knows this machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// Make this machine free: no node of any cluster, and nothing left of one
///
/// Lists what is there to be removed, and removes it with --yes: what kubeadm reset does, and what
/// it leaves: CNI configurations, links and rules of the networks that kubewright installs, the
/// folders of Kubernetes, kubewright's own files, and the Node where its cluster is reached.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    configuration: ConfigurationArgs,
    /// Do it
    #[arg(long)]
    yes: bool,
    /// List what would be done and do nothing, which is what happens without --yes
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: &Args) -> Outcome {
    let configuration = args.configuration.load(&[])?;
    let host = Host::this();
    let reached = reach(args, &configuration).await;
    let name = reached.as_ref().map(|(_, name)| name.as_str());
    let items = reset::plan(&host, &configuration, name).await;
    if !args.yes || args.dry_run {
        args.format.output.print(&items, || listed(&items))?;
        return Ok(ExitCode::SUCCESS);
    }
    if reached.is_none() {
        eprintln!(
            "its cluster is not reached: where there is one, run `kubewright node remove` there"
        );
    }
    let client = reached.as_ref().map(|(client, _)| client);
    let done = reset::run(&host, &configuration, items, client).await;
    args.format.output.print(&done, || text(&done))?;
    Ok(if done.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The cluster that has this machine's Node, and the name of that.
async fn reach(args: &Args, configuration: &NodeConfiguration) -> Option<(Client, String)> {
    let name = node_name(configuration).ok()?.to_string();
    let asked = args.client.kubeconfig.is_some() || args.client.context.is_some();
    let own = PathBuf::from(ADMIN);
    // A kubeconfig that happens to be in the environment may be that of another cluster, whose
    // Node of the same name is none of ours.
    let client = match (asked, own.exists()) {
        (true, _) => args.client.client().await.ok()?,
        (false, true) => ClientArgs::file(&own).client().await.ok()?,
        (false, false) => return None,
    };
    let nodes = Api::<Node>::all(client.clone());
    match tokio::time::timeout(PATIENCE, nodes.get_opt(&name)).await {
        Ok(Ok(Some(_))) => Some((client, name)),
        _ => None,
    }
}

fn listed(items: &[Item]) -> String {
    match items {
        [] => "there is nothing to reset\n".to_owned(),
        items => {
            let list: String = items.iter().map(|item| format!("would {item}\n")).collect();
            list + "nothing was done; `kubewright node reset --yes` does it\n"
        }
    }
}

fn text(done: &Done) -> String {
    let mut text: String = done.done.iter().map(|item| format!("done: {item}\n")).collect();
    for (item, why) in &done.failed {
        text += &format!("FAILED: {item}: {why}\n");
    }
    if text.is_empty() {
        return "there was nothing to reset\n".to_owned();
    }
    text
}
