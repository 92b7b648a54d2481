//! Running pods get networks and lose them.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;
use kubewright_testkit::require;
use serde_json::{Value, json};

use crate::lab::{KALOOM, Lab, STANDARD, eventually, ready};

fn names(networks: &[&str]) -> String {
    let all: Vec<Value> = networks.iter().map(|name| json!({ "name": name })).collect();
    Value::from(all).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn kalooms_pods_get_interfaces_of_their_names() {
    require!(ready());
    let lab = Lab::start().await;
    for name in ["green", "red"] {
        lab.define_kaloom("default", name, Lab::bridge(name)).await;
    }
    // In the pod's own namespace, which Kaloom did not look at.
    let own = lab.cluster.namespace();
    lab.define_kaloom(own, "data", Lab::bridge("data")).await;
    let agent = lab.agent();
    let (_, sandbox) = lab.running("p", json!({})).await;
    lab.annotate("p", KALOOM, names(&["green", "red", "data"])).await;
    let wanted = ["net9f27410725ab", "netbda9643ac660", "net8d777f385d3d"];
    let status = lab.attached("p", &wanted).await;
    let links = lab.sandboxes.links(&sandbox);
    assert_eq!(links.len(), 3);
    for entry in &status {
        assert_eq!(links[&entry.interface], entry.mac, "{entry:?}");
    }
    assert_eq!(status[0].name, "default/green");
    assert_eq!(status[2].name, format!("{own}/data"));
    lab.event("p", "AddedInterface", "Add net9f27410725ab [] from default/green").await;

    lab.annotate("p", KALOOM, names(&["green", "data"])).await;
    lab.attached("p", &[wanted[0], wanted[2]]).await;
    assert!(!lab.sandboxes.links(&sandbox).contains_key(wanted[1]));
    lab.event("p", "RemovedInterface", "default/red").await;
    lab.annotate("p", KALOOM, Value::Null).await;
    lab.attached("p", &[]).await;
    assert!(lab.sandboxes.links(&sandbox).is_empty());
    assert_eq!(lab.records(), 0);
    let metrics = agent.metrics();
    let line = r#"kubewright_podnet_changes_total{kind="attached"} 3"#;
    assert!(metrics.contains(line), "{metrics}");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standards_pods_need_no_interface_name_and_may_have_a_network_twice() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("l2", Lab::bridge("l2")).await;
    let mut fixed = lab.addressed("st", "10.90.0.0/24");
    fixed["capabilities"] = json!({ "ips": true });
    fixed["ipam"] = json!({ "type": "static" });
    lab.define("static", fixed).await;
    let _agent = lab.agent();
    let (_, sandbox) = lab.running("p", json!({ STANDARD: "l2,l2,l2@data0" })).await;
    let status = lab.told("p", |entries, _| entries.len() == 3).await.0;
    let links = lab.sandboxes.links(&sandbox);
    assert!(links.contains_key("data0") && links.len() == 3, "{links:?}");
    let first = status[0].interface.clone();

    // Addresses of its own, then others: the change is noticed, and nothing else is touched.
    let with = |address: &str| json!([{ "name": "l2" }, { "name": "static", "interface": "st0", "ips": [address] }]);
    lab.annotate("p", STANDARD, with("10.90.0.5/24").to_string()).await;
    let status = lab.attached("p", &[&first, "st0"]).await;
    assert_eq!(status[1].ips, ["10.90.0.5"]);
    assert_eq!(lab.sandboxes.links(&sandbox)[&first], links[&first], "it is the same as before");
    lab.annotate("p", STANDARD, with("10.90.0.6/24").to_string()).await;
    lab.told("p", |entries, _| entries.iter().any(|entry| entry.ips == ["10.90.0.6"])).await;
    assert_eq!(lab.sandboxes.links(&sandbox)[&first], links[&first]);

    // Nothing can honour a hardware address there; the standard says that it must fail.
    let mac = json!([{ "name": "l2", "mac": "02:00:00:00:00:01" }]).to_string();
    lab.annotate("p", STANDARD, mac).await;
    let (_, failures) = lab.told("p", |_, failures| !failures.is_empty()).await;
    assert!(failures[0].problem.message.contains("capability"), "{failures:?}");
    lab.event("p", "CapabilityMissing", "l2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_before_the_sandbox_is_there_is_not_missed() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("l2", Lab::bridge("l2")).await;
    let _agent = lab.agent();
    let uid = lab.pod("p", json!({ STANDARD: "l2@a" })).await;
    lab.annotate("p", STANDARD, "l2@b").await;
    // No container was ever started: the sandbox is enough.
    let sandbox = lab.sandboxes.make(&uid);
    lab.attached("p", &["b"]).await;
    assert_eq!(lab.sandboxes.links(&sandbox).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_quick_edits_are_few_works_and_the_last_one_counts() {
    require!(ready());
    let lab = Lab::start().await;
    let gate = lab.path("gate");
    lab.define("slow", lab.scripted("calls", json!({ "ADD": { "waitFor": gate } }))).await;
    let _agent = lab.agent();
    let (_, _) = lab.running("p", json!({ STANDARD: "slow@first" })).await;
    eventually("the first is being attached", || !lab.calls("calls", "ADD").is_empty()).await;
    for number in 0..100 {
        lab.annotate("p", STANDARD, format!("slow@n{number}")).await;
    }
    crate::lab::touch(&gate);
    lab.attached("p", &["n99"]).await;
    let added: Vec<_> = lab.calls("calls", "ADD").into_iter().map(|call| call.ifname).collect();
    assert!(added.len() <= 4, "{added:?}");
    assert_eq!(added.last().unwrap(), "n99");
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_of_one_name_in_two_namespaces_are_two() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define_kaloom("default", "green", Lab::bridge("green")).await;
    let _agent = lab.agent();
    let annotation = json!({ KALOOM: names(&["green"]) });
    let (_, first) = lab.running("p", annotation.clone()).await;
    lab.attached("p", &["net9f27410725ab"]).await;
    let other = lab.cluster.unique("other");
    lab.namespace(&other).await;
    let pods: Api<Pod> = Api::namespaced(lab.client(), &other);
    let pod = json!({ "metadata": { "name": "p", "annotations": annotation },
        "spec": { "nodeName": "node", "containers": [{ "name": "a", "image": "a" }] } });
    let pod = serde_json::from_value(pod).unwrap();
    let pod = pods.create(&PostParams::default(), &pod).await.unwrap();
    let second = lab.sandboxes.make(&pod.metadata.uid.unwrap());
    eventually("each has a record", || lab.records() == 2).await;
    eventually("each has an interface", || lab.sandboxes.links(&second).len() == 1).await;
    // One goes, and the other stays.
    let before = lab.sandboxes.links(&second);
    lab.annotate("p", KALOOM, Value::Null).await;
    lab.attached("p", &[]).await;
    assert!(lab.sandboxes.links(&first).is_empty());
    assert_eq!(lab.sandboxes.links(&second), before);
    assert_eq!(lab.records(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_may_come_later_change_and_go() {
    require!(ready());
    let lab = Lab::bare().await;
    let _agent = lab.agent();
    let (_, sandbox) = lab.running("p", json!({ STANDARD: "l2@x0" })).await;
    let missing = lab.told("p", |_, failures| !failures.is_empty()).await.1;
    assert_eq!(missing[0].problem.reason.to_string(), "NetworkNotFound");
    lab.event("p", "NoNetworkFound", "l2").await;

    // The kind is served from now on, and then there is a network.
    lab.install().await;
    lab.define("l2", lab.addressed("l2", "10.91.0.0/24")).await;
    let status = lab.attached("p", &["x0"]).await;
    assert_eq!(status[0].ips, ["10.91.0.2"]);

    lab.define("l2", lab.addressed("l2", "10.92.0.0/24")).await;
    lab.told("p", |entries, _| entries.iter().any(|entry| entry.ips == ["10.92.0.2"])).await;

    // It goes before the attachment does: what is attached stays, and DEL needs no definition.
    lab.undefine("l2").await;
    lab.told("p", |entries, failures| entries.len() == 1 && failures.len() == 1).await;
    lab.annotate("p", STANDARD, Value::Null).await;
    lab.attached("p", &[]).await;
    assert!(lab.sandboxes.links(&sandbox).is_empty());
    let addresses = lab.path("addresses/l2");
    let held = |entry: &std::fs::DirEntry| entry.file_name().to_str().unwrap().starts_with("10.9");
    let held = std::fs::read_dir(addresses).unwrap().flatten().filter(held).count();
    assert_eq!(held, 0, "addresses are given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_in_the_nodes_network_are_refused() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("l2", Lab::bridge("l2")).await;
    let _agent = lab.agent();
    let host = json!({ "hostNetwork": true });
    let uid = lab.pod_with("p", json!({ STANDARD: "l2" }), host).await;
    lab.sandboxes.make_on_host(&uid);
    let (_, failures) = lab.told("p", |_, failures| !failures.is_empty()).await;
    assert_eq!(failures[0].problem.reason.to_string(), "HostNetwork");
    lab.event("p", "HostNetwork", "hostNetwork").await;
    assert_eq!(lab.records(), 0);
    lab.annotate("p", STANDARD, Value::Null).await;
    lab.attached("p", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn static_pods_are_found_by_the_hash_of_their_file() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("l2", Lab::bridge("l2")).await;
    let agent = lab.agent();
    let mirror = json!({ STANDARD: "l2@x0", "kubernetes.io/config.hash": "abc123",
        "kubernetes.io/config.mirror": "abc123", "kubernetes.io/config.source": "file" });
    lab.pod("static-node", mirror.clone()).await;
    let sandbox = lab.sandboxes.make("abc123");
    lab.attached("static-node", &["x0"]).await;
    let before = lab.sandboxes.links(&sandbox);
    // Its mirror is deleted and comes again; the pod itself never stopped.
    lab.delete("static-node").await;
    lab.pod("static-node", mirror).await;
    lab.attached("static-node", &["x0"]).await;
    assert_eq!(lab.sandboxes.links(&sandbox), before);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_plugin_is_called_as_podagent_called_kactus() {
    require!(ready());
    let lab = Lab::start().await;
    let mut config = lab.scripted("calls", json!({}));
    config["name"] = "kactus-net".into();
    std::fs::write(lab.path("05-kactus.conf"), config.to_string()).unwrap();
    let mut options = lab.options();
    options.meta_plugin = Some(lab.path("05-kactus.conf").display().to_string());
    let _agent = lab.agent_with(options);
    let networks = json!([{ "name": "green", "ifMac": "02:00:00:00:00:05" },
        { "name": "main", "isPrimary": true }, { "name": "other", "podagentSkip": true }]);
    let (uid, sandbox) = lab.running("p", json!({ KALOOM: networks.to_string() })).await;
    // Which network that is, the meta-plugin knows alone: no definition is needed.
    lab.told("p", |entries, failures| entries.len() == 1 && failures.is_empty()).await;
    let calls = lab.calls("calls", "ADD");
    assert_eq!(calls.len(), 1, "{calls:?}");
    let args: Vec<&str> = calls[0].args.split(';').collect();
    let own = format!("K8S_POD_NAMESPACE={}", lab.cluster.namespace());
    for arg in [
        "IgnoreUnknown=1",
        &own,
        "K8S_POD_NAME=p",
        &format!("K8S_POD_INFRA_CONTAINER_ID={sandbox}"),
        &format!("K8S_POD_UID={uid}"),
        "K8S_POD_NETWORK=green",
        "K8S_POD_IFMAC=02:00:00:00:00:05",
    ] {
        assert!(args.contains(&arg), "{arg} is not in {args:?}");
    }
    lab.annotate("p", KALOOM, Value::Null).await;
    eventually("it is detached", || lab.calls("calls", "DEL").len() == 1).await;
}
