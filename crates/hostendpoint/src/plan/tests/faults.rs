//! Each fault of the tools we replace, by name. Those that need a running
//! controller are in `controller/tests`.

use serde_json::json;

use super::cluster::Cluster;
use crate::{
    defaults::Defaults,
    observed::Kind,
    plan::{Action, plan_node, plan_with_problems},
};

// kinvolk's script.

#[test]
fn failed_node_list_deletes_nothing() {
    let mut cluster = Cluster::new();
    cluster.defaults().worker("n1").worker("n2").run();
    let endpoints = cluster.endpoints.clone();
    // A restart at which the nodes cannot be listed.
    let mut blind = Cluster::unlisted();
    blind.defaults();
    for object in endpoints.into_values() {
        blind.endpoint(object);
    }
    blind.observed.list_ends(Kind::Templates);
    blind.observed.list_ends(Kind::Endpoints);
    assert!(blind.plan().is_empty());
    assert!(blind.wait(86_400).plan().is_empty());
    // A list that fails half way: it begins and never ends.
    cluster.observed.list_begins(Kind::Nodes);
    assert!(cluster.wait(86_400).plan().is_empty());
}

#[test]
fn an_empty_node_list_is_held_by_the_guard_and_checked_node_by_node() {
    let mut cluster = Cluster::new();
    cluster.defaults();
    for n in 0..10 {
        cluster.worker(&format!("n{n}"));
    }
    cluster.run();
    cluster.observed.list_begins(Kind::Nodes);
    cluster.observed.list_ends(Kind::Nodes);
    cluster.plan();
    // The nodes are there in truth: the API server says so to each question.
    cluster.wait(60).run();
    assert_eq!(cluster.endpoints.len(), 20);
}

#[test]
fn vpn_endpoints_go_with_the_node() {
    let mut cluster = Cluster::new();
    cluster.defaults().node("v1", &[("node.kubernetes.io/node", ""), ("nodetype", "vpn")]).run();
    assert_eq!(cluster.names(), ["v1-bond0", "v1-tunl0", "v1-vti1", "v1-vti2"]);
    cluster.remove_node("v1").plan();
    cluster.wait(60).run();
    assert!(cluster.names().is_empty());
    // And with the label.
    cluster.node("v1", &[("node.kubernetes.io/node", ""), ("nodetype", "vpn")]).run();
    cluster.worker("v1").run();
    assert_eq!(cluster.names(), ["v1-bond0", "v1-tunl0"]);
}

#[test]
fn deletion_during_a_restart_is_not_lost() {
    let mut cluster = Cluster::new();
    cluster.defaults().worker("n1").worker("n2").run();
    cluster.restart(
        |cluster| {
            cluster.defaults();
        },
        |cluster| {
            cluster.worker("n1");
        },
    );
    cluster.plan();
    cluster.wait(60).run();
    assert_eq!(cluster.names(), ["n1-bond0", "n1-tunl0"]);
}

#[test]
fn deletion_during_a_resync_is_not_lost() {
    let mut cluster = Cluster::new();
    cluster.defaults().worker("n1").worker("n2").run();
    cluster.observed.list_begins(Kind::Nodes);
    cluster.worker("n1");
    cluster.nodes.remove("n2");
    cluster.observed.list_ends(Kind::Nodes);
    cluster.plan();
    cluster.wait(60).run();
    assert_eq!(cluster.names(), ["n1-bond0", "n1-tunl0"]);
}

#[test]
fn interface_names_are_configurable() {
    let mut cluster = Cluster::new();
    let defaults =
        Defaults { interface: "ens3".into(), tunnel: "vxlan.calico".into(), ..Defaults::default() };
    for template in defaults.templates() {
        cluster.observed.apply_template(&template);
    }
    cluster.worker("n1").run();
    assert_eq!(cluster.names(), ["n1-ens3", "n1-vxlan.calico"]);
}

#[test]
fn labels_and_ips_are_synced() {
    let mut cluster = Cluster::new();
    cluster.template(
        "t",
        json!({"interfaces": [{"all": true}], "expectedIPs": ["InternalIP"],
                                 "copyLabels": {"allow": ["zone"]}, "lockout": "Ignore"}),
    );
    let node = |zone: &str, address: &str| {
        json!({"metadata": {"name": "n1", "labels": {"zone": zone}},
               "status": {"addresses": [{"type": "InternalIP", "address": address}]}})
    };
    cluster.node_object(node("a", "10.0.0.1")).run();
    cluster.node_object(node("b", "10.0.0.2")).run();
    let endpoint = &cluster.endpoints["n1-all"];
    assert_eq!(endpoint["metadata"]["labels"]["zone"], "b");
    assert_eq!(endpoint["spec"]["expectedIPs"], json!(["10.0.0.2"]));
    cluster.node_object(json!({"metadata": {"name": "n1"}})).run();
    let endpoint = &cluster.endpoints["n1-all"];
    assert!(endpoint["metadata"]["labels"].get("zone").is_none(), "a label that is gone goes");
    assert_eq!(
        endpoint["spec"]["expectedIPs"],
        json!(["10.0.0.2"]),
        "addresses that are unknown stay"
    );
}

// Calico's automatic host endpoints.

#[test]
fn a_change_of_one_endpoint_concerns_its_own_node_only() {
    let mut cluster = Cluster::new();
    cluster.defaults();
    for n in 0..50 {
        cluster.worker(&format!("n{n:02}"));
    }
    cluster.run().plan();
    cluster.change_endpoint("n07-bond0", |object| object["spec"]["interfaceName"] = json!("eth0"));
    let dirty = cluster.observed.settle(cluster.now);
    assert_eq!(dirty.iter().map(|node| &**node).collect::<Vec<_>>(), ["n07"]);
    cluster.worker("n08");
    assert!(
        cluster.observed.settle(cluster.now).is_empty(),
        "a node that has not changed concerns nobody"
    );
}

#[test]
fn profiles_are_free_and_none_by_default() {
    let mut cluster = Cluster::new();
    cluster
        .node("n1", &[])
        .template("t", json!({"interfaces": [{"all": true}], "lockout": "Ignore"}))
        .run();
    assert!(cluster.endpoints["n1-all"]["spec"].get("profiles").is_none());
    cluster
        .template(
            "t",
            json!({"interfaces": [{"all": true}], "profiles": ["mine"], "lockout": "Ignore"}),
        )
        .run();
    assert_eq!(cluster.endpoints["n1-all"]["spec"]["profiles"], json!(["mine"]));
}

#[test]
fn drift_in_profiles_node_and_ports_is_repaired() {
    let mut cluster = Cluster::new();
    cluster.node("n1", &[]).node("n2", &[]).template(
        "t",
        json!({"interfaces": [{"all": true}], "profiles": ["mine"], "lockout": "Ignore",
        "ports": [{"name": "ssh", "protocol": "TCP", "port": 22}]}),
    );
    cluster.run();
    let good = cluster.endpoints["n1-all"]["spec"].clone();
    for (field, value) in [
        ("profiles", json!(["projectcalico-default-allow"])),
        ("node", json!("n2")),
        ("node", json!("nowhere")),
        ("ports", json!([])),
        ("interfaceName", json!("eth0")),
        ("expectedIPs", json!(["10.0.0.1"])),
    ] {
        cluster.change_endpoint("n1-all", |object| object["spec"][field] = value);
        cluster.run();
        let mut now = cluster.endpoints["n1-all"]["spec"].clone();
        if good.get(field).is_none() {
            assert_eq!(now[field], json!([]));
            now.as_object_mut().unwrap().remove(field);
        }
        assert_eq!(now, good, "{field}");
    }
}

#[test]
fn name_collisions_are_detected_and_reported_and_the_owner_keeps_the_name() {
    let mut cluster = Cluster::new();
    cluster.template("t", json!({"interfaces": [{"pattern": ".*"}], "lockout": "Ignore"}));
    let node = |name: &str, interface: &str| json!({"metadata": {"name": name, "annotations": {"projectcalico.org/Interfaces": format!(r#"[{{"name":"{interface}"}}]"#)}}});
    // `a-b` with `c` is there first, `a` with `b-c` wants the same name.
    cluster.node_object(node("a-b", "c")).run();
    cluster.node_object(node("a", "b-c")).run();
    assert_eq!(cluster.endpoints["a-b-c"]["spec"]["node"], "a-b");
    let (_, plans) = plan_with_problems(&cluster.observed, cluster.now);
    let problems: Vec<_> = plans.iter().flat_map(|plan| &plan.problems).collect();
    assert_eq!(problems.len(), 1);
    assert_eq!(&*problems[0].node, "a");
    assert_eq!(
        problems[0].kind.to_string(),
        "endpoint name a-b-c collides with the endpoint of node a-b"
    );
    // Once the owner has gone, the other one gets it without anybody's help.
    cluster.remove_node("a-b").run();
    assert_eq!(cluster.endpoints["a-b-c"]["spec"]["node"], "a");
}

#[test]
fn odd_interfaces_get_valid_names() {
    let mut cluster = Cluster::new();
    cluster.template("t", json!({"interfaces": [{"pattern": ".*"}], "lockout": "Ignore"}));
    cluster.node_object(json!({"metadata": {"name": "n1", "annotations": {
        "projectcalico.org/Interfaces": r#"[{"name":"Eth_0"},{"name":"eth_0"},{"name":"eth0"}]"#}}}));
    cluster.run();
    assert_eq!(cluster.endpoints.len(), 3);
    assert!(cluster.names().iter().all(|name| crate::naming::is_subdomain(name)));
}

#[test]
fn a_bad_node_selector_does_not_block_the_clean_up() {
    let mut cluster = Cluster::new();
    cluster.defaults().worker("n1").worker("n2").run();
    let bad = json!({"nodeSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}, "interfaces": [{"name": "bond0"}]});
    cluster.template("worker-ingress", bad);
    assert!(cluster.plan().is_empty(), "what the bad template made stays while its node does");
    cluster.remove_node("n2").plan();
    cluster.wait(60).run();
    assert_eq!(cluster.names(), ["n1-bond0", "n1-tunl0"]);
}

#[test]
fn named_interfaces_and_tunnels_do_not_wait_for_calico_node() {
    let mut cluster = Cluster::new();
    cluster.template(
        "t",
        json!({"interfaces": [{"name": "eth0"}, {"name": "tunl0"}], "lockout": "Ignore"}),
    );
    cluster.node("fresh", &[]);
    assert_eq!(cluster.run().names(), ["fresh-eth0", "fresh-tunl0"]);
}

#[test]
fn pattern_endpoints_stay_while_the_node_reports_nothing() {
    let mut cluster = Cluster::new();
    cluster.template("t", json!({"interfaces": [{"pattern": "eth.*"}], "lockout": "Ignore"}));
    let with = |interfaces: &str| json!({"metadata": {"name": "n1", "annotations": {"projectcalico.org/Interfaces": interfaces}}});
    cluster.node_object(with(r#"[{"name":"eth0"},{"name":"eth1"}]"#)).run();
    cluster.node("n1", &[]);
    assert!(cluster.plan().is_empty());
    cluster.node_object(with("not json"));
    assert!(cluster.plan().is_empty());
    cluster.node_object(with(r#"[{"name":"eth1"}]"#)).run();
    assert_eq!(cluster.names(), ["n1-eth1"], "reported to be gone is another matter");
}

#[test]
fn a_bad_template_stops_nothing_else() {
    let mut cluster = Cluster::new();
    cluster.defaults().worker("n1").worker("Odd_Name").worker(&"n".repeat(250));
    cluster.template("aaa-regex", json!({"interfaces": [{"pattern": "("}]}));
    cluster.template("aab-long", json!({"interfaces": [{"name": "e".repeat(40)}]}));
    cluster.observed.apply_unreadable_template("aac-odd", Some(1), "expected a map".into());
    cluster.run();
    assert_eq!(cluster.names(), ["n1-bond0", "n1-tunl0"]);
    let (_, plans) = plan_with_problems(&cluster.observed, cluster.now);
    assert_eq!(
        plans.iter().filter(|plan| !plan.problems.is_empty()).count(),
        3,
        "two odd nodes, and a lockout warning on n1"
    );
}

#[test]
fn a_failed_write_is_planned_again_at_once() {
    let mut cluster = Cluster::new();
    cluster.defaults().worker("n1");
    let first = cluster.plan();
    // Nothing was carried out: the same is planned, no resync is needed.
    let again = plan_node(&cluster.observed, &"n1".into(), cluster.now);
    assert_eq!(first, again.actions);
    assert!(matches!(first[0], Action::Apply { .. }));
}
