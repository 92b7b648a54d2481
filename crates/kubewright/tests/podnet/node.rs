//! A node with an agent: all of it real but the container runtime, which is in miniature.

use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, CustomResourceExt as _, ResourceExt as _};
use kubewright_apiserver::Server;
use kubewright_cri::label;
use kubewright_cri::message::{PodSandboxConfig, PodSandboxMetadata};
use kubewright_local::runtime::{Options as RuntimeOptions, Runtime};
use kubewright_podnet::api::{
    Network, NetworkAttachmentDefinition, NetworkAttachmentDefinitionSpec,
};
use kubewright_testkit::cni::{self, PLUGIN};
use kubewright_testkit::require;
use serde_json::{Value, json};

use crate::sandbox::{self, Ended, KUBEWRIGHT, Running, Sandbox};

pub const MINUTE: Duration = Duration::from_secs(60);

/// A node: an API server over TLS, a container runtime in miniature, and the program.
pub struct Node {
    pub sandbox: Sandbox,
    pub server: Server,
    pub client: Client,
    pub runtime: Runtime,
    pub kubeconfig: String,
}

impl Node {
    pub async fn start() -> Self {
        kubewright_operator::install_crypto_provider();
        let sandbox = Sandbox::new();
        let server = Server::builder().default_service_accounts(true).start().await.unwrap();
        let address = server.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let file = sandbox.path("config");
        std::fs::write(&file, server.kubeconfig(address).unwrap()).unwrap();
        let client = server.client();
        let api: Api<CustomResourceDefinition> = Api::all(client.clone());
        for crd in [NetworkAttachmentDefinition::crd(), Network::crd()] {
            let name = crd.metadata.name.clone().unwrap();
            api.create(&PostParams::default(), &crd).await.unwrap();
            let there = await_condition(api.clone(), &name, conditions::is_crd_established());
            tokio::time::timeout(MINUTE, there).await.unwrap().unwrap();
        }
        let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
        let there =
            await_condition(accounts, "default", |it: Option<&ServiceAccount>| it.is_some());
        tokio::time::timeout(MINUTE, there).await.unwrap().unwrap();
        let conf_dir = sandbox.path("net.d");
        std::fs::create_dir(&conf_dir).unwrap();
        let network = json!({ "cniVersion": "1.0.0", "name": "cluster", "type": PLUGIN });
        std::fs::write(conf_dir.join("10-cluster.conf"), network.to_string()).unwrap();
        let options = RuntimeOptions {
            run_dir: sandbox.path("runtime"),
            conf_dir,
            bin_dirs: vec![cni::plugin_dir().to_owned(), require::cni_plugins().unwrap()],
        };
        let runtime = Runtime::start(&options).await.unwrap();
        let kubeconfig = file.display().to_string();
        Self { sandbox, server, client, runtime, kubeconfig }
    }

    pub async fn define(&self, name: &str, on: Value) {
        let config = json!({ "cniVersion": "1.0.0", "type": PLUGIN,
            "testkit": { "record": self.calls_file(), "on": on } });
        let spec = NetworkAttachmentDefinitionSpec { config: config.to_string() };
        let definition = NetworkAttachmentDefinition::new(name, spec);
        let api: Api<NetworkAttachmentDefinition> = Api::default_namespaced(self.client.clone());
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(&definition)).await.unwrap();
    }

    pub async fn apply(&self, object: DynamicObject) {
        let types = object.types.clone().unwrap();
        let kind = GroupVersionKind::try_from(&types).unwrap();
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = match object.namespace() {
            Some(namespace) => Api::namespaced_with(self.client.clone(), &namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let (name, params) = (object.name_any(), PatchParams::apply("test").force());
        api.patch(&name, &params, &Patch::Apply(&object)).await.unwrap();
    }

    pub fn calls_file(&self) -> PathBuf {
        self.sandbox.path("calls")
    }

    pub fn calls(&self) -> Vec<String> {
        let calls = cni::calls(&self.calls_file()).unwrap().into_iter();
        calls.map(|call| format!("{} {}", call.command, call.ifname)).collect()
    }

    /// A pod that runs.
    pub async fn pod(&self, name: &str, annotations: Value) {
        let pod = json!({ "metadata": { "name": name, "annotations": annotations },
            "spec": { "nodeName": "node", "containers": [{ "name": "a", "image": "a" }] } });
        let pod = serde_json::from_value(pod).unwrap();
        let pod = self.pods().create(&PostParams::default(), &pod).await.unwrap();
        let uid = pod.metadata.uid.unwrap();
        let labels =
            [(label::POD_NAMESPACE, "default"), (label::POD_NAME, name), (label::POD_UID, &uid)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let metadata = PodSandboxMetadata {
            name: name.to_owned(),
            uid: uid.clone(),
            namespace: "default".to_owned(),
            attempt: 0,
        };
        let config =
            PodSandboxConfig { metadata: Some(metadata), labels, ..PodSandboxConfig::default() };
        let cri = kubewright_cri::Client::new(self.runtime.endpoint().clone());
        cri.run_sandbox(config, "").await.unwrap();
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }

    /// The agent, with podagent's options where it has them.
    pub fn agent(&self) -> Running {
        self.agent_under(&[])
    }

    /// The agent, started by another program.
    pub fn agent_under(&self, words: &[&str]) -> Running {
        let path = |name: &str| self.sandbox.path(name).display().to_string();
        let words: Vec<&str> = words.iter().copied().chain([KUBEWRIGHT]).collect();
        let mut command = self.sandbox.program(words[0]);
        command.args(&words[1..]);
        command.args(["podnet", "agent", "-node", "node", "-kubeconfig", &self.kubeconfig]);
        command.arg(format!("-crio-endpoint={}", self.runtime.endpoint()));
        command.arg("-cni-bin-path").arg(cni::plugin_dir());
        command.args(["-cni-conf-path", &path("net.d"), "--cni-cache-dir", &path("cache")]);
        command.args(["--state-dir", &path("podnet"), "--socket", &path("cni.sock")]);
        command.args(["--health-address", "127.0.0.1:0"]);
        Running(command.spawn().unwrap())
    }

    pub async fn kubewright(&self, arguments: &[&str]) -> Ended {
        let mut command = self.sandbox.program(KUBEWRIGHT);
        command.args(arguments).args(["--kubeconfig", &self.kubeconfig]);
        tokio::task::spawn_blocking(move || sandbox::run(&mut command)).await.unwrap()
    }

    /// Waits until the status of a pod has this interface.
    pub async fn attached(&self, pod: &str, interface: &str) {
        self.attached_within(pod, interface, MINUTE).await;
    }

    pub async fn attached_within(&self, pod: &str, interface: &str, patience: Duration) {
        let has = |pod: Option<&Pod>| {
            let annotations = pod.and_then(|pod| pod.metadata.annotations.as_ref());
            let status = annotations.and_then(|all| all.get("k8s.v1.cni.cncf.io/network-status"));
            status.is_some_and(|status| status.contains(&format!("{interface:?}")))
        };
        let told = await_condition(self.pods(), pod, has);
        tokio::time::timeout(patience, told).await.expect("it is attached").unwrap();
    }
}
