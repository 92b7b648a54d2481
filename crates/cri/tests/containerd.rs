//! Against a real containerd with real CNI plugins.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use kubewright_cri::message::{
    ContainerFilter, LinuxPodSandboxConfig, LinuxSandboxSecurityContext, NamespaceMode,
    NamespaceOption, PodSandboxConfig, PodSandboxFilter, PodSandboxMetadata, PodSandboxState,
};
use kubewright_cri::sandbox::NetnsError;
use kubewright_cri::{CallError, Client, Endpoint, Network, label};
use kubewright_testkit::{Containerd, containerd, require};

/// As the kubelet makes it.
fn config(name: &str, uid: &str, attempt: u32) -> PodSandboxConfig {
    let labels =
        [(label::POD_NAMESPACE, "default"), (label::POD_NAME, name), (label::POD_UID, uid)];
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: name.to_owned(),
            uid: uid.to_owned(),
            namespace: "default".to_owned(),
            attempt,
        }),
        hostname: name.to_owned(),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        annotations: [("networks".to_owned(), "[]".to_owned())].into(),
        linux: Some(LinuxPodSandboxConfig::default()),
        ..Default::default()
    }
}

fn on_node(mut config: PodSandboxConfig) -> PodSandboxConfig {
    let options = NamespaceOption { network: NamespaceMode::Node.into(), ..Default::default() };
    config.hostname.clear();
    config.linux = Some(LinuxPodSandboxConfig {
        security_context: Some(LinuxSandboxSecurityContext { namespace_options: Some(options) }),
        ..Default::default()
    });
    config
}

/// Names of the links in a network namespace, through its file.
fn links(netns: &Path) -> Vec<String> {
    let mut command = std::process::Command::new("nsenter");
    command.arg(format!("--net={}", netns.display())).args(["ip", "-br", "link"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(['@', ' ']).next());
    names.map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn the_network_of_a_sandbox_is_found_while_it_is_ready() {
    require!(containerd::available());
    let containerd = Containerd::start().await.unwrap();
    let client = containerd.client();
    assert_eq!(client.version().await.unwrap().runtime_name, "containerd");

    let id = client.run_sandbox(config("web", "uid-1", 0), "").await.unwrap();
    let listed = client.ready_sandbox("uid-1").await.unwrap().unwrap();
    assert_eq!(listed.id, id);
    let sandbox = client.sandbox(&id).await.unwrap();
    assert!(sandbox.ready);
    assert_eq!(sandbox.pod, config("web", "uid-1", 0).metadata.unwrap());
    assert_eq!(sandbox.labels, config("web", "uid-1", 0).labels);
    assert_eq!(sandbox.annotations["networks"], "[]");
    let netns = sandbox.netns().unwrap().to_owned();
    assert_eq!(links(&netns), ["lo", "eth0"]);
    let [address] = sandbox.addresses[..] else { panic!("{:?}", sandbox.addresses) };
    assert!(address.to_string().starts_with("10.88."), "{address}");
    // The process of the sandbox is in that namespace.
    let of_process = format!("/proc/{}/ns/net", sandbox.pid.unwrap());
    let inode = |path: &Path| std::fs::metadata(path).unwrap().ino();
    assert_eq!(inode(Path::new(&of_process)), inode(&netns));
    // And its other end on the bridge of the node.
    let bridge = containerd.netns().exec("ip", &["-br", "link", "show", "master", "cni0"]).unwrap();
    assert_eq!(bridge.lines().count(), 1, "{bridge}");

    client.stop_sandbox(&id).await.unwrap();
    assert_eq!(client.ready_sandbox("uid-1").await.unwrap(), None);
    let stopped = client.sandbox(&id).await.unwrap();
    assert!(!stopped.ready);
    assert_eq!(stopped.netns(), Err(NetnsError::Closed { id: id.clone() }));
    assert!(!netns.exists());
    let all = client.list_sandboxes(PodSandboxFilter::of_uid("uid-1")).await.unwrap();
    assert_eq!(all[0].state(), PodSandboxState::NotReady);

    // Both can be repeated, also when nothing is left.
    for _ in 0..2 {
        client.stop_sandbox(&id).await.unwrap();
        client.remove_sandbox(&id).await.unwrap();
    }
    let gone = client.sandbox(&id).await.unwrap_err();
    assert!(gone.is_not_found(), "{gone}");
    assert!(gone.to_string().contains(&id), "{gone}");
}

#[tokio::test]
async fn of_two_sandboxes_of_a_pod_the_newest_that_is_ready_counts() {
    require!(containerd::available());
    let containerd = Containerd::start().await.unwrap();
    let client = containerd.client();
    let old = client.run_sandbox(config("web", "uid-1", 0), "").await.unwrap();
    let other = client.run_sandbox(config("other", "uid-2", 0), "").await.unwrap();
    let new = client.run_sandbox(config("web", "uid-1", 1), "").await.unwrap();
    let found = async || client.ready_sandbox("uid-1").await.unwrap().map(|sandbox| sandbox.id);

    assert_eq!(found().await.unwrap(), new);
    client.stop_sandbox(&old).await.unwrap();
    assert_eq!(found().await.unwrap(), new);
    client.stop_sandbox(&new).await.unwrap();
    assert_eq!(found().await, None);
    // By name too: of a pod that was made again under its name.
    let of_pod = PodSandboxFilter::of_pod("default", "web");
    assert_eq!(client.list_sandboxes(of_pod.clone()).await.unwrap().len(), 2);
    assert_eq!(client.list_sandboxes(of_pod.ready()).await.unwrap().len(), 0);
    assert!(client.sandbox(&other).await.unwrap().ready);
    let none = ContainerFilter { pod_sandbox_id: other, ..Default::default() };
    assert_eq!(client.list_containers(none).await.unwrap(), []);
}

#[tokio::test]
async fn a_sandbox_with_the_network_of_the_node_has_none_of_its_own() {
    require!(containerd::available());
    let containerd = Containerd::start().await.unwrap();
    let client = containerd.client();
    let config = on_node(config("proxy", "uid-1", 0));
    let id = client.run_sandbox(config, "").await.unwrap();
    let sandbox = client.sandbox(&id).await.unwrap();
    assert_eq!(sandbox.network, Network::Node);
    assert_eq!(sandbox.netns(), Err(NetnsError::Node { id }));
    assert!(sandbox.ready);
}

#[tokio::test]
async fn sandboxes_are_found_again_after_containerd_was_killed() {
    require!(containerd::available());
    let mut containerd = Containerd::start().await.unwrap();
    let client = containerd.client().clone();
    let id = client.run_sandbox(config("web", "uid-1", 0), "").await.unwrap();
    let before = client.sandbox(&id).await.unwrap();
    containerd.kill();
    let error = client.version().await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("for Version"), "{error}");
    containerd.restart().await.unwrap();
    assert_eq!(client.sandbox(&id).await.unwrap(), before);
}

#[tokio::test]
async fn a_plugin_that_fails_is_told_with_the_pod() {
    require!(containerd::available());
    let broken = r#"{ "cniVersion": "1.0.0", "name": "broken",
        "plugins": [{ "type": "bridge", "ipam": { "type": "host-local", "ranges": [] } }] }"#;
    let configurations = vec![("10-broken.conflist".to_owned(), broken.to_owned())];
    let containerd = Containerd::start_with(|_| configurations).await.unwrap();
    let error = containerd.client().run_sandbox(config("web", "uid-1", 0), "").await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("RunPodSandbox of a sandbox for pod default/web"), "{text}");
    assert!(text.contains("no IP ranges specified"), "{text}");
    assert_eq!(containerd.client().ready_sandbox("uid-1").await.unwrap(), None);
}

#[tokio::test]
async fn nothing_of_a_containerd_is_left_behind() {
    require!(containerd::available());
    let containerd = Containerd::start().await.unwrap();
    let client = containerd.client();
    let id = client.run_sandbox(config("web", "uid-1", 0), "").await.unwrap();
    let pid = client.sandbox(&id).await.unwrap().pid.unwrap();
    let folder = containerd.folder().to_owned();
    let process = File::open(format!("/proc/{pid}/cmdline")).unwrap();
    // As after a panic: nothing was stopped.
    drop(containerd);

    assert!(!folder.exists());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(folder.to_str().unwrap()), "{mounts}");
    let mut line = Vec::new();
    assert!((&process).read_to_end(&mut line).is_err() || line.is_empty(), "the sandbox runs");
    for cgroups in ["/sys/fs/cgroup/k8s.io", "/sys/fs/cgroup/memory/k8s.io"] {
        assert!(!Path::new(cgroups).join(&id).exists(), "{cgroups}");
    }
    let results = std::fs::read_dir("/var/lib/cni/results").into_iter().flatten();
    let of_sandbox = results.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(of_sandbox.filter(|name| name.contains(&id)).count(), 0);
    let endpoint = Endpoint::at(folder.join("s"));
    let error = Client::new(endpoint).version().await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
}
