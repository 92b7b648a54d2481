//! A node with an agent on it: an API server, sandboxes that are real network namespaces, and real
//! plugins that work in a namespace which is the node's.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, CustomResourceExt as _};
use kubewright_apiserver::Identity;
use kubewright_attachment::status::{Entry, Failure, NETWORK_ERRORS, NETWORK_STATUS};
use kubewright_cri::Endpoint;
use kubewright_operator::{Context, Controller as _, Shutdown};
use kubewright_podnet::agent::Agent;
use kubewright_podnet::api::{
    Network, NetworkAttachmentDefinition, NetworkAttachmentDefinitionSpec, NetworkSpec,
};
use kubewright_podnet::options::Options;
use kubewright_testkit::cni::{self, Call};
use kubewright_testkit::{Netns, TestCluster, require};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::runtime::Sandboxes;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const STANDARD: &str = "k8s.v1.cni.cncf.io/networks";
pub(crate) const KALOOM: &str = "networks";

/// The account that the agent runs as.
const ACCOUNT: &str = "kubewright-test";

/// An agent that runs.
pub(crate) struct Running {
    shutdown: Shutdown,
    runtime: Option<tokio::runtime::Runtime>,
    done: tokio::task::JoinHandle<()>,
    context: Context,
}

impl Running {
    /// Asks it to end and waits for that.
    pub(crate) async fn stop(mut self) {
        self.shutdown.trigger();
        tokio::time::timeout(MINUTE, &mut self.done).await.unwrap().unwrap();
        self.end();
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Writes to the API server, of any result.
    pub(crate) fn writes(&self) -> usize {
        let text = self.context.metrics.process().render();
        let lines = text.lines().filter(|line| line.starts_with("kubewright_writes_total"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
    }

    pub(crate) fn metrics(&self) -> String {
        self.context.metrics.process().render()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.trigger();
        self.end();
    }
}

pub(crate) struct Lab {
    pub(crate) cluster: TestCluster,
    pub(crate) folder: TempDir,
    pub(crate) sandboxes: Arc<Sandboxes>,
    host: Netns,
    away: watch::Sender<bool>,
    plugins: PathBuf,
}

impl Lab {
    /// With both kinds of definitions installed.
    pub(crate) async fn start() -> Self {
        let lab = Self::bare().await;
        lab.install().await;
        lab
    }

    /// With none of them. The agent has the rights of the generated role and no others.
    pub(crate) async fn bare() -> Self {
        let cluster = TestCluster::start().await.unwrap();
        cluster.grant(ACCOUNT, &kubewright_podnet::rbac::rules(), &[]).await;
        let folder = tempfile::tempdir().unwrap();
        let sandboxes = Sandboxes::serve(&folder.path().join("cri"));
        let (host, away) = (Netns::new().unwrap(), watch::Sender::new(false));
        let plugins = require::cni_plugins().unwrap();
        std::fs::create_dir(folder.path().join("net.d")).unwrap();
        let lab = Self { cluster, folder, sandboxes, host, away, plugins };
        lab.account(lab.cluster.namespace()).await;
        lab
    }

    /// Another namespace, with the service account that pods need.
    pub(crate) async fn namespace(&self, name: &str) {
        let api: Api<Namespace> = Api::all(self.client());
        let namespace = json!({ "metadata": { "name": name } });
        let namespace = serde_json::from_value(namespace).unwrap();
        api.create(&PostParams::default(), &namespace).await.unwrap();
        self.account(name).await;
    }

    async fn account(&self, namespace: &str) {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let account = json!({ "metadata": { "name": "default" } });
        let account = serde_json::from_value(account).unwrap();
        match accounts.create(&PostParams::default(), &account).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            made => drop(made.unwrap()),
        }
    }

    pub(crate) async fn install(&self) {
        let api: Api<CustomResourceDefinition> = Api::all(self.client());
        for crd in [NetworkAttachmentDefinition::crd(), Network::crd()] {
            let name = crd.metadata.name.clone().unwrap();
            let params = PatchParams::apply("test").force();
            api.patch(&name, &params, &Patch::Apply(&crd)).await.unwrap();
            let there = await_condition(api.clone(), &name, conditions::is_crd_established());
            tokio::time::timeout(MINUTE, there).await.unwrap().unwrap();
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.cluster.client()
    }

    /// The API server does not answer the agent and its streams break off, or it does again.
    pub(crate) fn api_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new("node", Endpoint::at(self.path("cri")));
        options.bin_dirs = vec![cni::plugin_dir().to_owned(), self.plugins.clone()];
        options.conf_dir = self.path("net.d");
        options.cache_dir = self.path("cache");
        options.state_dir = self.path("state");
        options.socket = self.path("cni.sock");
        options.pod_resources = self.path("pod-resources.sock");
        options.resync = Duration::from_millis(250);
        options
    }

    pub(crate) fn agent(&self) -> Running {
        self.agent_with(self.options())
    }

    /// An agent whose threads are in the node's namespace.
    pub(crate) fn agent_with(&self, options: Options) -> Running {
        self.agent_in(&self.host, options)
    }

    /// An agent whose threads are in a namespace.
    pub(crate) fn agent_in(&self, host: &Netns, options: Options) -> Running {
        let host = Arc::new(File::open(host.path()).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_thread_start(move || {
                move_into_link_name_space(host.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            })
            .build()
            .unwrap();
        let away = self.away.subscribe();
        let door = move |request: Request, next: Next| {
            let away = away.clone();
            async move {
                let is_away = *away.borrow();
                match is_away {
                    true => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                    false => breaking(next.run(request).await, away),
                }
            }
        };
        let server = self.cluster.embedded().unwrap();
        let router = server.router().layer(from_fn(door));
        let who = Identity::service_account(self.cluster.namespace(), ACCOUNT);
        let router = router.layer(axum::Extension(who));
        let shutdown = Shutdown::new();
        let entered = runtime.enter();
        let client = Client::new(router.into_service::<kube::client::Body>(), "default");
        let context = Context::standalone("podnet", client, shutdown.clone());
        let running = Agent::new(options).run(context.clone());
        drop(entered);
        let done = runtime.spawn(async move { running.await.unwrap() });
        Running { shutdown, runtime: Some(runtime), done, context }
    }

    /// A NetworkAttachmentDefinition in the test's namespace.
    pub(crate) async fn define(&self, name: &str, config: Value) {
        self.define_in(self.cluster.namespace(), name, config).await;
    }

    /// One in another namespace.
    pub(crate) async fn define_in(&self, namespace: &str, name: &str, config: Value) {
        let api: Api<NetworkAttachmentDefinition> = Api::namespaced(self.client(), namespace);
        let spec = NetworkAttachmentDefinitionSpec { config: config.to_string() };
        let definition = NetworkAttachmentDefinition::new(name, spec);
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(&definition)).await.unwrap();
    }

    pub(crate) async fn undefine(&self, name: &str) {
        let api: Api<NetworkAttachmentDefinition> =
            Api::namespaced(self.client(), self.cluster.namespace());
        api.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// A Network of Kaloom.
    pub(crate) async fn define_kaloom(&self, namespace: &str, name: &str, config: Value) {
        let api: Api<Network> = Api::namespaced(self.client(), namespace);
        let plugin = config["type"].as_str().unwrap().to_owned();
        let network = Network::new(name, NetworkSpec { plugin, config: config.to_string() });
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(&network)).await.unwrap();
    }

    /// A pod of the node, without a sandbox yet; its UID.
    pub(crate) async fn pod(&self, name: &str, annotations: Value) -> String {
        self.pod_with(name, annotations, json!({})).await
    }

    pub(crate) async fn pod_with(&self, name: &str, annotations: Value, spec: Value) -> String {
        let mut pod = json!({ "metadata": { "name": name, "annotations": annotations },
            "spec": { "nodeName": "node", "containers": [{ "name": "a", "image": "a" }] } });
        pod["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let pod = serde_json::from_value(pod).unwrap();
        let made = self.pods().create(&PostParams::default(), &pod).await.unwrap();
        made.metadata.uid.unwrap()
    }

    /// A pod with a sandbox; its UID and the sandbox's id.
    pub(crate) async fn running(&self, name: &str, annotations: Value) -> (String, String) {
        let uid = self.pod(name, annotations).await;
        let sandbox = self.sandboxes.make(&uid);
        (uid, sandbox)
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client(), self.cluster.namespace())
    }

    pub(crate) async fn annotate(&self, pod: &str, annotation: &str, text: impl Into<Value>) {
        let patch = json!({ "metadata": { "annotations": { annotation: text.into() } } });
        self.pods().patch(pod, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    pub(crate) async fn delete(&self, pod: &str) {
        self.pods().delete(pod, &DeleteParams::default().grace_period(0)).await.unwrap();
    }

    /// Waits until a pod is told what satisfies; what it is told then.
    pub(crate) async fn told(
        &self,
        pod: &str,
        satisfies: impl Fn(&[Entry], &[Failure]) -> bool,
    ) -> (Vec<Entry>, Vec<Failure>) {
        let read = |pod: &Pod| {
            let annotations = pod.metadata.annotations.as_ref();
            let text = |name: &str| annotations.and_then(|all| all.get(name)).cloned();
            let text = |name: &str| text(name).unwrap_or_else(|| "[]".to_owned());
            let entries: Vec<Entry> = serde_json::from_str(&text(NETWORK_STATUS)).unwrap();
            let failures: Vec<Failure> = serde_json::from_str(&text(NETWORK_ERRORS)).unwrap();
            (entries, failures)
        };
        let holds = |pod: Option<&Pod>| {
            pod.map(read).is_some_and(|(entries, failures)| satisfies(&entries, &failures))
        };
        let found = await_condition(self.pods(), pod, holds);
        match tokio::time::timeout(MINUTE, found).await {
            Ok(pod) => read(&pod.unwrap().unwrap()),
            Err(_) => panic!("pod {pod} is told {:?}", read(&self.pods().get(pod).await.unwrap())),
        }
    }

    /// Waits until the status of a pod names these interfaces, and no error; all its entries.
    pub(crate) async fn attached(&self, pod: &str, interfaces: &[&str]) -> Vec<Entry> {
        let named = |entries: &[Entry], failures: &[Failure]| {
            let names: Vec<&str> = entries.iter().map(|entry| entry.interface.as_str()).collect();
            failures.is_empty() && names == interfaces
        };
        self.told(pod, named).await.0
    }

    /// The files of the records.
    pub(crate) fn record_files(&self) -> Vec<PathBuf> {
        let entries = |folder: &Path| {
            let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
            entries.collect::<Vec<_>>()
        };
        let pods = entries(&self.path("state/records"));
        pods.iter().flat_map(|pod| entries(pod)).collect()
    }

    /// Records that are left.
    pub(crate) fn records(&self) -> usize {
        let store = kubewright_attachment::record::Store::open(&self.path("state")).unwrap();
        store.ids(kubewright_attachment::record::Whose::All).unwrap().len()
    }

    /// Calls of the plugin that records in this file.
    pub(crate) fn calls(&self, file: &str, command: &str) -> Vec<Call> {
        let mut calls = cni::calls(&self.path(file)).unwrap();
        calls.retain(|call| call.command == command);
        calls
    }

    /// The reasons of the events about a pod, sorted.
    pub(crate) async fn events(&self, pod: &str) -> Vec<(String, String)> {
        use k8s_openapi::api::events::v1::Event;
        let api: Api<Event> = Api::namespaced(self.client(), self.cluster.namespace());
        let all = api.list(&Default::default()).await.unwrap();
        let of =
            |event: &Event| event.regarding.as_ref().and_then(|it| it.name.as_deref()) == Some(pod);
        let told = all.items.into_iter().filter(of);
        let mut told: Vec<_> = told
            .map(|event| (event.reason.unwrap_or_default(), event.note.unwrap_or_default()))
            .collect();
        told.sort();
        told
    }

    /// Waits for an event about a pod.
    pub(crate) async fn event(&self, pod: &str, reason: &str, note: &str) {
        let mut seen = Vec::new();
        let waiting = async {
            loop {
                seen = self.events(pod).await;
                if seen.iter().any(|(its, text)| its == reason && text.contains(note)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(MINUTE, waiting).await;
        assert!(found.is_ok(), "no event {reason} with {note:?} among {seen:?}");
    }

    /// A bridge of its own without addresses.
    pub(crate) fn bridge(name: &str) -> Value {
        json!({ "cniVersion": "0.4.0", "type": "bridge", "bridge": name, "ipam": {} })
    }

    /// A bridge with addresses of the node.
    pub(crate) fn addressed(&self, name: &str, subnet: &str) -> Value {
        json!({ "cniVersion": "0.4.0", "type": "bridge", "bridge": name,
            "ipam": { "type": "host-local", "subnet": subnet, "dataDir": self.path("addresses") } })
    }

    /// The plugin of the tests, recording its calls.
    pub(crate) fn scripted(&self, file: &str, on: Value) -> Value {
        json!({ "cniVersion": "1.0.0", "type": cni::PLUGIN,
            "testkit": { "record": self.path(file), "on": on } })
    }
}

/// An answer that breaks off when the API server goes, as connections do.
fn breaking(answer: Response, away: watch::Receiver<bool>) -> Response {
    answer.map(|body| {
        let parts = (body.into_data_stream(), away);
        Body::from_stream(stream::try_unfold(parts, |(mut parts, mut away)| async move {
            let part = tokio::select! {
                biased;
                _ = away.wait_for(|away| *away) => {
                    Some(Err(io::Error::from(io::ErrorKind::ConnectionReset)))
                }
                part = parts.next() => part.map(|part| part.map_err(io::Error::other)),
            };
            Ok::<_, io::Error>(part.transpose()?.map(|part| (part, (parts, away))))
        }))
    })
}

/// Waits for something that nobody tells.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(MINUTE, waiting).await.is_ok(), "not within a minute: {what}");
}

/// Whether everything that the tests here need is there.
pub(crate) fn ready() -> Result<(), require::Skip> {
    require::root()?;
    require::programs(&["ip"])?;
    require::cni_plugins().map(drop)
}

/// A file that plugins wait for.
pub(crate) fn touch(path: &Path) {
    std::fs::write(path, "").unwrap();
}
