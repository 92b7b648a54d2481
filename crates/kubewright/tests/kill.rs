//! The controller and the durable control plane are killed at random moments, again and
//! again: no endpoint is lost, none is left over, no acknowledged write is lost.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, CustomResourceExt};
use kubewright_hostendpoint::api::{CalicoGroup, HostEndpointTemplate};
use kubewright_hostendpoint::defaults::{Defaults, NODE_LABEL};
use rustix::process::{Pid, Signal, kill_process};
use sandbox::{KUBEWRIGHT, Sandbox, eventually};

const ROUNDS: usize = 200;
/// After so many rounds nobody is killed until the endpoints are as they should be.
const REST_EVERY: usize = 25;
/// Nodes alive at once, about.
const NODES: usize = 8;

/// Numbers that look random; printed at the start, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        // The multiplier of Knuth's MMIX generator; the high bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).unwrap()
    }
}

struct Stage {
    sandbox: Sandbox,
    controller: Option<Child>,
    client: Client,
    /// Nodes as acknowledged: present, absent, or unknown after a write without an answer.
    nodes: BTreeMap<String, Option<bool>>,
}

impl Stage {
    async fn new() -> Self {
        kubewright_operator::client::install_crypto_provider();
        let sandbox = Sandbox::new();
        sandbox.durable("start").ok();
        let client = connect(&sandbox).await;
        install(&client).await;
        Self { sandbox, controller: None, client, nodes: BTreeMap::new() }
    }

    fn start_controller(&mut self) {
        let kubeconfig = kubeconfig(&self.sandbox);
        let arguments = ["hostendpoint", "run", "--no-leader-election", "--grace-period", "0"];
        let mut command = self.sandbox.program(KUBEWRIGHT);
        command.args(arguments).arg("--confirm-mass-delete").arg("--kubeconfig").arg(kubeconfig);
        command.args(["--health-address", "127.0.0.1:0"]).stderr(Stdio::null());
        self.controller = Some(command.spawn().unwrap());
    }

    fn kill_controller(&mut self) {
        if let Some(mut child) = self.controller.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn kill_server(&self) {
        let state_dir = self.sandbox.state_dir();
        let status = self.sandbox.status(&["--state-dir", &state_dir]);
        let id = status["process"]["id"].as_i64().unwrap();
        kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
        // The kernel takes a moment to clear away what the process held.
        let arguments = ["--state-dir", &*state_dir];
        eventually("the server is gone", || self.sandbox.status(&arguments)["process"].is_null());
    }

    /// Creates or deletes a node while somebody is killed, and notes what was acknowledged.
    async fn round(&mut self, random: &mut Random, number: usize) {
        let pause = Duration::from_millis(random.below(25) as u64);
        let server = random.below(4) == 0;
        let alive: Vec<String> = self.alive();
        let nodes: Api<Node> = Api::all(self.client.clone());
        let (name, create) = if alive.len() < NODES || random.below(2) == 0 {
            (format!("node-{number:03}"), true)
        } else {
            (alive[random.below(alive.len())].clone(), false)
        };
        let write = tokio::spawn({
            let name = name.clone();
            async move {
                if create {
                    nodes.create(&PostParams::default(), &node(&name)).await.map(drop)
                } else {
                    nodes.delete(&name, &DeleteParams::default()).await.map(drop)
                }
            }
        });
        tokio::time::sleep(pause).await;
        if server {
            self.kill_server();
        }
        self.kill_controller();
        // A connection that was cut is an answer that never came.
        let answer = tokio::time::timeout(Duration::from_secs(10), write).await;
        let acknowledged = matches!(answer, Ok(Ok(Ok(()))));
        self.nodes.insert(name, acknowledged.then_some(create));
        if server {
            self.sandbox.durable("start").ok();
            self.client = connect(&self.sandbox).await;
        }
        self.check_nodes().await;
        self.start_controller();
    }

    fn alive(&self) -> Vec<String> {
        let alive = self.nodes.iter().filter(|(_, present)| **present == Some(true));
        alive.map(|(name, _)| name.clone()).collect()
    }

    /// What was acknowledged is there; what had no answer is whatever it is.
    async fn check_nodes(&mut self) {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let listed = nodes.list_metadata(&ListParams::default()).await.unwrap();
        let there: BTreeSet<String> =
            listed.items.into_iter().filter_map(|node| node.metadata.name).collect();
        for (name, present) in &mut self.nodes {
            let seen = there.contains(name);
            assert_eq!(present.unwrap_or(seen), seen, "acknowledged write of {name} was lost");
            *present = Some(seen);
        }
        assert!(there.iter().all(|name| self.nodes.contains_key(name)), "nobody asked for these");
    }

    /// Waits until there are two endpoints for every node, and no others.
    async fn settle(&self) {
        let wanted: BTreeSet<String> = self
            .alive()
            .iter()
            .flat_map(|node| [format!("{node}-bond0"), format!("{node}-tunl0")])
            .collect();
        let resource = CalicoGroup::CrdV1.resource("HostEndpoint", "hostendpoints");
        let endpoints: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let begin = Instant::now();
        loop {
            let listed = endpoints.list(&ListParams::default()).await.unwrap();
            let there: BTreeSet<String> =
                listed.items.into_iter().filter_map(|endpoint| endpoint.metadata.name).collect();
            if there == wanted {
                return;
            }
            let lost: Vec<_> = wanted.difference(&there).collect();
            let left: Vec<_> = there.difference(&wanted).collect();
            let waited = begin.elapsed();
            assert!(waited.as_secs() < 30, "lost: {lost:?}, left over: {left:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.kill_controller();
    }
}

fn kubeconfig(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("state").join("kubeconfig")
}

async fn connect(sandbox: &Sandbox) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig(sandbox)).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Client::try_from(config).unwrap()
}

async fn install(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let calico = include_str!("../../local/calico/hostendpoints.yaml");
    let calico: CustomResourceDefinition = serde_saphyr::from_str(calico).unwrap();
    for definition in [calico, HostEndpointTemplate::crd()] {
        let name = definition.metadata.name.clone().unwrap();
        definitions.create(&PostParams::default(), &definition).await.unwrap();
        await_condition(definitions.clone(), &name, is_crd_established()).await.unwrap();
    }
    let templates: Api<HostEndpointTemplate> = Api::all(client.clone());
    for template in Defaults::default().templates() {
        templates.create(&PostParams::default(), &template).await.unwrap();
    }
}

fn node(name: &str) -> Node {
    let labels = [(NODE_LABEL.to_owned(), String::new())].into();
    let name = Some(name.to_owned());
    Node {
        metadata: ObjectMeta { name, labels: Some(labels), ..ObjectMeta::default() },
        ..Node::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_lose_nothing_and_leave_nothing() {
    let seed = std::process::id().into();
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut stage = Stage::new().await;
    stage.start_controller();
    for number in 1..=ROUNDS {
        stage.round(&mut random, number).await;
        if number % REST_EVERY == 0 {
            stage.settle().await;
        }
    }
    stage.settle().await;
}
