//! `kubewright node pending`: who waits to become a node.

use std::process::ExitCode;

use jiff::Timestamp;
use kube::ResourceExt;
use kubewright_node::acceptance::{self, Flaw, Kind, Request};
use kubewright_operator::ClientArgs;
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output::{self, FormatArgs};

/// List the nodes that wait to be accepted
///
/// The address is what the node says of itself. What tells it from others is the fingerprint of
/// its key, which `kubewright node join` shows on the node.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// A request that waits, or what is wrong with it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Request>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flaw: Option<String>,
}

pub(crate) async fn run(args: &Args) -> Outcome {
    let client = args.client.client().await?;
    let all = acceptance::pending(&client).await.map_err(Failure::new)?;
    let mut all: Vec<Waiting> = all
        .into_iter()
        .map(|(object, request)| Waiting {
            name: object.name_any(),
            flaw: request.as_ref().err().map(Flaw::to_string),
            request: request.ok(),
        })
        .collect();
    // Names of requests are made of keys and tell nothing. Those with a flaw come last.
    all.sort_by_cached_key(|waiting| {
        let node = waiting.request.as_ref().map(|request| request.node.to_string());
        (waiting.request.is_none(), node, waiting.name.clone())
    });
    args.format.output.print(&all, || table(&all, Timestamp::now()))?;
    Ok(ExitCode::SUCCESS)
}

fn table(all: &[Waiting], now: Timestamp) -> String {
    if all.is_empty() {
        return "no node waits to be accepted\n".to_owned();
    }
    let rows = all.iter().map(|waiting| {
        let Some(request) = &waiting.request else {
            let flaw = format!("not to be accepted: {}", waiting.flaw.as_deref().unwrap_or("?"));
            return ["-".into(), "-".into(), "-".into(), "-".into(), waiting.name.clone(), flaw];
        };
        let kind = match request.kind {
            Kind::Client => "client",
            Kind::Serving => "serving",
        };
        let address = request.address.map_or("-".to_owned(), |address| address.to_string());
        let age = request.created.map_or("-".to_owned(), |at| age(at, now));
        [
            request.node.to_string(),
            kind.to_owned(),
            address,
            age,
            request.user.clone(),
            request.fingerprint.to_string(),
        ]
    });
    output::columns(&["NODE", "KIND", "ADDRESS", "AGE", "ASKED BY", "FINGERPRINT"], rows)
}

/// As kubectl shows it, in one unit.
fn age(since: Timestamp, now: Timestamp) -> String {
    match now.duration_since(since).as_secs().max(0) {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds @ 7200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_one_unit() {
        let now = Timestamp::UNIX_EPOCH;
        let of = |seconds: i64| age(now - jiff::SignedDuration::from_secs(seconds), now);
        assert_eq!(
            [of(-3), of(119), of(120), of(7200), of(200_000)],
            ["0s", "119s", "2m", "2h", "2d"]
        );
    }
}
