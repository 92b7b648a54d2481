#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::annotation::Dialect;
use crate::name::InterfaceName;
use crate::network::NetworkKey;
use crate::pod::{Pod, SandboxId};
use crate::problem::Reason;
use crate::record::LinkIdentity;
use crate::route::DefaultRoutes;

fn record(role: Role, interface: &str, mac: &str, result: &Value) -> Record {
    Record {
        pod: Pod::new("rec", "web-0", "u1").unwrap(),
        sandbox: SandboxId::new("s1").unwrap(),
        netns: "/run/netns/x".into(),
        netns_id: None,
        boot_id: "b".into(),
        interface: InterfaceName::new(interface).unwrap(),
        role,
        state: State::Attached,
        explicit: false,
        adopted: false,
        digest: String::new(),
        config: json!({"name": "br", "plugins": []}),
        args: Default::default(),
        capability_args: Map::new(),
        result: Some(serde_json::from_value(result.clone()).unwrap()),
        link: Some(LinkIdentity { index: 3, mac: mac.parse().ok() }),
        replaced_routes: DefaultRoutes::default(),
        default_route: None,
    }
}

fn network(name: &str) -> Role {
    Role::Network(NetworkKey::new(Dialect::Standard, "rec", name).unwrap())
}

/// Entries as Multus writes them: the same keys, in the same order.
#[test]
fn entries_have_the_shape_that_consumers_know() {
    let bridge = json!({"cniVersion": "1.0.0",
        "interfaces": [{"name": "br0", "mac": "02:00:00:00:00:01"},
                       {"name": "veth1", "mac": "02:00:00:00:00:02"},
                       {"name": "net1", "mac": "4e:11:dc:39:a4:d4", "sandbox": "/run/netns/x"}],
        "ips": [{"interface": 2, "address": "10.77.0.2/24", "gateway": "10.77.0.1"},
                {"interface": 2, "address": "fd00:77::2/64"}],
        "routes": [{"dst": "10.78.0.0/16", "gw": "10.77.0.1"}]});
    let entry = Entry::of(&record(network("hostlocal"), "net1", "4e:11:dc:39:a4:d4", &bridge));
    assert_eq!(
        to_annotation(&[entry.unwrap()]),
        r#"[{"name":"rec/hostlocal","interface":"net1","ips":["10.77.0.2","fd00:77::2"],"mac":"4e:11:dc:39:a4:d4","dns":{}}]"#
    );
    let cluster = json!({"cniVersion": "0.3.1",
        "interfaces": [{"name": "eth0", "mac": "da:80:cd:44:5a:25", "sandbox": "/run/netns/x"}],
        "ips": [{"version": "4", "interface": 0, "address": "10.88.0.37/16", "gateway": "10.88.0.1"}],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dns": {"nameservers": ["10.80.0.2"], "search": ["x.test"]}});
    let entry = Entry::of(&record(Role::Default, "eth0", "da:80:cd:44:5a:25", &cluster));
    assert_eq!(
        to_annotation(&[entry.unwrap()]),
        r#"[{"name":"br","interface":"eth0","ips":["10.88.0.37"],"mac":"da:80:cd:44:5a:25","default":true,"dns":{"nameservers":["10.80.0.2"],"search":["x.test"]},"gateway":["10.88.0.1"]}]"#
    );
}

#[test]
fn a_gateway_that_nobody_names_is_left_out() {
    let result = json!({"cniVersion": "1.0.0", "routes": [{"dst": "0.0.0.0/0"}]});
    let entry = Entry::of(&record(Role::Default, "eth0", "", &result)).unwrap();
    assert_eq!(entry.gateway, [""; 0]);
    assert_eq!(
        to_annotation(&[entry]),
        r#"[{"name":"br","interface":"eth0","default":true,"dns":{}}]"#
    );
}

#[test]
fn addresses_of_other_interfaces_are_not_the_pods() {
    let result = json!({"cniVersion": "1.0.0",
        "interfaces": [{"name": "host0"}, {"name": "net1", "sandbox": "/run/netns/x"}],
        "ips": [{"interface": 0, "address": "192.0.2.1/24"}, {"interface": 1, "address": "192.0.2.2/24"},
                {"address": "192.0.2.3/24"}]});
    let entry = Entry::of(&record(network("a"), "net1", "", &result)).unwrap();
    assert_eq!(entry.ips, ["192.0.2.2", "192.0.2.3"]);
}

#[test]
fn what_is_not_attached_has_no_entry() {
    let mut record = record(network("a"), "net1", "", &json!({"cniVersion": "1.0.0"}));
    for state in [State::Adding, State::Deleting] {
        record.state = state;
        assert_eq!(Entry::of(&record), None);
    }
}

/// Recorded from Multus; what it says beyond our fields stays as it is.
#[test]
fn what_others_wrote_is_read_and_written_without_loss() {
    let text = r#"[{"name":"br","interface":"eth0","ips":["10.88.0.55"],"mac":"32:2f:e1:f4:82:75","default":true,"dns":{}},{"name":"rec/dns","interface":"net1","ips":["10.80.0.2"],"mac":"0a:8d:2c:a7:29:a5","mtu":1500,"dns":{"nameservers":["10.80.0.2"],"search":["x.test"]},"device-info":{"pci":{"pci-address":"0000:03:02.0"},"type":"pci"},"vendor":"x"}]"#;
    assert_eq!(to_annotation(&parse(text)), text);
    // But for a gateway that is none.
    let nil = text.replacen(r#""dns":{}"#, r#""dns":{},"gateway":["<nil>"]"#, 1);
    assert_eq!(to_annotation(&parse(&nil)), text);
    for nonsense in ["", "null", "{", "[1]", "{}", "[{\"name\":1}]"] {
        assert_eq!(parse(nonsense), [], "{nonsense}");
    }
}

#[test]
fn failures_are_read_by_machines_and_people() {
    let failure = Failure {
        name: Some("rec/l2".into()),
        interface: None,
        problem: Problem::new(Reason::NetworkNotFound, "network rec/l2 is not defined"),
    };
    let text = to_annotation(std::slice::from_ref(&failure));
    assert_eq!(
        text,
        r#"[{"name":"rec/l2","reason":"NetworkNotFound","message":"network rec/l2 is not defined"}]"#
    );
    assert_eq!(serde_json::from_str::<Vec<Failure>>(&text).unwrap(), [failure]);
}

#[test]
fn an_entry_describes_an_interface_as_far_as_it_tells() {
    let entry = |interface: &str, mac: &str, ips: &[&str]| Entry {
        interface: interface.to_owned(),
        mac: mac.to_owned(),
        ips: ips.iter().map(|ip| (*ip).to_owned()).collect(),
        ..Entry::default()
    };
    let mac = "02:00:00:00:00:0a";
    let addresses = vec![("10.0.0.5".parse().unwrap(), 24), ("fd00::5".parse().unwrap(), 64)];
    let link = Link { name: "eth0".into(), index: 2, mac: mac.parse().ok(), addresses };
    for it in [
        entry("eth0", "02:00:00:00:00:0A", &["fd00:0::5", "10.0.0.5"]),
        entry("eth0", mac, &["10.0.0.5"]),
        // As Calico tells it.
        entry("", "", &["10.0.0.5"]),
    ] {
        assert!(it.describes(&link), "{it:?}");
    }
    for other in [
        entry("eth1", mac, &["10.0.0.5"]),
        entry("eth0", "02:00:00:00:00:0b", &["10.0.0.5"]),
        entry("eth0", mac, &["10.0.0.6"]),
        entry("eth0", mac, &["10.0.0.5", "10.0.0.6"]),
        entry("eth0", mac, &["10.0.0.5", "?"]),
        entry("eth0", mac, &[]),
    ] {
        assert!(!other.describes(&link), "{other:?}");
    }
    let net1 = Link { name: "net1".into(), ..link };
    assert!(!entry("", "", &["10.0.0.5"]).describes(&net1));
}
