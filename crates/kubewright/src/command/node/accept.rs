//! `kubewright node accept`: let nodes in.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::ValueHint;
use kube::Client;
use kubewright_node::acceptance::{self, Decided, Kind, Policy, Verdict};
use kubewright_node::approver::{Answered, World};
use kubewright_node::discovery::Pin;
use kubewright_node::join::NodeName;
use kubewright_operator::ClientArgs;

use crate::failure::{Failure, Outcome};
use crate::output;

/// Accept nodes that wait, by name or by a policy
///
/// A name that a Ready node has is refused. Who was rejected before may ask again: accept it once
/// more when it does.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Names of the nodes
    #[arg(value_name = "NAME", required_unless_present = "policy")]
    names: Vec<NodeName>,
    /// Only with this key, as `kubewright node join` shows it on the node
    #[arg(long, value_name = "sha256:HASH", conflicts_with = "policy")]
    fingerprint: Option<Pin>,
    /// Answer all that wait as the rules of this file say
    #[arg(long, value_name = "FILE", conflicts_with = "names", value_hint = ValueHint::FilePath)]
    policy: Option<PathBuf>,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: &Args) -> Outcome {
    if args.fingerprint.is_some() && args.names.len() > 1 {
        return Err(Failure::usage(anyhow!("--fingerprint is of one node, and several are named")));
    }
    let policy = args.policy.as_deref().map(Policy::read).transpose().map_err(Failure::usage)?;
    let client = args.client.client().await?;
    if let Some(policy) = policy {
        let config = args.client.config().await?;
        return by_policy(&client, config.cluster_url.host(), policy, args.dry_run).await;
    }
    for node in &args.names {
        if args.dry_run {
            would(&client, node, args.fingerprint.as_ref(), "accept").await?;
            continue;
        }
        let Decided { request, withdrawn } =
            acceptance::accept(&client, node, args.fingerprint.as_ref()).await?;
        output::print(&match withdrawn {
            false => format!("{node} accepted, with the key {}\n", request.fingerprint),
            true => format!(
                "{node} had been rejected; that is withdrawn. Run `kubewright node join` there again, then accept it\n"
            ),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a dry run of accepting or rejecting tells.
pub(super) async fn would(
    client: &Client,
    node: &NodeName,
    fingerprint: Option<&Pin>,
    verb: &str,
) -> Result<(), Failure> {
    let waiting = acceptance::pending(client).await?;
    let requests = waiting.into_iter().filter_map(|(_, request)| request.ok());
    let mut found = requests.filter(|it| {
        it.node == *node
            && it.kind == Kind::Client
            && fingerprint.is_none_or(|fingerprint| *fingerprint == it.fingerprint)
    });
    let Some(request) = found.next() else {
        return Err(Failure::new(anyhow!("no such node {node} waits to be accepted")));
    };
    Ok(output::print(&format!("would {verb} {node}, with the key {}\n", request.fingerprint))?)
}

async fn by_policy(
    client: &Client,
    server: Option<&str>,
    policy: Policy,
    dry_run: bool,
) -> Outcome {
    let mut planned = World::observe(client, policy, server).await?.plan();
    planned.sort_by_key(|it| it.object.metadata.creation_timestamp.clone());
    if planned.is_empty() {
        output::print("no node waits to be accepted\n")?;
    }
    let would = if dry_run { "would be " } else { "" };
    for Answered { object, request, verdict } in planned {
        let node = match request {
            Ok(request) => request.node,
            Err(flaw) => {
                let name = object.metadata.name.unwrap_or_default();
                output::print(&format!("{name} left: {flaw}\n"))?;
                continue;
            }
        };
        match verdict {
            Verdict::Accept { why } => {
                if !dry_run {
                    acceptance::approve(client, &object, &why).await?;
                }
                output::print(&format!("{node} {would}accepted: {why}\n"))?;
            }
            Verdict::Reject { why } => {
                if !dry_run {
                    acceptance::deny(client, &object, &why).await?;
                }
                output::print(&format!("{node} {would}rejected: {why}\n"))?;
            }
            Verdict::Wait { why } => output::print(&format!("{node} waits on: {why}\n"))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}
