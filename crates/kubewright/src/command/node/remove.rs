//! `kubewright node remove`: take a node out of the cluster.

use std::process::ExitCode;
use std::time::Duration;

use kubewright_node::acceptance::{self, Removal, Removed};
use kubewright_node::join::NodeName;
use kubewright_operator::ClientArgs;

use crate::failure::Outcome;
use crate::output::{self, FormatArgs};

/// Cordon and drain a node, and delete it with all that stands for it
///
/// Its requests for certificates, its Lease and the token it joined with go, too. The certificate
/// that it holds stays valid until it expires: join nodes with --expiration-seconds where that
/// matters.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the node
    #[arg(value_name = "NAME")]
    name: NodeName,
    /// Seconds that its pods may take to end
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u32,
    /// Delete pods unasked that do not end in time
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
    if args.dry_run {
        let token = if args.keep_token { "" } else { ", the token it joined with" };
        output::print(&format!(
            "would cordon and drain {node}, and delete its Node, its Lease, its requests for certificates{token}\n"
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let removal = Removal {
        node: node.clone(),
        patience: Duration::from_secs(args.timeout.into()),
        force: args.force,
        keep_token: args.keep_token,
    };
    let removed = acceptance::remove(&client, &removal).await?;
    args.format.output.print(&removed, || text(node, &removed))?;
    Ok(ExitCode::SUCCESS)
}

fn text(node: &NodeName, removed: &Removed) -> String {
    let mut text = format!("{node} removed: {} pods evicted", removed.pods.len());
    let parts = [
        (removed.node, "Node deleted".to_owned()),
        (removed.lease, "Lease deleted".to_owned()),
        (!removed.requests.is_empty(), format!("{} requests deleted", removed.requests.len())),
        (!removed.tokens.is_empty(), format!("token {} deleted", removed.tokens.join(", "))),
    ];
    for (_, part) in parts.iter().filter(|(holds, _)| *holds) {
        text.push_str(", ");
        text.push_str(part);
    }
    let until = removed.certificate_until.map_or("it expires".to_owned(), |at| at.to_string());
    text + &format!(
        "\nthe certificate that it holds stays valid until {until}; nodes that join with --expiration-seconds hold shorter ones\n"
    )
}
