//! What is deleted, when, and above all what is not.

use serde_json::json;

use super::cluster::Cluster;
use crate::{
    observed::Kind,
    plan::{Action, DeleteReason},
};

fn fleet(nodes: usize) -> Cluster {
    let mut cluster = Cluster::new();
    cluster.defaults();
    for n in 0..nodes {
        cluster.worker(&format!("n{n:03}"));
    }
    cluster.run();
    assert_eq!(cluster.endpoints.len(), nodes * 2);
    cluster
}

#[test]
fn a_node_that_is_gone_loses_its_endpoints_after_grace_and_confirmation_only() {
    let mut cluster = fleet(2);
    cluster.remove_node("n001");
    assert!(cluster.plan().is_empty(), "within the grace time");
    cluster.wait(29);
    assert!(cluster.plan().is_empty(), "still within");
    cluster.wait(1);
    assert_eq!(
        cluster.plan(),
        [Action::ConfirmAbsence { node: "n001".into() }],
        "asked once, not per endpoint"
    );
    cluster.run();
    assert_eq!(cluster.names(), ["n000-bond0", "n000-tunl0"]);
}

#[test]
fn a_node_that_the_api_server_still_has_keeps_its_endpoints() {
    let mut cluster = fleet(1);
    // The watch says it is gone, the API server says it is not.
    cluster.observed.remove(Kind::Nodes, "n000");
    cluster.plan();
    cluster.wait(31).run();
    assert_eq!(cluster.endpoints.len(), 2);
    assert!(cluster.plan().is_empty(), "the grace time has started again");
    cluster.wait(31);
    assert_eq!(cluster.plan().len(), 1);
}

#[test]
fn a_node_that_comes_back_in_time_keeps_its_endpoints() {
    let mut cluster = fleet(1);
    cluster.remove_node("n000").plan();
    cluster.wait(20).worker("n000").plan();
    cluster.remove_node("n000").plan();
    cluster.wait(20);
    assert!(cluster.plan().is_empty(), "the time counts from the second loss");
}

#[test]
fn mass_deletion_is_held_and_released_by_annotation_or_flag() {
    let lose_four = || {
        let mut cluster = fleet(20);
        for n in 0..4 {
            cluster.remove_node(&format!("n{n:03}"));
        }
        cluster.plan();
        cluster.wait(30);
        cluster
    };
    let mut cluster = lose_four();
    cluster.run();
    assert_eq!(cluster.plan(), [Action::HoldDeletions { endpoints: 8, nodes: 4, total: 20 }]);
    assert_eq!(cluster.endpoints.len(), 40);
    // By flag.
    cluster.observed.limits.mass_confirmed = true;
    assert_eq!(cluster.run().endpoints.len(), 32);
    // By annotation, for one template only, and for so many nodes only.
    for (value, left) in [("3", 40), ("4", 36), ("true", 36), ("no", 40)] {
        let mut cluster = lose_four();
        let ingress = &crate::defaults::Defaults::default().templates()[0];
        let mut object = serde_json::to_value(ingress).unwrap();
        object["metadata"]["annotations"] = json!({"kubewright.io/confirm-mass-delete": value});
        cluster.template_object(object).run();
        assert_eq!(cluster.endpoints.len(), left, "{value}");
    }
}

#[test]
fn few_nodes_or_a_small_share_are_no_mass_deletion() {
    // Three of three: not more than three nodes.
    let mut cluster = fleet(3);
    for n in 0..3 {
        cluster.remove_node(&format!("n{n:03}"));
    }
    cluster.plan();
    assert_eq!(cluster.wait(30).run().endpoints.len(), 0);
    // Four of forty: not more than ten percent.
    let mut cluster = fleet(40);
    for n in 0..4 {
        cluster.remove_node(&format!("n{n:03}"));
    }
    cluster.plan();
    assert_eq!(cluster.wait(30).run().endpoints.len(), 72);
}

#[test]
fn nodes_that_vanish_one_after_the_other_within_the_grace_time_count_together() {
    let mut cluster = fleet(10);
    for n in 0..10 {
        cluster.remove_node(&format!("n{n:03}")).plan();
        cluster.wait(3);
    }
    // The first node's time is over, the last ones' are not.
    cluster.run();
    assert_eq!(cluster.endpoints.len(), 20);
}

#[test]
fn a_removed_template_is_a_mass_deletion_too() {
    let mut cluster = fleet(10);
    for template in ["worker-ingress", "worker-tunnel", "worker-vpn"] {
        cluster.observed.remove(Kind::Templates, template);
    }
    assert_eq!(cluster.plan(), [Action::HoldDeletions { endpoints: 20, nodes: 10, total: 10 }]);
}

#[test]
fn a_changed_name_is_no_mass_deletion_because_no_interface_loses_protection() {
    let mut cluster = Cluster::new();
    let spec = |name: &str| json!({"interfaces": [{"name": "eth0"}], "endpointName": name, "lockout": "Ignore"});
    cluster.template("t", spec("{node}-{interface}"));
    for n in 0..10 {
        cluster.node(&format!("n{n}"), &[]);
    }
    cluster.run().template("t", spec("x-{node}-{interface}")).run();
    assert_eq!(cluster.endpoints.len(), 10);
    assert!(cluster.names()[0].starts_with("x-"));
}

#[test]
fn orphans_are_removed_only_if_they_carry_our_label() {
    let mut cluster = fleet(1);
    let orphan = |name: &str, labels: serde_json::Value| json!({"metadata": {"name": name, "labels": labels}, "spec": {"node": "n000", "interfaceName": "ens3"}});
    let template = "kubewright.io/host-endpoint-template";
    cluster.endpoint(orphan("a-foreign", json!({"host-endpoint": "ingress"})));
    cluster.endpoint(orphan("b-half", json!({template: "worker-ingress"})));
    cluster.endpoint(orphan(
        "c-other",
        json!({"app.kubernetes.io/managed-by": "helm", template: "worker-ingress"}),
    ));
    cluster.endpoint(orphan("d-ours", json!({"app.kubernetes.io/managed-by": "kubewright-hostendpoint", template: "worker-ingress"})));
    cluster.endpoint(orphan(
        "e-ours",
        json!({"app.kubernetes.io/managed-by": "kubewright-hostendpoint", template: "long-gone"}),
    ));
    let deleted: Vec<_> = cluster
        .plan()
        .into_iter()
        .map(|action| match action {
            Action::Delete { name, reason, .. } => (name.to_string(), reason),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        deleted,
        [
            ("d-ours".to_owned(), DeleteReason::NotWanted),
            ("e-ours".to_owned(), DeleteReason::TemplateGone)
        ]
    );
}

#[test]
fn an_announced_node_keeps_its_endpoints_until_the_announcement_expires() {
    use crate::observed::{Announcement, AnnouncementKind};
    let mut cluster = Cluster::new();
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "lockout": "Ignore",
                                 "preCreation": {"certificates": {"namePattern": "w-.*"}, "expireAfterSeconds": 600}}));
    let approved = cluster.now;
    for node in ["w-1", "cp-1"] {
        let announcement =
            Announcement { node: node.into(), kind: AnnouncementKind::Certificate { approved } };
        cluster.observed.announce(Kind::Certificates, &format!("csr-{node}"), Some(announcement));
    }
    assert_eq!(cluster.run().names(), ["w-1-eth0"], "control-plane nodes are not meant");
    assert_eq!(cluster.wait(599).run().names(), ["w-1-eth0"]);
    cluster.wait(1).plan();
    cluster.observed.look_again_at(&"w-1".into());
    cluster.wait(30).run();
    assert!(cluster.names().is_empty());
}
