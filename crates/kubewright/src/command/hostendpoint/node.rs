//! The HostEndpoints of the node this runs on, asked of the API server.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client};
use kubewright_hostendpoint::api::{CalicoGroup, GUARD_ANNOTATION, HostEndpoint};
use kubewright_hostendpoint::guard::{EndpointError, EndpointSource, ProtectedEndpoint, Selects};
use kubewright_operator::rbac::rule;
use kubewright_operator::{ClientArgs, environment};
use serde_json::json;
use tokio::sync::OnceCell;

/// How long one question to the API server may take: the guard asks again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause before the API server is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Environment variable that names the node.
const NODE_NAME: &str = "NODE_NAME";

/// The rights that [`ThisNode`] needs, for the RBAC manifests: kubelets have them not.
pub(crate) fn rules() -> Vec<PolicyRule> {
    let groups = [CalicoGroup::CrdV1, CalicoGroup::ProjectV3];
    groups.map(|group| rule(group.group(), &["hostendpoints"], &["list"])).into()
}

/// Which node this is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct NodeArgs {
    /// Name of this node in the cluster [default: the host's name]
    #[arg(long, value_name = "NAME", env = NODE_NAME)]
    node_name: Option<String>,
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What the guard may say about its node; see [`GUARD_ANNOTATION`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuardWord {
    Locked,
    Released,
}

impl GuardWord {
    fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Released => "released",
        }
    }
}

/// This node. Nothing of the cluster has to be there when it is made: while a node boots, its
/// kubeconfig may be as missing as its network.
#[derive(Clone)]
pub(crate) struct ThisNode {
    name: String,
    args: ClientArgs,
    client: Arc<OnceCell<Client>>,
}

impl ThisNode {
    pub(crate) fn new(args: ClientArgs, node: &NodeArgs) -> Self {
        // As the kubelet makes a node name of the host's.
        let name = || environment::instance_name().to_lowercase();
        Self { name: node.node_name.clone().unwrap_or_else(name), args, client: Arc::default() }
    }

    /// Tells the controller, by an annotation on the Node, what the guard of this boot has done;
    /// again and again until the API server has taken it. A kubelet may write this on its own Node.
    pub(crate) async fn tell(&self, word: GuardWord, boot_id: &str) {
        let report = format!("{}/{boot_id}", word.as_str());
        loop {
            match tokio::time::timeout(PATIENCE, self.annotate(&report)).await {
                Ok(Ok(())) => {
                    tracing::info!(node = self.name, report, "told the controller");
                    return;
                }
                Ok(Err(error)) => {
                    tracing::debug!(node = self.name, %error, "the controller cannot be told yet");
                }
                Err(_) => tracing::debug!(node = self.name, "the API server does not answer"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn annotate(&self, report: &str) -> Result<(), Cause> {
        let client = self.client.get_or_try_init(|| self.args.client()).await?;
        let nodes: Api<Node> = Api::all(client.clone());
        let patch = json!({ "metadata": { "annotations": { GUARD_ANNOTATION: report } } });
        let parameters = PatchParams::default();
        nodes.patch_metadata(&self.name, &parameters, &Patch::Merge(&patch)).await?;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<ProtectedEndpoint>, Cause> {
        let client = self.client.get_or_try_init(|| self.args.client()).await?;
        for group in [CalicoGroup::CrdV1, CalicoGroup::ProjectV3] {
            let api: Api<HostEndpoint> = Api::all_with(client.clone(), &group);
            match api.list(&ListParams::default()).await {
                Ok(list) => return Ok(protected(&self.name, list.items)),
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err("the API server serves no HostEndpoints".into())
    }
}

impl EndpointSource for ThisNode {
    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<ProtectedEndpoint>, EndpointError>> {
        let unknown = |source| EndpointError::Api { node: self.name.clone(), source };
        Box::pin(async move {
            match tokio::time::timeout(PATIENCE, self.list()).await {
                Ok(listed) => listed.map_err(unknown),
                Err(elapsed) => Err(unknown(elapsed.into())),
            }
        })
    }
}

/// What the endpoints of a node select, in stable order.
fn protected(node: &str, endpoints: Vec<HostEndpoint>) -> Vec<ProtectedEndpoint> {
    let own = endpoints.into_iter().filter(|endpoint| endpoint.spec.node == node);
    let mut protected: Vec<_> = own
        .map(|endpoint| {
            let selects = match endpoint.spec.interface_name.as_str() {
                "*" => Selects::AllInterfaces,
                "" => Selects::Addresses(addresses(&endpoint.spec.expected_ips)),
                name => Selects::Interface(name.to_owned()),
            };
            ProtectedEndpoint { name: endpoint.metadata.name.unwrap_or_default(), selects }
        })
        .collect();
    protected.sort();
    protected
}

fn addresses(texts: &[String]) -> Vec<IpAddr> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn the_controller_is_told_as_soon_as_the_node_is_there() {
        let cluster = kubewright_testkit::TestCluster::start().await.unwrap();
        let name = cluster.unique("node");
        let args = NodeArgs { node_name: Some(name.clone()) };
        let this_node = ThisNode::new(ClientArgs::default(), &args);
        assert!(this_node.client.set(cluster.client()).is_ok());
        let nodes: Api<Node> = Api::all(cluster.client());
        let register = async {
            let node = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
            nodes.create(&kube::api::PostParams::default(), &node).await.unwrap();
        };
        tokio::join!(this_node.tell(GuardWord::Locked, "boot"), register);
        this_node.tell(GuardWord::Released, "boot").await;
        let node = nodes.get(&name).await.unwrap();
        assert_eq!(node.metadata.annotations.unwrap()[GUARD_ANNOTATION], "released/boot");
        nodes.delete(&name, &kube::api::DeleteParams::default()).await.unwrap();
        cluster.finish().await.unwrap();
    }

    #[test]
    fn only_endpoints_of_this_node_count() {
        let endpoint = |name: &str, spec: serde_json::Value| {
            serde_json::from_value(json!({ "metadata": { "name": name }, "spec": spec })).unwrap()
        };
        let listed = vec![
            endpoint("b", json!({ "node": "n", "interfaceName": "*" })),
            endpoint("a", json!({ "node": "n", "interfaceName": "eth0" })),
            endpoint("c", json!({ "node": "n", "expectedIPs": ["10.0.0.1", "fd00::1"] })),
            endpoint("d", json!({ "node": "other", "interfaceName": "eth0" })),
        ];
        let protected = protected("n", listed);
        let texts: Vec<_> =
            protected.iter().map(|it| format!("{} {}", it.name, it.selects)).collect();
        assert_eq!(texts, ["a eth0", "b *", "c 10.0.0.1,fd00::1"]);
    }
}
