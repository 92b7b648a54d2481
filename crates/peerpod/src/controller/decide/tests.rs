#![allow(clippy::unwrap_used)]

mod property;
mod simulation;

use std::time::Duration;

use serde_json::{Value, json};

use self::simulation::{Cluster, at};
use super::*;
use crate::api::condition;
use crate::controller::sighting::record::{CertificateRecord, SettingsRecord};
use crate::controller::sighting::{Object, Sighting};
use crate::objects::webhook::SECRET;

/// The kinds of actions, without what they are about.
fn names(log: &[String]) -> Vec<&str> {
    log.iter().map(String::as_str).collect()
}

#[test]
fn nothing_is_decided_before_the_world_is_whole() {
    for missing in Kind::NEEDED {
        let mut cluster = Cluster::unseen();
        cluster.node("a");
        cluster.config("c", json!({"limit": "3"}));
        cluster.see_all_but(Some(missing));
        let decision = cluster.decide(at(0));
        assert_eq!(decision.actions, [], "{missing:?}");
        cluster.see_all_but(None);
        assert!(!cluster.decide(at(0)).actions.is_empty(), "{missing:?}");
    }
}

#[test]
fn nothing_is_written_before_the_config_is_held() {
    let mut cluster = Cluster::new(&["a"]);
    cluster.config("c", json!({"limit": "3", "adaptor": {"enabled": true, "image": "i"}}));
    let log = cluster.settle(at(0));
    assert_eq!(names(&log)[..3], ["hold ns/c", "a = 3", "apply DaemonSets"], "{log:?}");
}

#[test]
fn capacity_is_not_written_before_ownership_is_checked() {
    let mut cluster = Cluster::new(&["a", "b"]);
    cluster.config("first", json!({"limit": "4"}));
    cluster.config("second", json!({"limit": "100"}));
    let log = cluster.settle(at(0));
    assert_eq!(names(&log), ["hold ns/first", "a = 2", "b = 2", "say ns/first", "say ns/second"]);
    assert_eq!(cluster.condition("second", condition::CONFLICTED), "True OlderConfig");
}

#[test]
fn a_deleted_config_is_taken_apart_in_order() {
    let everything = json!({
        "limit": "3", "adaptor": {"enabled": true, "image": "i"}, "webhook": {"enabled": true},
    });
    let mut cluster = Cluster::new(&["a", "b"]);
    cluster.deployed();
    cluster.config("c", everything);
    cluster.settle(at(0));
    cluster.peer_pod("p", "a", 1);
    cluster.delete("c", at(1));
    let log = cluster.settle(at(1));
    // It waits: nothing new may come, and what runs keeps its adaptor and webhook.
    assert_eq!(names(&log), ["a = 1", "b removed", "say ns/c"], "{log:?}");
    cluster.gone("p");
    let log = cluster.settle(at(2));
    let order: Vec<_> = log.iter().filter(|line| !line.starts_with("say")).collect();
    assert_eq!(
        order,
        [
            "delete Registrations",
            "delete Services",
            "delete Deployments",
            "delete Secrets kubewright-peerpod-webhook-tls",
            "delete Secrets kubewright-peerpod-webhook-ca",
            "a removed",
            "delete DaemonSets",
            "release ns/c",
        ],
        "{log:?}"
    );
    assert_eq!(cluster.settle(at(3)), Vec::<String>::new());
}

#[test]
fn the_next_config_takes_over_what_the_first_leaves() {
    let spec = |zone: &str| {
        json!({
            "limit": "3", "nodeSelector": {"zone": zone},
            "adaptor": {"enabled": true, "image": zone}, "webhook": {"enabled": true},
        })
    };
    let mut cluster = Cluster::new(&[]);
    cluster.deployed();
    cluster.labelled("a", "zone", "one");
    cluster.labelled("b", "zone", "two");
    cluster.config("first", spec("one"));
    cluster.config("second", spec("two"));
    cluster.settle(at(0));
    assert_eq!(cluster.owner(Kind::DaemonSets), "first");
    cluster.delete("first", at(1));
    let log = cluster.settle(at(1));
    assert!(!log.iter().any(|line| line.starts_with("delete")), "{log:?}");
    // Handed over before it is released: else Kubernetes would delete it with its former owner.
    let position = |what: &str| log.iter().position(|line| line == what).unwrap();
    for part in ["apply DaemonSets", "apply Deployments", "apply Services"] {
        assert!(position(part) < position("release ns/first"), "{log:?}");
    }
    assert_eq!(cluster.owner(Kind::DaemonSets), "second");
    assert_eq!((cluster.seats("a"), cluster.seats("b")), (None, Some(3)));
}

#[test]
fn a_config_that_becomes_conflicted_loses_nothing() {
    let mut cluster = Cluster::new(&[]);
    cluster.labelled("a", "zone", "one");
    cluster.labelled("b", "zone", "two");
    cluster.config("first", json!({"limit": "4", "nodeSelector": {"zone": "one"}}));
    cluster.config("second", json!({"limit": "6", "nodeSelector": {"zone": "two"}}));
    cluster.settle(at(0));
    // A third node is for both.
    cluster.change(
        "first",
        json!({"limit": "4", "labelSelector": {"matchExpressions": [
            {"key": "zone", "operator": "In", "values": ["one", "three"]},
        ]}}),
    );
    cluster.change(
        "second",
        json!({"limit": "6", "labelSelector": {"matchExpressions": [
            {"key": "zone", "operator": "In", "values": ["two", "three"]},
        ]}}),
    );
    cluster.labelled("c", "zone", "three");
    cluster.settle(at(1));
    assert_eq!(cluster.condition("second", condition::CONFLICTED), "True OlderConfig");
    let seats = ["a", "b", "c"].map(|node| cluster.seats(node));
    assert_eq!(seats, [Some(2), Some(6), Some(2)], "b stays as it was");
    // Deleted, it takes what it had along.
    cluster.delete("second", at(2));
    cluster.settle(at(2));
    assert_eq!(cluster.seats("b"), None);
    assert!(!cluster.exists("second"));
}

#[test]
fn a_config_that_cannot_be_read_keeps_what_it_has() {
    let mut cluster = Cluster::new(&["a"]);
    cluster.config("c", json!({"limit": "3", "adaptor": {"enabled": true, "image": "i"}}));
    cluster.config("younger", json!({"limit": "9", "adaptor": {"enabled": true, "image": "j"}}));
    cluster.settle(at(0));
    cluster.change("c", json!({"limit": "3", "nodeSelector": {"matchLables": {"a": "b"}}}));
    let log = cluster.settle(at(1));
    assert_eq!(names(&log), ["say ns/c"], "nothing but words: {log:?}");
    assert_eq!(cluster.condition("c", condition::READY), "False Invalid");
    assert_eq!(cluster.condition("younger", condition::CONFLICTED), "True OlderConfig");
    assert_eq!((cluster.seats("a"), cluster.owner(Kind::DaemonSets)), (Some(3), "c".to_owned()));
}

#[test]
fn an_obstacle_counts_once_it_has_lasted() {
    let cordon = json!({"spec": {"unschedulable": true}});
    let not_ready = json!({"status": {"conditions": [
        {"type": "Ready", "status": "Unknown", "lastTransitionTime": "1970-01-01T00:00:00Z"},
    ]}});
    let taint = json!({"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}});
    let old_taint = json!({"spec": {"taints": [
        {"key": "gpu", "effect": "NoExecute", "timeAdded": "1970-01-01T00:00:00Z"},
    ]}});
    // When it was seen, and since when it lasted: what counts, and when to look again.
    let cases = [
        (&cordon, 100, 130),
        (&not_ready, 10, 30),
        (&not_ready, 100, 0),
        (&taint, 100, 130),
        (&old_taint, 100, 0),
    ];
    for (change, seen, due) in cases {
        let mut cluster = Cluster::new(&["a", "b"]);
        cluster.options.patience = Duration::from_secs(30);
        cluster.config("c", json!({"limit": "4"}));
        cluster.settle(at(0));
        cluster.patch_node("a", change);
        cluster.settle(at(seen));
        if due > 0 {
            assert_eq!(cluster.seats("a"), Some(2), "{change}");
            assert_eq!(cluster.decide(at(seen + 1)).again, Some(at(due)), "{change}");
            cluster.settle(at(due));
        }
        assert_eq!((cluster.seats("a"), cluster.seats("b")), (Some(0), Some(4)), "{change}");
        // It is over at once.
        cluster.patch_node(
            "a",
            &json!({"spec": {}, "status": {"conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:00Z"},
            ]}}),
        );
        cluster.settle(at(due.max(seen) + 1));
        assert_eq!(cluster.seats("a"), Some(2), "{change}");
    }
}

#[test]
fn a_taint_that_the_adaptor_tolerates_is_no_obstacle() {
    let mut cluster = Cluster::new(&["a"]);
    cluster.options.patience = Duration::ZERO;
    cluster.patch_node("a", &json!({"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}}));
    let tolerations = json!([{"key": "gpu", "operator": "Exists"}]);
    let adaptor = json!({"enabled": true, "image": "i", "tolerations": tolerations});
    cluster.config("c", json!({"limit": "4", "adaptor": adaptor}));
    cluster.settle(at(0));
    assert_eq!(cluster.seats("a"), Some(4));
    let pod = cluster.owned(Kind::DaemonSets)["spec"]["template"]["spec"].clone();
    assert_eq!(pod["tolerations"], tolerations);
}

/// The API server may write a value in a form of its own, and admission may change one.
#[test]
fn what_does_not_become_as_applied_is_not_applied_for_ever() {
    for tampered in [json!("changed"), json!(null), json!({"by": "admission"})] {
        let mut cluster = Cluster::new(&["a"]);
        cluster.tamper = Some(("/spec/template/spec/containers/0/image", tampered.clone()));
        cluster.config("c", json!({"limit": "4", "adaptor": {"enabled": true, "image": "i"}}));
        let log = cluster.settle(at(0));
        let applied = log.iter().filter(|line| *line == "apply DaemonSets").count();
        assert_eq!(applied, 1, "{tampered}: {log:?}");
        // Anything else that changes is repaired, once.
        cluster.drift(Kind::DaemonSets, "/spec/template/spec/hostNetwork", json!(false));
        let log = cluster.settle(at(1));
        assert_eq!(names(&log)[0], "apply DaemonSets", "{tampered}: {log:?}");
        assert_eq!(cluster.settle(at(2)), Vec::<String>::new());
        // And so is another spec.
        cluster.change("c", json!({"limit": "4", "adaptor": {"enabled": true, "image": "j"}}));
        assert_eq!(names(&cluster.settle(at(3)))[0], "apply DaemonSets");
    }
}

/// Who brings certificates of their own keeps them.
#[test]
fn certificates_that_are_not_ours_stay() {
    let mut cluster = Cluster::new(&["a"]);
    cluster.deployed();
    cluster.config("c", json!({"limit": "3", "webhook": {"enabled": true}}));
    cluster.settle(at(0));
    let theirs = cluster.world.certificate(SECRET).unwrap().clone();
    let theirs = CertificateRecord { ours: false, ..theirs };
    let object = Object::Secret(SettingsRecord::default(), Some(theirs));
    cluster.world.take(Sighting::There(format!("ns/{SECRET}"), Box::new(object)));
    cluster.delete("c", at(1));
    let log = cluster.settle(at(1));
    let secrets: Vec<_> = log.iter().filter(|line| line.contains("Secrets")).collect();
    assert_eq!(secrets, ["delete Secrets kubewright-peerpod-webhook-ca"], "{log:?}");
    assert!(!cluster.exists("c"));
}

/// What a config asks for no more is taken away again.
#[test]
fn what_is_asked_for_no_more_is_applied_without() {
    let adaptor = |resources: Value| json!({"enabled": true, "image": "i", "resources": resources});
    let some = json!({"requests": {"cpu": "1"}});
    let selector = json!({"matchLabels": {"zone": "a"}});
    let mut cluster = Cluster::new(&["a"]);
    cluster.config(
        "c",
        json!({"limit": "4", "labelSelector": selector, "adaptor": adaptor(some.clone())}),
    );
    cluster.settle(at(0));
    cluster.change("c", json!({"limit": "4", "adaptor": adaptor(some)}));
    let log = cluster.settle(at(1));
    assert!(log.contains(&"apply DaemonSets".to_owned()), "the selector is gone: {log:?}");
    cluster.change("c", json!({"limit": "4", "adaptor": adaptor(json!(null))}));
    let log = cluster.settle(at(2));
    assert!(log.contains(&"apply DaemonSets".to_owned()), "the resources are gone: {log:?}");
    assert_eq!(cluster.settle(at(3)), Vec::<String>::new());
}

/// 1000 is stored as `1k`.
#[test]
fn a_capacity_in_another_notation_is_not_written_again() {
    let mut cluster = Cluster::new(&["a"]);
    cluster.config("c", json!({"limit": "2000", "writeAllocatable": true}));
    cluster.settle(at(0));
    assert_eq!(cluster.world.nodes["a"].capacity.as_deref(), Some("2k"));
    assert_eq!(cluster.settle(at(1)), Vec::<String>::new());
}

/// Its finalizer was removed by hand: the value stays, and with it the former field manager.
#[test]
fn a_capacity_that_another_config_left_behind_is_written_once() {
    let mut cluster = Cluster::new(&["a"]);
    cluster.config("first", json!({"limit": "4"}));
    cluster.settle(at(0));
    cluster.forget("first");
    cluster.config("second", json!({"limit": "4"}));
    let log = cluster.settle(at(1));
    assert_eq!(names(&log), ["hold ns/second", "a = 4", "say ns/second"]);
    assert_eq!(cluster.world.nodes["a"].managers.len(), 2);
    assert_eq!(cluster.settle(at(2)), Vec::<String>::new());
    cluster.delete("second", at(3));
    cluster.settle(at(3));
    assert_eq!(cluster.seats("a"), None);
}

#[test]
fn one_webhook_is_for_all_configs_and_says_so() {
    let spec = |zone: &str, class: &str, instance: Value| {
        json!({
            "limit": "1", "nodeSelector": {"zone": zone}, "instanceType": instance,
            "webhook": {"enabled": true, "runtimeClassName": class},
        })
    };
    let mut cluster = Cluster::new(&[]);
    cluster.deployed();
    cluster.config("a", spec("a", "kata-remote", json!("t3.large")));
    cluster.config("b", spec("b", "other", json!(null)));
    cluster.config("c", spec("c", "kata-remote", json!("m5.large")));
    cluster.config("d", spec("d", "kata-remote", json!(null)));
    cluster.settle(at(0));
    let cases = [
        ("a", "False Unavailable"),
        ("b", "False OtherRuntimeClass"),
        ("c", "False OtherInstanceType"),
        ("d", "False Unavailable"),
    ];
    for (name, condition) in cases {
        assert_eq!(cluster.condition(name, condition::WEBHOOK_READY), condition, "{name}");
    }
    let settings = cluster.decide(at(1)).webhook.unwrap();
    assert_eq!(settings.instance_type.as_deref(), Some("t3.large"));
    let deployment = cluster.owned(Kind::Deployments);
    let env = &deployment["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(env[2], json!({"name": "KUBEWRIGHT_PEERPOD_INSTANCE_TYPE", "value": "t3.large"}));
}

#[test]
fn peer_pods_that_nobody_cleans_up_are_orphans() {
    let mut cluster = Cluster::new(&[]);
    let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}]);
    let finalizers = json!(["peer.pod/finalizer"]);
    let deleted = "1970-01-01T00:01:40Z";
    let cases = [
        ("lives", json!({"ownerReferences": owner, "finalizers": finalizers}), false),
        ("unowned", json!({"finalizers": finalizers}), true),
        ("clean", json!({"deletionTimestamp": deleted}), false),
        (
            "stuck",
            json!({"ownerReferences": owner, "finalizers": finalizers, "deletionTimestamp": deleted}),
            true,
        ),
    ];
    for (name, metadata, _) in &cases {
        cluster.upstream(name, metadata);
    }
    let early = cluster.decide(at(101));
    assert_eq!(early.tally.peer_pods, 4);
    assert_eq!(early.tally.orphans, ["ns/unowned"]);
    assert_eq!(early.again, Some(at(400)), "five minutes after its deletion");
    let orphans: Vec<_> =
        cases.iter().filter(|case| case.2).map(|case| format!("ns/{}", case.0)).collect();
    let mut found = cluster.decide(at(400)).tally.orphans;
    found.reverse();
    assert_eq!(found, orphans);
}

#[test]
fn the_tally_counts_seats_and_obstacles() {
    let mut cluster = Cluster::new(&["a", "b"]);
    cluster.options.patience = Duration::ZERO;
    cluster.config("c", json!({"limit": "7"}));
    cluster.peer_pod("p", "a", 2);
    cluster.patch_node("a", &json!({"spec": {"unschedulable": true}}));
    cluster.settle(at(0));
    let tally = cluster.decide(at(1)).tally;
    assert_eq!(tally.configs["ns/c"], Seats { limit: 7, advertised: 7, held: 2 });
    assert_eq!(tally.obstacles, BTreeMap::from([("cordoned", 1)]));
}

#[test]
fn a_node_that_no_config_is_for_keeps_what_runs_there() {
    let mut cluster = Cluster::new(&[]);
    cluster.labelled("a", "zone", "one");
    cluster.config("c", json!({"limit": "5", "nodeSelector": {"zone": "one"}}));
    cluster.peer_pod("p", "a", 1);
    cluster.settle(at(0));
    cluster.labelled("a", "zone", "two");
    cluster.settle(at(1));
    assert_eq!(cluster.seats("a"), Some(1));
    cluster.gone("p");
    cluster.settle(at(2));
    assert_eq!(cluster.seats("a"), None);
}

/// As many nodes as a cluster may have: at rest nothing is written, and a change moves only what
/// it must.
#[test]
fn at_five_thousand_nodes_a_change_moves_as_little_as_it_must() {
    let names: Vec<String> = (0..5_000).map(|index| format!("node-{index:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut cluster = Cluster::new(&names);
    cluster.config("c", json!({"limit": "20000"}));
    let writes = |log: Vec<String>| log.iter().filter(|line| line.contains("node-")).count();
    assert_eq!(writes(cluster.settle(at(0))), 5_000);
    assert_eq!(cluster.settle(at(1)), Vec::<String>::new());
    cluster.change("c", json!({"limit": "20001"}));
    assert_eq!(writes(cluster.settle(at(2))), 1);
    cluster.node("node-late");
    let joined = writes(cluster.settle(at(3)));
    assert!(joined <= 5, "four seats or five, and the node itself: {joined}");
    cluster.world.take(Sighting::Gone(Kind::Nodes, "node-late".to_owned()));
    let left = writes(cluster.settle(at(4)));
    assert!(left <= 4, "{left}");
}
