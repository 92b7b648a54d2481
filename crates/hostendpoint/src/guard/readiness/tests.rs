#![allow(clippy::unwrap_used)]

use super::*;
use crate::guard::links::LinkAddress;
use proptest::prelude::*;

fn endpoint(selects: Selects) -> ProtectedEndpoint {
    ProtectedEndpoint { name: format!("node-1-{selects}"), selects }
}

fn interface(name: &str) -> ProtectedEndpoint {
    endpoint(Selects::Interface(name.to_owned()))
}

fn link(name: &str, addresses: &[&str]) -> Link {
    let address =
        |text: &&str| LinkAddress { ip: text.parse().unwrap(), global: !text.starts_with("fe80") };
    Link { name: name.to_owned(), addresses: addresses.iter().map(address).collect() }
}

/// A ruleset in which Felix polices `interfaces` for `family`.
fn policed(families: &[Family], interfaces: &[&str]) -> Ruleset {
    let mut ruleset = Ruleset::default();
    for family in families {
        let mut saved =
            "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:cali-INPUT - [0:0]\n".to_owned();
        for name in interfaces {
            saved.push_str(&format!(":cali-fh-{name} - [0:0]\n:cali-th-{name} - [0:0]\n"));
            saved.push_str(&format!(
                "-A INPUT -i {name} -j cali-fh-{name}\n-A OUTPUT -o {name} -j cali-th-{name}\n"
            ));
        }
        ruleset.add_iptables_save(*family, &saved);
    }
    ruleset
}

/// Everything in place for one interface over IPv4.
fn in_place() -> Observation {
    Observation {
        endpoints: Ok(vec![interface("bond0")]),
        felix: FelixState::Ready,
        ruleset: Ok(policed(&[Family::Ip], &["bond0"])),
        links: Ok(vec![
            link("lo", &["127.0.0.1"]),
            link("bond0", &["192.0.2.7", "fe80::1"]),
            link("vti1", &[]),
        ]),
    }
}

fn lines(seen: &Observation, asked: &Requirements) -> Vec<String> {
    missing(seen, asked).iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_is_missing_when_everything_is_in_place() {
    assert_eq!(lines(&in_place(), &Requirements::default()), [""; 0]);
}

#[test]
fn each_missing_thing_has_a_line_of_its_own() {
    let seen = Observation {
        endpoints: Ok(vec![interface("bond0"), interface("vti1"), interface("vti2")]),
        felix: FelixState::NotReady { status: 503 },
        ..in_place()
    };
    insta::assert_snapshot!(lines(&seen, &Requirements::default()).join("\n"));
    insta::assert_json_snapshot!(missing(&seen, &Requirements::default()));
}

#[test]
fn what_is_unknown_is_missing() {
    let nothing = Observation {
        endpoints: Err("cannot list the HostEndpoints of node a: connection refused".into()),
        felix: FelixState::Unreachable { reason: "connection refused".into() },
        ruleset: Err("nft failed".into()),
        links: Err("ip failed".into()),
    };
    insta::assert_snapshot!(lines(&nothing, &Requirements::default()).join("\n"));
}

#[test]
fn a_node_without_endpoints_is_not_protected() {
    let seen = Observation { endpoints: Ok(Vec::new()), ..in_place() };
    assert_eq!(missing(&seen, &Requirements::default()), [Missing::Endpoints]);
}

#[test]
fn one_direction_is_not_enough() {
    let mut ruleset = Ruleset::default();
    ruleset.add_iptables_save(
        Family::Ip,
        "*filter\n:INPUT ACCEPT [0:0]\n:cali-fh-bond0 - [0:0]\n-A INPUT -j cali-fh-bond0\n",
    );
    let seen = Observation { ruleset: Ok(ruleset), ..in_place() };
    let missing = missing(&seen, &Requirements::default());
    assert!(
        matches!(&missing[..], [Missing::Chain { chain, .. }] if chain == "cali-th-bond0"),
        "{missing:?}"
    );
}

#[test]
fn ipv6_is_asked_for_where_it_matters() {
    let asked = |families| Requirements { families, ..Requirements::default() };
    let with = |addresses: &[&str], ruleset: Ruleset| Observation {
        ruleset: Ok(ruleset),
        links: Ok(vec![link("bond0", addresses)]),
        ..in_place()
    };
    let only4 = || policed(&[Family::Ip], &["bond0"]);
    let both = || policed(&[Family::Ip, Family::Ip6], &["bond0"]);
    let begun6 = || {
        let mut ruleset = only4();
        ruleset.add_iptables_save(Family::Ip6, "*filter\n:cali-INPUT - [0:0]\n");
        ruleset
    };
    for (families, addresses, ruleset, count) in [
        (Families::Auto, &["192.0.2.7", "fe80::1"][..], only4(), 0),
        (Families::Auto, &["192.0.2.7", "2001:db8::1"][..], only4(), 2),
        (Families::Auto, &["192.0.2.7"][..], begun6(), 2),
        (Families::Auto, &["192.0.2.7", "2001:db8::1"][..], both(), 0),
        (Families::Ipv4, &["192.0.2.7", "2001:db8::1"][..], only4(), 0),
        (Families::Ipv6, &["192.0.2.7"][..], only4(), 2),
        (Families::Dual, &["192.0.2.7"][..], only4(), 2),
        (Families::Dual, &["192.0.2.7"][..], both(), 0),
    ] {
        let missing = missing(&with(addresses, ruleset), &asked(families));
        assert_eq!(missing.len(), count, "{families:?} {addresses:?}: {missing:?}");
        assert!(
            missing.iter().all(|m| matches!(m, Missing::Chain { family: "IPv6", .. })),
            "{missing:?}"
        );
    }
}

#[test]
fn an_absent_interface_is_waited_for_unless_told_not_to() {
    let seen =
        Observation { endpoints: Ok(vec![interface("bond0"), interface("vti9")]), ..in_place() };
    assert!(matches!(&missing(&seen, &Requirements::default())[..], [Missing::Interface { .. }]));
    let asked = Requirements { skip_absent_interfaces: true, ..Requirements::default() };
    assert_eq!(missing(&seen, &asked), []);
}

#[test]
fn an_endpoint_for_all_interfaces_is_one_chain() {
    let all = Ok(vec![endpoint(Selects::AllInterfaces)]);
    let seen = Observation {
        endpoints: all.clone(),
        ruleset: Ok(policed(&[Family::Ip], &[ANY_INTERFACE])),
        ..in_place()
    };
    assert_eq!(missing(&seen, &Requirements::default()), []);
    let seen = Observation { endpoints: all, ..in_place() };
    assert_eq!(
        missing(&seen, &Requirements::default()).len(),
        2,
        "the chains of bond0 are not those of *"
    );
}

#[test]
fn an_endpoint_by_address_is_the_interface_that_has_it() {
    let by_address = |ip: &str| Observation {
        endpoints: Ok(vec![endpoint(Selects::Addresses(vec![
            "203.0.113.1".parse().unwrap(),
            ip.parse().unwrap(),
        ]))]),
        ..in_place()
    };
    assert_eq!(missing(&by_address("192.0.2.7"), &Requirements::default()), []);
    assert!(matches!(
        &missing(&by_address("192.0.2.8"), &Requirements::default())[..],
        [Missing::Interface { .. }]
    ));
}

#[test]
fn ebpf_has_no_chains_to_ask_for() {
    let seen = Observation { ruleset: Ok(Ruleset::default()), ..in_place() };
    let asked = Requirements { dataplane: Dataplane::Bpf, ..Requirements::default() };
    assert_eq!(missing(&seen, &asked), []);
    let seen = Observation { felix: FelixState::NotReady { status: 503 }, ..seen };
    assert_eq!(missing(&seen, &asked).len(), 1);
}

const fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn gate(fail_open_after: Option<u64>) -> Gate {
    Gate::new(
        Timing { stable_for: seconds(5), fail_open_after: fail_open_after.map(seconds) },
        seconds(100),
    )
}

#[test]
fn the_node_is_opened_after_everything_held_for_long_enough() {
    let mut gate = gate(None);
    let endpoints = [interface("bond0")];
    assert_eq!(gate.step(seconds(100), &[Missing::Endpoints], &[]), Decision::Wait);
    assert_eq!(
        gate.step(seconds(101), &[], &endpoints),
        Decision::Settle { remaining: seconds(5) }
    );
    assert_eq!(
        gate.step(seconds(104), &[], &endpoints),
        Decision::Settle { remaining: seconds(2) }
    );
    assert_eq!(
        gate.step(seconds(105), &[Missing::Endpoints], &endpoints),
        Decision::Wait,
        "it begins anew"
    );
    assert_eq!(
        gate.step(seconds(107), &[], &endpoints),
        Decision::Settle { remaining: seconds(5) }
    );
    assert_eq!(gate.step(seconds(112), &[], &endpoints), Decision::Release);
}

#[test]
fn endpoints_that_change_are_not_stable() {
    let mut gate = gate(None);
    gate.step(seconds(100), &[], &[interface("bond0")]);
    let two = [interface("bond0"), interface("tunl0")];
    assert_eq!(gate.step(seconds(104), &[], &two), Decision::Settle { remaining: seconds(5) });
    assert_eq!(gate.step(seconds(108), &[], &two), Decision::Settle { remaining: seconds(1) });
    assert_eq!(gate.step(seconds(109), &[], &two), Decision::Release);
}

#[test]
fn it_stays_locked_for_ever_unless_told_to_fail_open() {
    let mut closed = gate(None);
    assert_eq!(closed.step(seconds(1_000_000_000), &[Missing::Endpoints], &[]), Decision::Wait);
    let mut opt_in = gate(Some(60));
    assert_eq!(opt_in.step(seconds(159), &[Missing::Endpoints], &[]), Decision::Wait);
    assert_eq!(opt_in.step(seconds(160), &[Missing::Endpoints], &[]), Decision::FailOpen);
}

#[test]
fn an_overdue_node_with_everything_in_place_is_opened_in_good_order() {
    let mut restarted = gate(Some(60));
    let endpoints = [interface("bond0")];
    assert_eq!(
        restarted.step(seconds(500), &[], &endpoints),
        Decision::Settle { remaining: seconds(5) }
    );
    assert_eq!(restarted.step(seconds(505), &[], &endpoints), Decision::Release);
    // Unless the endpoints never stop changing.
    let mut restless = gate(Some(60));
    restless.step(seconds(500), &[], &endpoints);
    assert_eq!(restless.step(seconds(505), &[], &[interface("bond1")]), Decision::FailOpen);
}

proptest! {
    /// Whatever is seen when: a node is only released when nothing was missing for
    /// the whole of the time asked for, and only fails open when told to.
    #[test]
    fn release_means_an_unbroken_stretch(looks in prop::collection::vec((0u64..4, any::<bool>(), 0u8..3), 1..60)) {
        let mut gate = gate(None);
        let mut now = 100;
        let mut stretch: Option<(u64, u8)> = None;
        for (pause, in_place, endpoints) in looks {
            now += pause;
            let missing = if in_place { vec![] } else { vec![Missing::Endpoints] };
            stretch = match stretch {
                _ if !in_place => None,
                Some((since, same)) if same == endpoints => Some((since, same)),
                _ => Some((now, endpoints)),
            };
            let decision = gate.step(seconds(now), &missing, &[interface(&format!("eth{endpoints}"))]);
            let held = stretch.map(|(since, _)| now - since);
            match decision {
                Decision::Release => prop_assert!(held.is_some_and(|held| held >= 5)),
                Decision::Settle { remaining } => prop_assert_eq!(held.map(|held| 5 - held), Some(remaining.as_secs())),
                Decision::Wait => prop_assert_eq!(held, None),
                Decision::FailOpen => prop_assert!(false, "nobody asked for it"),
            }
        }
    }
}
