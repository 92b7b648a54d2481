//! On a real containerd: pods are not restarted, and many are served at once.

use std::path::{Path, PathBuf};
use std::process::Command;

use kubewright_cri::label;
use kubewright_cri::message::{LinuxPodSandboxConfig, PodSandboxConfig, PodSandboxMetadata};
use kubewright_testkit::{Containerd, containerd, require};
use serde_json::{Value, json};

use crate::lab::{KALOOM, Lab, STANDARD, eventually, ready};

/// As the kubelet makes it.
fn config(namespace: &str, name: &str, uid: &str, attempt: u32) -> PodSandboxConfig {
    let labels =
        [(label::POD_NAMESPACE, namespace), (label::POD_NAME, name), (label::POD_UID, uid)];
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: name.to_owned(),
            uid: uid.to_owned(),
            namespace: namespace.to_owned(),
            attempt,
        }),
        hostname: name.to_owned(),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        linux: Some(LinuxPodSandboxConfig::default()),
        ..Default::default()
    }
}

struct Node {
    lab: Lab,
    containerd: Containerd,
}

impl Node {
    async fn start() -> Self {
        let (lab, containerd) = (Lab::start().await, Containerd::start().await.unwrap());
        Self { lab, containerd }
    }

    fn agent(&self) -> crate::lab::Running {
        let mut options = self.lab.options();
        options.runtime = self.containerd.endpoint().clone();
        // containerd's own, from which the agent knows the cluster's network of a pod.
        options.cache_dir = kubewright_cni::DEFAULT_CACHE_DIR.into();
        self.lab.agent_in(self.containerd.netns(), options)
    }

    /// A pod with its sandbox: its UID, the sandbox's id and the path of its namespace.
    async fn running(&self, name: &str, annotations: Value) -> (String, String, PathBuf) {
        let uid = self.lab.pod(name, annotations).await;
        let (id, netns) = self.sandbox(name, &uid, 0).await;
        (uid, id, netns)
    }

    async fn sandbox(&self, name: &str, uid: &str, attempt: u32) -> (String, PathBuf) {
        let client = self.containerd.client();
        let config = config(self.lab.cluster.namespace(), name, uid, attempt);
        let id = client.run_sandbox(config, "").await.unwrap();
        let netns = client.sandbox(&id).await.unwrap().netns().unwrap().to_owned();
        (id, netns)
    }
}

fn links(netns: &Path) -> Vec<String> {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", netns.display())).args(["ip", "-br", "link"]);
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(['@', ' ']).next());
    let mut names: Vec<String> = names.map(ToOwned::to_owned).collect();
    names.retain(|name| name != "lo");
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_rounds_leave_the_pod_as_it_was() {
    require!(ready(), containerd::available());
    let node = Node::start().await;
    let lab = &node.lab;
    for name in ["green", "red", "data"] {
        lab.define_kaloom("default", name, Lab::bridge(name)).await;
    }
    let _agent = node.agent();
    let (uid, id, netns) = node.running("p", json!({})).await;
    let client = node.containerd.client();
    let pid = client.sandbox(&id).await.unwrap().pid;
    let rounds =
        [("green", "net9f27410725ab"), ("red", "netbda9643ac660"), ("data", "net8d777f385d3d")];
    for round in 0..50 {
        let (network, interface) = rounds[round % rounds.len()];
        lab.annotate("p", KALOOM, json!([{ "name": network }]).to_string()).await;
        lab.attached("p", &["eth0", interface]).await;
        assert_eq!(links(&netns), ["eth0", interface], "round {round}");
    }
    lab.annotate("p", KALOOM, Value::Null).await;
    lab.attached("p", &["eth0"]).await;
    assert_eq!(links(&netns), ["eth0"]);
    let now = client.sandbox(&id).await.unwrap();
    assert!(now.ready && now.pid == pid && pid.is_some());
    assert_eq!(client.ready_sandbox(&uid).await.unwrap().unwrap().id, id);
    assert_eq!(lab.records(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_containerd_replaces_gets_its_networks_again() {
    require!(ready(), containerd::available());
    let node = Node::start().await;
    let lab = &node.lab;
    lab.define("net", lab.addressed("net", "10.94.0.0/24")).await;
    let _agent = node.agent();
    let (uid, first, _) = node.running("p", json!({ STANDARD: "net@x0" })).await;
    let before = lab.attached("p", &["eth0", "x0"]).await;
    let client = node.containerd.client();
    client.stop_sandbox(&first).await.unwrap();
    let (_, netns) = node.sandbox("p", &uid, 1).await;
    lab.told("p", |entries, _| entries.len() == 2 && entries[1].ips != before[1].ips).await;
    assert_eq!(links(&netns), ["eth0", "x0"]);
    client.remove_sandbox(&first).await.unwrap();
    eventually("only the second is on record", || lab.records() == 1).await;
    // The pod goes with the agent away: the next one gives its address back.
    lab.delete("p").await;
    let second = client.ready_sandbox(&uid).await.unwrap().unwrap().id;
    client.stop_sandbox(&second).await.unwrap();
    client.remove_sandbox(&second).await.unwrap();
    eventually("nothing is on record", || lab.records() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pods_at_once_are_all_served() {
    require!(ready(), containerd::available());
    let node = Node::start().await;
    let lab = &node.lab;
    lab.define("net", lab.addressed("net", "10.95.0.0/24")).await;
    let agent = node.agent();
    let names: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    for name in &names {
        node.running(name, json!({})).await;
    }
    let edits = names.iter().map(|name| lab.annotate(name, STANDARD, "net@x0"));
    futures::future::join_all(edits).await;
    let mut addresses = std::collections::BTreeSet::new();
    for name in &names {
        let status = lab.attached(name, &["eth0", "x0"]).await;
        addresses.insert(status[1].ips[0].clone());
    }
    assert_eq!(addresses.len(), names.len(), "each has an address of its own");
    agent.stop().await;
}
