#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::{
    api::{MANAGED_BY, MANAGED_BY_LABEL},
    labels::Interner,
    templates::compile,
};

fn template(name: &str, spec: Value) -> Template {
    let template = serde_json::from_value(json!({
        "apiVersion": "kubewright.io/v1alpha1", "kind": "HostEndpointTemplate",
        "metadata": {"name": name}, "spec": spec,
    }))
    .unwrap();
    compile(&template, &mut Interner::default())
}

fn node(value: Value) -> NodeFacts {
    NodeFacts::new(&serde_json::from_value(value).unwrap(), &mut Interner::default())
}

fn plain_node() -> NodeFacts {
    node(json!({
        "metadata": {
            "name": "n1",
            "labels": {"zone": "a", "node-role.kubernetes.io/worker": "", "secret/x": "y"},
            "annotations": {
                "projectcalico.org/IPv4Address": "10.0.0.1/24",
                "projectcalico.org/Interfaces": r#"[{"name":"eth1","addresses":["10.1.0.1"]},{"name":"eth0","addresses":["10.0.0.1"]},{"name":"Weird_0"},{"name":"wlan0"}]"#,
            },
        },
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "ExternalIP", "address": "203.0.113.1"}]},
    }))
}

fn summary(set: &WantedSet) -> Vec<(String, String, Option<Vec<String>>)> {
    set.endpoints
        .iter()
        .map(|wanted| (wanted.name.clone(), wanted.interface.clone(), wanted.expected_ips.clone()))
        .collect()
}

fn of(node: &NodeFacts, spec: Value) -> WantedSet {
    wanted(Candidate::Registered(node), &[template("t", spec)])
}

#[test]
fn every_way_to_find_interfaces() {
    let node = plain_node();
    let row = |name: &str, interface: &str, addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
        (name.to_owned(), interface.to_owned(), Some(addresses))
    };
    assert_eq!(
        summary(&of(&node, json!({"interfaces": [{"name": "tunl0"}]}))),
        [row("n1-tunl0", "tunl0", &[])]
    );
    assert_eq!(
        summary(&of(&node, json!({"interfaces": [{"pattern": "eth[0-9]+"}]}))),
        [row("n1-eth0", "eth0", &[]), row("n1-eth1", "eth1", &[])]
    );
    assert_eq!(
        summary(&of(&node, json!({"interfaces": [{"all": true}]}))),
        [row("n1-all", "*", &[])]
    );
    assert_eq!(
        summary(&of(
            &node,
            json!({"interfaces": [{"cidrs": ["10.0.0.0/8"], "alias": "internal"}]})
        )),
        [row("n1-internal", "", &["10.0.0.1", "10.1.0.1"])]
    );
    assert!(of(&node, json!({"interfaces": [{"cidrs": ["172.16.0.0/12"]}]})).endpoints.is_empty());
}

#[test]
fn interfaces_with_odd_names_become_valid_endpoints() {
    let set = of(&plain_node(), json!({"interfaces": [{"pattern": "Weird.*"}]}));
    assert!(set.problems.is_empty());
    assert_eq!(set.endpoints[0].interface, "Weird_0");
    assert!(set.endpoints[0].name.starts_with("n1-weird-0-"), "{}", set.endpoints[0].name);
}

#[test]
fn expected_ips_of_the_kinds_asked_for_each_once() {
    let set = of(
        &plain_node(),
        json!({"interfaces": [{"all": true}], "expectedIPs": ["BGP", "InternalIP", "ExternalIP"]}),
    );
    assert_eq!(
        set.endpoints[0].expected_ips,
        Some(vec!["10.0.0.1".to_owned(), "203.0.113.1".into()])
    );
    let silent = node(json!({"metadata": {"name": "n1"}}));
    let set = of(&silent, json!({"interfaces": [{"all": true}], "expectedIPs": ["InternalIP"]}));
    assert_eq!(set.endpoints[0].expected_ips, None, "unknown is not empty");
}

#[test]
fn labels_are_copied_as_allowed_and_the_templates_own_win() {
    let set = of(
        &plain_node(),
        json!({"interfaces": [{"all": true}], "labels": {"zone": "mine"},
               "copyLabels": {"allow": ["*"], "deny": ["secret/*"]}}),
    );
    let labels = &set.endpoints[0].labels;
    assert_eq!(labels["zone"], "mine");
    assert_eq!(labels["node-role.kubernetes.io/worker"], "");
    assert!(!labels.contains_key("secret/x"));
    assert_eq!(labels[MANAGED_BY_LABEL], MANAGED_BY);
    let none = of(&plain_node(), json!({"interfaces": [{"all": true}]}));
    assert_eq!(none.endpoints[0].labels.len(), 2, "nothing is copied by default");
}

#[test]
fn one_endpoint_per_interface_the_first_template_gets_it() {
    let node = plain_node();
    let templates = [
        template("a", json!({"interfaces": [{"name": "eth0"}]})),
        template(
            "b",
            json!({"interfaces": [{"pattern": "eth.*"}, {"all": true}], "endpointName": "b-{node}-{interface}"}),
        ),
    ];
    let set = wanted(Candidate::Registered(&node), &templates);
    let names: Vec<_> = set.endpoints.iter().map(|wanted| wanted.name.as_str()).collect();
    assert_eq!(names, ["n1-eth0", "b-n1-eth1", "b-n1-all"]);
    assert_eq!(set.problems.len(), 1);
    assert!(
        set.problems[0].kind.to_string().contains("interface \"eth0\" is covered by template a"),
        "{}",
        set.problems[0].kind
    );
    assert_eq!(&*set.problems[0].template, "b");
}

#[test]
fn patterns_on_nodes_that_report_nothing_hold_what_is_there() {
    let silent = node(json!({"metadata": {"name": "n1"}}));
    let set = of(&silent, json!({"interfaces": [{"name": "bond0"}, {"pattern": "eth.*"}]}));
    assert_eq!(summary(&set).len(), 1);
    assert!(set.held.contains("t"));
}

#[test]
fn a_bad_template_holds_its_own_and_affects_no_other() {
    let node = plain_node();
    let templates = [
        template("bad", json!({"interfaces": [{"pattern": "("}]})),
        template("good", json!({"interfaces": [{"name": "bond0"}]})),
    ];
    let set = wanted(Candidate::Registered(&node), &templates);
    assert_eq!(summary(&set)[0].0, "n1-bond0");
    assert_eq!(set.held.iter().map(|name| &**name).collect::<Vec<_>>(), ["bad"]);
}

#[test]
fn expected_nodes_get_what_can_be_known_of_them() {
    let name: Shared = "n9".into();
    let templates = [
        template(
            "a",
            json!({"nodeSelector": {"matchLabels": {"x": "y"}}, "interfaces": [{"name": "bond0"}, {"pattern": "eth.*"}], "expectedIPs": ["InternalIP"]}),
        ),
        template("b", json!({"interfaces": [{"all": true}]})),
    ];
    let early = BTreeSet::from(["a".into()]);
    let set = wanted(Candidate::Expected { name: &name, templates: &early }, &templates);
    assert_eq!(summary(&set), [("n9-bond0".to_owned(), "bond0".to_owned(), None)]);
}

#[test]
fn odd_node_names_and_long_endpoint_names_are_clear_errors_on_that_node() {
    for (name, wanted) in [
        ("Odd_Node", "is not a DNS-1123 subdomain"),
        (&*"n".repeat(250), "at most 253 are allowed"),
    ] {
        let set = of(
            &node(json!({"metadata": {"name": name}})),
            json!({"interfaces": [{"name": "bond0"}]}),
        );
        assert!(set.endpoints.is_empty());
        assert!(set.problems[0].kind.to_string().contains(wanted), "{}", set.problems[0].kind);
    }
}
