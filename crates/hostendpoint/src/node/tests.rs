#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;

fn facts(node: Value) -> NodeFacts {
    NodeFacts::new(&serde_json::from_value(node).unwrap(), &mut Interner::default())
}

fn full() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": "n1",
            "labels": {"nodetype": "vpn"},
            "annotations": {
                "projectcalico.org/IPv4Address": "10.0.0.1/24",
                "projectcalico.org/IPv4IPIPTunnelAddr": "192.168.0.1",
                "projectcalico.org/IPv6WireguardInterfaceAddr": "fd00::1",
                "projectcalico.org/Interfaces": r#"[{"name":"eth1","addresses":["10.1.0.1"]},{"name":"bond0"}]"#,
                "kubewright.io/host-guard": "released/boot-1",
            },
        },
        "spec": {"taints": [{"key": "kubewright.io/host-unprotected", "effect": "NoSchedule"}]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "10.0.0.1"},
                {"type": "ExternalIP", "address": "203.0.113.1"},
                {"type": "Hostname", "address": "n1"},
            ],
            "conditions": [
                {"type": "NetworkUnavailable", "status": "False", "reason": "CalicoIsUp", "lastHeartbeatTime": "2026-11-20T00:00:00Z"},
                {"type": "HostProtected", "status": "True", "reason": "GuardReleased"},
            ],
            "nodeInfo": {"bootID": "boot-1"},
            "images": [{"names": ["a"], "sizeBytes": 1}],
        },
    })
}

#[test]
fn facts_of_a_node() {
    let facts = facts(full());
    let addresses: Vec<_> =
        facts.addresses.iter().map(|(kind, address)| (*kind, address.to_string())).collect();
    assert_eq!(
        addresses,
        [
            (AddressKind::Bgp, "10.0.0.1".to_owned()),
            (AddressKind::Tunnel, "192.168.0.1".into()),
            (AddressKind::WireGuard, "fd00::1".into()),
            (AddressKind::InternalIp, "10.0.0.1".into()),
            (AddressKind::ExternalIp, "203.0.113.1".into()),
        ]
    );
    let interfaces = facts.interfaces.unwrap();
    assert_eq!(&*interfaces[0].name, "bond0");
    assert_eq!(interfaces[1].addresses, ["10.1.0.1".parse::<IpAddr>().unwrap()]);
    assert_eq!(
        facts.protection,
        Protection {
            tainted: true,
            condition: Some(("True".into(), "GuardReleased".into())),
            guard: Some(GuardReport::Released),
            calico_up: true,
        }
    );
}

#[test]
fn heartbeats_change_no_fact() {
    let mut later = full();
    later["status"]["conditions"][0]["lastHeartbeatTime"] = json!("2026-11-20T00:05:00Z");
    later["metadata"]["resourceVersion"] = json!("999");
    later["status"]["images"] = json!([]);
    assert_eq!(facts(full()), facts(later));
}

#[test]
fn reports_of_an_earlier_boot_do_not_count() {
    let mut rebooted = full();
    rebooted["status"]["nodeInfo"]["bootID"] = json!("boot-2");
    assert_eq!(facts(rebooted).protection.guard, None);
    let mut bare = full();
    bare["status"]["nodeInfo"]["bootID"] = json!("");
    bare["metadata"]["annotations"]["kubewright.io/host-guard"] = json!("released/");
    assert_eq!(facts(bare).protection.guard, None);
}

#[test]
fn unreadable_interfaces_are_unknown_and_not_none() {
    let mut node = full();
    node["metadata"]["annotations"]["projectcalico.org/Interfaces"] = json!("{oops");
    assert_eq!(facts(node).interfaces, None);
    let mut empty = full();
    empty["metadata"]["annotations"]["projectcalico.org/Interfaces"] = json!("[]");
    assert_eq!(facts(empty).interfaces, Some(Vec::new()));
}
