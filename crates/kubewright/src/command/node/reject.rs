//! `kubewright node reject`: turn a node away.

use std::process::ExitCode;

use kubewright_node::acceptance;
use kubewright_node::discovery::Pin;
use kubewright_node::join::{NodeName, legible};
use kubewright_operator::ClientArgs;

use crate::failure::Outcome;
use crate::output;

/// Reject a node that waits
///
/// It is told the reason, and cannot ask again with the same key for an hour. `kubewright node
/// accept` takes that back.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the node
    #[arg(value_name = "NAME")]
    name: NodeName,
    /// Why, for the node and its administrator
    #[arg(long, value_name = "TEXT", value_parser = line)]
    reason: String,
    /// Only with this key, as `kubewright node join` shows it on the node
    #[arg(long, value_name = "sha256:HASH")]
    fingerprint: Option<Pin>,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// It is shown on the terminal of another machine.
fn line(text: &str) -> Result<String, &'static str> {
    match legible(text) == text {
        true => Ok(text.to_owned()),
        false => Err("it is one line without control characters"),
    }
}

pub(crate) async fn run(args: &Args) -> Outcome {
    let client = args.client.client().await?;
    let (node, fingerprint) = (&args.name, args.fingerprint.as_ref());
    if args.dry_run {
        super::accept::would(&client, node, fingerprint, "reject").await?;
        return Ok(ExitCode::SUCCESS);
    }
    let decided = acceptance::reject(&client, node, fingerprint, &args.reason).await?;
    let key = &decided.request.fingerprint;
    output::print(&format!(
        "{node} rejected, with the key {key}; `kubewright node accept {node}` takes that back\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(line("wrong rack: é"), Ok("wrong rack: é".to_owned()));
        for odd in ["a\nb", "\u{1b}[31mred", "a\u{9b}1A", "a\u{202e}b", "a\tb"] {
            assert!(line(odd).is_err(), "{odd:?}");
        }
    }
}
