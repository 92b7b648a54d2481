//! `kubewright podnet attach` and `detach`: edit the annotation, and wait for what comes of it.

use std::process::ExitCode;
use std::time::Duration;

use kubewright_operator::ClientArgs;
use kubewright_podnet::PodKey;
use kubewright_podnet::change::{self, Change, ChangeError, Changed, Entry};
use kubewright_podnet::edit::{EditError, NetworkName, Wish};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::output::FormatArgs;

/// Attach a running pod to a network
///
/// Adds the network to the pod's annotation, in the form that the pod uses, and waits until the
/// interface is there. The pod is not restarted.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AttachArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Name of the interface in the pod [default: made from the network's name]
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// Hardware address of the interface
    #[arg(long, value_name = "ADDRESS")]
    mac: Option<String>,
    /// Address of the interface, with its prefix; may be given more than once
    #[arg(long, value_name = "ADDRESS/PREFIX")]
    ip: Vec<String>,
    #[command(flatten)]
    run: RunArgs,
}

/// Detach a running pod from a network
///
/// Takes the network out of the pod's annotation and waits until the interface is gone.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DetachArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Which interface, where the pod has several of the network
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Clone, Debug, clap::Args)]
struct TargetArgs {
    /// The pod
    #[arg(value_name = "POD")]
    pod: String,
    /// The network: NAME, or NAMESPACE/NAME
    #[arg(value_name = "NETWORK")]
    network: NetworkName,
    /// Namespace of the pod [default: that of the context]
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
struct RunArgs {
    /// Let the API server say whether it would take the change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for what comes of it
    #[arg(long)]
    no_wait: bool,
    /// Seconds to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 60, conflicts_with = "no_wait")]
    timeout: u32,
    #[command(flatten)]
    format: FormatArgs,
}

/// What was done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    namespace: String,
    pod: String,
    annotation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    dry_run: bool,
    /// What the pod has of the network now, if that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    interfaces: Option<Vec<Entry>>,
}

pub(super) async fn attach(args: AttachArgs, client: ClientArgs) -> Outcome {
    let wish = Wish { interface: args.interface, mac: args.mac, ips: args.ip };
    let change = Change::Attach { network: args.target.network.clone(), wish };
    run(&args.target, &args.run, &change, client).await
}

pub(super) async fn detach(args: DetachArgs, client: ClientArgs) -> Outcome {
    let network = args.target.network.clone();
    let change = Change::Detach { network, interface: args.interface };
    run(&args.target, &args.run, &change, client).await
}

async fn run(target: &TargetArgs, run: &RunArgs, change: &Change, client: ClientArgs) -> Outcome {
    let client = client.client().await?;
    let namespace = target.namespace.as_deref().unwrap_or(client.default_namespace());
    let pod = PodKey::new(namespace, target.pod.as_str());
    let changed = change::apply(&client, &pod, change, run.dry_run).await.map_err(explained)?;
    let interfaces = match run.dry_run || run.no_wait {
        true => None,
        false => {
            let timeout = Duration::from_secs(run.timeout.into());
            let settled = change::settled(&client, &changed, change, timeout).await;
            Some(settled.map_err(explained)?)
        }
    };
    let report = Report {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        annotation: changed.annotation,
        before: changed.before.clone(),
        after: changed.after.clone(),
        dry_run: run.dry_run,
        interfaces,
    };
    run.format.output.print(&report, || table(&report, &changed, change))?;
    Ok(ExitCode::SUCCESS)
}

/// What to do about it.
fn explained(error: ChangeError) -> Failure {
    let advice = match &error {
        ChangeError::Silent { pod, .. } => Some(format!(
            "see whether the pod runs and the agent of its node too: kubectl get pods -A -o wide | grep -e {} -e kubewright-podnet",
            pod.name
        )),
        ChangeError::Failed { pod, network, .. } => Some(format!(
            "mend the cause, the agent goes on trying; or take the network out again with `kubewright podnet detach -n {} {} {network}`",
            pod.namespace, pod.name
        )),
        ChangeError::Edit { pod, source: EditError::Unreadable { .. } } => {
            Some(format!("mend it: kubectl -n {} edit pod {}", pod.namespace, pod.name))
        }
        ChangeError::NoPod(_) => Some("name its namespace with -n".to_owned()),
        _ => None,
    };
    match advice {
        Some(advice) => Failure::new(error).advise(advice),
        None => Failure::new(error),
    }
}

fn table(report: &Report, changed: &Changed, change: &Change) -> String {
    let (network, done) = match change {
        Change::Attach { network, .. } => (network, "attached"),
        Change::Detach { network, .. } => (network, "detached"),
    };
    let pod = &changed.pod;
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "(none)".to_owned());
    if report.dry_run {
        let (before, after) = (shown(&report.before), shown(&report.after));
        let annotation = report.annotation;
        return format!(
            "pod {pod} would be changed\n- {annotation}: {before}\n+ {annotation}: {after}\n"
        );
    }
    let Some(interfaces) = &report.interfaces else {
        return format!("pod {pod}: {} is now {}\n", report.annotation, shown(&report.after));
    };
    let mut text = format!("pod {pod}: {network} {done}\n");
    for interface in interfaces {
        let words = [interface.interface.as_str(), &interface.ips.join(","), &interface.mac];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        text += &format!("  {}\n", words.join("  "));
    }
    text
}
