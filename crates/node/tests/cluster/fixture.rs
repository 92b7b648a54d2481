//! A cluster that machines can join, and machines.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::DeleteParams;
use kube::config::Kubeconfig;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use kubewright_apiserver::Server;
use kubewright_node::acceptance::{self, Removal};
use kubewright_node::discovery::{Cluster, Endpoint, Pin, Search, Trusted};
use kubewright_node::embedded::{self, Given, Join, JoinError, Joined, Seed};
use kubewright_node::formation::{Approval, Formation, publish};
use kubewright_node::join::NodeName;
use kubewright_node::token::{self, Grant, Token};
use kubewright_testkit::TestCluster;
use kubewright_testkit::cluster::KUBECONFIG;
use kubewright_testkit::require::Skip;
use kubewright_testkit::turn::MADE_BY_TEST;

/// Long enough for any machine; only a failure waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Fixture {
    cluster: TestCluster,
    pub(crate) client: Client,
    pub(crate) place: Cluster,
    /// What a real cluster did not have before.
    formed: Option<Formation>,
    nodes: std::sync::Mutex<Vec<NodeName>>,
}

impl Fixture {
    /// A cluster in which nodes have to be accepted.
    pub(crate) async fn start() -> Result<Self, Skip> {
        let cluster = TestCluster::alone(&[]).await.unwrap()?;
        let client = cluster.client();
        let place = match cluster.embedded() {
            Ok(server) => served(server).await,
            Err(_) => named(),
        };
        let infos: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-public");
        let formed = match infos.get_opt("cluster-info").await.unwrap() {
            Some(_) => None,
            None => {
                let formation = Formation::new(Approval::Renewals);
                formation.apply(&client).await.unwrap();
                publish(&client, &place).await.unwrap();
                Some(formation)
            }
        };
        Ok(Self { cluster, client, place, formed, nodes: std::sync::Mutex::default() })
    }

    pub(crate) fn unique(&self, stem: &str) -> NodeName {
        self.cluster.unique(stem).parse().unwrap()
    }

    pub(crate) async fn token(&self) -> Token {
        let end = Timestamp::now() + Duration::from_secs(3600);
        token::create(&self.client, None, &Grant::for_nodes(Some(end))).await.unwrap()
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        self.place.endpoint().unwrap()
    }

    pub(crate) fn pin(&self) -> Pin {
        Pin::of_pem(&self.place.authority).unwrap().remove(0)
    }

    /// A machine that is to join as `node`, with its state in `folder`.
    pub(crate) fn machine(&self, folder: &Path, node: &NodeName, token: &Token) -> Join {
        self.nodes.lock().unwrap().push(node.clone());
        machine(&self.place, folder, node, token)
    }

    pub(crate) fn requests(&self) -> Api<CertificateSigningRequest> {
        Api::all(self.client.clone())
    }

    pub(crate) fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }

    /// Waits, by watching, until the node asks to be accepted.
    pub(crate) async fn until_asked(&self, node: &NodeName) {
        self.until_asking(node, 1).await;
    }

    /// Waits, by watching, until so many machines ask to be this node.
    pub(crate) async fn until_asking(&self, node: &NodeName, machines: usize) {
        let waits = async || {
            let all = acceptance::pending(&self.client).await.unwrap();
            let of_it = |request: &&Result<acceptance::Request, _>| {
                request.as_ref().is_ok_and(|it| it.node == *node)
            };
            all.iter().map(|(_, request)| request).filter(of_it).count() >= machines
        };
        let mut events = std::pin::pin!(kube::runtime::watcher(
            self.requests(),
            kube::runtime::watcher::Config::default()
        ));
        let asked = async {
            while !waits().await {
                futures::StreamExt::next(&mut events).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("the node asks");
    }

    pub(crate) async fn until_ready(&self, node: &NodeName) {
        let ready = await_condition(self.nodes(), node.as_str(), |node: Option<&Node>| {
            node.is_some_and(acceptance::is_ready)
        });
        tokio::time::timeout(PATIENCE, ready).await.expect("the node is ready").unwrap();
    }

    /// Takes away what the test has made.
    pub(crate) async fn finish(self) {
        let nodes = std::mem::take(&mut *self.nodes.lock().unwrap());
        for node in nodes {
            let removal = Removal { node, patience: PATIENCE, force: true, keep_token: false };
            // Some tests see to it that there is nothing.
            let _ = acceptance::remove(&self.client, &removal).await;
        }
        if self.cluster.embedded().is_err()
            && let Some(formation) = &self.formed
        {
            unform(&self.client, formation).await;
        }
        self.cluster.finish().await.unwrap();
    }
}

async fn unform(client: &Client, formation: &Formation) {
    let gone = DeleteParams::default();
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    for binding in &formation.bindings {
        bindings.delete(binding.metadata.name.as_deref().unwrap(), &gone).await.unwrap();
    }
    let roles: Api<ClusterRole> = Api::all(client.clone());
    roles.delete(formation.get_nodes.metadata.name.as_deref().unwrap(), &gone).await.unwrap();
    let public = "kube-public";
    let (role, binding) = &formation.reader;
    let roles: Api<Role> = Api::namespaced(client.clone(), public);
    roles.delete(role.metadata.name.as_deref().unwrap(), &gone).await.unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), public);
    bindings.delete(binding.metadata.name.as_deref().unwrap(), &gone).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), public);
    maps.delete("cluster-info", &gone).await.unwrap();
}

/// How others see a server of the test's own.
pub(crate) async fn served(server: &Server) -> Cluster {
    let address = server.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let authority = server.pki().certificate_pem().to_owned();
    Cluster { server: format!("https://{address}"), authority }
}

/// A machine that is to join a cluster as `node`, with its state in `folder`.
pub(crate) fn machine(cluster: &Cluster, folder: &Path, node: &NodeName, token: &Token) -> Join {
    Join {
        state: folder.join(node.as_str()),
        search: Search {
            seeder: cluster.endpoint().unwrap(),
            token: token.clone(),
            trust: Trusted::Pins(Pin::of_pem(&cluster.authority).unwrap()),
            patience: PATIENCE,
        },
        node: node.clone(),
        address: "10.1.2.3".parse().ok(),
        labels: BTreeMap::from([(MADE_BY_TEST.to_owned(), String::new())]),
        expiration: None,
        given: Given::ALL,
    }
}

/// How others see the real one.
fn named() -> Cluster {
    let config = Kubeconfig::read_from(std::env::var_os(KUBECONFIG).unwrap()).unwrap();
    let cluster = config.clusters[0].cluster.clone().unwrap();
    Cluster::new(&cluster.server.unwrap(), &cluster.certificate_authority_data.unwrap()).unwrap()
}

/// What `init` asks for in the tests, where nothing is said of a token.
pub(crate) fn seed(state: &Path, auto_approve: Option<bool>) -> Seed {
    Seed {
        state: state.to_owned(),
        address: ([10, 1, 2, 3], 6443).into(),
        names: Vec::new(),
        node: "seeder".parse().ok(),
        token: None,
        token_ttl: Duration::from_secs(3600),
        auto_approve,
    }
}

pub(crate) async fn join(machine: &Join) -> Result<Joined, JoinError> {
    embedded::join(machine, None, &mut |_| {}).await
}

/// Joins in the background.
pub(crate) fn joining(machine: &Join) -> tokio::task::JoinHandle<Result<Joined, JoinError>> {
    let machine = Arc::new(machine.clone());
    tokio::spawn(async move { join(&machine).await })
}

/// An error with its causes.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

/// The API server's answer to what is not allowed.
pub(crate) fn code<T: std::fmt::Debug>(answer: Result<T, kube::Error>) -> u16 {
    match answer {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("{other:?}"),
    }
}

/// As in the other areas: what a test needs, or a loud skip.
#[macro_export]
macro_rules! fixture {
    ($name:ident) => {
        kubewright_testkit::require!(let $name = $crate::fixture::Fixture::start().await);
    };
}
