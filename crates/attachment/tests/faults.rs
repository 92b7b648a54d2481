//! Faults of the predecessors and peers, none of which may be ours. Each test is named after what
//! holds instead; real plugins, in network namespaces of the test.
#![allow(clippy::unwrap_used)]

mod node;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use kubewright_attachment::engine::{Change, SandboxState};
use kubewright_attachment::meta_plugin::MetaPlugin;
use kubewright_attachment::name::InterfaceName;
use kubewright_attachment::plan::Why;
use kubewright_attachment::pod::Sandbox;
use kubewright_attachment::problem::Reason;
use kubewright_attachment::record::State;
use kubewright_testkit::cni::{PLUGIN, calls};
use kubewright_testkit::require::{cni_plugins, program, root};
use kubewright_testkit::{Netns, require};
use serde_json::json;

use node::{Node, TestPod, assert_clean, interfaces, links};

/// A file that can be neither written nor removed, until dropped.
struct ReadOnly<'a>(&'a Path);

impl<'a> ReadOnly<'a> {
    fn new(file: &'a Path) -> Self {
        mount(&["--bind".as_ref(), file.as_ref(), file.as_ref()]);
        let read_only = Self(file);
        mount(&["-o".as_ref(), "remount,bind,ro".as_ref(), file.as_ref()]);
        read_only
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg(self.0).status().unwrap().success());
    }
}

fn mount(args: &[&OsStr]) {
    assert!(Command::new("mount").args(args).status().unwrap().success());
}

/// `net` and the hash of `l2`.
fn l2() -> String {
    InterfaceName::hashed("l2", 0).to_string()
}

/// podagent compared names only; the dynamic controller sees neither ips nor mac.
#[test]
fn a_change_of_ips_mac_or_definition_replaces_the_interface() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    let static_bridge = |bridge: &str| {
        json!({"cniVersion": "1.0.0", "plugins": [
            {"type": "bridge", "bridge": bridge, "capabilities": {"ips": true, "mac": true},
             "ipam": {"type": "static"}},
        ]})
    };
    node.define("shop", "l2", &static_bridge("br0"));
    let ask = |ips: &str, mac: &str| {
        json!([{"name": "l2", "interface": "data0", "ips": [ips], "mac": mac}]).to_string()
    };
    let steps = [
        ("10.9.0.5/24", "02:00:00:00:00:01"),
        ("10.9.0.6/24", "02:00:00:00:00:01"),
        ("10.9.0.6/24", "02:00:00:00:00:02"),
    ];
    for (ips, mac) in steps {
        let outcome = node.annotate(&pod, &ask(ips, mac));
        assert_clean(&outcome);
        assert!(pod.address("data0").contains(ips), "{}", pod.address("data0"));
        assert!(pod.link("data0").contains(mac));
        let again = node.annotate(&pod, &ask(ips, mac));
        assert_eq!(again.changes, [], "nothing is done twice");
        assert_eq!(again.status, outcome.status);
    }
    node.define("shop", "l2", &static_bridge("br1"));
    let outcome = node.annotate(&pod, &ask("10.9.0.6/24", "02:00:00:00:00:02"));
    assert_clean(&outcome);
    assert!(matches!(
        &outcome.changes[..],
        [Change::Detached { why: Why::Changed, .. }, Change::Attached { .. }]
    ));
    assert!(links(&node.host).contains(&"br1".to_owned()));
    assert_eq!(pod.links(), ["data0"]);
}

/// The kernel takes `net%d` for a pattern: the plugin would make `net0`, look for `net%d`, fail and
/// leave `net0`, with every attempt one more.
#[test]
fn a_name_that_the_kernel_would_change_makes_no_interface() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    let pod = TestPod::new("shop", "web-0", "u1");
    for interface in ["net%d", "%", "all", "default"] {
        let outcome = node.annotate(&pod, &format!("l2@{interface}"));
        assert_eq!(outcome.failures.len(), 1, "{interface}: {outcome:?}");
        assert_eq!(outcome.failures[0].problem.reason, Reason::InvalidAnnotation);
        assert_eq!(pod.links(), [""; 0]);
        node.assert_nothing_left();
    }
}

/// The dynamic controller fails without an interface name, and with one network twice.
#[test]
fn names_are_optional_and_stable_and_a_network_may_come_twice() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    node.define("shop", "other", &node.bridge("br1", "10.8.0.0/24"));
    node.define("foreign", "l2", &node.bridge("br2", "10.7.0.0/24"));
    let outcome = node.annotate(&pod, "l2,other,l2,foreign/l2");
    assert_clean(&outcome);
    let names = interfaces(&outcome);
    assert_eq!((names.len(), names[0]), (4, l2().as_str()));
    let second = InterfaceName::hashed("l2", 1).to_string();
    let foreign = InterfaceName::hashed("foreign/l2", 0).to_string();
    assert_eq!((names[2], names[3]), (second.as_str(), foreign.as_str()));
    assert_eq!(node.annotate(&pod, "l2,other,l2,foreign/l2").status, outcome.status);
    let before = pod.link(&l2());
    let outcome = node.annotate(&pod, "l2");
    assert_clean(&outcome);
    assert_eq!(pod.links(), [l2()]);
    assert_eq!(pod.link(&l2()), before, "the one that stays is not touched");
    assert_eq!(node.leases().len(), 1);
}

/// podagent's store had no namespace in its keys.
#[test]
fn two_pods_of_one_name_in_two_namespaces_do_not_meet() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pods = [TestPod::new("one", "web-0", "u1"), TestPod::new("two", "web-0", "u2")];
    for namespace in ["one", "two"] {
        node.define(namespace, "l2", &node.bridge("br0", "10.9.0.0/24"));
    }
    for pod in &pods {
        assert_clean(&node.annotate(pod, "l2"));
    }
    assert_eq!(node.leases().len(), 2);
    assert_clean(&node.annotate(&pods[0], ""));
    assert_eq!((pods[0].links().len(), pods[1].links()), (0, vec![l2()]));
    assert_eq!(node.leases().len(), 1);
    assert_eq!(node.records()[0].pod, pods[1].pod);
}

/// podagent's store was written in place: a truncated file blocked a network for ever.
#[test]
fn truncated_records_hold_up_nobody() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    node.define("shop", "other", &node.bridge("br1", "10.8.0.0/24"));
    let truncate = || {
        for file in node.record_files() {
            let content = std::fs::read(&file).unwrap();
            let line = content.iter().position(|byte| *byte == b'\n').unwrap_or(content.len());
            std::fs::write(&file, &content[..line / 2]).unwrap();
        }
    };
    assert_clean(&node.annotate(&pod, "l2,other"));
    truncate();
    // What is still wanted is adopted without a break, what is not is detached nevertheless.
    let before = pod.link(&l2());
    let outcome = node.annotate(&pod, "l2");
    assert_clean(&outcome);
    assert_eq!(pod.links(), [l2()]);
    assert_eq!(pod.link(&l2()), before);
    assert_eq!(node.leases().len(), 1);
    assert_eq!(node.path("state/corrupt").read_dir().unwrap().count(), 2);
    // The same without anyone to ask: the sandbox goes.
    truncate();
    node.in_host(|| node.engine().teardown(&pod.sandbox.id)).unwrap();
    node.assert_nothing_left();
}

/// A record that cannot be read is made again from libcni's cache where DEL fails.
#[test]
fn a_truncated_record_whose_plugin_fails_is_tried_again() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    let bin = node.path("bin");
    std::fs::create_dir(&bin).unwrap();
    node.options.bin_dirs.push(bin.clone());
    let plugin = kubewright_testkit::cni::plugin_dir().join(PLUGIN);
    std::os::unix::fs::symlink(&plugin, bin.join("removable")).unwrap();
    let record = node.path("calls");
    node.define(
        "shop",
        "l2",
        &json!({"cniVersion": "1.0.0", "type": "removable", "testkit": {"record": record}}),
    );
    assert_clean(&node.annotate(&pod, "l2"));
    let file = node.record_files().remove(0);
    std::fs::write(&file, "").unwrap();
    std::fs::remove_file(bin.join("removable")).unwrap();
    for _ in 0..2 {
        let outcome = node.annotate(&pod, "");
        assert_eq!(outcome.failures[0].problem.reason, Reason::DetachFailed, "{outcome:?}");
        assert_eq!(node.records()[0].state, State::Deleting);
    }
    std::os::unix::fs::symlink(&plugin, bin.join("removable")).unwrap();
    assert_clean(&node.annotate(&pod, ""));
    assert_eq!(calls(&record).unwrap().last().unwrap().command, "DEL");
    node.assert_nothing_left();
}

/// podagent took `;` and `/` in names into arguments and paths.
#[test]
fn a_name_reaches_no_argument_and_no_path() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    for name in ["l2;K8S_POD_NAME=other", "/../../x", "..", "a b"] {
        let text = json!([{"name": name}]).to_string();
        let outcome = node.reconcile(&node.state(&pod, Some(&text), Some(&text)));
        assert_eq!(outcome.failures.len(), 2, "{outcome:?}");
        for failure in &outcome.failures {
            assert_eq!(failure.problem.reason, Reason::InvalidAnnotation);
        }
        assert!(!outcome.needs_retry(), "only another annotation helps");
    }
    node.assert_nothing_left();
}

/// podagent left networks that were removed while it was down, and added again what was attached
/// at creation.
#[test]
fn what_changed_while_nobody_looked_is_made_up_for() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    node.define("shop", "other", &node.bridge("br1", "10.8.0.0/24"));
    assert_clean(&node.annotate(&pod, "l2"));
    // Every call is a new engine, as after a restart.
    let outcome = node.annotate(&pod, "other");
    assert_clean(&outcome);
    assert!(matches!(
        &outcome.changes[..],
        [Change::Detached { why: Why::Unwanted, .. }, Change::Attached { .. }]
    ));
    // Someone takes the interface away behind our back.
    let name = pod.links().remove(0);
    pod.netns.exec("ip", &["link", "delete", &name]).unwrap();
    let outcome = node.annotate(&pod, "other");
    assert_clean(&outcome);
    assert!(matches!(
        &outcome.changes[..],
        [Change::Detached { why: Why::LinkLost, .. }, Change::Attached { .. }]
    ));
    assert_eq!((pod.links(), node.leases().len()), (vec![name], 1));
}

/// podagent called no DEL for a deleted pod, kactus none without the pod; the dynamic controller
/// needs the definition; Multus calls none for what was plugged in later.
#[test]
fn a_pod_that_is_gone_leaves_nothing_though_definition_and_netns_are_gone() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    for by_teardown in [false, true] {
        let mut node = Node::new(&plugins);
        let pod = TestPod::new("shop", "web-0", "u1");
        node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
        assert_clean(&node.annotate(&pod, "l2"));
        assert_eq!(node.leases().len(), 1);
        node.definitions.clear();
        let mut state = node.state(&pod, None, Some("l2"));
        // While only the definition is gone the attachment stays.
        let outcome = node.reconcile(&state);
        assert_eq!(outcome.failures[0].problem.reason, Reason::NetworkNotFound);
        assert_eq!((interfaces(&outcome), outcome.changes.len()), (vec![l2().as_str()], 0));
        drop(pod.netns);
        if by_teardown {
            let done = node.in_host(|| node.engine().teardown(&pod.sandbox.id)).unwrap();
            assert_eq!((done.detached.len(), done.default), (1, false));
        } else {
            state.sandbox = SandboxState::Gone;
            let outcome = node.reconcile(&state);
            assert_clean(&outcome);
            assert!(matches!(
                &outcome.changes[..],
                [Change::Detached { why: Why::SandboxGone, .. }]
            ));
        }
        node.assert_nothing_left();
    }
}

/// For the dynamic controller more than one sandbox is an error.
#[test]
fn a_new_sandbox_gets_its_interfaces_and_the_old_one_is_cleaned_up() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let mut pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    assert_clean(&node.annotate(&pod, "l2"));
    let netns = Netns::new().unwrap();
    pod.sandbox = Sandbox::new("second", netns.path()).unwrap();
    let first = std::mem::replace(&mut pod.netns, netns);
    let outcome = node.annotate(&pod, "l2");
    assert_clean(&outcome);
    assert_eq!((links(&first).len(), pod.links()), (0, vec![l2()]));
    let records = node.records();
    assert_eq!((records.len(), records[0].sandbox.as_str()), (1, "second"));
    assert_eq!(node.leases().len(), 1);
}

/// A path of a namespace may name another pod's later, under `/proc` for example.
#[test]
fn a_netns_path_that_names_another_one_now_is_not_touched() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let mut pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    let path = node.path("netns");
    std::os::unix::fs::symlink(pod.netns.path(), &path).unwrap();
    pod.sandbox = Sandbox::new("first", &path).unwrap();
    assert_clean(&node.annotate(&pod, "l2"));
    let other = TestPod::new("shop", "web-1", "u2");
    assert_clean(&node.annotate(&other, "l2"));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(other.netns.path(), &path).unwrap();
    let mut state = node.state(&pod, None, Some("l2"));
    state.sandbox = SandboxState::Gone;
    assert_clean(&node.reconcile(&state));
    assert_eq!(other.links(), [l2()]);
    assert_eq!(node.leases().len(), 1);
}

/// The node's own network is nobody's pod.
#[test]
fn pods_in_the_nodes_network_are_refused() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let mut pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    let mut state = node.state(&pod, None, Some("l2"));
    state.host_network = true;
    let outcome = node.reconcile(&state);
    assert_eq!(outcome.failures[0].problem.reason, Reason::HostNetwork);
    // Also when the runtime tells the namespace of the node as that of a sandbox.
    pod.sandbox = Sandbox::new("host", node.host.path()).unwrap();
    let outcome = node.annotate(&pod, "l2");
    assert_eq!(outcome.failures[0].problem.reason, Reason::SandboxUnusable);
    node.assert_nothing_left();
}

/// No interface outlives a boot, but leases do.
#[test]
fn after_a_reboot_leases_are_returned_and_interfaces_made_again() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let mut pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    assert_clean(&node.annotate(&pod, "l2"));
    let mut state = node.state(&pod, None, Some("l2"));
    // The path may be there again, as that of another pod.
    pod.sandbox = Sandbox::new("second", pod.netns.path()).unwrap();
    state.sandbox = SandboxState::Gone;
    let outcome = node.in_host(|| node.engine().with_boot_id("next").reconcile(&state)).unwrap();
    assert_clean(&outcome);
    assert!(matches!(&outcome.changes[..], [Change::Detached { why: Why::Rebooted, .. }]));
    assert_eq!((node.leases().len(), node.records().len()), (0, 0));
    assert_eq!(pod.links(), [l2()], "what the path names now is not touched");
}

/// podagent had one worker: one plugin that hung stopped the node.
#[test]
fn a_plugin_that_hangs_holds_up_no_other_pod() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let (record, go) = (node.path("calls"), node.path("go"));
    node.define(
        "shop",
        "stuck",
        &json!({"cniVersion": "1.0.0", "type": PLUGIN, "testkit": {
            "record": record, "on": {"ADD": {"waitFor": go}},
        }}),
    );
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    let (stuck, well) = (TestPod::new("shop", "a", "u1"), TestPod::new("shop", "b", "u2"));
    let node = &node;
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| node.annotate(&stuck, "stuck"));
        let limit = Instant::now() + Duration::from_secs(60);
        while calls(&record).unwrap_or_default().is_empty() && Instant::now() < limit {
            std::thread::yield_now();
        }
        for annotation in ["l2", "", "l2"] {
            assert_clean(&node.annotate(&well, annotation));
        }
        assert!(!hanging.is_finished());
        std::fs::write(&go, "").unwrap();
        assert_clean(&hanging.join().unwrap());
    });
}

/// podagent had no timeout.
#[test]
fn a_plugin_that_takes_too_long_is_killed_and_taken_back() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let (record, state) = (node.path("calls"), node.path("kept"));
    std::fs::create_dir(&state).unwrap();
    node.define(
        "shop",
        "stuck",
        &json!({"cniVersion": "1.0.0", "type": PLUGIN, "testkit": {
            "record": record, "state": state, "on": {"ADD": {"hang": true}},
        }}),
    );
    node.options.timeout = Duration::from_secs(5);
    let pod = TestPod::new("shop", "a", "u1");
    let outcome = node.annotate(&pod, "stuck");
    assert_eq!(outcome.failures[0].problem.reason, Reason::AttachFailed);
    assert!(outcome.needs_retry());
    let commands = || calls(&record).unwrap().into_iter().map(|call| call.command);
    assert_eq!(commands().next_back().as_deref(), Some("DEL"), "DEL follows a failed ADD");
    // Where the machine is so slow that DEL, too, took too long, it is tried again.
    let limit = Instant::now() + Duration::from_secs(60);
    while !node.annotate(&pod, "").failures.is_empty() && Instant::now() < limit {}
    assert_eq!(state.read_dir().unwrap().count(), 0);
    node.assert_nothing_left();
}

/// A list that fails half-way is taken back whole.
#[test]
fn an_add_that_fails_half_way_leaves_nothing() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    let mut bridge = node.bridge("br0", "10.9.0.0/24");
    bridge.as_object_mut().unwrap().remove("cniVersion");
    let failing = json!({"type": PLUGIN, "testkit": {
        "on": {"ADD": {"fail": {"code": 100, "msg": "half-way"}}},
    }});
    node.define("shop", "half", &json!({"cniVersion": "1.0.0", "plugins": [bridge, failing]}));
    node.define("shop", "l2", &node.bridge("br1", "10.8.0.0/24"));
    let outcome = node.annotate(&pod, "half,l2");
    assert!(outcome.failures[0].problem.message.contains("half-way"), "{outcome:?}");
    assert_eq!(interfaces(&outcome), [l2()], "the status says what is there, and nothing else");
    assert_eq!((pod.links(), node.leases().len()), (vec![l2()], 1));
    // It is tried again, and again.
    assert!(node.annotate(&pod, "half,l2").needs_retry());
}

/// The status of the dynamic controller lies after a failure, and its third attempt is the last.
#[test]
fn a_del_that_fails_is_kept_reported_and_tried_again() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    let record = node.path("calls");
    let works = node.path("works");
    // Fails by a program that is missing until it is installed again.
    let bin = node.path("bin");
    std::fs::create_dir(&bin).unwrap();
    node.options.bin_dirs.push(bin.clone());
    let plugin = kubewright_testkit::cni::plugin_dir().join(PLUGIN);
    std::os::unix::fs::symlink(&plugin, bin.join("removable")).unwrap();
    node.define(
        "shop",
        "stays",
        &json!({"cniVersion": "1.0.0", "type": "removable", "testkit": {"record": record}}),
    );
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    assert_clean(&node.annotate(&pod, "stays@a0,l2"));
    std::fs::rename(bin.join("removable"), &works).unwrap();
    for _ in 0..5 {
        let outcome = node.annotate(&pod, "");
        let [failure] = &outcome.failures[..] else { panic!("{outcome:?}") };
        assert_eq!(failure.problem.reason, Reason::DetachFailed);
        assert_eq!(failure.name.as_deref(), Some("shop/stays"));
        assert!(failure.problem.message.contains("removable"), "{failure:?}");
        assert!(outcome.needs_retry());
        assert_eq!(pod.links(), [""; 0], "the other one is detached nevertheless");
        assert_eq!(node.records()[0].state, State::Deleting);
    }
    std::fs::rename(&works, bin.join("removable")).unwrap();
    assert_clean(&node.annotate(&pod, ""));
    node.assert_nothing_left();
}

/// "Container unknown" means that nothing is to be cleaned up.
#[test]
fn a_container_that_the_plugin_does_not_know_is_detached() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    let unknown = json!({"DEL": {"refuse": {"code": 3, "msg": "no such container"}}});
    let config = json!({"cniVersion": "1.0.0", "type": PLUGIN, "testkit": {"on": unknown}});
    node.define("shop", "l2", &config);
    assert_clean(&node.annotate(&pod, "l2"));
    assert_clean(&node.annotate(&pod, ""));
    node.assert_nothing_left();
}

/// DEL does not wait for room on the disk.
#[test]
fn a_disk_that_takes_no_writes_does_not_stop_del() {
    require!(root(), program("ip"), program("mount"), program("umount"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    assert_clean(&node.annotate(&pod, "l2@data0"));
    // Nothing can be written to it, and it cannot be removed.
    let file = node.path("state/records/u1/sandbox-of-u1@data0.jsonl");
    let read_only = ReadOnly::new(&file);
    let outcome = node.annotate(&pod, "");
    assert_eq!((pod.links(), node.leases()), (Vec::new(), Vec::new()));
    assert!(outcome.needs_retry(), "{outcome:?}");
    drop(read_only);
    assert_clean(&node.annotate(&pod, ""));
    node.assert_nothing_left();
}

/// Multus ignores a mac that no plugin honours; the standard says that it must fail.
#[test]
fn what_no_plugin_can_do_is_refused() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    let asks = [
        json!({"name": "l2", "mac": "02:00:00:00:00:01"}),
        json!({"name": "l2", "ips": ["10.9.0.5/24"]}),
        json!({"name": "l2", "bandwidth": {"ingressRate": 1}}),
        json!({"name": "l2", "infiniband-guid": "c2:11:22:33:44:55:66:77"}),
        json!({"name": "l2", "portMappings": [{"hostPort": 1, "containerPort": 1}]}),
    ];
    for ask in asks {
        let outcome = node.annotate(&pod, &json!([ask]).to_string());
        assert_eq!(outcome.failures[0].problem.reason, Reason::CapabilityMissing, "{ask}");
    }
    assert_eq!(pod.links(), [""; 0]);
}

/// An annotation with a mistake is not followed, neither to attach nor to detach.
#[test]
fn a_void_annotation_changes_nothing() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    node.define("shop", "l2", &node.bridge("br0", "10.9.0.0/24"));
    node.define_kaloom("default", "green", "bridge", &node.bridge("br1", "10.8.0.0/24"));
    let green = r#"[{"name":"green"}]"#;
    assert_clean(&node.reconcile(&node.state(&pod, Some(green), Some("l2"))));
    let outcome = node.reconcile(&node.state(&pod, Some(r#"[]"#), Some("l2,/x")));
    assert_eq!(outcome.failures[0].problem.reason, Reason::InvalidAnnotation);
    assert_eq!(pod.links(), [l2()], "the other dialect is followed");
    assert_eq!(interfaces(&outcome), [l2()]);
}

/// As podagent called kactus.
#[test]
fn a_foreign_meta_plugin_is_called_as_podagent_called_it() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    let record = node.path("calls");
    let file = node.path("05-kactus.conf");
    let config = json!({"cniVersion": "0.3.1", "name": "kactus-net", "type": PLUGIN,
                        "testkit": {"record": record}});
    std::fs::write(&file, config.to_string()).unwrap();
    node.resolution.meta_plugin = Some(MetaPlugin::new(file.to_str().unwrap()).unwrap());
    let green = r#"[{"name":"green","ifMac":"02:00:00:00:00:07"}]"#;
    assert_clean(&node.reconcile(&node.state(&pod, Some(green), None)));
    assert_clean(&node.reconcile(&node.state(&pod, Some("[]"), None)));
    let calls = calls(&record).unwrap();
    let [add, del] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((add.command.as_str(), del.command.as_str()), ("ADD", "DEL"));
    for call in [add, del] {
        assert_eq!(call.ifname, "net9f27410725ab");
        for pair in [
            "IgnoreUnknown=1",
            "K8S_POD_NAMESPACE=shop",
            "K8S_POD_NAME=web-0",
            "K8S_POD_INFRA_CONTAINER_ID=sandbox-of-u1",
            "K8S_POD_UID=u1",
            "K8S_POD_NETWORK=green",
            "K8S_POD_IFMAC=02:00:00:00:00:07",
        ] {
            assert!(call.args.split(';').any(|one| one == pair), "{pair}: {}", call.args);
        }
    }
}

/// What is attached to a sandbox that the runtime does not know any more is collected.
#[test]
fn garbage_is_collected_and_plugins_that_know_gc_are_told() {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let mut node = Node::new(&plugins);
    let (gone, here) = (TestPod::new("shop", "a", "u1"), TestPod::new("shop", "b", "u2"));
    let (record, state) = (node.path("calls"), node.path("kept"));
    std::fs::create_dir(&state).unwrap();
    node.define(
        "shop",
        "kept",
        &json!({"cniVersion": "1.1.0", "type": PLUGIN,
                "testkit": {"record": record, "state": state}}),
    );
    for pod in [&gone, &here] {
        assert_clean(&node.annotate(pod, "kept@a0"));
    }
    // What an attempt left that nobody has a record of.
    let orphan = json!({"containerID": "orphan", "ifname": "a0"}).to_string();
    std::fs::write(state.join("kept-orphan-a0"), orphan).unwrap();
    let living = [here.sandbox.id.clone()].into();
    let collect = || node.in_host(|| node.engine().gc(&living, &[])).unwrap();
    // Its namespace is there, so it may be one that the runtime does not list yet.
    assert_eq!(collect().collected, []);
    drop(gone.netns);
    let outcome = collect();
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    assert_eq!(outcome.collected.as_slice(), std::slice::from_ref(&gone.sandbox.id));
    let kept: Vec<_> = state.read_dir().unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(kept, ["kept-sandbox-of-u2-a0"]);
    assert_eq!(node.records().len(), 1);
}
