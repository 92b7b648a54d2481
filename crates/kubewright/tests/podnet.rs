//! The agent of pod networks as a program: it is killed in the middle of its work, and used from
//! the command line.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::KubeConfigOptions;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, Config, CustomResourceExt as _, ResourceExt as _};
use kubewright_apiserver::Server;
use kubewright_cri::label;
use kubewright_cri::message::{PodSandboxConfig, PodSandboxMetadata};
use kubewright_local::runtime::{Options as RuntimeOptions, Runtime};
use kubewright_podnet::api::{
    Network, NetworkAttachmentDefinition, NetworkAttachmentDefinitionSpec,
};
use kubewright_testkit::cni::{self, PLUGIN};
use kubewright_testkit::require;
use rustix::process::{Pid, Signal, kill_process};
use sandbox::{Ended, KUBEWRIGHT, Running, Sandbox, eventually};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

/// A node: an API server over TLS, a container runtime in miniature, and the program.
struct Node {
    sandbox: Sandbox,
    server: Server,
    client: Client,
    runtime: Runtime,
    kubeconfig: String,
}

impl Node {
    async fn start() -> Self {
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

    async fn define(&self, name: &str, on: Value) {
        let config = json!({ "cniVersion": "1.0.0", "type": PLUGIN,
            "testkit": { "record": self.calls_file(), "on": on } });
        let spec = NetworkAttachmentDefinitionSpec { config: config.to_string() };
        let definition = NetworkAttachmentDefinition::new(name, spec);
        let api: Api<NetworkAttachmentDefinition> = Api::default_namespaced(self.client.clone());
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(&definition)).await.unwrap();
    }

    async fn apply(&self, object: DynamicObject) {
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

    fn calls_file(&self) -> PathBuf {
        self.sandbox.path("calls")
    }

    fn calls(&self) -> Vec<String> {
        let calls = cni::calls(&self.calls_file()).unwrap().into_iter();
        calls.map(|call| format!("{} {}", call.command, call.ifname)).collect()
    }

    /// A pod that runs.
    async fn pod(&self, name: &str, annotations: Value) {
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

    fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client.clone())
    }

    /// The agent, with podagent's options where it has them.
    fn agent(&self) -> Running {
        self.agent_under(&[])
    }

    /// The agent, started by another program.
    fn agent_under(&self, words: &[&str]) -> Running {
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

    async fn kubewright(&self, arguments: &[&str]) -> Ended {
        let mut command = self.sandbox.program(KUBEWRIGHT);
        command.args(arguments).args(["--kubeconfig", &self.kubeconfig]);
        tokio::task::spawn_blocking(move || sandbox::run(&mut command)).await.unwrap()
    }

    /// Waits until the status of a pod has this interface.
    async fn attached(&self, pod: &str, interface: &str) {
        let has = |pod: Option<&Pod>| {
            let annotations = pod.and_then(|pod| pod.metadata.annotations.as_ref());
            let status = annotations.and_then(|all| all.get("k8s.v1.cni.cncf.io/network-status"));
            status.is_some_and(|status| status.contains(&format!("{interface:?}")))
        };
        let told = await_condition(self.pods(), pod, has);
        tokio::time::timeout(MINUTE, told).await.expect("it is attached").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_killed_in_the_middle_takes_up_where_it_was() {
    require!(require::root(), require::program("ip"), require::cni_plugins().map(drop));
    let node = Node::start().await;
    let gate = node.sandbox.path("gate");
    node.define("slow", json!({ "ADD": { "waitFor": gate } })).await;
    let mut agent = node.agent();
    node.pod("p", json!({ "k8s.v1.cni.cncf.io/networks": "slow@x0" })).await;
    eventually("ADD was called", || node.calls() == ["ADD x0"]);
    agent.0.kill().unwrap();
    agent.0.wait().unwrap();
    // The plugin goes on alone, and nobody hears what it did.
    std::fs::write(&gate, "").unwrap();

    let mut agent = node.agent();
    node.attached("p", "x0").await;
    assert_eq!(node.calls(), ["ADD x0", "DEL x0", "ADD x0"]);
    agent.terminate();
    assert!(agent.0.wait().unwrap().success());
    // What was attached stays, and the next agent has nothing to do.
    let mut agent = node.agent();
    node.define("other", json!({})).await;
    node.pod("q", json!({ "k8s.v1.cni.cncf.io/networks": "other@y0" })).await;
    node.attached("q", "y0").await;
    assert_eq!(node.calls(), ["ADD x0", "DEL x0", "ADD x0", "ADD y0"]);
    let id = Pid::from_raw(i32::try_from(agent.0.id()).unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    assert!(agent.0.wait().unwrap().success());
    node.server.stop().await;
}

/// As in a container that is not privileged: there plugins could not even let a bridge forward.
#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_kernel_are_writable_for_plugins() {
    require!(require::root(), require::programs(&["ip", "unshare", "mount"]));
    require!(require::cni_plugins().map(drop));
    let node = Node::start().await;
    let agent = node.agent_under(&[
        "unshare",
        "--mount",
        "sh",
        "-c",
        "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro,nosuid /proc/sys && exec \"$@\"",
        "sh",
    ]);
    eventually("the agent is there", || node.sandbox.path("cni.sock").exists());
    let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", agent.0.id())).unwrap();
    let settings: Vec<&str> =
        mounts.lines().filter(|line| line.split(' ').nth(4) == Some("/proc/sys")).collect();
    let [mount] = settings[..] else { panic!("{settings:?}") };
    let flags = mount.split(' ').nth(5).unwrap();
    assert!(flags.starts_with("rw") && flags.contains("nosuid"), "{mount}");
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_are_attached_and_detached_from_the_command_line() {
    require!(require::root(), require::program("ip"), require::cni_plugins().map(drop));
    let node = Node::start().await;
    node.define("blue", json!({})).await;
    node.define("bad", json!({ "ADD": { "fail": { "code": 100, "msg": "no vlan left" } } })).await;
    let _agent = node.agent();
    node.pod("p", json!({})).await;

    let dry = node.kubewright(&["podnet", "attach", "p", "blue", "--dry-run"]).await.ok();
    assert!(dry.contains("+ k8s.v1.cni.cncf.io/networks: blue"), "{dry}");
    assert_eq!(node.calls(), Vec::<String>::new());
    let attach = ["podnet", "attach", "p", "blue", "--interface", "x0", "-o", "json"];
    let report: Value = serde_json::from_str(&node.kubewright(&attach).await.ok()).unwrap();
    assert_eq!(report["after"], "blue@x0");
    assert_eq!(report["interfaces"][0]["interface"], "x0");
    assert_eq!(node.calls(), ["ADD x0"], "it has waited");
    let list = node.kubewright(&["podnet", "list", "p", "blue"]).await.ok();
    assert!(list.lines().nth(1).unwrap().contains("default/blue"), "{list}");
    assert!(list.contains("attached"), "{list}");

    let failed = node.kubewright(&["podnet", "attach", "p", "bad", "--interface", "y0"]).await;
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("no vlan left") && failed.stderr.contains("try:"), "{failed:?}");
    let detach = node.kubewright(&["podnet", "detach", "p", "bad", "-n", "default"]).await.ok();
    assert!(detach.contains("bad detached"), "{detach}");
    let detach = node.kubewright(&["podnet", "detach", "p", "blue", "--no-wait"]).await.ok();
    assert!(detach.contains("is now (none)"), "{detach}");
    eventually("x0 is detached", || node.calls().contains(&"DEL x0".to_owned()));
    for (line, says) in [
        (["podnet", "attach", "p", "nowhere"], "there is no definition of network nowhere"),
        (["podnet", "attach", "nobody", "blue"], "there is no pod default/nobody"),
        (["podnet", "detach", "p", "blue"], "is not in annotation"),
        (["podnet", "attach", "p", "../x"], "names no network"),
    ] {
        let failed = node.kubewright(&line).await;
        assert_ne!(failed.code, Some(0));
        assert!(failed.stderr.contains(says), "{failed:?}");
    }
}

/// What a service account of the manifests gets: a token, with which the agent may do what it needs
/// and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_for_the_agent_lets_it_work_and_is_its_owners_only() {
    require!(require::root(), require::program("ip"), require::cni_plugins().map(drop));
    let node = Node::start().await;
    let file = node.sandbox.path("agent");
    let to = file.display().to_string();
    let line = ["podnet", "agent", "kubeconfig", "--hours", "2", "-f", &to];
    // Without the account there is advice, and no file.
    let failed = node.kubewright(&line).await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("kubewright manifests podnet"), "{failed:?}");
    assert!(!file.exists());

    let manifests = node.sandbox.kubewright(&["manifests", "podnet", "-o", "json"]).ok();
    let manifests: Value = serde_json::from_str(&manifests).unwrap();
    for object in manifests["items"].as_array().unwrap() {
        let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        if object.types.as_ref().unwrap().kind != "DaemonSet" {
            node.apply(object).await;
        }
    }
    let ended = node.kubewright(&line).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let written: Value = serde_saphyr::from_str(&text).unwrap();
    let token = written["users"][0]["user"]["token"].as_str().unwrap();
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!said.contains(token) && said.contains("is good until 20"), "{ended:?}");

    // Everything that the agent does goes through that file.
    let agent = Node { kubeconfig: to, ..node };
    let told = agent.kubewright(&["podnet", "attach", "p", "blue", "-n", "default"]).await;
    assert!(told.stderr.contains("there is no pod default/p"), "{told:?}");
    let _agent = agent.agent();
    agent.define("blue", json!({})).await;
    agent.pod("p", json!({ "k8s.v1.cni.cncf.io/networks": "blue@x0" })).await;
    agent.attached("p", "x0").await;
    let events: Api<k8s_openapi::api::events::v1::Event> =
        Api::default_namespaced(agent.client.clone());
    let added = |events: &[k8s_openapi::api::events::v1::Event]| {
        events.iter().any(|event| event.reason.as_deref() == Some("AddedInterface"))
    };
    let told = async {
        while !added(&events.list(&ListParams::default()).await.unwrap().items) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(MINUTE, told).await.expect("an event");
    let config = kube::config::Kubeconfig::from_yaml(&text).unwrap();
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
    let own = Client::try_from(config.unwrap()).unwrap();
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::default_namespaced(own.clone());
    let refused = secrets.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused}");
    let pods: Api<Pod> = Api::default_namespaced(own);
    let refused = pods.delete("p", &DeleteParams::default()).await.unwrap_err();
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused}");
}

/// Each place may be named in the environment, as /etc/kubewright/podnet.env does.
#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_the_places() {
    require!(require::root(), require::program("ip"), require::cni_plugins().map(drop));
    let node = Node::start().await;
    let path = |name: &str| node.sandbox.path(name);
    // The agent finds plugins in all of them, and ours goes into the first.
    let folders = format!("{}:{}", path("bin").display(), cni::plugin_dir().display());
    let environment = [
        ("CONF_DIR", path("etc")),
        ("BIN_DIR", folders.into()),
        ("CACHE_DIR", path("own-cache")),
        ("STATE_DIR", path("own-state")),
        ("SOCKET", path("own.sock")),
    ];
    let program = |arguments: &[&str]| {
        let mut command = node.sandbox.program(KUBEWRIGHT);
        for (name, place) in &environment {
            command.env(format!("KUBEWRIGHT_PODNET_{name}"), place);
        }
        command.args(arguments);
        command
    };
    std::fs::create_dir(path("bin")).unwrap();
    // Not that of the runtime here, which would call the plugin.
    std::fs::create_dir(path("etc")).unwrap();
    std::fs::copy(path("net.d/10-cluster.conf"), path("etc/10-cluster.conf")).unwrap();
    let plugin = path("plugin");
    let answer = r#"{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}"#;
    std::fs::write(&plugin, format!("#!/bin/sh\necho '{answer}'\n")).unwrap();
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    let install = ["podnet", "install", "--plugin", plugin.to_str().unwrap()];
    let mut install = program(&install);
    tokio::task::spawn_blocking(move || sandbox::run(&mut install).ok()).await.unwrap();
    assert!(path("bin/kubewright-cni").is_file());
    let text = std::fs::read_to_string(path("etc/00-kubewright.conflist")).unwrap();
    let conflist: Value = serde_json::from_str(&text).unwrap();
    let told = &conflist["plugins"][0];
    for (field, name) in [
        ("confDir", "etc"),
        ("cacheDir", "own-cache"),
        ("stateDir", "own-state"),
        ("socket", "own.sock"),
    ] {
        assert_eq!(told[field], json!(path(name)), "{field} in {text}");
    }

    let endpoint = node.runtime.endpoint().to_string();
    let mut command = program(&["podnet", "agent", "--health-address", "127.0.0.1:0"]);
    command.env("NODE_NAME", "node").env("CONTAINER_RUNTIME_ENDPOINT", endpoint);
    command.env("KUBECONFIG", &node.kubeconfig);
    let _agent = Running(command.spawn().unwrap());
    node.define("blue", json!({})).await;
    node.pod("p", json!({ "k8s.v1.cni.cncf.io/networks": "blue@x0" })).await;
    node.attached("p", "x0").await;
    assert!(path("own.sock").exists());
    let files = |folder: &str| std::fs::read_dir(path(folder)).unwrap().count();
    assert_eq!(files("own-cache/results"), 1);
    assert!(files("own-state/records") > 0);

    let mut uninstall = program(&["podnet", "uninstall"]);
    tokio::task::spawn_blocking(move || sandbox::run(&mut uninstall).ok()).await.unwrap();
    assert!(!path("etc/00-kubewright.conflist").exists());
    assert!(path("bin/kubewright-cni").exists(), "an interface is on record");
}
