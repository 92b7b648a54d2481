#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(value: &Value) -> CniResult {
    CniResult::from_value(value.clone(), Version::V0_1_0).unwrap()
}

/// One of everything, in the newest form.
fn full() -> Value {
    json!({
        "cniVersion": "1.1.0",
        "interfaces": [
            {"name": "veth1", "mac": "02:00:00:00:00:01"},
            {
                "name": "eth0", "mac": "02:00:00:00:00:02", "mtu": 9000,
                "sandbox": "/run/netns/a", "socketPath": "/run/s", "pciID": "0000:00:1f.6",
                "vendor": {"x": [1]},
            },
        ],
        "ips": [
            {"address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 1},
            {"address": "fd00::5/64", "interface": 1, "vendor": true},
            {"address": "10.2.0.5/16"},
        ],
        "routes": [
            {"dst": "0.0.0.0/0", "gw": "10.1.0.1", "mtu": 1400, "advmss": 1360, "priority": 10,
             "table": 100, "scope": 0},
            {"dst": "::/0", "vendor": "kept"},
        ],
        "dns": {"nameservers": ["10.0.0.10"], "domain": "d", "search": ["s"], "options": ["o"]},
        "vendor": 18_446_744_073_709_551_615_u64,
    })
}

#[test]
fn everything_is_read_and_written_as_it_was() {
    assert_eq!(json!(read(&full())), full());
}

#[test]
fn older_versions_have_the_form_of_their_time() {
    let mut v1_0 = full();
    v1_0["cniVersion"] = json!("1.0.0");
    for field in ["mtu", "socketPath", "pciID"] {
        v1_0["interfaces"][1].as_object_mut().unwrap().remove(field);
    }
    for field in ["mtu", "advmss", "priority", "table", "scope"] {
        v1_0["routes"][0].as_object_mut().unwrap().remove(field);
    }
    assert_eq!(json!(read(&full()).to_version(Version::V1_0_0).unwrap()), v1_0);

    let mut v0_4 = v1_0;
    for (ip, family) in ["4", "6", "4"].into_iter().enumerate() {
        v0_4["ips"][ip]["version"] = json!(family);
    }
    for version in [Version::V0_3_0, Version::V0_3_1, Version::V0_4_0] {
        v0_4["cniVersion"] = json!(version);
        assert_eq!(json!(read(&full()).to_version(version).unwrap()), v0_4);
    }

    let v0_2 = json!({
        "cniVersion": "0.2.0",
        "ip4": {"ip": "10.1.0.5/16", "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}]},
        "ip6": {"ip": "fd00::5/64", "routes": [{"dst": "::/0", "vendor": "kept"}], "vendor": true},
        "dns": full()["dns"],
        "vendor": full()["vendor"],
    });
    assert_eq!(json!(read(&full()).to_version(Version::V0_2_0).unwrap()), v0_2);
    assert_eq!(json!(read(&v0_2)), v0_2);
    let up = read(&v0_2).to_version(Version::V1_0_0).unwrap();
    assert_eq!(json!(up)["ips"][0], json!({"address": "10.1.0.5/16", "gateway": "10.1.0.1"}));
    assert_eq!(up.routes.len(), 2);
}

#[test]
fn the_first_versions_need_an_address() {
    let empty = CniResult::empty(Version::V1_0_0);
    let error = empty.to_version(Version::V0_1_0).unwrap_err();
    assert_eq!(error.to_string(), "a result without addresses cannot be written as version 0.1.0");
    assert_eq!(json!(empty), json!({"cniVersion": "1.0.0"}));
}

#[test]
fn what_plugins_write_instead_of_nothing_is_nothing() {
    let result = CniResult::parse(
        br#"{"interfaces": null, "routes": null, "dns": {"search": null}, "ips": [
            {"version": "4", "address": "10.1.0.5/16", "gateway": ""}]}"#,
        Version::V0_4_0,
    );
    let result = result.unwrap();
    assert_eq!(result.version, Version::V0_4_0, "the one of the configuration");
    assert_eq!(
        json!(result),
        json!({"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.1.0.5/16"}]})
    );
}

#[test]
fn what_is_not_a_result_is_refused_with_its_field() {
    for (json, message) in [
        (json!([]), "the result is not a JSON object"),
        (json!({"cniVersion": "3.0.0"}), "the result is of another version"),
        (json!({"cniVersion": 1}), "field \"cniVersion\" of the result is not valid"),
        (json!({"ips": [{"address": "10.1.0.5"}]}), "field \"ips\" of the result is not valid"),
        (json!({"ips": [{"address": "10.1.0.5/33"}]}), "field \"ips\" of the result is not valid"),
        (json!({"ips": [{"address": "1.1.1.1/+8"}]}), "field \"ips\" of the result is not valid"),
        (json!({"interfaces": "eth0"}), "field \"interfaces\" of the result is not valid"),
        (json!({"routes": [{"dst": "::/129"}]}), "field \"routes\" of the result is not valid"),
    ] {
        let error = CniResult::from_value(json.clone(), Version::V1_0_0).unwrap_err();
        assert_eq!(error.to_string(), message, "{json}");
    }
}

#[test]
fn addresses_of_an_interface_are_found_by_its_position() {
    let result = read(&full());
    let of = |index| result.ips_of(index).map(|ip| ip.address.to_string()).collect::<Vec<_>>();
    assert_eq!(of(1), ["10.1.0.5/16", "fd00::5/64"]);
    assert!(of(0).is_empty());
}

fn cidr() -> impl Strategy<Value = Cidr> {
    prop_oneof![
        (any::<[u8; 4]>(), 0..=32_u8).prop_map(|(a, prefix)| Cidr { address: a.into(), prefix }),
        (any::<[u8; 16]>(), 0..=128_u8).prop_map(|(a, prefix)| Cidr { address: a.into(), prefix }),
    ]
}

prop_compose! {
    fn interface()(
        name in "[a-z0-9]{1,15}",
        mac in "(|02:00:00:00:00:01)",
        mtu in any::<Option<u32>>(),
        sandbox in "(|/run/netns/[a-z]{1,8})",
        socket_path in "(|/run/[a-z]{1,8})",
        pci_id in "(|0000:00:1f.6)",
    ) -> Interface {
        Interface { name, mac, mtu, sandbox, socket_path, pci_id, extra: Map::new() }
    }
}

prop_compose! {
    fn route()(
        dst in cidr(),
        gateway in any::<Option<std::net::IpAddr>>(),
        mtu in any::<Option<u32>>(),
        table in any::<Option<u32>>(),
    ) -> Route {
        Route { mtu, table, ..Route::new(dst, gateway) }
    }
}

prop_compose! {
    fn ip()(
        address in cidr(),
        gateway in any::<Option<std::net::IpAddr>>(),
        interface in any::<Option<i64>>(),
    ) -> IpConfig {
        IpConfig { address, gateway, interface, extra: Map::new() }
    }
}

prop_compose! {
    fn result()(
        interfaces in prop::collection::vec(interface(), 0..3),
        ips in prop::collection::vec(ip(), 0..3),
        routes in prop::collection::vec(route(), 0..3),
        nameservers in prop::collection::vec("[0-9.]{1,7}", 0..2),
    ) -> CniResult {
        let dns = Dns { nameservers, ..Dns::default() };
        CniResult { interfaces, ips, routes, dns, ..CniResult::empty(Version::CURRENT) }
    }
}

proptest! {
    #[test]
    fn in_every_version_it_is_read_as_it_was_written(
        result in result(),
        version in prop::sample::select(Version::ALL.to_vec()),
    ) {
        let Ok(converted) = result.to_version(version) else {
            prop_assert!(result.ips.is_empty() && version < Version::V0_3_0);
            return Ok(());
        };
        let again: CniResult = serde_json::from_value(json!(converted)).unwrap();
        // The first versions sort routes by family; all else stays in order.
        prop_assert_eq!(json!(again), json!(converted));
        if version >= Version::V0_3_0 {
            prop_assert_eq!(&again, &converted);
        }
        // Up and down again loses nothing.
        let up = converted.to_version(Version::CURRENT).unwrap();
        prop_assert_eq!(up.to_version(version).unwrap(), converted);
    }

    #[test]
    fn no_bytes_bring_the_parser_down(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = CniResult::parse(&bytes, Version::CURRENT);
    }

    #[test]
    fn a_cidr_is_its_text(cidr in cidr()) {
        prop_assert_eq!(cidr.to_string().parse::<Cidr>(), Ok(cidr));
    }

    #[test]
    fn no_text_brings_the_cidr_down(text in ".{0,20}") {
        let _ = text.parse::<Cidr>();
    }
}
