#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn default_template() -> NameTemplate {
    NameTemplate::compile("{node}-{interface}", true).unwrap()
}

fn name(node: &str, interface: &str) -> Result<String, NameError> {
    default_template().render(node, interface, "workers")
}

#[test]
fn plain_names_are_left_alone() {
    assert_eq!(name("node1", "bond0").unwrap(), "node1-bond0");
    assert_eq!(name("node1.example.org", "eth0.100").unwrap(), "node1.example.org-eth0.100");
    let template = NameTemplate::compile("hep-{template}.{node}", false).unwrap();
    assert_eq!(template.render("n1", "eth0", "edge").unwrap(), "hep-edge.n1");
}

#[test]
fn interfaces_with_underscore_or_upper_case_get_valid_names() {
    assert_eq!(name("n1", "Eth_0").unwrap(), name("n1", "Eth_0").unwrap());
    let names: Vec<_> = ["eth-0", "eth_0", "Eth_0", "ETH-0", "eth0.", "_", "-"]
        .iter()
        .map(|interface| name("n1", interface).unwrap())
        .collect();
    for (at, one) in names.iter().enumerate() {
        assert!(is_subdomain(one), "{one}");
        assert!(names[..at].iter().all(|other| other != one), "{names:?}");
    }
    assert_eq!(names[0], "n1-eth-0");
    assert!(names[1].starts_with("n1-eth-0-"), "{}", names[1]);
}

#[test]
fn too_long_names_are_refused_and_not_cut() {
    let node = "n".repeat(250);
    let error = name(&node, "bond0").unwrap_err();
    assert!(error.to_string().contains("256 characters long"), "{error}");
    assert_eq!(name(&"n".repeat(247), "bond0").unwrap().len(), 253);
}

#[test]
fn odd_node_names_are_refused() {
    for node in ["", "Node", "a_b", "-a", "a.", "a b", "nœud", &"x".repeat(254)] {
        assert!(matches!(name(node, "bond0"), Err(NameError::InvalidNode { .. })), "{node}");
    }
}

#[test]
fn bad_templates_are_refused() {
    for (text, many, wanted) in [
        ("{node}-{ifc}", true, "unknown placeholder {ifc}"),
        ("{node", true, "unbalanced"),
        ("node}", true, "unbalanced"),
        ("{interface}", true, "must contain {node}"),
        ("{node}", true, "must contain {interface}"),
    ] {
        let error = NameTemplate::compile(text, many).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
    assert!(NameTemplate::compile("{node}", false).is_ok());
    let upper = NameTemplate::compile("HEP-{node}", false).unwrap();
    assert!(matches!(upper.render("n1", "eth0", "t"), Err(NameError::Invalid { .. })));
}

proptest! {
    #[test]
    fn any_interface_gives_a_valid_and_stable_name(interface in "[a-zA-Z0-9_.-]{1,15}") {
        let one = name("node-1", &interface).unwrap();
        prop_assert!(is_subdomain(&one), "{}", one);
        prop_assert_eq!(one, name("node-1", &interface).unwrap());
    }
}
