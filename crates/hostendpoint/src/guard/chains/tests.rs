#![allow(clippy::unwrap_used)]

use super::*;

/// Printed by nft 1.0.6 over rules that iptables-nft and ip6tables-nft loaded.
const IPTABLES_NFT: &str = include_str!("fixtures/iptables-nft.json");
/// Printed by nft 1.0.6 over tables as Felix lays them out in nftables mode.
const NFTABLES: &str = include_str!("fixtures/nftables.json");
/// Printed by iptables-legacy-save 1.8.9.
const IPTABLES_LEGACY: &str = include_str!("fixtures/iptables-legacy.txt");

#[test]
fn host_chains_of_the_iptables_backend_are_reached_through_the_dispatch_tree() {
    let ruleset = Ruleset::from_nft_json(IPTABLES_NFT).unwrap();
    for family in [Family::Ip, Family::Ip6] {
        for interface in ["bond0", "tunl0", ANY_INTERFACE] {
            assert!(
                ruleset.reaches(family, Hook::Input, &format!("cali-fh-{interface}")),
                "{family:?} {interface}"
            );
            assert!(
                ruleset.reaches(family, Hook::Output, &format!("cali-th-{interface}")),
                "{family:?} {interface}"
            );
        }
        assert!(ruleset.has_calico(family));
    }
}

#[test]
fn a_chain_that_nothing_leads_to_does_not_count() {
    let ruleset = Ruleset::from_nft_json(IPTABLES_NFT).unwrap();
    assert!(IPTABLES_NFT.contains("cali-fh-bond1"));
    assert!(
        !ruleset.reaches(Family::Ip, Hook::Input, "cali-fh-bond1"),
        "declared, but not in the dispatch"
    );
    assert!(
        !ruleset.reaches(Family::Ip, Hook::Input, "cali-th-bond0"),
        "only reached from the other hook"
    );
    assert!(!ruleset.reaches(Family::Ip, Hook::Input, "cali-fh-eth0"), "not there");
}

#[test]
fn host_chains_of_nftables_mode_are_reached_through_verdict_maps() {
    let ruleset = Ruleset::from_nft_json(NFTABLES).unwrap();
    for family in [Family::Ip, Family::Ip6] {
        assert!(ruleset.reaches(family, Hook::Input, "cali-fh-bond0"), "named map");
        assert!(ruleset.reaches(family, Hook::Output, "cali-th-bond0"), "anonymous map");
        assert!(!ruleset.reaches(family, Hook::Input, "cali-fh-tunl0"), "in no map");
        assert!(
            !ruleset.reaches(family, Hook::Input, "cali-fh-bond1"),
            "only before DNAT, in the mangle chains"
        );
        assert!(ruleset.has_calico(family));
    }
}

#[test]
fn host_chains_of_legacy_iptables_are_seen() {
    let mut ruleset = Ruleset::default();
    ruleset.add_iptables_save(Family::Ip, IPTABLES_LEGACY);
    assert!(ruleset.reaches(Family::Ip, Hook::Input, "cali-fh-eth0"));
    assert!(ruleset.reaches(Family::Ip, Hook::Output, "cali-th-eth0"));
    assert!(!ruleset.reaches(Family::Ip, Hook::Input, "cali-fh-eth1"), "a comment is no rule");
    assert!(!ruleset.reaches(Family::Ip6, Hook::Input, "cali-fh-eth0"), "only loaded for IPv4");
    assert!(ruleset.has_calico(Family::Ip) && !ruleset.has_calico(Family::Ip6));
}

#[test]
fn a_ring_of_chains_ends() {
    let mut ruleset = Ruleset::default();
    ruleset.add_iptables_save(Family::Ip, "*filter\n:INPUT ACCEPT [0:0]\n:a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -j b\n-A b -j a\nCOMMIT\n");
    assert!(ruleset.reaches(Family::Ip, Hook::Input, "b"));
    assert!(!ruleset.reaches(Family::Ip, Hook::Input, "c"));
}

#[test]
fn warnings_before_the_ruleset_are_passed_over() {
    let warned = format!("# Warning: table ip filter is managed by iptables-nft\n#\n{NFTABLES}");
    let ruleset = Ruleset::from_nft_json(&warned).unwrap();
    assert!(ruleset.reaches(Family::Ip, Hook::Input, "cali-fh-bond0"));
    assert!(Ruleset::from_nft_json("# Warning").is_err());
}

#[test]
fn what_is_no_ruleset_is_refused() {
    for json in ["", "nothing", "{}", "{\"nftables\": 1}", "{\"nftables\": ["] {
        assert!(Ruleset::from_nft_json(json).is_err(), "{json}");
    }
    let odd = r#"{"nftables": [{}, 1, {"chain": {}}, {"rule": {"family": "ip"}}, {"map": {"elem": 3}}, {"chain": {"family": "arp", "table": "t", "name": "INPUT", "hook": "input"}}]}"#;
    assert!(!Ruleset::from_nft_json(odd).unwrap().reaches(Family::Ip, Hook::Input, "INPUT"));
}

fn boot_table(objects: &str) -> BootTable {
    Ruleset::from_nft_json(&format!("{{\"nftables\": [{objects}]}}")).unwrap().boot_table()
}

#[test]
fn the_guards_table_is_locked_only_if_both_chains_are_closed() {
    let table = r#"{"table": {"family": "inet", "name": "kubewright_boot"}}"#;
    let chain = |name: &str, hook: &str, policy: &str| {
        format!(
            r#"{{"chain": {{"family": "inet", "table": "kubewright_boot", "name": "{name}", "hook": "{hook}", "policy": "{policy}"}}}}"#
        )
    };
    let (input, forward) = (chain("input", "input", "drop"), chain("forward", "forward", "drop"));
    assert_eq!(boot_table(""), BootTable::Absent);
    assert_eq!(boot_table(&table.replace("inet", "ip")), BootTable::Absent);
    assert_eq!(boot_table(&[table, &input, &forward].join(",")), BootTable::Locked);
    assert_eq!(boot_table(table), BootTable::Damaged);
    assert_eq!(boot_table(&[table, &input].join(",")), BootTable::Damaged);
    assert_eq!(
        boot_table(&[table, &input, &chain("forward", "forward", "accept")].join(",")),
        BootTable::Damaged
    );
    assert_eq!(
        boot_table(&[table, &chain("input", "output", "drop"), &forward].join(",")),
        BootTable::Damaged
    );
}
