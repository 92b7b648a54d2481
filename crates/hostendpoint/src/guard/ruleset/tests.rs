#![allow(clippy::unwrap_used)]

use super::*;
use crate::guard::service::CLUSTER_SERVICES;
use proptest::prelude::*;

fn cidrs(texts: &[&str]) -> Vec<Cidr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn services(text: &str) -> Vec<Service> {
    text.split(',').map(|service| service.parse().unwrap()).collect()
}

#[test]
fn a_cluster_with_both_families() {
    insta::assert_snapshot!(lock_script(&Allowed {
        ssh_from: cidrs(&["10.10.0.0/16", "fd10::/16"]),
        ssh_ports: vec![22],
        nodes: cidrs(&["10.0.0.0/24", "10.0.1.0/24", "fd00::/64"]),
        services: services(CLUSTER_SERVICES),
        echo_per_second: 10,
    }));
}

#[test]
fn nothing_but_what_a_node_needs_to_come_up() {
    insta::assert_snapshot!(lock_script(&Allowed {
        ssh_from: Vec::new(),
        ssh_ports: vec![22],
        nodes: Vec::new(),
        services: services(CLUSTER_SERVICES),
        echo_per_second: 0,
    }));
}

#[test]
fn overlaps_are_joined_before_nftables_refuses_them() {
    let script = lock_script(&Allowed {
        ssh_from: cidrs(&["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"]),
        ssh_ports: vec![2222, 22, 22],
        nodes: cidrs(&["0.0.0.0/0"]),
        services: services("tcp/10-20,tcp/15-30,tcp/31,tcp/40,udp/1,ip/4,ip/4"),
        echo_per_second: 0,
    });
    assert!(script.contains("ip saddr { 10.0.0.0/8 } tcp dport { 22, 2222 } accept"), "{script}");
    assert!(script.contains("ip saddr { 0.0.0.0/0 } tcp dport { 10-31, 40 } accept"), "{script}");
    assert!(script.contains("ip saddr { 0.0.0.0/0 } udp dport { 1 } accept"), "{script}");
    assert!(script.contains("ip saddr { 0.0.0.0/0 } meta l4proto { 4 } accept"), "{script}");
}

#[test]
fn a_lock_never_leaves_out_the_two_closed_chains() {
    let script = lock_script(&Allowed {
        ssh_from: cidrs(&["::/0"]),
        ssh_ports: Vec::new(),
        nodes: cidrs(&["::/0"]),
        services: Vec::new(),
        echo_per_second: u32::MAX,
    });
    assert_eq!(script.matches("policy drop;").count(), 2);
    assert!(
        !script.contains("saddr { ::/0 }"),
        "a source without a port would open everything: {script}"
    );
}

#[test]
fn releasing_is_one_transaction_that_cannot_fail_on_a_missing_table() {
    insta::assert_snapshot!(release_script());
}

proptest! {
    /// However ranges are written, the port set that comes out is sorted, free of overlaps, and covers the same ports.
    #[test]
    fn joined_ranges_cover_the_same_ports(ranges in prop::collection::vec((1u16..2000, 0u16..50), 0..20)) {
        let ranges: Vec<(u16, u16)> = ranges.into_iter().map(|(first, more)| (first, first + more)).collect();
        let joined = joined(ranges.clone());
        for pair in joined.windows(2) {
            prop_assert!(pair[0].1 + 1 < pair[1].0);
        }
        for port in 1..=2100 {
            let covers = |set: &[(u16, u16)]| set.iter().any(|(first, last)| (*first..=*last).contains(&port));
            prop_assert_eq!(covers(&ranges), covers(&joined));
        }
    }
}
