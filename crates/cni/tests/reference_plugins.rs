//! With the reference plugins, in network namespaces of the test.

#![allow(clippy::unwrap_used)]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use kubewright_cni::{Cache, Cni, CniArgs, NetworkConfig, RuntimeConf, Version};
use kubewright_testkit::require::{cni_plugins, program, programs, root};
use kubewright_testkit::{Netns, require};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A network of the test's own, in the namespace of a host that is the test's own too.
struct Setup {
    host: Netns,
    pod: Netns,
    files: TempDir,
    cni: Cni,
}

impl Setup {
    fn new(plugins: &Path) -> Self {
        let (host, pod) = (Netns::new().unwrap(), Netns::new().unwrap());
        let files = TempDir::new().unwrap();
        let cache = Cache::new(files.path().join("cache"));
        Self { host, pod, files, cni: Cni::new([plugins]).with_cache(cache) }
    }

    fn host_local(&self) -> Value {
        json!({
            "type": "host-local",
            "dataDir": self.files.path().join("leases"),
            "ranges": [[{"subnet": "10.77.0.0/24"}], [{"subnet": "fd77::/64"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        })
    }

    fn leases(&self, network: &str) -> Vec<String> {
        let folder = self.files.path().join("leases").join(network);
        let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| name.parse::<std::net::IpAddr>().is_ok())
            .collect()
    }

    fn runtime(&self, ifname: &str) -> RuntimeConf {
        RuntimeConf::new("test-container", Some(self.pod.path()), ifname).unwrap()
    }

    fn network(json: Value) -> NetworkConfig {
        NetworkConfig::from_value(json).unwrap()
    }
}

#[test]
fn a_bridge_is_added_checked_and_removed_in_every_version() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    for version in ["", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"] {
        let setup = Setup::new(&plugins);
        let network = Setup::network(json!({
            "cniVersion": version,
            "name": "blue",
            "plugins": [{"type": "bridge", "bridge": "br-test", "ipam": setup.host_local()}],
        }));
        let runtime = setup.runtime("eth0");

        let result = setup.host.run_in(|| setup.cni.add(&network, &runtime)).unwrap();
        assert_eq!(result.version.as_str(), if version.is_empty() { "0.1.0" } else { version });
        let addresses = setup.pod.exec("ip", &["-o", "addr", "show", "dev", "eth0"]).unwrap();
        assert_eq!(result.ips.len(), 2, "{result:?}");
        for ip in &result.ips {
            assert!(addresses.contains(&ip.address.to_string()), "{version}: {addresses}");
        }
        assert_eq!(setup.leases("blue").len(), 2);
        if result.version >= Version::V0_4_0 {
            setup.host.run_in(|| setup.cni.check(&network, &runtime, None)).unwrap();
            setup.pod.exec("ip", &["address", "flush", "dev", "eth0"]).unwrap();
            setup.host.run_in(|| setup.cni.check(&network, &runtime, None)).unwrap_err();
        }

        setup.host.run_in(|| setup.cni.del(&network, &runtime, None)).unwrap();
        assert_eq!(setup.leases("blue"), Vec::<String>::new(), "{version}");
        setup.pod.exec("ip", &["link", "show", "dev", "eth0"]).unwrap_err();
        // Once more changes nothing.
        setup.host.run_in(|| setup.cni.del(&network, &runtime, None)).unwrap();
    }
}

#[test]
fn del_without_the_namespace_gives_the_address_back() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let setup = Setup::new(&plugins);
    let network = Setup::network(json!({
        "cniVersion": "1.0.0",
        "name": "blue",
        "plugins": [{"type": "ptp", "ipMasq": false, "ipam": setup.host_local()}],
    }));
    let added = setup.runtime("eth0");
    let result = setup.host.run_in(|| setup.cni.add(&network, &added)).unwrap();
    let gone = RuntimeConf::new("test-container", None, "eth0").unwrap();
    setup.host.run_in(|| setup.cni.del(&network, &gone, Some(&result))).unwrap();
    assert_eq!(setup.leases("blue"), Vec::<String>::new());
}

#[test]
fn a_chain_passes_results_and_capability_arguments() {
    require!(root(), programs(&["ip", "iptables-save"]));
    require!(let plugins = cni_plugins());
    let setup = Setup::new(&plugins);
    let network = Setup::network(json!({
        "cniVersion": "1.0.0",
        "name": "chain",
        "plugins": [
            {
                "type": "bridge", "bridge": "br-test",
                "capabilities": {"ips": true, "mac": true},
                "ipam": {"type": "static"},
            },
            {"type": "tuning", "sysctl": {"net.ipv4.conf.eth0.arp_filter": "1"}},
            {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true},
        ],
    }));
    let capability_args = json!({
        "ips": ["10.78.0.5/24"],
        "mac": "02:00:00:00:00:42",
        "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}],
        "bandwidth": {"ingressRate": 1},
    });
    let runtime = setup
        .runtime("eth0")
        .with_args(CniArgs::new().with("IgnoreUnknown", "1").unwrap())
        .with_capability_args(capability_args.as_object().unwrap().clone());

    let result = setup.host.run_in(|| setup.cni.add(&network, &runtime)).unwrap();
    assert_eq!(result.ips[0].address.to_string(), "10.78.0.5/24");
    let link = setup.pod.exec("ip", &["-o", "link", "show", "dev", "eth0"]).unwrap();
    assert!(link.contains("02:00:00:00:00:42"), "{link}");
    let sysctl = setup.pod.exec("cat", &["/proc/sys/net/ipv4/conf/eth0/arp_filter"]).unwrap();
    assert_eq!(sysctl.trim(), "1");
    let rules = setup.host.exec("iptables-save", &["-t", "nat"]).unwrap();
    assert!(rules.contains("10.78.0.5:80"), "{rules}");

    setup.host.run_in(|| setup.cni.del(&network, &runtime, Some(&result))).unwrap();
    let rules = setup.host.exec("iptables-save", &["-t", "nat"]).unwrap();
    assert!(!rules.contains("10.78.0.5:80"), "{rules}");
}

#[test]
fn macvlan_and_bandwidth_are_added_and_removed() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let setup = Setup::new(&plugins);
    let peer = Netns::new().unwrap();
    setup.host.connect(("uplink", "10.80.0.1/24"), &peer, ("eth0", "10.80.0.2/24")).unwrap();
    let macvlan = Setup::network(json!({
        "cniVersion": "0.3.1", "name": "lan", "type": "macvlan", "master": "uplink",
        "ipam": {"type": "static", "addresses": [{"address": "10.80.0.5/24"}]},
    }));
    let limited = Setup::network(json!({
        "cniVersion": "0.4.0",
        "name": "limited",
        "plugins": [
            {"type": "ptp", "ipam": setup.host_local()},
            {"type": "bandwidth", "capabilities": {"bandwidth": true}},
        ],
    }));
    // Limits into the pod only: the other direction needs a kind of link that kernels may lack.
    let limits = json!({"bandwidth": {"ingressRate": 1_000_000, "ingressBurst": 1_000_000}});
    let lan = setup.runtime("net1");
    let eth0 = setup.runtime("eth0").with_capability_args(limits.as_object().unwrap().clone());

    let add = |network, runtime| setup.host.run_in(|| setup.cni.add(network, runtime)).unwrap();
    add(&macvlan, &lan);
    add(&limited, &eth0);
    let link = setup.pod.exec("ip", &["-d", "-o", "link", "show", "dev", "net1"]).unwrap();
    assert!(link.contains("macvlan"), "{link}");
    let listener = peer.run_in(|| TcpListener::bind("10.80.0.2:4000")).unwrap();
    setup.pod.run_in(|| TcpStream::connect("10.80.0.2:4000")).unwrap();
    drop(listener);
    let queues = setup.host.exec("tc", &["qdisc"]).unwrap();
    assert!(queues.contains("tbf") && queues.contains("rate 1Mbit"), "{queues}");
    setup.host.run_in(|| setup.cni.check(&limited, &eth0, None)).unwrap();

    setup.host.run_in(|| setup.cni.del(&limited, &eth0, None)).unwrap();
    setup.host.run_in(|| setup.cni.del(&macvlan, &lan, None)).unwrap();
    let links = setup.pod.exec("ip", &["-o", "link"]).unwrap();
    assert_eq!(links.lines().count(), 1, "only the loopback: {links}");
}

#[test]
fn a_failed_add_says_which_plugin_and_what_it_said() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let setup = Setup::new(&plugins);
    let network = Setup::network(json!({
        "cniVersion": "1.0.0",
        "name": "blue",
        "plugins": [
            {"type": "bridge", "bridge": "br-test", "ipam": setup.host_local()},
            {"type": "tuning", "sysctl": {"no.such.switch": "1"}},
        ],
    }));
    let runtime = setup.runtime("eth0");
    let error = setup.host.run_in(|| setup.cni.add(&network, &runtime)).unwrap_err();
    let kubewright_cni::AddError::Plugin { failure, .. } = error else { panic!("{error:?}") };
    assert_eq!((failure.position, failure.plugin.as_str()), (1, "tuning"));
    assert!(failure.source.code().is_some(), "{:?}", failure.source);
    assert_eq!(setup.leases("blue").len(), 2, "the first plugin has done its part");

    setup.host.run_in(|| setup.cni.del(&network, &runtime, None)).unwrap();
    assert_eq!(setup.leases("blue"), Vec::<String>::new());
}

#[test]
fn the_versions_of_plugins_are_known() {
    require!(let plugins = cni_plugins());
    let cni = Cni::new([PathBuf::from("/no/such/folder"), plugins]);
    assert!(cni.versions("bridge").unwrap().contains(&"1.0.0".to_owned()));
    let network = |version: &str| {
        let plugins = json!([{"type": "bridge"}, {"type": "tuning"}]);
        Setup::network(json!({"cniVersion": version, "name": "a", "plugins": plugins}))
    };
    cni.validate(&network("1.0.0")).unwrap();
    let missing = NetworkConfig::parse(br#"{"name": "a", "type": "no-such-plugin"}"#).unwrap();
    let error = cni.validate(&missing).unwrap_err().source.to_string();
    assert!(error.starts_with("plugin no-such-plugin is not in /no/such/folder, "), "{error}");
}
