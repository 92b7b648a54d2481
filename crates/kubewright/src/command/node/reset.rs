//! `kubewright node reset`: make this machine free again.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::Node;
use kube::api::PostParams;
use kube::{Api, Client};
use kubewright_node::config::NodeConfiguration;
use kubewright_node::host::Host;
use kubewright_node::join::Place;
use kubewright_node::journal::Held;
use kubewright_node::reset::{self, Done, Item, Left, Plan};
use kubewright_node::service::{self, Role};
use kubewright_operator::ClientArgs;

use super::configuration::{ConfigurationArgs, node_name};
use crate::failure::Outcome;
use crate::output::FormatArgs;

/// Where kubeadm leaves the administrator's kubeconfig.
const ADMIN: &str = "/etc/kubernetes/admin.conf";
/// The kubeconfig of its kubelet.
const KUBELET: &str = "/etc/kubernetes/kubelet.conf";
/// How long the cluster may take to say whether it knows this machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// Make this machine free: no node of any cluster, and nothing left of one
///
/// Lists what is there to be removed, and removes it with --yes: what kubeadm reset does, and what
/// it leaves: CNI configurations, links and rules of the networks that kubewright installs, the
/// folders of Kubernetes, kubewright's own files, and the Node where its cluster is reached. What
/// nothing proves to be of kubewright or kubeadm is told and left.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) configuration: ConfigurationArgs,
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
    // From what is found on: another run would change that meanwhile.
    let held = args.yes.then(|| Held::take(&configuration.paths.state)).transpose()?;
    let cluster = reach(args, &host, &configuration).await;
    let mut plan = reset::plan(&host, &configuration, cluster.item()).await;
    if held.as_ref().is_some_and(Held::is_alone) {
        plan.items.retain(|item| !matches!(item, Item::State(_)));
    }
    plan.left.extend(cluster.left());
    if !args.yes || args.dry_run {
        args.format.output.print(&plan, || listed(&plan))?;
        return Ok(ExitCode::SUCCESS);
    }
    for left in &plan.left {
        eprintln!("left: {left}");
    }
    let done = reset::run(&host, &configuration, plan.items, cluster.client()).await;
    drop(held);
    for left in &done.left {
        eprintln!("left: {left}");
    }
    args.format.output.print(&done, || text(&done))?;
    Ok(if done.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The cluster that this machine is a node of, as far as it can be told from here.
enum Cluster {
    /// There is none, or it goes with this machine, or it has no such Node.
    None,
    /// It has the Node, which can be deleted.
    Reached { client: Client, name: String },
    /// It is reached as the Node itself, which may not delete itself.
    Itself { name: String, embedded: bool },
    /// The Node stays, for this reason.
    Left { name: String, why: &'static str },
}

impl Cluster {
    fn item(&self) -> Option<Item> {
        match self {
            Self::Reached { name, .. } => Some(Item::Node(name.clone())),
            Self::Itself { name, embedded: true } => Some(Item::Goodbye(name.clone())),
            _ => None,
        }
    }

    fn client(&self) -> Option<&Client> {
        match self {
            Self::Reached { client, .. } => Some(client),
            _ => None,
        }
    }

    fn left(&self) -> Option<Left> {
        let (name, why) = match self {
            Self::Left { name, why } => (name, *why),
            Self::Itself { name, .. } => (name, "a node may not delete itself"),
            Self::None | Self::Reached { .. } => return None,
        };
        let remove = format!(
            "`kubewright node remove {name}` does it where the cluster is administered, or give --kubeconfig of an administrator here"
        );
        Some(Left::new(format!("the Node {name} of the cluster"), why, remove))
    }
}

/// Looks for the Node: as the administrator who is named or whom kubeadm left here, else as the node
/// itself. A kubeconfig that happens to be in the environment is not used: it may be that of another
/// cluster, whose Node of the same name is none of ours.
async fn reach(args: &Args, host: &Host, configuration: &NodeConfiguration) -> Cluster {
    let known = reset::node(host, configuration);
    let asked = args.client.kubeconfig.is_some() || args.client.context.is_some();
    let role = service::role(&configuration.paths.state);
    if !asked && matches!(role, Ok(Role::Seeder { .. })) {
        return Cluster::None;
    }
    let (client, name) = match (asked, known) {
        (true, known) => {
            // Someone names the cluster, so the name may be one that only he knows.
            let name = known.or_else(|| node_name(configuration).ok().map(|it| it.to_string()));
            (args.client.client().await, name)
        }
        (false, known @ Some(_)) => {
            let own = Place::at(&configuration.paths.state).kubeconfig();
            let files = [PathBuf::from(ADMIN), own, PathBuf::from(KUBELET)];
            let Some(file) = files.into_iter().find(|file| file.exists()) else {
                return left(known, "there are no credentials for it on this machine");
            };
            (ClientArgs::file(&file).client().await, known)
        }
        (false, None) => return Cluster::None,
    };
    let Some(name) = name else { return Cluster::None };
    let Ok(client) = client else {
        return left(Some(name), "the credentials for it cannot be used");
    };
    let nodes = Api::<Node>::all(client.clone());
    match tokio::time::timeout(PATIENCE, nodes.get_opt(&name)).await {
        Ok(Ok(None)) => Cluster::None,
        Ok(Ok(Some(_))) if may_delete(&client, &name).await => Cluster::Reached { client, name },
        Ok(Ok(Some(_))) if asked => left(Some(name), "it may not be deleted with this kubeconfig"),
        Ok(Ok(Some(_))) => {
            Cluster::Itself { name, embedded: matches!(role, Ok(Role::Node { .. })) }
        }
        Ok(Err(_)) | Err(_) => left(Some(name), "the cluster is not reached"),
    }
}

fn left(name: Option<String>, why: &'static str) -> Cluster {
    name.map_or(Cluster::None, |name| Cluster::Left { name, why })
}

/// Nodes may change their Node, and not delete it.
async fn may_delete(client: &Client, name: &str) -> bool {
    let attributes = ResourceAttributes {
        verb: Some("delete".to_owned()),
        resource: Some("nodes".to_owned()),
        name: Some(name.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(attributes),
        ..SelfSubjectAccessReviewSpec::default()
    };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let asked = Api::<SelfSubjectAccessReview>::all(client.clone());
    let parameters = PostParams::default();
    let answer = tokio::time::timeout(PATIENCE, asked.create(&parameters, &review)).await;
    answer.is_ok_and(|answer| {
        answer.is_ok_and(|review| review.status.is_some_and(|status| status.allowed))
    })
}

fn listed(plan: &Plan) -> String {
    let left: String = plan.left.iter().map(|left| format!("left: {left}\n")).collect();
    if plan.items.is_empty() {
        return format!("{left}there is nothing to reset\n");
    }
    let items: String = plan.items.iter().map(|item| format!("would {item}\n")).collect();
    format!("{items}{left}nothing was done; `kubewright node reset --yes` does it\n")
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
