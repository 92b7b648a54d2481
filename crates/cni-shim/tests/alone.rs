//! The plugin as a process while no agent runs: what was attached goes by records alone.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use kubewright_attachment::desired::Desired;
use kubewright_attachment::engine::{DefaultNetwork, Engine, Options};
use kubewright_attachment::name::InterfaceName;
use kubewright_attachment::pod::{Pod, Sandbox, SandboxId};
use kubewright_attachment::record::Whose;
use kubewright_cni::{Cache, Cni, CniArgs, CniError, ErrorCode, NetworkConfig, RuntimeConf};
use kubewright_testkit::netns::Netns;
use kubewright_testkit::require;
use kubewright_testkit::require::{program, root};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A plugin that notes how it is called, and fails while there is a file `fail`.
const SPY: &str = r#"#!/bin/sh
dir=$(dirname "$0")
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $(cat)" >>"$dir/calls"
if [ -e "$dir/fail" ]; then
    echo '{"cniVersion":"1.0.0","code":103,"msg":"the address store is locked"}'
    exit 1
fi
if [ "$CNI_COMMAND" = ADD ]; then
    echo '{"cniVersion":"1.0.0","ips":[{"address":"10.9.8.7/24"}]}'
fi
"#;

/// A node whose default network is the spy.
struct Node {
    dir: TempDir,
    netns: Netns,
}

impl Node {
    fn new() -> Self {
        let node = Self { dir: TempDir::new().unwrap(), netns: Netns::new().unwrap() };
        for dir in ["bin", "net.d"] {
            fs::create_dir(node.path(dir)).unwrap();
        }
        fs::write(node.path("bin/spy"), SPY).unwrap();
        fs::set_permissions(node.path("bin/spy"), fs::Permissions::from_mode(0o755)).unwrap();
        node
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn engine(&self) -> Engine {
        let mut options = Options::new(self.path("state"), [self.path("bin")]);
        options.cache_dir = self.path("cache");
        Engine::open(options).unwrap()
    }

    /// Attaches a sandbox to the spy's network, as the agent would have.
    fn attach(&self, id: &str) {
        self.attach_in(id, &self.netns);
    }

    fn attach_in(&self, id: &str, netns: &Netns) {
        let config = network("recorded");
        let config = NetworkConfig::from_value(config).unwrap();
        let interface = InterfaceName::new("eth0").unwrap();
        let (args, capability_args) = (CniArgs::new(), Map::new());
        let default = DefaultNetwork { config, interface, args, capability_args };
        let pod = Pod::new("default", "web-0", format!("uid-of-{id}")).unwrap();
        let sandbox = Sandbox::new(id, netns.path()).unwrap();
        self.engine().create(&pod, &sandbox, &default, &Desired::default()).unwrap();
        fs::remove_file(self.path("bin/calls")).unwrap();
    }

    fn call(&self, command: &str, id: &str, more: Value) -> Output {
        let mut config = json!({
            "cniVersion": "1.1.0",
            "name": "kubewright",
            "type": "kubewright-cni",
            "socket": self.path("cni.sock"),
            "stateDir": self.path("state"),
            "confDir": self.path("net.d"),
            "cacheDir": self.path("cache"),
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubewright-cni"))
            .env("CNI_COMMAND", command)
            .env("CNI_CONTAINERID", id)
            .env("CNI_NETNS", self.netns.path())
            .env("CNI_IFNAME", "eth0")
            .env("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0")
            .env("CNI_PATH", self.path("bin"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(config.to_string().as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn del(&self, id: &str) -> Output {
        self.call("DEL", id, json!({}))
    }

    /// How the spy was called: command, container and interface, and its network's name.
    fn calls(&self) -> Vec<(String, String)> {
        let calls = fs::read_to_string(self.path("bin/calls")).unwrap_or_default();
        let one = |line: &str| {
            let (call, config) = line.split_once(" {").unwrap();
            let config: Value = serde_json::from_str(&format!("{{{config}")).unwrap();
            (call.to_owned(), config["name"].as_str().unwrap().to_owned())
        };
        calls.lines().map(one).collect()
    }

    fn recorded(&self) -> usize {
        self.engine().store().ids(Whose::All).unwrap().len()
    }
}

fn network(name: &str) -> Value {
    json!({"cniVersion": "1.0.0", "name": name, "plugins": [{"type": "spy"}]})
}

fn call(command: &str, id: &str, network: &str) -> (String, String) {
    (format!("{command} {id} eth0"), network.to_owned())
}

fn error(output: &Output) -> CniError {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_was_attached_goes_with_the_configuration_it_was_attached_with() {
    require!(root(), program("ip"));
    let node = Node::new();
    node.attach("a1");
    // The configuration has changed since.
    fs::write(node.path("net.d/10-new.conflist"), network("new").to_string()).unwrap();
    let output = node.del("a1");
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert_eq!(node.calls(), [call("DEL", "a1", "recorded")]);
    assert_eq!(node.recorded(), 0);
}

#[test]
fn what_could_not_be_detached_is_an_error_until_it_is() {
    require!(root(), program("ip"));
    let node = Node::new();
    node.attach("a1");
    fs::write(node.path("bin/fail"), "").unwrap();
    for _ in 0..2 {
        let printed = error(&node.del("a1"));
        assert_eq!(printed.code, ErrorCode::TryAgainLater);
        let all = printed.to_string();
        assert!(all.contains("sandbox a1 is not cleaned up"), "{all}");
        assert!(all.contains("the address store is locked"), "{all}");
        assert_eq!(node.recorded(), 1);
    }
    fs::remove_file(node.path("bin/fail")).unwrap();
    assert!(node.del("a1").status.success());
    assert_eq!(node.recorded(), 0);
}

#[test]
fn of_a_sandbox_without_a_record_the_default_network_is_told() {
    require!(root(), program("ip"));
    let node = Node::new();
    fs::write(node.path("net.d/10-now.conflist"), network("now").to_string()).unwrap();
    for _ in 0..2 {
        assert!(node.del("unknown").status.success());
    }
    assert_eq!(node.calls(), vec![call("DEL", "unknown", "now"); 2]);
    // It may hold an address for it, so its failure is one.
    fs::write(node.path("bin/fail"), "").unwrap();
    assert_eq!(error(&node.del("unknown")).code, ErrorCode::TryAgainLater);
}

#[test]
fn of_a_sandbox_that_only_the_cache_knows_that_network_is_told() {
    require!(root(), program("ip"));
    let node = Node::new();
    // Attached by the runtime before we were installed; the network has changed since.
    let before = NetworkConfig::from_value(network("before")).unwrap();
    let runtime = RuntimeConf::new("old", Some(node.netns.path()), "eth0").unwrap();
    Cni::new([node.path("bin")])
        .with_cache(Cache::new(node.path("cache")))
        .add(&before, &runtime)
        .unwrap();
    fs::write(node.path("net.d/10-now.conflist"), network("now").to_string()).unwrap();
    assert!(node.del("old").status.success());
    assert_eq!(node.calls()[1..], [call("DEL", "old", "before")]);
    assert_eq!(fs::read_dir(node.path("cache/results")).unwrap().count(), 0);
}

#[test]
fn a_default_network_that_cannot_be_told_is_no_reason_to_forget() {
    require!(root(), program("ip"));
    let node = Node::new();
    fs::write(node.path("net.d/10-half.conflist"), "{").unwrap();
    let printed = error(&node.del("unknown"));
    assert_eq!(printed.code, ErrorCode::TryAgainLater);
    assert!(printed.to_string().contains("10-half.conflist"), "{printed}");
}

#[test]
fn where_nothing_is_known_and_nothing_can_be_there_is_nothing_to_do() {
    require!(root(), program("ip"));
    let node = Node::new();
    let output = node.del("unknown");
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn check_asks_the_plugins_of_what_is_recorded() {
    require!(root(), program("ip"));
    let node = Node::new();
    node.attach("a1");
    assert!(node.call("CHECK", "a1", json!({})).status.success());
    assert_eq!(node.calls(), [call("CHECK", "a1", "recorded")]);
    fs::write(node.path("bin/fail"), "").unwrap();
    let printed = error(&node.call("CHECK", "a1", json!({})));
    assert!(printed.to_string().contains("the address store is locked"), "{printed}");
}

#[test]
fn gc_detaches_sandboxes_that_are_gone_and_no_other() {
    require!(root(), program("ip"));
    let node = Node::new();
    node.attach("b2");
    // A sandbox whose namespace is there may be one that the runtime does not list yet.
    for id in ["a1", "c3"] {
        node.attach_in(id, &Netns::new().unwrap());
    }
    let valid = json!({"cni.dev/valid-attachments": [{"containerID": "b2", "ifname": "eth0"}]});
    let output = node.call("GC", "", valid);
    assert!(output.status.success(), "{output:?}");
    let deleted: Vec<_> =
        node.calls().into_iter().filter(|(it, _)| it.starts_with("DEL")).collect();
    assert_eq!(deleted, [call("DEL", "a1", "recorded"), call("DEL", "c3", "recorded")]);
    assert_eq!(node.recorded(), 1);

    // A list that cannot be read must not make anyone look gone.
    let spoilt = json!({"cni.dev/valid-attachments": [{"containerID": "../b2", "ifname": "eth0"}]});
    error(&node.call("GC", "", spoilt));
    assert_eq!(node.recorded(), 1);
}

/// A meta-plugin that calls our plugin when it was called by ours, as Multus does whose master is our
/// configuration: that ends at once, and nothing is left.
#[test]
fn a_meta_plugin_that_calls_us_again_is_refused_at_once() {
    require!(root(), program("ip"));
    let node = Node::new();
    let own = env!("CARGO_BIN_EXE_kubewright-cni");
    fs::write(node.path("bin/meta"), format!("#!/bin/sh\nexec {own}\n")).unwrap();
    fs::set_permissions(node.path("bin/meta"), fs::Permissions::from_mode(0o755)).unwrap();
    let plugin = json!({"type": "meta", "socket": node.path("cni.sock"),
        "stateDir": node.path("state"), "confDir": node.path("net.d")});
    let config = json!({"cniVersion": "1.0.0", "name": "meta", "plugins": [plugin]});
    let default = DefaultNetwork {
        config: NetworkConfig::from_value(config).unwrap(),
        interface: InterfaceName::new("eth0").unwrap(),
        args: CniArgs::new(),
        capability_args: Map::new(),
    };
    let pod = Pod::new("default", "web-0", "u1").unwrap();
    let sandbox = Sandbox::new("a1", node.netns.path()).unwrap();
    let created = node.engine().create(&pod, &sandbox, &default, &Desired::default());
    let text = created.unwrap_err().to_string();
    assert!(text.contains("was called by a plugin that kubewright has called"), "{text}");
    assert_eq!(node.recorded(), 0);
}

#[test]
fn an_agent_that_comes_back_meanwhile_is_waited_for() {
    require!(root(), program("ip"));
    let node = Node::new();
    node.attach("a1");
    let engine = node.engine();
    let sandbox = SandboxId::new("a1").unwrap();
    let lock = engine.store().lock(&sandbox, Duration::from_secs(60)).unwrap();
    std::thread::scope(|scope| {
        let del = scope.spawn(|| node.del("a1"));
        // It has started and waits: nothing is detached however long it is watched.
        while !del.is_finished() && !has_open(&node.path("state/locks/a1.lock")) {
            std::thread::yield_now();
        }
        assert_eq!(node.calls(), []);
        drop(lock);
        assert!(del.join().unwrap().status.success());
    });
    assert_eq!(node.calls(), [call("DEL", "a1", "recorded")]);
}

/// Whether a process other than this one has the file open.
fn has_open(file: &std::path::Path) -> bool {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let others = processes.filter(|process| *process.file_name() != *own.as_str());
    others
        .flat_map(|process| fs::read_dir(process.path().join("fd")).into_iter().flatten())
        .flatten()
        .any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == file))
}
