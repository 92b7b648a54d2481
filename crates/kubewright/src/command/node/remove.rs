//! `kubewright node remove`: take a node out of the cluster.

use std::process::ExitCode;
use std::time::Duration;

use kubewright_node::acceptance::{self, Removal, Removed};
use kubewright_node::join::NodeName;
use kubewright_operator::ClientArgs;
use serde::Serialize;

use crate::failure::Outcome;
use crate::output::FormatArgs;

/// Cordon and drain a node, and delete it with all that stands for it
///
/// Its requests for certificates, its Lease and the token it joined with go, too. The certificate
/// that it holds is good until it expires, and until then whoever has it may be able to renew it:
/// close the network of a machine that is not to be trusted any more.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the node
    #[arg(value_name = "NAME")]
    name: NodeName,
    /// Seconds that its pods may take to end
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u32,
    /// Also the only control-plane node, and pods that nobody makes again or that have data in an emptyDir; delete those that do not end in time
    #[arg(long)]
    force: bool,
    /// Keep the token it joined with, for other nodes
    #[arg(long)]
    keep_token: bool,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: &Args) -> Outcome {
    let client = args.client.client().await?;
    let node = &args.name;
    let removal = Removal {
        node: node.clone(),
        patience: Duration::from_secs(args.timeout.into()),
        force: args.force,
        keep_token: args.keep_token,
    };
    if args.dry_run {
        acceptance::check(&client, &removal).await?;
        let would = Would { node: node.to_string(), force: args.force, token: !args.keep_token };
        args.format.output.print(&would, || would.text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let removed = acceptance::remove(&client, &removal).await?;
    args.format.output.print(&removed, || text(node, &removed))?;
    Ok(ExitCode::SUCCESS)
}

/// What a dry run tells.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Would {
    node: String,
    /// Pods that do not end are deleted.
    force: bool,
    /// The token it joined with is deleted.
    token: bool,
}

impl Would {
    fn text(&self) -> String {
        let token = if self.token { ", the token it joined with" } else { "" };
        format!(
            "would cordon and drain {}, and delete its Node, its Lease, its requests for certificates{token}\n",
            self.node
        )
    }
}

fn counted(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

fn text(node: &NodeName, removed: &Removed) -> String {
    let mut text = format!("{node} removed: {} evicted", counted(removed.pods.len(), "pod"));
    let parts = [
        (removed.node, "Node deleted".to_owned()),
        (removed.lease, "Lease deleted".to_owned()),
        (!removed.requests.is_empty(), counted(removed.requests.len(), "request") + " deleted"),
        (!removed.tokens.is_empty(), format!("token {} deleted", removed.tokens.join(", "))),
    ];
    for (_, part) in parts.iter().filter(|(holds, _)| *holds) {
        text.push_str(", ");
        text.push_str(part);
    }
    let until = removed.certificate_until.map_or("it expires".to_owned(), |at| at.to_string());
    text + &format!(
        "\nthe certificate that it holds is good until {until}: until then the machine may be able to renew it and come back as {node}; close the network of one that is hostile, or rotate the cluster's authority\n"
    )
}
