//! A node of a test's own: a network namespace as host, plugins, definitions and an engine.
#![allow(clippy::unwrap_used)]
#![allow(dead_code, reason = "each test program uses a part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kubewright_attachment::annotation::{self, Dialect};
use kubewright_attachment::definition::Definition;
use kubewright_attachment::desired::{Desired, Lookup, Resolution};
use kubewright_attachment::engine::{Engine, Options, Outcome, PodState, SandboxState};
use kubewright_attachment::network::NetworkKey;
use kubewright_attachment::pod::{Pod, Sandbox};
use kubewright_attachment::record::{Record, Whose};
use kubewright_attachment::status::Entry;
use kubewright_testkit::Netns;
use kubewright_testkit::cni::plugin_dir;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) struct Node {
    pub(crate) host: Netns,
    pub(crate) files: TempDir,
    pub(crate) definitions: BTreeMap<NetworkKey, Definition>,
    pub(crate) resolution: Resolution,
    pub(crate) options: Options,
}

/// A pod with a network namespace.
pub(crate) struct TestPod {
    pub(crate) pod: Pod,
    pub(crate) sandbox: Sandbox,
    pub(crate) netns: Netns,
    pub(crate) reported: Vec<Entry>,
}

impl TestPod {
    pub(crate) fn new(namespace: &str, name: &str, uid: &str) -> Self {
        let netns = Netns::new().unwrap();
        Self {
            pod: Pod::new(namespace, name, uid).unwrap(),
            sandbox: Sandbox::new(format!("sandbox-of-{uid}"), netns.path()).unwrap(),
            netns,
            reported: Vec::new(),
        }
    }

    /// Names of its interfaces but the loopback.
    pub(crate) fn links(&self) -> Vec<String> {
        links(&self.netns)
    }

    pub(crate) fn address(&self, interface: &str) -> String {
        self.netns.exec("ip", &["-o", "address", "show", "dev", interface]).unwrap()
    }

    pub(crate) fn link(&self, interface: &str) -> String {
        self.netns.exec("ip", &["-o", "link", "show", "dev", interface]).unwrap()
    }
}

pub(crate) fn links(netns: &Netns) -> Vec<String> {
    let text = netns.exec("ip", &["-json", "link", "show"]).unwrap();
    let links: Vec<Value> = serde_json::from_str(&text).unwrap();
    let names = links.iter().map(|link| link["ifname"].as_str().unwrap().to_owned());
    names.filter(|name| name != "lo").collect()
}

struct Definitions<'a>(&'a BTreeMap<NetworkKey, Definition>);

impl Lookup for Definitions<'_> {
    fn definition(&self, network: &NetworkKey) -> Option<Definition> {
        self.0.get(network).cloned()
    }

    fn device(&mut self, _: &NetworkKey) -> Option<String> {
        None
    }
}

impl Node {
    /// A node with the plugins of a folder, and the one of the tests.
    pub(crate) fn new(plugins: &Path) -> Self {
        let files = TempDir::new().unwrap();
        let mut options = Options::new(files.path().join("state"), [plugins, plugin_dir()]);
        options.cache_dir = files.path().join("cache");
        options.timeout = Duration::from_secs(60);
        Self {
            host: Netns::new().unwrap(),
            resolution: Resolution::new(files.path().join("net.d")),
            definitions: BTreeMap::new(),
            files,
            options,
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::open(self.options.clone()).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Defines a NetworkAttachmentDefinition.
    pub(crate) fn define(&mut self, namespace: &str, name: &str, config: &Value) {
        let key = NetworkKey::new(Dialect::Standard, namespace, name).unwrap();
        self.definitions.insert(key, Definition::Standard { config: config.to_string() });
    }

    /// Defines a Network of Kaloom's.
    pub(crate) fn define_kaloom(
        &mut self,
        namespace: &str,
        name: &str,
        plugin: &str,
        config: &Value,
    ) {
        let key = NetworkKey::new(Dialect::Kaloom, namespace, name).unwrap();
        let (plugin, config) = (plugin.to_owned(), config.to_string());
        self.definitions.insert(key, Definition::Kaloom { plugin, config });
    }

    /// A bridge with addresses of a subnet, leased in a folder of the test.
    pub(crate) fn bridge(&self, bridge: &str, subnet: &str) -> Value {
        json!({
            "cniVersion": "1.0.0",
            "type": "bridge",
            "bridge": bridge,
            "ipam": {"type": "host-local", "subnet": subnet, "dataDir": self.path("leases")},
        })
    }

    pub(crate) fn resolve(
        &self,
        pod: &Pod,
        kaloom: Option<&str>,
        standard: Option<&str>,
    ) -> Desired {
        let requests = annotation::parse(kaloom, standard);
        self.resolution.resolve(&requests, pod, &mut Definitions(&self.definitions))
    }

    pub(crate) fn state(
        &self,
        pod: &TestPod,
        kaloom: Option<&str>,
        standard: Option<&str>,
    ) -> PodState {
        PodState {
            pod: pod.pod.clone(),
            desired: self.resolve(&pod.pod, kaloom, standard),
            host_network: false,
            sandbox: SandboxState::Ready(pod.sandbox.clone()),
            reported: pod.reported.clone(),
        }
    }

    /// Reconciles by the annotation of the standard.
    pub(crate) fn annotate(&self, pod: &TestPod, standard: &str) -> Outcome {
        self.reconcile(&self.state(pod, None, Some(standard)))
    }

    /// As a new process of the agent would.
    pub(crate) fn reconcile(&self, state: &PodState) -> Outcome {
        self.in_host(|| self.engine().reconcile(state).unwrap())
    }

    pub(crate) fn in_host<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.host.run_in(work)
    }

    /// The files of the records.
    pub(crate) fn record_files(&self) -> Vec<PathBuf> {
        let entries = |folder: &Path| {
            let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
            entries.collect::<Vec<_>>()
        };
        let records = self.path("state/records");
        let pods = if records.exists() { entries(&records) } else { Vec::new() };
        pods.iter().flat_map(|pod| entries(pod)).collect()
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.engine().store().load(Whose::All).unwrap().records
    }

    /// Addresses leased by host-local, whatever the network.
    pub(crate) fn leases(&self) -> Vec<String> {
        let mut leases = Vec::new();
        let Ok(networks) = self.path("leases").read_dir() else { return leases };
        for network in networks {
            for file in network.unwrap().path().read_dir().unwrap() {
                let name = file.unwrap().file_name().into_string().unwrap();
                if name.parse::<std::net::IpAddr>().is_ok() {
                    leases.push(name);
                }
            }
        }
        leases.sort();
        leases
    }

    /// What is left of attachments: links on the host but bridges, leases, records, and entries
    /// of libcni's cache.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left: Vec<String> =
            links(&self.host).into_iter().filter(|name| !name.starts_with("br")).collect();
        left.extend(self.leases());
        let cached = self.path("cache/results").read_dir().into_iter().flatten();
        let cached = cached.map(|entry| entry.unwrap().path());
        let files = self.record_files().into_iter().chain(cached);
        left.extend(files.map(|file| file.display().to_string()));
        left
    }
}

impl Node {
    /// Asserts that nothing is left. The kernel takes a namespace's interfaces down some time
    /// after its last user has gone; that is waited for.
    pub(crate) fn assert_nothing_left(&self) {
        let limit = Instant::now() + Duration::from_secs(60);
        while !self.left().is_empty() && Instant::now() < limit {
            std::thread::yield_now();
        }
        assert_eq!(self.left(), [""; 0]);
    }
}

/// Interfaces of a status.
pub(crate) fn interfaces(outcome: &Outcome) -> Vec<&str> {
    let status = outcome.status.as_ref().expect("there is a sandbox");
    status.iter().map(|entry| entry.interface.as_str()).collect()
}

/// Asserts that all is as asked for.
pub(crate) fn assert_clean(outcome: &Outcome) {
    assert_eq!(outcome.failures, [], "{outcome:#?}");
}
