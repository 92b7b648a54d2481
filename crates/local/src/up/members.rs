//! Seeding and joining, as `kubewright node` does it: nodes find the cluster by token and pin,
//! ask for certificates and register with them. A policy lets the workers in; of two others people
//! accept one and reject one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use kubewright_node::acceptance::{self, Removal};
use kubewright_node::approver::{self, Approver};
use kubewright_node::discovery::{Cluster, Endpoint, Pin, Search, Trusted};
use kubewright_node::embedded::{self, Given, Join, JoinError, Joined, Running, Seed};
use kubewright_node::join::NodeName;
use kubewright_node::token::{self, Token};
use kubewright_operator::controller::Controller as _;
use kubewright_operator::{Context, Metrics, Shutdown};
use serde_json::json;
use tokio::task::JoinHandle;

use super::PATIENCE;
use super::course::{Finding, Wrong};
use super::heartbeats::Heartbeats;
use super::resources::FIELD_MANAGER;
use super::watched::{Watched, some_of};
use crate::control_plane::{ControlPlane, RunDir, Settings};
use crate::nodes::SimulatedNode;

/// Long enough for everything here.
const TOKEN_TTL: Duration = Duration::from_secs(600);

/// Nodes that join at the same time.
const AT_ONCE: usize = 16;

/// How the workers get in.
const POLICY: &str = "apiVersion: node.kubewright.io/v1alpha1\nkind: AcceptancePolicy\nrules:\n\
    - { nodes: ['worker-*'], groups: ['system:bootstrappers:kubeadm:default-node-token'] }\n";

/// A seeder in this process.
struct Here<'a> {
    run_dir: &'a RunDir,
    durable: bool,
    started: Mutex<Option<ControlPlane>>,
}

impl embedded::ControlPlane for Here<'_> {
    async fn ensure(
        &self,
        seed: &Seed,
    ) -> Result<Running, Box<dyn std::error::Error + Send + Sync>> {
        let settings = Settings { nodes: true, ..Settings::new(seed.address, self.durable) };
        let control_plane = ControlPlane::start(self.run_dir, &settings).await?;
        let server = control_plane.server();
        let cluster = Cluster {
            server: format!("https://{}", control_plane.record().address),
            authority: server.pki().certificate_pem().to_owned(),
        };
        let client = server.client();
        if let Ok(mut started) = self.started.lock() {
            *started = Some(control_plane);
        }
        Ok(Running { client, cluster })
    }
}

/// What it takes to join.
pub(super) struct Seeded {
    server: Endpoint,
    pin: Pin,
    token: Token,
    /// Files of the seeder and of the nodes; gone with this value.
    state: tempfile::TempDir,
}

impl Seeded {
    pub(super) fn pin(&self) -> &Pin {
        &self.pin
    }
}

/// Starts a control plane and seeds a cluster of it. Nobody is let in by a token alone.
pub(super) async fn seed(run_dir: &RunDir, durable: bool) -> Result<(ControlPlane, Seeded), Wrong> {
    let made = tempfile::Builder::new().prefix("kubewright-up-nodes-").tempdir();
    let state = made.map_err(Wrong::during("making a temporary directory"))?;
    let here = Here { run_dir, durable, started: Mutex::default() };
    let seed = Seed {
        state: state.path().join("seeder"),
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        names: Vec::new(),
        node: None,
        token: None,
        token_ttl: TOKEN_TTL,
        auto_approve: Some(false),
    };
    let seeded = embedded::init(&seed, &here, None).await?;
    let started = here.started.into_inner().ok().flatten();
    let control_plane = started.ok_or_else(|| Wrong::failed("no control plane was started"))?;
    let token = seeded.token.clone().ok_or_else(|| Wrong::failed("no token was made"))?;
    seeded.shown()?;
    let server = seeded.cluster.endpoint()?;
    Ok((control_plane, Seeded { server, pin: seeded.pin, token, state }))
}

/// The nodes that join, and the controller that lets them in.
pub(super) struct Members {
    client: Client,
    seeded: Seeded,
    shutdown: Shutdown,
    approver: JoinHandle<()>,
}

impl Members {
    /// Starts the approver.
    pub(super) fn start(client: &Client, seeded: Seeded) -> Self {
        let shutdown = Shutdown::new();
        let context = Context::standalone(approver::NAME, client.clone(), shutdown.clone());
        let approver = Approver::new(approver::Options::default(), &Metrics::new());
        let approver = tokio::spawn(async move {
            let Ok(()) = approver.run(context).await;
        });
        Self { client: client.clone(), seeded, shutdown, approver }
    }

    fn machine(&self, node: &SimulatedNode) -> Result<Join, Wrong> {
        let Seeded { server, pin, token, state } = &self.seeded;
        Ok(Join {
            state: state.path().join(&node.name),
            search: Search {
                seeder: server.clone(),
                token: token.clone(),
                trust: Trusted::Pins(vec![pin.clone()]),
                patience: PATIENCE,
            },
            node: node.name.parse()?,
            address: node.address.parse().ok(),
            labels: node.labels.clone(),
            expiration: None,
            given: Given::ALL,
        })
    }

    /// Workers join, all at once, and are accepted by the policy.
    pub(super) async fn join(&self, nodes: &[SimulatedNode]) -> Finding<Heartbeats> {
        for node in nodes {
            self.clear(&node.name.parse()?).await?;
        }
        let maps: Api<ConfigMap> = Api::default_namespaced(self.client.clone());
        let policy = json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": approver::CONFIG_MAP },
            "data": { approver::POLICY_KEY: POLICY } });
        let apply = PatchParams::apply(FIELD_MANAGER).force();
        let applied = maps.patch(approver::CONFIG_MAP, &apply, &Patch::Apply(policy)).await;
        applied.map_err(Wrong::during("writing the acceptance policy"))?;
        let heartbeats = Heartbeats::start(self.client.clone());
        let machines: Result<Vec<_>, Wrong> = nodes.iter().map(|node| self.machine(node)).collect();
        let machines = machines?;
        let joins = machines.iter().map(async |machine| {
            let joined = join(machine).await;
            joined.map_err(Wrong::during(format!("joining {}", machine.node)))
        });
        let joined: Vec<_> = futures::stream::iter(joins).buffered(AT_ONCE).collect().await;
        for (node, joined) in nodes.iter().zip(joined) {
            heartbeats.adopt(node.clone(), joined?.client);
        }
        self.until_ready(nodes).await?;
        let names = some_of(nodes.iter().map(|node| &node.name));
        Ok((heartbeats, format!("by token, pin and certificate; ready: {names}")))
    }

    async fn until_ready(&self, nodes: &[SimulatedNode]) -> Result<(), Wrong> {
        let mut watched = Watched::<Node>::start(Api::all(self.client.clone()));
        let test = |seen: &super::watched::Objects<Node>| {
            let ready = |name: &String| seen.get(name).is_some_and(|it| acceptance::is_ready(it));
            let missing = nodes.iter().map(|node| &node.name).filter(|name| !ready(name));
            let missing: Vec<_> = missing.collect();
            match missing.is_empty() {
                true => Ok(()),
                false => Err(format!("not ready: {}", some_of(missing))),
            }
        };
        watched.until(PATIENCE, test).await
    }

    /// A node that no rule is for waits, and joins when it is accepted.
    pub(super) async fn accept(&self) -> Finding {
        let (machine, waiting) = self.guest(0).await?;
        let node = &machine.node;
        if waiting.is_finished() {
            return Err(Wrong::failed(format!("{node} was not left waiting")));
        }
        let decided = acceptance::accept(&self.client, node, None).await?;
        let joined = ended(waiting).await?;
        joined.map_err(Wrong::during(format!("joining {node}")))?;
        let nodes: Api<Node> = Api::all(self.client.clone());
        let found = nodes.get(node.as_str()).await.map_err(Wrong::during("reading the node"))?;
        if !acceptance::is_ready(&found) {
            return Err(Wrong::failed(format!("{node} joined and is not ready")));
        }
        self.clear(node).await?;
        let key = decided.request.fingerprint.to_string();
        Ok(((), format!("{node} waited, was accepted with key {key:.19}…, joined and was removed")))
    }

    /// Another one is rejected, and is told why.
    pub(super) async fn reject(&self) -> Finding {
        const REASON: &str = "not expected here";
        let (machine, waiting) = self.guest(1).await?;
        let node = &machine.node;
        acceptance::reject(&self.client, node, None, REASON).await?;
        let error = match ended(waiting).await? {
            Ok(_) => return Err(Wrong::failed(format!("{node} joined although it was rejected"))),
            Err(error) => error.to_string(),
        };
        if !error.contains(REASON) {
            return Err(Wrong::failed(format!("{node} was told: {error}")));
        }
        acceptance::withdraw(&self.client, node, None).await?;
        Ok(((), format!("{node} was told: {error}")))
    }

    /// A node that no rule is for, once it asks.
    async fn guest(
        &self,
        index: usize,
    ) -> Result<(Join, JoinHandle<Result<Joined, JoinError>>), Wrong> {
        let mut node = SimulatedNode::spare(index);
        node.name = format!("guest-{index}");
        let machine = self.machine(&node)?;
        self.clear(&machine.node).await?;
        let joins = machine.clone();
        let waiting = tokio::spawn(async move { join(&joins).await });
        let requests = Api::<CertificateSigningRequest>::all(self.client.clone());
        let mut watched = Watched::<CertificateSigningRequest>::start(requests);
        let asks = |seen: &super::watched::Objects<CertificateSigningRequest>| {
            let mut all = seen.values().filter_map(|it| acceptance::Request::of(it)?.ok());
            match all.any(|request| request.node == machine.node) {
                true => Ok(()),
                false => Err(format!("{} does not ask for a certificate", machine.node)),
            }
        };
        watched.until(PATIENCE, asks).await?;
        Ok((machine, waiting))
    }

    /// Takes away what an earlier run has left of a node, or this one.
    async fn clear(&self, node: &NodeName) -> Result<(), Wrong> {
        let removal =
            Removal { node: node.clone(), patience: PATIENCE, force: true, keep_token: true };
        match acceptance::remove(&self.client, &removal).await {
            Ok(_) | Err(acceptance::RemovalError::Unknown { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the approver, and takes away its policy and the token.
    pub(super) async fn finish(self) {
        self.shutdown.trigger();
        // What is left does no harm: the token ends soon, and nobody reads the policy.
        let _ = self.approver.await;
        let maps: Api<ConfigMap> = Api::default_namespaced(self.client.clone());
        let _ = maps.delete(approver::CONFIG_MAP, &DeleteParams::default()).await;
        let _ = token::delete(&self.client, self.seeded.token.id()).await;
    }
}

async fn join(machine: &Join) -> Result<Joined, JoinError> {
    embedded::join(machine, None, &mut |_| {}).await
}

async fn ended<T>(task: JoinHandle<T>) -> Result<T, Wrong> {
    match tokio::time::timeout(PATIENCE, task).await {
        Ok(ended) => Ok(ended?),
        Err(_) => Err(Wrong::failed(format!("nothing came of it in {PATIENCE:?}"))),
    }
}
