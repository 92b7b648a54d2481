//! The agent of pod networks as a program: it is killed in the middle of its work, contained, and
//! used from the command line.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod access;
mod daemon_set;
mod node;
#[path = "../sandbox/mod.rs"]
mod sandbox;

use std::os::unix::fs::PermissionsExt as _;

use kubewright_testkit::{cni, require};
use node::Node;
use rustix::process::{Pid, Signal, kill_process};
use sandbox::{KUBEWRIGHT, Running, eventually};
use serde_json::{Value, json};

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
    let mac = ["podnet", "attach", "p", "blue", "--mac", "02:00:00:00:00:zz", "--dry-run"];
    let failed = node.kubewright(&mac).await;
    assert!(failed.code == Some(1) && failed.stderr.contains("[0].mac"), "{failed:?}");
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
