#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("host-endpoint".to_owned(), "ingress".to_owned())])
}

fn with(policies: &[(&str, Value)]) -> Preflight {
    let mut preflight = Preflight::new(6443);
    preflight.policies = Some(
        policies.iter().map(|(name, spec)| ((*name).to_owned(), Policy::new(name, spec))).collect(),
    );
    preflight
}

fn check(preflight: &Preflight, profiles: &[&str]) -> Vec<String> {
    let profiles: Vec<_> = profiles.iter().map(|profile| (*profile).to_owned()).collect();
    preflight.check("n1", &labels(), &profiles).iter().map(ToString::to_string).collect()
}

const NO_POLICY: &str =
    "no policy selects it and it has no profile, all but the failsafe ports is denied";
const KUBELET: &str = "tcp/10250 to the node is denied (kubelet: logs, exec, metrics)";

#[test]
fn without_policy_and_profile_the_kubelet_is_cut_and_failsafe_ports_are_not() {
    assert_eq!(check(&with(&[]), &[]), [NO_POLICY, KUBELET]);
}

#[test]
fn profiles_let_through() {
    assert!(check(&with(&[]), &["projectcalico-default-allow"]).is_empty());
    assert!(check(&Preflight::new(6443), &["projectcalico-default-allow"]).is_empty());
}

#[test]
fn unread_policies_are_unknown() {
    assert_eq!(
        check(&Preflight::new(6443), &[]),
        ["policies cannot be read, so it is not known what is denied"]
    );
}

#[test]
fn a_selecting_policy_that_allows_the_kubelet_is_enough() {
    for (what, rule) in [
        ("port", json!({"action": "Allow", "protocol": "TCP", "destination": {"ports": [10250]}})),
        (
            "range",
            json!({"action": "Allow", "protocol": 6, "destination": {"ports": ["10000:11000"]}}),
        ),
        ("any", json!({"action": "Allow"})),
        ("some peers", json!({"action": "Allow", "source": {"nets": ["10.0.0.0/8"]}})),
    ] {
        let spec = json!({
            "selector": "has(host-endpoint)", "types": ["Ingress", "Egress"],
            "ingress": [{"action": "Deny", "source": {"nets": ["203.0.113.0/24"]}}, rule],
            "egress": [{"action": "Allow"}],
        });
        assert_eq!(check(&with(&[("p", spec)]), &[]), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn a_selecting_policy_that_does_not_allow_it_cuts_the_kubelet() {
    for (what, spec) in [
        (
            "other port",
            json!({"ingress": [{"action": "Allow", "protocol": "TCP", "destination": {"ports": [443]}}]}),
        ),
        ("other protocol", json!({"ingress": [{"action": "Allow", "protocol": "UDP"}]})),
        ("denied first", json!({"ingress": [{"action": "Deny"}, {"action": "Allow"}]})),
        ("no rules", json!({"types": ["Ingress"]})),
    ] {
        assert_eq!(check(&with(&[("p", spec)]), &[]), [KUBELET], "{what}");
    }
}

#[test]
fn policies_that_do_not_select_the_endpoint_do_not_count() {
    for spec in [
        json!({"selector": "host-endpoint == 'tunl'", "ingress": [{"action": "Allow"}]}),
        json!({"selector": "host-endpoint = broken", "ingress": [{"action": "Allow"}]}),
        json!({"namespaceSelector": "has(x)", "ingress": [{"action": "Allow"}]}),
        json!({"serviceAccountSelector": "has(x)", "ingress": [{"action": "Allow"}]}),
        json!({"preDNAT": true, "applyOnForward": true, "ingress": [{"action": "Allow"}]}),
    ] {
        assert_eq!(check(&with(&[("p", spec.clone())]), &[]), [NO_POLICY, KUBELET], "{spec}");
    }
}

#[test]
fn policies_decide_in_order_and_tiers_pass_on() {
    let deny = json!({"order": 10, "ingress": [{"action": "Deny"}]});
    let allow = |order: i32| json!({"order": order, "ingress": [{"action": "Allow"}]});
    assert_eq!(check(&with(&[("a", allow(20)), ("b", deny.clone())]), &[]), [KUBELET]);
    assert!(check(&with(&[("a", allow(5)), ("b", deny.clone())]), &[]).is_empty());
    let pass = json!({"tier": "aaa", "order": 1, "ingress": [{"action": "Pass"}]});
    assert!(check(&with(&[("a", allow(5)), ("c", pass.clone())]), &[]).is_empty());
    let silent = json!({"tier": "aaa", "types": ["Ingress"]});
    assert_eq!(check(&with(&[("a", allow(5)), ("c", silent)]), &[]), [KUBELET]);
}

#[test]
fn failsafe_overrides_can_cut_ssh_and_the_api_server() {
    let mut preflight = with(&[]);
    let cluster = json!({"failsafeInboundHostPorts": [{"protocol": "tcp", "port": 10250}], "failsafeOutboundHostPorts": []});
    assert!(preflight.felix.set("default", &cluster), "is new");
    assert!(!preflight.felix.set("default", &cluster), "is known");
    assert_eq!(
        check(&preflight, &[]),
        [
            NO_POLICY,
            "tcp/22 to the node is denied (ssh)",
            "tcp/6443 from the node is denied (the API server)",
            "udp/53 from the node is denied (dns)",
        ]
    );
    // A configuration of the node itself wins.
    preflight.felix.set(
        "node.n1",
        &json!({"failsafeInboundHostPorts": [{"port": 22}, {"protocol": "TCP", "port": 10250}],
                "failsafeOutboundHostPorts": [{"port": 6443}, {"protocol": "udp", "port": 53}]}),
    );
    assert_eq!(check(&preflight, &[]), [NO_POLICY]);
    // And only there: n2 has what the cluster has.
    let elsewhere = preflight.check("n2", &labels(), &[]);
    assert_eq!(elsewhere.len(), 4);
    // Without configurations Felix's defaults hold again.
    assert!(preflight.felix.remove("default") && preflight.felix.remove("node.n1"));
    assert_eq!(check(&preflight, &[]), [NO_POLICY, KUBELET]);
}

#[test]
fn an_api_server_on_another_port_is_no_failsafe_port() {
    let mut preflight = with(&[]);
    preflight.essentials = Preflight::new(443).essentials;
    assert!(
        check(&preflight, &[])
            .contains(&"tcp/443 from the node is denied (the API server)".to_owned())
    );
}
