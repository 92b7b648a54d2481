//! What others attached, and what is nobody's: adopted, or left alone.
#![allow(clippy::unwrap_used)]

mod node;

use kubewright_attachment::engine::Change;
use kubewright_attachment::problem::Reason;
use kubewright_attachment::status::Entry;
use kubewright_cni::{Cache, Cni, NetworkConfig, RuntimeConf};
use kubewright_testkit::require;
use kubewright_testkit::require::{cni_plugins, program, root};
use serde_json::json;

use node::{Node, TestPod, assert_clean};

/// Attached at creation by another meta-plugin, which says so in the status.
#[test]
fn what_was_attached_at_creation_is_adopted_and_detached_later() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let mut pod = TestPod::new("shop", "web-0", "u1");
    let mut config = node.bridge("br0", "10.9.0.0/24");
    node.define("shop", "l2", &config);
    config["name"] = "l2".into();
    // As Multus would: through libcni, as net1.
    let network = NetworkConfig::from_value(config).unwrap();
    let runtime =
        RuntimeConf::new(pod.sandbox.id.as_str(), Some(pod.netns.path()), "net1").unwrap();
    node.in_host(|| node.engine().cni().add(&network, &runtime)).unwrap();
    pod.reported =
        vec![Entry { name: "shop/l2".into(), interface: "net1".into(), ..Entry::default() }];
    let outcome = node.annotate(&pod, "l2");
    assert_clean(&outcome);
    assert!(matches!(&outcome.changes[..], [Change::Adopted { .. }]), "{outcome:?}");
    assert_eq!(pod.links(), ["net1"]);
    assert_eq!(node.annotate(&pod, "l2").changes, []);
    let outcome = node.annotate(&pod, "");
    assert_clean(&outcome);
    assert_eq!(outcome.status, Some(vec![]));
    assert_eq!(pod.links(), [""; 0]);
    node.assert_nothing_left();
}

/// What Multus knows of its attachments others read: KubeVirt the device, policies the addresses.
#[test]
fn what_was_told_of_an_interface_stays_when_it_is_adopted() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let mut pod = TestPod::new("shop", "web-0", "u1");
    let mut config = node.bridge("br0", "10.9.0.0/24");
    config["name"] = "l2".into();
    node.define("shop", "l2", &config);
    let network = NetworkConfig::from_value(config).unwrap();
    let runtime = RuntimeConf::new(pod.sandbox.id.as_str(), Some(pod.netns.path()), "net1");
    let runtime = runtime.unwrap();
    let cache = Cache::new(node.path("cache/multus"));
    let bin_dirs = node.options.bin_dirs.clone();
    let multus = || Cni::new(bin_dirs.clone()).with_cache(cache.clone());
    let result = node.in_host(|| multus().add(&network, &runtime)).unwrap();
    let inside = result.interfaces.iter().find(|it| !it.sandbox.is_empty()).unwrap();
    let entry = json!({"name": "shop/l2", "interface": "net1", "ips": ["10.9.0.2"],
        "mac": inside.mac, "mtu": 1450, "dns": {"nameservers": ["10.9.0.1"]},
        "device-info": {"type": "pci", "pci": {"pci-address": "0000:00:03.0"}}, "more": 1});
    let told: Entry = serde_json::from_value(entry.clone()).unwrap();
    // Without its cache, what it has told is all there is.
    std::fs::rename(node.path("cache/multus"), node.path("cache/away")).unwrap();
    pod.reported = vec![told.clone()];
    for _ in 0..2 {
        let outcome = node.annotate(&pod, "l2");
        assert_clean(&outcome);
        assert_eq!(serde_json::to_value(outcome.status.unwrap()).unwrap(), json!([entry]));
    }
    // What was told of another interface says nothing of this one; its addresses do.
    let before = Entry { mac: "02:00:00:00:00:99".into(), ..told.clone() };
    for reported in [vec![], vec![before]] {
        pod.reported = reported;
        let status = node.annotate(&pod, "l2").status.unwrap();
        assert_eq!((status[0].ips.as_slice(), status[0].mtu), (&["10.9.0.2".to_owned()][..], None));
    }
    // With its cache the result is known, and CHECK can be asked for.
    for file in node.record_files() {
        std::fs::remove_file(file).unwrap();
    }
    std::fs::rename(node.path("cache/away"), node.path("cache/multus")).unwrap();
    pod.reported = vec![Entry { ips: Vec::new(), ..told }];
    let outcome = node.annotate(&pod, "l2");
    assert!(matches!(&outcome.changes[..], [Change::Adopted { .. }]), "{outcome:?}");
    assert_eq!(outcome.status.as_ref().unwrap()[0].ips, ["10.9.0.2"]);
    assert_eq!(outcome.status.unwrap()[0].mtu, Some(1450));
    assert_eq!(node.records()[0].result.as_ref().map(|known| &known.ips), Some(&result.ips));
    assert_clean(&node.annotate(&pod, ""));
    assert_eq!(pod.links(), [""; 0]);
    assert_eq!(node.leases(), [""; 0]);
}

/// An interface that the pod made itself is not taken for an attachment.
#[test]
fn an_interface_of_the_pods_own_is_left_alone() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    pod.netns.exec("ip", &["link", "add", "mine", "type", "bridge"]).unwrap();
    let outcome = node.annotate(&pod, "l2@mine");
    assert_eq!(outcome.failures[0].problem.reason, Reason::InterfaceTaken);
    assert_clean(&node.annotate(&pod, ""));
    assert_eq!(pod.links(), ["mine"]);
}
