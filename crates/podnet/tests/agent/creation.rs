//! Pods that are made through the plugin: all their networks or none.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::Ordering;

use kubewright_attachment::protocol::{
    Call, CallError, Client, Container, PluginOptions, Reply, Request, Valid,
};
use kubewright_cni::{CniArgs, CniError, CniResult, ErrorCode};
use kubewright_testkit::require;
use kubewright_testkit::require::program;
use serde_json::{Value, json};

use crate::lab::{Lab, MINUTE, STANDARD, eventually, ready, touch};

/// A runtime that calls the plugin, without the plugin.
struct Caller<'a>(&'a Lab);

impl Caller<'_> {
    async fn ask(&self, call: Call) -> Result<Option<CniResult>, CniError> {
        let options = PluginOptions {
            socket: self.0.path("cni.sock"),
            state_dir: self.0.path("state"),
            conf_dir: self.0.path("net.d"),
            cache_dir: self.0.path("cache"),
            default_network: None,
        };
        let mut config = serde_json::to_value(&options).unwrap();
        config["cniVersion"] = "0.4.0".into();
        config["name"] = "kubewright".into();
        config["type"] = "kubewright-cni".into();
        let Value::Object(config) = config else { panic!("not an object") };
        let request = Request { call, plugin_dirs: Vec::new(), config };
        let socket = self.0.path("cni.sock");
        let asking = tokio::task::spawn_blocking(move || {
            loop {
                match Client::new(&socket).call(&request) {
                    // The agent is about to start.
                    Err(CallError::Away { .. }) => std::thread::yield_now(),
                    answer => return answer.unwrap(),
                }
            }
        });
        match asking.await.unwrap() {
            Reply::Result(result) => Ok(result),
            Reply::Error(error) => Err(error),
        }
    }

    /// Asks until the agent has seen a change of the annotation.
    async fn ask_until(
        &self,
        call: Call,
        holds: impl Fn(&Result<Option<CniResult>, CniError>) -> bool,
    ) {
        let asking = async { while !holds(&self.ask(call.clone()).await) {} };
        tokio::time::timeout(MINUTE, asking).await.expect("within a minute");
    }

    fn container(&self, pod: &str, uid: &str, sandbox: &str) -> Container {
        let args = CniArgs::new()
            .with("IgnoreUnknown", "1")
            .and_then(|args| args.with("K8S_POD_NAMESPACE", self.0.cluster.namespace()))
            .and_then(|args| args.with("K8S_POD_NAME", pod))
            .and_then(|args| args.with("K8S_POD_UID", uid));
        Container {
            container_id: sandbox.to_owned(),
            netns: Some(self.0.sandboxes.netns(sandbox)),
            ifname: "eth0".to_owned(),
            args: args.unwrap(),
        }
    }
}

/// A lab with a default network, whose sandboxes are not told of before they are made.
async fn lab() -> Lab {
    let lab = Lab::start().await;
    let default = json!({ "cniVersion": "0.4.0", "name": "cluster", "type": "bridge",
        "bridge": "cni0", "isGateway": true,
        "ipam": { "type": "host-local", "subnet": "10.88.0.0/16",
            "dataDir": lab.path("addresses"), "routes": [{ "dst": "0.0.0.0/0" }] } });
    std::fs::write(lab.path("net.d/10-cluster.conf"), default.to_string()).unwrap();
    lab
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_made_with_all_its_networks_and_goes_with_them() {
    require!(ready());
    let lab = lab().await;
    lab.define("net", lab.addressed("net", "10.97.0.0/24")).await;
    let _agent = lab.agent();
    let caller = Caller(&lab);
    caller.ask(Call::Status).await.unwrap_or_else(|error| {
        assert_eq!(error.code, ErrorCode::NotAvailable, "{error}");
        None
    });
    let uid = lab.pod("p", json!({ STANDARD: "net@x0" })).await;
    // The runtime makes the namespace, calls the plugin, and tells of the sandbox only then.
    let sandbox = lab.sandboxes.begin(&uid);
    let container = caller.container("p", &uid, &sandbox);
    let result = caller.ask(Call::Add(container.clone())).await.unwrap().unwrap();
    assert!(result.ips[0].address.to_string().starts_with("10.88."), "{result:?}");
    assert_eq!(result.version.to_string(), "0.4.0");
    assert_eq!(lab.sandboxes.links(&sandbox).len(), 2);
    let status = lab.attached("p", &["eth0", "x0"]).await;
    assert!(status[0].default && status[0].name == "cluster", "{status:?}");
    assert_eq!(status[0].gateway, ["10.88.0.1"]);
    lab.event("p", "AddedInterface", "eth0").await;
    assert_eq!(lab.records(), 2);
    caller.ask(Call::Check(container.clone())).await.unwrap();
    caller.ask(Call::Status).await.unwrap();
    // Nobody but the runtime knows of the sandbox, and still nobody takes it for gone.
    caller.ask(Call::Gc(Valid::default())).await.unwrap();
    assert_eq!(lab.sandboxes.links(&sandbox).len(), 2);
    lab.sandboxes.finish(&sandbox);
    lab.annotate("p", STANDARD, "net@x0,net@x1").await;
    lab.attached("p", &["eth0", "x0", "x1"]).await;

    let gone = Container { netns: None, ..container };
    caller.ask(Call::Del(gone.clone())).await.unwrap();
    assert_eq!(lab.records(), 0);
    caller.ask(Call::Del(gone)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_fails_undoes_the_whole_pod_and_says_so() {
    require!(ready());
    let lab = lab().await;
    lab.define("good", lab.addressed("good", "10.98.0.0/24")).await;
    let failing = json!({ "ADD": { "fail": { "code": 100, "msg": "no vlan left" } } });
    lab.define("bad", lab.scripted("calls", failing)).await;
    let agent = lab.agent();
    let caller = Caller(&lab);
    let uid = lab.pod("p", json!({ STANDARD: "good@g0,bad@b0" })).await;
    let sandbox = lab.sandboxes.begin(&uid);
    let container = caller.container("p", &uid, &sandbox);
    let error = caller.ask(Call::Add(container.clone())).await.unwrap_err();
    assert!(error.msg.contains("no vlan left"), "{error}");
    assert_eq!(lab.sandboxes.links(&sandbox).len(), 0);
    assert_eq!(lab.records(), 0);
    let (_, failures) = lab.told("p", |_, failures| !failures.is_empty()).await;
    assert_eq!(failures[0].interface.as_deref(), Some("b0"));
    lab.event("p", "FailedAddingInterface", "no vlan left").await;
    // While the pod waits for its next attempt, it stays told, and nobody writes anything.
    eventually("the errors and an event are written", || agent.writes() == 2).await;
    for other in ["q", "r"] {
        lab.running(other, json!({ STANDARD: "good@g0" })).await;
        lab.attached(other, &["g0"]).await;
        lab.event(other, "AddedInterface", "g0").await;
    }
    eventually("a status and an event for each of the others", || agent.writes() == 6).await;
    lab.told("p", |_, told| told == failures.as_slice()).await;

    // A definition that is not there is told as well, while the pod waits.
    lab.annotate("p", STANDARD, "nowhere").await;
    let told = |made: &Result<Option<CniResult>, CniError>| {
        made.as_ref().is_err_and(|error| error.msg.contains("nowhere"))
    };
    caller.ask_until(Call::Add(container.clone()), told).await;
    lab.event("p", "NoNetworkFound", "nowhere").await;

    lab.annotate("p", STANDARD, "good@g0").await;
    eventually("nothing is left of it", || lab.records() == 2).await;
    caller.ask_until(Call::Add(container), Result::is_ok).await;
    lab.attached("p", &["eth0", "g0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_runtime_speaks_of_is_checked() {
    require!(ready());
    let lab = lab().await;
    let _agent = lab.agent();
    let caller = Caller(&lab);
    lab.pod("p", json!({})).await;
    let sandbox = lab.sandboxes.begin("abc123");
    // Another pod of the same name, and none at all: both may come yet.
    for (pod, uid) in [("p", "0c9d3b0e-0000-4000-8000-000000000000"), ("q", "a-b")] {
        let error = caller.ask(Call::Add(caller.container(pod, uid, &sandbox))).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::TryAgainLater, "{error}");
    }
    assert_eq!(lab.records(), 0);
    // Without its mirror a static pod gets the cluster's network.
    let made = caller.ask(Call::Add(caller.container("static-node", "abc123", &sandbox))).await;
    assert!(made.unwrap().is_some());
    // Without any other configuration nothing is made up.
    std::fs::remove_file(lab.path("net.d/10-cluster.conf")).unwrap();
    let error = caller.ask(Call::Status).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotAvailable, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_are_made_at_the_same_time_do_not_disturb_each_other() {
    require!(ready());
    let lab = lab().await;
    lab.define("net", lab.addressed("net", "10.99.0.0/24")).await;
    // More pods than there are places for.
    let mut options = lab.options();
    options.workers = 2;
    let _agent = lab.agent_with(options);
    let caller = Caller(&lab);
    let mut made = Vec::new();
    for number in 0..8 {
        let name = format!("p{number}");
        let uid = lab.pod(&name, json!({ STANDARD: "net@x0" })).await;
        let sandbox = lab.sandboxes.begin(&uid);
        made.push((caller.container(&name, &uid, &sandbox), name, sandbox));
    }
    let adds = made.iter().map(|(container, ..)| caller.ask(Call::Add(container.clone())));
    for result in futures::future::join_all(adds).await {
        result.unwrap();
    }
    for (_, name, sandbox) in &made {
        lab.attached(name, &["eth0", "x0"]).await;
        assert_eq!(lab.sandboxes.links(sandbox).len(), 2);
        lab.sandboxes.finish(sandbox);
    }
    let dels = made.iter().map(|(container, ..)| caller.ask(Call::Del(container.clone())));
    for result in futures::future::join_all(dels).await {
        result.unwrap();
    }
    assert_eq!(lab.records(), 0);
}

/// Multus as the cluster's network follows the annotation, too, and tells afterwards what it has
/// attached: behind our plugin, or without it.
#[tokio::test(flavor = "multi_thread")]
async fn what_multus_attaches_at_creation_is_adopted_and_not_attached_again() {
    require!(ready());
    require!(program("nsenter"));
    let lab = lab().await;
    lab.define("green", Lab::bridge("green")).await;
    std::fs::remove_file(lab.path("net.d/10-cluster.conf")).unwrap();
    let multus = json!({ "cniVersion": "0.4.0", "name": "multus-cni-network", "type": "multus" });
    std::fs::write(lab.path("net.d/05-multus.conf"), multus.to_string()).unwrap();
    let script = r#"#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"0.4.0","supportedVersions":["0.3.1","0.4.0"]}' ;;
ADD)
    nsenter --net="$CNI_NETNS" ip link add eth0 type bridge >&2
    nsenter --net="$CNI_NETNS" ip link add net1 type bridge >&2
    echo '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.88.0.9/16"}]}' ;;
esac
"#;
    let bin = lab.path("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("multus"), script).unwrap();
    std::fs::set_permissions(bin.join("multus"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut options = lab.options();
    options.bin_dirs.push(bin);
    let _agent = lab.agent_with(options);
    let caller = Caller(&lab);
    for (name, annotation, behind) in
        [("p", "green", true), ("q", "green@net1", true), ("r", "green", false)]
    {
        // What a sandbox before was told is not what this one has.
        let before = json!([{ "name": "cluster", "interface": "eth0", "ips": ["10.88.0.8"],
            "default": true, "dns": {} }]);
        let status = "k8s.v1.cni.cncf.io/network-status";
        let mut annotations = json!({ STANDARD: annotation });
        if behind {
            annotations[status] = before.to_string().into();
        }
        let uid = lab.pod(name, annotations).await;
        let sandbox = lab.sandboxes.begin(&uid);
        let container = caller.container(name, &uid, &sandbox);
        if behind {
            caller.ask(Call::Add(container.clone())).await.unwrap();
        } else {
            let mut multus = std::process::Command::new(lab.path("bin/multus"));
            multus.env("CNI_COMMAND", "ADD").env("CNI_NETNS", lab.sandboxes.netns(&sandbox));
            assert!(multus.output().unwrap().status.success());
        }
        let before = lab.records();
        lab.sandboxes.finish(&sandbox);
        let asked = lab.sandboxes.lists.load(Ordering::Relaxed);
        eventually("it looks around", || lab.sandboxes.lists.load(Ordering::Relaxed) >= asked + 3)
            .await;
        let links = lab.sandboxes.links(&sandbox);
        assert_eq!(links.keys().collect::<Vec<_>>(), ["eth0", "net1"]);
        assert_eq!(lab.records(), before, "nothing is concluded from what is not told yet");
        let green = format!("{}/green", lab.cluster.namespace());
        let told = json!([
            { "name": "cluster", "interface": "eth0", "ips": ["10.88.0.9"],
              "mac": links["eth0"], "default": true, "dns": {} },
            { "name": green, "interface": "net1", "mac": links["net1"], "mtu": 1450, "dns": {} },
        ]);
        lab.annotate(name, status, told.to_string()).await;
        eventually("net1 is on record", || lab.records() == before + 1).await;
        lab.event(name, "AdoptedInterface", "net1").await;
        let entries = lab.attached(name, &["eth0", "net1"]).await;
        assert_eq!(serde_json::to_value(entries).unwrap(), told);
        assert_eq!(lab.sandboxes.links(&sandbox), links);
        // It can be unplugged like any other, and all goes with the pod.
        if name == "p" {
            lab.annotate(name, STANDARD, Value::Null).await;
            lab.attached(name, &["eth0"]).await;
        }
        match behind {
            true => {
                drop(caller.ask(Call::Del(Container { netns: None, ..container })).await.unwrap())
            }
            false => lab.sandboxes.stop(&sandbox),
        }
        eventually("nothing is on record", || lab.records() == 0).await;
    }
}

/// Cilium renames the configurations of others, unless it is told not to.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_moved_away_is_noticed() {
    require!(ready());
    let lab = lab().await;
    let bin = lab.path("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("kubewright-cni"), "").unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bin.join("kubewright-cni"), mode).unwrap();
    let mut options = lab.options();
    options.bin_dirs.push(bin);
    let ours = lab.path("net.d/00-kubewright.conflist");
    let config = json!({ "cniVersion": "1.0.0", "name": "kubewright",
        "plugins": [{ "type": "kubewright-cni" }] });
    std::fs::write(&ours, config.to_string()).unwrap();
    let agent = lab.agent_with(options);
    let displaced = |value: &str| {
        let line = format!("kubewright_podnet_displaced {value}");
        agent.metrics().lines().any(|other| other == line)
    };
    eventually("it is in its place", || {
        lab.sandboxes.lists.load(Ordering::Relaxed) > 0 && displaced("0")
    })
    .await;
    let away = lab.path("net.d/00-kubewright.conflist.cilium_bak");
    std::fs::rename(&ours, &away).unwrap();
    eventually("it is missed", || displaced("1")).await;
    std::fs::rename(&away, &ours).unwrap();
    eventually("it is in its place again", || displaced("0")).await;
}

/// After `uninstall` the runtime calls DEL of the cluster's network alone; any DEL may be lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_runtime_calls_no_del_for_is_given_back_all_the_same() {
    require!(ready());
    let lab = lab().await;
    lab.define("net", lab.addressed("net", "10.105.0.0/24")).await;
    let agent = lab.agent();
    let caller = Caller(&lab);
    let leases = || {
        let networks = ["cluster", "net"].map(|it| lab.path("addresses").join(it));
        let files = networks.iter().filter_map(|folder| folder.read_dir().ok()).flatten();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.parse::<std::net::IpAddr>().is_ok()).count()
    };
    let mut sandboxes = Vec::new();
    for round in ["p", "q", "r"] {
        let uid = lab.pod(round, json!({ STANDARD: "net@x0" })).await;
        let sandbox = lab.sandboxes.begin(&uid);
        let container = caller.container(round, &uid, &sandbox);
        caller.ask(Call::Add(container)).await.unwrap();
        lab.sandboxes.finish(&sandbox);
        lab.attached(round, &["eth0", "x0"]).await;
        sandboxes.push(sandbox);
    }
    assert_eq!((lab.records(), leases()), (6, 6));
    // One has ended, and its pod stays.
    lab.sandboxes.stop(&sandboxes[0]);
    eventually("what it had is given back", || lab.records() == 4 && leases() == 4).await;
    lab.delete("q").await;
    lab.sandboxes.remove(&sandboxes[1]);
    eventually("what is gone is given back", || lab.records() == 2 && leases() == 2).await;
    agent.stop().await;
    // Nobody is there when the last one goes.
    lab.delete("r").await;
    lab.sandboxes.remove(&sandboxes[2]);
    let _agent = lab.agent();
    eventually("what is gone is given back", || lab.records() == 0 && leases() == 0).await;
}

/// Multus, when it has found our configuration as that of its master.
#[tokio::test(flavor = "multi_thread")]
async fn a_meta_plugin_that_calls_us_again_is_refused_at_once() {
    require!(ready());
    let lab = lab().await;
    let gate = lab.path("gate");
    let plugin = lab.scripted("calls", json!({ "ADD": { "waitFor": gate } }));
    let mut default = json!({ "cniVersion": "1.0.0", "name": "cluster", "plugins": [plugin] });
    std::fs::write(lab.path("net.d/05-meta.conflist"), default.to_string()).unwrap();
    let _agent = lab.agent();
    let caller = Caller(&lab);
    let uid = lab.pod("p", json!({})).await;
    let sandbox = lab.sandboxes.begin(&uid);
    let container = caller.container("p", &uid, &sandbox);
    // Its daemon calls plugins in its own name: only the container tells that it is the same call.
    let first = caller.ask(Call::Add(container.clone()));
    let nested = async {
        eventually("it is called", || !lab.calls("calls", "ADD").is_empty()).await;
        let error = caller.ask(Call::Add(container.clone())).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidConfig, "{error}");
        assert!(error.msg.contains("calls kubewright-cni again"), "{error}");
        // Then it undoes what it has done.
        caller.ask(Call::Del(container.clone())).await.unwrap();
        assert!(lab.calls("calls", "DEL").is_empty(), "that is for the first to do");
        touch(&gate);
    };
    let (first, ()) = tokio::join!(first, nested);
    first.unwrap();
    caller.ask(Call::Del(container.clone())).await.unwrap();
    assert_eq!(lab.records(), 0);
    // Most of them are known without being called.
    let before = lab.calls("calls", "ADD").len();
    default["plugins"][0]["delegates"] = json!([{ "plugins": [{ "type": "kubewright-cni" }] }]);
    std::fs::write(lab.path("net.d/05-meta.conflist"), default.to_string()).unwrap();
    for call in [Call::Add(container), Call::Status] {
        let error = caller.ask(call).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("05-meta.conflist calls kubewright-cni"), "{text}");
    }
    assert_eq!(lab.calls("calls", "ADD").len(), before);
}

/// The record of the cluster's network is cut short: that is no reason to take it from the pod.
#[tokio::test(flavor = "multi_thread")]
async fn the_clusters_network_stays_whatever_becomes_of_its_record() {
    require!(ready());
    let lab = lab().await;
    lab.define("net", Lab::bridge("net")).await;
    let _agent = lab.agent();
    let caller = Caller(&lab);
    let uid = lab.pod("p", json!({})).await;
    let sandbox = lab.sandboxes.begin(&uid);
    let container = caller.container("p", &uid, &sandbox);
    caller.ask(Call::Add(container.clone())).await.unwrap();
    lab.sandboxes.finish(&sandbox);
    let before = lab.sandboxes.links(&sandbox);
    for file in lab.record_files() {
        std::fs::write(file, "{").unwrap();
    }
    lab.annotate("p", STANDARD, "net@x0").await;
    lab.attached("p", &["eth0", "x0"]).await;
    assert_eq!(lab.sandboxes.links(&sandbox)["eth0"], before["eth0"]);
    assert_eq!(lab.records(), 2);
    let leases = || {
        let entries = std::fs::read_dir(lab.path("addresses/cluster")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("10.88")).count()
    };
    assert_eq!(leases(), 1);
    caller.ask(Call::Del(container)).await.unwrap();
    assert_eq!((lab.records(), leases()), (0, 0));
}
