#![allow(clippy::unwrap_used)]

use super::*;

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

#[test]
fn a_bare_address_is_a_range_of_one() {
    assert_eq!(cidr("192.0.2.1").to_string(), "192.0.2.1/32");
    assert_eq!(cidr("fd00::1").to_string(), "fd00::1/128");
}

#[test]
fn host_bits_are_cleared() {
    assert_eq!(cidr("10.1.2.3/8").to_string(), "10.0.0.0/8");
    assert_eq!(cidr("10.1.2.3/0").to_string(), "0.0.0.0/0");
    assert_eq!(cidr("fd00::1:2/64").to_string(), "fd00::/64");
    assert_eq!(cidr("fd00::1/0").to_string(), "::/0");
}

#[test]
fn what_is_no_range_is_refused() {
    for text in [
        "",
        "/",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0/8",
        "::/129",
        "fe80::1%eth0/64",
        "10.0.0.0/8 }",
        "10.0.0.0/8; flush ruleset",
        "example.org",
        "10.0.0.0/256",
        " 10.0.0.0/8",
    ] {
        assert!(text.parse::<Cidr>().is_err(), "{text:?} was taken");
    }
}

#[test]
fn ranges_within_others_are_dropped() {
    let ranges = [
        "10.1.0.0/16",
        "10.0.0.0/8",
        "10.0.0.0/8",
        "192.168.0.1",
        "fd00::/8",
        "fd00:1::/32",
        "::ffff:10.0.0.1",
    ];
    let kept: Vec<String> =
        disjoint(ranges.map(cidr).to_vec()).iter().map(ToString::to_string).collect();
    assert_eq!(kept, ["10.0.0.0/8", "192.168.0.1/32", "::ffff:10.0.0.1/128", "fd00::/8"]);
}
