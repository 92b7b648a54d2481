//! What goes wrong: plugins, pods that go, sandboxes that are replaced, an API server that is away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kubewright_testkit::require;
use serde_json::{Value, json};

use crate::lab::{Lab, STANDARD, eventually, ready, touch};

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_failure_is_told_and_tried_again_until_it_works() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("good", Lab::bridge("good")).await;
    let failing = json!({ "ADD": { "fail": { "code": 100, "msg": "no vlan left" } } });
    lab.define("bad", lab.scripted("calls", failing)).await;
    let _agent = lab.agent();
    lab.running("p", json!({ STANDARD: "bad@b0,good@g0" })).await;
    let told = lab.told("p", |entries, failures| entries.len() == 1 && failures.len() == 1).await;
    assert_eq!(told.0[0].interface, "g0", "what works is there");
    assert_eq!(told.1[0].interface.as_deref(), Some("b0"));
    assert!(told.1[0].problem.message.contains("no vlan left"), "{told:?}");
    lab.event("p", "FailedAddingInterface", "no vlan left").await;
    // After each ADD that failed comes a DEL.
    eventually("it is tried again and again", || lab.calls("calls", "ADD").len() >= 3).await;
    assert!(lab.calls("calls", "DEL").len() >= 2);
    // Another change is made at once, and does not try it once more.
    lab.annotate("p", STANDARD, "bad@b0,good@g0,good@g1").await;
    let told = lab.told("p", |entries, _| entries.len() == 2).await;
    assert_eq!(told.1.len(), 1, "still told: {told:?}");

    lab.define("bad", lab.scripted("calls", json!({}))).await;
    lab.attached("p", &["b0", "g0", "g1"]).await;
    lab.event("p", "AddedInterface", "b0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_hangs_stops_its_pod_and_no_other() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("hung", lab.scripted("calls", json!({ "ADD": { "hang": true } }))).await;
    lab.define("good", Lab::bridge("good")).await;
    let mut options = lab.options();
    options.workers = 1;
    let agent = lab.agent_with(options);
    for number in 0..3 {
        lab.running(&format!("hung{number}"), json!({ STANDARD: "hung" })).await;
    }
    eventually("the first hangs", || !lab.calls("calls", "ADD").is_empty()).await;
    lab.running("good", json!({ STANDARD: "good@g0" })).await;
    lab.attached("good", &["g0"]).await;
    // The newest annotation wins over a plugin that hangs.
    eventually("all three hang", || lab.calls("calls", "ADD").len() == 3).await;
    lab.annotate("hung0", STANDARD, "good@g0").await;
    lab.attached("hung0", &["g0"]).await;
    // And the end of the agent does, too.
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_deleted_while_it_is_attached_leaves_nothing() {
    require!(ready());
    let lab = Lab::start().await;
    let gate = lab.path("gate");
    lab.define("slow", lab.scripted("calls", json!({ "ADD": { "waitFor": gate } }))).await;
    let _agent = lab.agent();
    let (_, sandbox) = lab.running("p", json!({ STANDARD: "slow@x0" })).await;
    eventually("it is being attached", || !lab.calls("calls", "ADD").is_empty()).await;
    lab.delete("p").await;
    lab.sandboxes.stop(&sandbox);
    touch(&gate);
    eventually("DEL was called", || !lab.calls("calls", "DEL").is_empty()).await;
    eventually("nothing is on record", || lab.records() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_goes_gives_everything_back() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", lab.addressed("net", "10.93.0.0/24")).await;
    let _agent = lab.agent();
    let held = || {
        let entries = std::fs::read_dir(lab.path("addresses/net")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("10.93")).count()
    };
    // Its sandbox goes first, as the kubelet does it.
    let (_, first) = lab.running("p", json!({ STANDARD: "net@x0" })).await;
    lab.attached("p", &["x0"]).await;
    assert_eq!(held(), 1);
    lab.sandboxes.stop(&first);
    eventually("the address is given back", || held() == 0 && lab.records() == 0).await;
    // The pod goes first, by force.
    let (_, sandbox) = lab.running("q", json!({ STANDARD: "net@x0" })).await;
    lab.attached("q", &["x0"]).await;
    lab.delete("q").await;
    eventually("the address is given back", || held() == 0 && lab.records() == 0).await;
    assert!(lab.sandboxes.links(&sandbox).is_empty());
    // Nor does anything of them stay on disk, though no runtime calls GC.
    lab.delete("p").await;
    for sandbox in [first, sandbox] {
        lab.sandboxes.remove(&sandbox);
    }
    let files = |folder: &str| std::fs::read_dir(lab.path(folder)).unwrap().count();
    eventually("locks and folders are removed", || {
        files("state/locks") == 0 && files("state/records") == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sandbox_gets_its_interfaces_again() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", lab.addressed("net", "10.94.0.0/24")).await;
    let _agent = lab.agent();
    let (uid, first) = lab.running("p", json!({ STANDARD: "net@x0" })).await;
    let before = lab.attached("p", &["x0"]).await;
    lab.sandboxes.stop(&first);
    let second = lab.sandboxes.make(&uid);
    let again = lab.told("p", |entries, _| !entries.is_empty() && entries != before.as_slice());
    assert_eq!(again.await.0[0].interface, "x0");
    assert_eq!(lab.sandboxes.links(&second).len(), 1);
    eventually("what was the first one's is gone", || lab.records() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_running_pod_asks_the_runtime_nothing() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", Lab::bridge("net")).await;
    let mut options = lab.options();
    options.resync = Duration::from_secs(3600);
    let _agent = lab.agent_with(options);
    lab.running("p", json!({ STANDARD: "net@a0" })).await;
    lab.attached("p", &["a0"]).await;
    let before = lab.sandboxes.asked.load(Ordering::Relaxed);
    lab.annotate("p", STANDARD, "net@a0,net@b0").await;
    lab.attached("p", &["a0", "b0"]).await;
    assert_eq!(lab.sandboxes.asked.load(Ordering::Relaxed), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_at_rest_nor_after_a_restart() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", Lab::bridge("net")).await;
    let agent = lab.agent();
    lab.running("p", json!({ STANDARD: "net@a0,none@b0" })).await;
    lab.told("p", |entries, failures| entries.len() == 1 && failures.len() == 1).await;
    lab.event("p", "AddedInterface", "a0").await;
    lab.event("p", "NoNetworkFound", "none").await;
    eventually("its annotations and two events", || agent.writes() == 3).await;
    let version = lab.pods().get("p").await.unwrap();
    // A pod that changes in other ways wakes nobody who writes.
    lab.annotate("p", "other", "text").await;
    // And while another one is looked after, this one had its time.
    lab.running("q", json!({ STANDARD: "net@a0" })).await;
    lab.attached("q", &["a0"]).await;
    lab.event("q", "AddedInterface", "a0").await;
    eventually("the status of q and its event, no more", || agent.writes() == 5).await;
    agent.stop().await;

    let again = lab.agent();
    lab.running("r", json!({ STANDARD: "net@a0" })).await;
    lab.attached("r", &["a0"]).await;
    lab.event("r", "AddedInterface", "a0").await;
    let now = lab.pods().get("p").await.unwrap();
    let told = |pod: &k8s_openapi::api::core::v1::Pod| {
        let mut annotations = pod.metadata.annotations.clone().unwrap();
        annotations.remove("other");
        annotations
    };
    assert_eq!(told(&now), told(&version));
    let writes: Vec<String> =
        again.metrics().lines().filter(|l| l.contains("writes_total")).map(Into::into).collect();
    let patches = writes.iter().find(|line| line.contains(r#"verb="patch""#)).unwrap();
    assert!(patches.ends_with(" 1"), "{writes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_agent_was_away_is_made_up_for() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", lab.addressed("net", "10.95.0.0/24")).await;
    let agent = lab.agent();
    let (_, stays) = lab.running("stays", json!({ STANDARD: "net@a0,net@b0" })).await;
    let (_, goes) = lab.running("goes", json!({ STANDARD: "net@a0" })).await;
    lab.attached("stays", &["a0", "b0"]).await;
    lab.attached("goes", &["a0"]).await;
    agent.stop().await;
    lab.annotate("stays", STANDARD, "net@b0,net@c0").await;
    lab.undefine("net").await;
    lab.delete("goes").await;
    lab.sandboxes.remove(&goes);
    lab.define("other", Lab::bridge("other")).await;

    let _agent = lab.agent();
    let told = |entries: &[kubewright_attachment::status::Entry]| {
        entries.iter().map(|entry| entry.interface.clone()).collect::<Vec<_>>()
    };
    lab.told("stays", |entries, failures| told(entries) == ["b0"] && !failures.is_empty()).await;
    eventually("what is gone is off record", || lab.records() == 1).await;
    assert_eq!(lab.sandboxes.links(&stays).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_api_server_what_goes_is_detached_and_told_later() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", lab.addressed("net", "10.96.0.0/24")).await;
    let agent = lab.agent();
    let (_, gone) = lab.running("gone", json!({ STANDARD: "net@a0" })).await;
    let (uid, first) = lab.running("again", json!({ STANDARD: "net@a0" })).await;
    lab.attached("gone", &["a0"]).await;
    let before = lab.attached("again", &["a0"]).await;
    lab.api_away(true);
    lab.sandboxes.stop(&first);
    let second = lab.sandboxes.make(&uid);
    eventually("it is attached again", || lab.sandboxes.links(&second).len() == 1).await;
    // It ends, and another one begins which has never seen the API server.
    agent.stop().await;
    let _agent = lab.agent();
    lab.sandboxes.stop(&gone);
    eventually("what goes is detached", || lab.records() == 1).await;
    assert_eq!(lab.sandboxes.links(&second).len(), 1, "and what is there stays");
    lab.api_away(false);
    let told = lab.told("again", |entries, _| entries.len() == 1 && entries != before.as_slice());
    assert_eq!(told.await.0[0].interface, "a0");
}

/// Watches break off and are taken up again: what changed meanwhile is seen, and what was done
/// stays done.
#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_the_api_server_is_away_is_seen_when_it_is_back() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", lab.addressed("net", "10.100.0.0/24")).await;
    let _agent = lab.agent();
    let (_, changes) = lab.running("changes", json!({ STANDARD: "net@a0" })).await;
    let (_, stays) = lab.running("stays", json!({ STANDARD: "net@a0" })).await;
    lab.running("goes", json!({ STANDARD: "net@a0" })).await;
    for pod in ["changes", "stays", "goes"] {
        lab.attached(pod, &["a0"]).await;
    }
    let before = lab.sandboxes.links(&stays);
    for round in 0..3 {
        lab.api_away(true);
        let wanted = if round % 2 == 0 { "net@b0,late@c0" } else { "net@a0" };
        lab.annotate("changes", STANDARD, wanted).await;
        if round == 0 {
            lab.delete("goes").await;
            lab.define("late", lab.addressed("late", "10.101.0.0/24")).await;
        }
        // Nothing is concluded from not seeing anything.
        let asked = lab.sandboxes.lists.load(Ordering::Relaxed);
        eventually("it looks around twice", || {
            lab.sandboxes.lists.load(Ordering::Relaxed) >= asked + 2
        })
        .await;
        assert_eq!(lab.sandboxes.links(&stays), before);
        assert!(!lab.sandboxes.links(&changes).is_empty());
        lab.api_away(false);
        match round % 2 {
            0 => lab.attached("changes", &["b0", "c0"]).await,
            _ => lab.attached("changes", &["a0"]).await,
        };
        if round == 0 {
            eventually("what is gone is off record", || lab.records() == 3).await;
        }
    }
    assert_eq!(lab.sandboxes.links(&stays), before);
}

/// Files that are cut short: of a pod that is there, of one that goes meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn truncated_records_block_nothing_and_leak_nothing() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", lab.addressed("net", "10.103.0.0/24")).await;
    let agent = lab.agent();
    let (_, stays) = lab.running("stays", json!({ STANDARD: "net@a0,net@b0" })).await;
    let (_, goes) = lab.running("goes", json!({ STANDARD: "net@a0" })).await;
    lab.attached("stays", &["a0", "b0"]).await;
    lab.attached("goes", &["a0"]).await;
    let leases = || {
        let entries = std::fs::read_dir(lab.path("addresses/net")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("10.103")).count()
    };
    assert_eq!(leases(), 3);
    agent.stop().await;
    for path in lab.record_files() {
        let content = std::fs::read(&path).unwrap();
        let line = content.iter().position(|byte| *byte == b'\n').unwrap_or(content.len());
        std::fs::write(&path, &content[..line / 2]).unwrap();
    }
    lab.annotate("stays", STANDARD, "net@a0").await;
    lab.delete("goes").await;
    lab.sandboxes.remove(&goes);

    let _agent = lab.agent();
    lab.attached("stays", &["a0"]).await;
    assert_eq!(lab.sandboxes.links(&stays).len(), 1);
    eventually("the addresses of what is gone are free", || leases() == 1).await;
    eventually("what is there is on record", || lab.records() == 1).await;
    lab.sandboxes.stop(&stays);
    eventually("nothing is left", || leases() == 0 && lab.records() == 0).await;
}

/// After a reboot the runtime's sandboxes and all that was in memory are gone, while records stay.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_reboot_leases_are_given_back_and_new_sandboxes_are_attached() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", lab.addressed("net", "10.102.0.0/24")).await;
    let agent = lab.agent();
    let (uid, first) = lab.running("again", json!({ STANDARD: "net@a0" })).await;
    let (_, gone) = lab.running("gone", json!({ STANDARD: "net@a0" })).await;
    let before = lab.attached("again", &["a0"]).await;
    lab.attached("gone", &["a0"]).await;
    agent.stop().await;
    // What is in /run went with the node, what is in /var/lib did not.
    for sandbox in [&first, &gone] {
        lab.sandboxes.remove(sandbox);
    }
    let files = lab.record_files();
    assert_eq!(files.len(), 2);
    for path in files {
        let lines = std::fs::read_to_string(&path).unwrap();
        let lines = lines.lines().filter(|line| !line.is_empty()).map(|line| {
            let mut record: Value = serde_json::from_str(line).unwrap();
            assert_ne!(record["bootId"], Value::Null);
            record["bootId"] = "00000000-0000-4000-8000-000000000000".into();
            record.to_string()
        });
        std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
    }
    std::fs::remove_file(lab.path("cni.sock")).unwrap_or_default();
    lab.delete("gone").await;

    let second = lab.sandboxes.make(&uid);
    let _agent = lab.agent();
    let told = lab.told("again", |entries, _| {
        !entries.is_empty() && entries.iter().all(|entry| entry.mac != before[0].mac)
    });
    assert_eq!(told.await.0[0].interface, "a0");
    assert_eq!(lab.sandboxes.links(&second).len(), 1);
    eventually("only what is there is on record", || lab.records() == 1).await;
    let leases = || {
        let entries = std::fs::read_dir(lab.path("addresses/net")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("10.102")).count()
    };
    assert_eq!(leases(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_namespaces_are_isolated_a_pod_gets_no_network_of_another_one() {
    require!(ready());
    let lab = Lab::start().await;
    let own = lab.cluster.namespace().to_owned();
    lab.namespace("other").await;
    lab.define("net", Lab::bridge("net")).await;
    lab.define_in("other", "theirs", Lab::bridge("theirs")).await;
    lab.define_in("default", "shared", Lab::bridge("shared")).await;
    lab.define_kaloom("other", "theirs", Lab::bridge("kaloom")).await;
    let mut options = lab.options();
    options.isolate_namespaces = true;
    let agent = lab.agent_with(options);
    let (_, sandbox) = lab
        .running(
            "p",
            json!({ STANDARD: format!("other/theirs@x0,net@y0,{own}/net@y1,default/shared@z0"),
                "networks": r#"[{"name":"theirs","namespace":"other"}]"# }),
        )
        .await;
    let told = lab.told("p", |entries, failures| entries.len() == 3 && failures.len() == 2).await;
    let interfaces: Vec<&str> = told.0.iter().map(|entry| entry.interface.as_str()).collect();
    assert_eq!(interfaces, ["y0", "y1", "z0"]);
    for failure in &told.1 {
        assert_eq!(failure.problem.reason.to_string(), "NamespaceIsolated", "{failure:?}");
        assert_eq!(failure.name.as_deref(), Some("other/theirs"));
    }
    assert_eq!(lab.sandboxes.links(&sandbox).len(), 3);
    lab.event("p", "NamespaceIsolated", "other/theirs").await;
    agent.stop().await;

    // Unless they are, it may have it.
    let _agent = lab.agent();
    lab.annotate("p", "networks", Value::Null).await;
    lab.attached("p", &["x0", "y0", "y1", "z0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_into_the_status_stays() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", Lab::bridge("net")).await;
    let _agent = lab.agent();
    // As Multus leaves it after it has made the pod.
    let status = json!([{ "name": "br", "interface": "eth0", "ips": ["10.88.0.5"],
        "mac": "02:00:00:00:00:05", "default": true, "dns": {}, "gateway": ["10.88.0.1"] }]);
    let annotations = json!({ STANDARD: "net@x0",
        "k8s.v1.cni.cncf.io/network-status": status.to_string() });
    lab.running("p", annotations).await;
    let told = lab.attached("p", &["eth0", "x0"]).await;
    assert_eq!(serde_json::to_value(&told[0]).unwrap(), status[0]);
    lab.annotate("p", STANDARD, Value::Null).await;
    lab.attached("p", &["eth0"]).await;
}

/// The annotations of a pod are full: what became of its networks has no room. A policy that denies
/// the write answers in the same way.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_the_api_server_refuses_is_tried_ever_later() {
    require!(ready());
    let lab = Lab::start().await;
    lab.define("net", lab.addressed("net", "10.104.0.0/24")).await;
    let agent = lab.agent();
    let full = json!({ STANDARD: "net@a0", "other": "x".repeat((256 << 10) - 100) });
    let (_, sandbox) = lab.running("full", full).await;
    let writes = |of: &str| {
        let text = agent.metrics();
        let lines = text.lines().filter(|line| line.starts_with("kubewright_writes_total"));
        let of = lines.filter(|line| line.contains(of) && line.contains(r#"resource="pods""#));
        of.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum::<usize>()
    };
    eventually("it is refused", || writes("invalid") > 0).await;
    // Others are told meanwhile, and each change of the pod is looked at.
    for round in 0..20 {
        lab.annotate("full", "round", round.to_string()).await;
        lab.running(&format!("p{round}"), json!({ STANDARD: "net@a0" })).await;
        lab.attached(&format!("p{round}"), &["a0"]).await;
    }
    assert_eq!(lab.sandboxes.links(&sandbox).len(), 1);
    // With pauses that double from a quarter of a second on, more would take minutes.
    assert!(writes("invalid") <= 16, "{}", agent.metrics());
    lab.annotate("full", "other", Value::Null).await;
    lab.attached("full", &["a0"]).await;
}

/// An annotation of 256 KiB names more networks than there are; each is looked up, told as an Event
/// and compared with all others.
#[tokio::test(flavor = "multi_thread")]
async fn an_annotation_of_thousands_of_networks_is_void() {
    require!(ready());
    let lab = Lab::start().await;
    let _agent = lab.agent();
    let names: Vec<String> = (0..3000).map(|number| format!("n{number}")).collect();
    lab.running("p", json!({ STANDARD: names.join(",") })).await;
    let (_, failures) = lab.told("p", |_, failures| !failures.is_empty()).await;
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].problem.reason.to_string(), "InvalidAnnotation");
    lab.event("p", "InvalidAnnotation", "3000 elements, and at most 64").await;
    lab.annotate("p", STANDARD, names[..64].join(",")).await;
    let (_, failures) = lab.told("p", |_, failures| failures.len() > 1).await;
    assert_eq!(failures.len(), 21);
    assert_eq!(failures[20].problem.message, "… and 44 more");
}
