//! `kubewright podnet list`: the networks of a pod.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kubewright_operator::ClientArgs;
use kubewright_podnet::change::{Attachment, State, attachments};
use kubewright_podnet::edit::NetworkName;

use crate::failure::{Failure, Outcome};
use crate::output::FormatArgs;

/// List the networks of a pod: those it asks for, and those it has
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The pod
    #[arg(value_name = "POD")]
    pod: String,
    /// Only this network: NAME, or NAMESPACE/NAME
    #[arg(value_name = "NETWORK")]
    network: Option<NetworkName>,
    /// Namespace of the pod [default: that of the context]
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) async fn run(args: Args, client: ClientArgs) -> Outcome {
    let client = client.client().await?;
    let namespace = args.namespace.as_deref().unwrap_or(client.default_namespace()).to_owned();
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let found = pods.get_metadata_opt(&args.pod).await;
    let found = found.with_context(|| format!("cannot read pod {namespace}/{}", args.pod))?;
    let Some(pod) = found else {
        let error = anyhow!("there is no pod {namespace}/{}", args.pod);
        return Err(Failure::new(error).advise("name its namespace with -n"));
    };
    let annotations = pod.metadata.annotations.unwrap_or_default();
    let mut all = attachments(&namespace, &annotations).map_err(|error| {
        let what = format!("cannot list the networks of pod {namespace}/{}", args.pod);
        Failure::new(error).context(what)
    })?;
    if let Some(wanted) = &args.network {
        all.retain(|attachment| is(wanted, &attachment.network));
    }
    args.format.output.print(&all, || table(&all))?;
    Ok(ExitCode::SUCCESS)
}

fn is(wanted: &NetworkName, network: &str) -> bool {
    match network.split_once('/') {
        Some((namespace, name)) => {
            name == wanted.name && wanted.namespace.as_deref().is_none_or(|own| own == namespace)
        }
        None => network == wanted.name && wanted.namespace.is_none(),
    }
}

fn table(all: &[Attachment]) -> String {
    let state = |state| match state {
        State::Attached => "attached",
        State::Pending => "pending",
        State::Failed => "failed",
        State::Unasked => "unasked",
    };
    let head = ["NETWORK", "INTERFACE", "ADDRESSES", "MAC", "STATE", "MESSAGE"].map(str::to_owned);
    let rows = all.iter().map(|of| {
        let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        [
            dash(&of.network),
            dash(&of.interface),
            dash(&of.ips.join(",")),
            dash(&of.mac),
            state(of.state).to_owned(),
            of.message.clone(),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_table_is_aligned_and_says_what_is_missing() {
        let attachment = |network: &str, state, message: &str| Attachment {
            network: network.into(),
            interface: String::new(),
            ips: vec!["10.0.0.1".into()],
            mac: String::new(),
            state,
            message: message.into(),
        };
        let all =
            [attachment("a/b", State::Attached, ""), attachment("longer/c", State::Failed, "no")];
        assert_eq!(
            table(&all),
            "NETWORK   INTERFACE  ADDRESSES  MAC  STATE     MESSAGE\n\
             a/b       -          10.0.0.1   -    attached\n\
             longer/c  -          10.0.0.1   -    failed    no\n"
        );
    }

    #[test]
    fn a_network_is_found_with_and_without_its_namespace() {
        let name = |text: &str| text.parse::<NetworkName>().unwrap();
        assert!(is(&name("b"), "a/b") && is(&name("a/b"), "a/b") && is(&name("br"), "br"));
        assert!(!is(&name("c/b"), "a/b") && !is(&name("a/br"), "br"));
    }
}
