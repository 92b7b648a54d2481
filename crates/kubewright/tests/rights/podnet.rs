//! The agent of pod networks.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{ListParams, PostParams};
use kubewright_attachment::protocol::{
    Call, CallError, Client, Container, PluginOptions, Reply, Request,
};
use kubewright_cni::CniArgs;
use kubewright_cri::label;
use kubewright_cri::message::{PodSandboxConfig, PodSandboxMetadata};
use kubewright_local::runtime::{Options as RuntimeOptions, Runtime};
use kubewright_operator::Shutdown;
use kubewright_podnet::agent::Agent;
use kubewright_podnet::api::{NetworkAttachmentDefinition, NetworkAttachmentDefinitionSpec};
use kubewright_podnet::options::Options;
use kubewright_testkit::cni::{self, PLUGIN};
use kubewright_testkit::require;
use serde_json::{Value, json};

use crate::lab::{Lab, MINUTE, scraped};
use crate::{exposed, panels};

pub(crate) const METRICS: &[&str] = &["kubewright_podnet_"];

/// A pod is attached to one network and not to another, and the plugin asks for a pod that nobody
/// has heard of.
#[tokio::test(flavor = "multi_thread")]
async fn the_agent_lives_with_exactly_its_rights() {
    require!(require::root(), require::program("ip"), require::cni_plugins().map(drop));
    let lab = Lab::of("podnet").await;
    let accounts: Api<ServiceAccount> = Api::default_namespaced(lab.admin.clone());
    let there = |account: Option<&ServiceAccount>| account.is_some();
    lab.wait("there is an account for pods", accounts, "default", there).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("net.d")).unwrap();
    let cluster = json!({ "cniVersion": "1.0.0", "name": "cluster", "type": PLUGIN });
    std::fs::write(path("net.d/10-cluster.conf"), cluster.to_string()).unwrap();
    let plugins = vec![cni::plugin_dir().to_owned(), require::cni_plugins().unwrap()];
    let runtime = Runtime::start(&RuntimeOptions {
        run_dir: path("runtime"),
        conf_dir: path("net.d"),
        bin_dirs: plugins.clone(),
    })
    .await
    .unwrap();
    let definitions: Api<NetworkAttachmentDefinition> = Api::default_namespaced(lab.admin.clone());
    for (name, on) in [
        ("good", json!({})),
        ("bad", json!({ "ADD": { "fail": { "code": 100, "msg": "no vlan left" } } })),
    ] {
        let config = json!({ "cniVersion": "1.0.0", "type": PLUGIN,
            "testkit": { "record": path("calls"), "on": on } });
        let spec = NetworkAttachmentDefinitionSpec { config: config.to_string() };
        let definition = NetworkAttachmentDefinition::new(name, spec);
        definitions.create(&PostParams::default(), &definition).await.unwrap();
    }

    let mut options = Options::new("node", runtime.endpoint().clone());
    options.state_dir = path("state");
    options.cache_dir = path("cache");
    options.socket = path("cni.sock");
    options.bin_dirs = plugins;
    let manager = lab.manager("kubewright-podnet", None).await;
    let health = manager.health_address().unwrap();
    let shutdown = Shutdown::new();
    let running = tokio::spawn(manager.controller(Agent::new(options)).run(shutdown.clone()));

    let pods: Api<Pod> = Api::default_namespaced(lab.admin.clone());
    let pod = json!({ "metadata": { "name": "p",
            "annotations": { "k8s.v1.cni.cncf.io/networks": "good@x0,bad@y0" } },
        "spec": { "nodeName": "node", "containers": [{ "name": "a", "image": "a" }] } });
    let pod: Pod = serde_json::from_value(pod).unwrap();
    let uid = pods.create(&PostParams::default(), &pod).await.unwrap().metadata.uid.unwrap();
    sandbox_of(&runtime, "p", &uid).await;
    let told = |pod: Option<&Pod>| {
        let annotations = pod.and_then(|pod| pod.metadata.annotations.as_ref());
        let says = |name: &str, what: &str| {
            let text = annotations.and_then(|all| all.get(name));
            text.is_some_and(|text| text.contains(what))
        };
        says("k8s.v1.cni.cncf.io/network-status", "\"x0\"")
            && says("kubewright.io/network-errors", "no vlan left")
    };
    lab.wait("it is attached, and told what is not", pods, "p", told).await;
    let events: Api<Event> = Api::default_namespaced(lab.admin.clone());
    let event = async {
        while events.list(&ListParams::default()).await.unwrap().items.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(MINUTE, event).await.expect("there is an event");
    let unknown = ask(path(""), "nobody").await;
    assert!(unknown.contains("there is no pod default/nobody"), "{unknown}");
    let text = scraped(health).await;
    panels::assert_exposed(METRICS, &text);
    exposed::assert_in_reference(&text);
    shutdown.trigger();
    running.await.unwrap().unwrap();
    lab.assert_exact(|_| true);
}

async fn sandbox_of(runtime: &Runtime, name: &str, uid: &str) {
    let labels =
        [(label::POD_NAMESPACE, "default"), (label::POD_NAME, name), (label::POD_UID, uid)];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let metadata = PodSandboxMetadata {
        name: name.to_owned(),
        uid: uid.to_owned(),
        namespace: "default".to_owned(),
        attempt: 0,
    };
    let config =
        PodSandboxConfig { metadata: Some(metadata), labels, ..PodSandboxConfig::default() };
    let cri = kubewright_cri::Client::new(runtime.endpoint().clone());
    cri.run_sandbox(config, "").await.unwrap();
}

/// What the plugin is told when a runtime makes a pod.
async fn ask(folder: PathBuf, pod: &str) -> String {
    let options = PluginOptions {
        socket: folder.join("cni.sock"),
        state_dir: folder.join("state"),
        conf_dir: folder.join("net.d"),
        cache_dir: folder.join("cache"),
        default_network: None,
    };
    let mut config = serde_json::to_value(&options).unwrap();
    config["cniVersion"] = "1.0.0".into();
    config["name"] = "kubewright".into();
    config["type"] = "kubewright-cni".into();
    let Value::Object(config) = config else { panic!("not an object") };
    let args = CniArgs::new()
        .with("K8S_POD_NAMESPACE", "default")
        .and_then(|args| args.with("K8S_POD_NAME", pod))
        .and_then(|args| args.with("K8S_POD_UID", "c0ffee00-0000-4000-8000-000000000000"));
    let call = Call::Add(Container {
        container_id: "c0ffee".to_owned(),
        netns: Some(folder.join("netns")),
        ifname: "eth0".to_owned(),
        args: args.unwrap(),
    });
    let request = Request { call, plugin_dirs: Vec::new(), config };
    let asking = tokio::task::spawn_blocking(move || {
        loop {
            match Client::new(&options.socket).call(&request) {
                // The agent is about to start.
                Err(CallError::Away { .. }) => std::thread::yield_now(),
                answer => return answer.unwrap(),
            }
        }
    });
    match asking.await.unwrap() {
        Reply::Error(error) => error.to_string(),
        Reply::Result(result) => panic!("nobody was attached: {result:?}"),
    }
}
