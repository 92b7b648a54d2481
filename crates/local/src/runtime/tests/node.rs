//! A node for the runtime: a network namespace, a CNI configuration, folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kubewright_cri::message::{
    LinuxPodSandboxConfig, LinuxSandboxSecurityContext, NamespaceMode, NamespaceOption,
    PodSandboxConfig, PodSandboxMetadata,
};
use kubewright_cri::{Client, label};
use kubewright_testkit::Netns;
use kubewright_testkit::require::{self, Skip};
use serde_json::json;
use tempfile::TempDir;

use crate::runtime::{Options, Runtime};

pub(crate) fn available() -> Result<(), Skip> {
    require::root()?;
    require::programs(&["ip", "nsenter"])?;
    require::cni_plugins().map(drop)
}

pub(crate) struct Node {
    pub(crate) netns: Netns,
    folder: TempDir,
}

impl Node {
    pub(crate) fn new() -> Self {
        let node = Self { netns: Netns::new().unwrap(), folder: tempfile::tempdir().unwrap() };
        fs::create_dir(node.path("net.d")).unwrap();
        node.configure(&node.network());
        node
    }

    /// Runs a test on the node. All its threads are in the node's network namespace, as is what
    /// they start.
    pub(crate) fn run(&self, test: impl AsyncFnOnce(&Self) + Send) {
        self.netns.run_in(|| {
            let mut threads = tokio::runtime::Builder::new_current_thread();
            threads.enable_all().build().unwrap().block_on(test(self));
        });
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            run_dir: self.path("run"),
            conf_dir: self.path("net.d"),
            bin_dirs: vec![require::cni_plugins().unwrap()],
        }
    }

    pub(crate) async fn start(&self) -> (Runtime, Client) {
        let runtime = Runtime::start(&self.options()).await.unwrap();
        let client = Client::new(runtime.endpoint().clone());
        (runtime, client)
    }

    /// A bridge with addresses of 10.9.0.0/16, on one line.
    pub(crate) fn network(&self) -> String {
        let plugin = json!({ "type": "bridge", "bridge": "pods0", "ipam": { "type": "host-local",
            "dataDir": self.path("addresses"), "subnet": "10.9.0.0/16" } });
        format!(r#"{{"cniVersion":"1.0.0","name":"pods","plugins":[{plugin}]}}"#)
    }

    /// Makes this the node's only CNI configuration.
    pub(crate) fn configure(&self, network: &str) {
        fs::write(self.path("net.d/10-pods.conflist"), network).unwrap();
    }

    /// The addresses that are given away.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("addresses/pods")).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut addresses: Vec<_> = names.filter(|name| name.starts_with("10.")).collect();
        addresses.sort();
        addresses
    }

    /// Links in a namespace with their states: `eth0 UP`.
    pub(crate) fn links(&self, netns: &Path) -> Vec<String> {
        let file = format!("--net={}", netns.display());
        let text = self.netns.exec("nsenter", &[&file, "ip", "-br", "link"]).unwrap();
        let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let named = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
        words.map(|words| format!("{} {}", named(words[0]), words[1])).collect()
    }

    /// Nothing of any sandbox is left, anywhere.
    pub(crate) fn assert_empty(&self) {
        assert_eq!(self.addresses(), [""; 0]);
        for folder in ["run/sandboxes", "run/netns", "run/cni/results"] {
            let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let left: Vec<_> = names.filter(|name| !name.ends_with(".corrupt")).collect();
            assert_eq!(left, [""; 0], "{folder}");
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.folder.path().to_str().unwrap()), "{mounts}");
        // The kernel takes the ends of links of a namespace that is gone away in its own time.
        let ports = || self.netns.exec("ip", &["-br", "link", "show", "type", "veth"]).unwrap();
        let patience = Instant::now() + Duration::from_secs(20);
        while !ports().is_empty() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(ports(), "");
    }
}

impl Drop for Node {
    /// Namespaces of a test that failed are mounts, which would keep the folder.
    fn drop(&mut self) {
        for entry in fs::read_dir(self.path("run/netns")).into_iter().flatten().flatten() {
            // Not every file is a mount.
            let _ = rustix::mount::unmount(entry.path(), rustix::mount::UnmountFlags::DETACH);
        }
    }
}

/// As the kubelet makes it.
pub(crate) fn config(name: &str, uid: &str, attempt: u32) -> PodSandboxConfig {
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
        ..Default::default()
    }
}

pub(crate) fn on_node(mut config: PodSandboxConfig) -> PodSandboxConfig {
    let options = NamespaceOption { network: NamespaceMode::Node.into(), ..Default::default() };
    config.linux = Some(LinuxPodSandboxConfig {
        security_context: Some(LinuxSandboxSecurityContext { namespace_options: Some(options) }),
        ..Default::default()
    });
    config
}
