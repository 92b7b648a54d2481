#![allow(clippy::unwrap_used)]

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::join::{Key, SIGNER, Wish, certificate_request};

/// What a node with a token asks, as the API server hands it out.
fn asked(node: &str) -> CertificateSigningRequest {
    let node = node.parse().unwrap();
    let address = "10.0.0.2".parse().ok();
    let wish = Wish { node: &node, expiration: None, address };
    let mut object = certificate_request(&Key::generate().unwrap(), &wish).unwrap();
    object.spec.username = Some("system:bootstrap:abcdef".to_owned());
    object.spec.groups =
        Some(vec!["system:bootstrappers".to_owned(), "system:bootstrappers:lab".to_owned()]);
    object
}

fn request(node: &str) -> Request {
    Request::of(&asked(node)).unwrap().unwrap()
}

/// Any request: for this subject, with these names, by this user.
fn any(
    signer: &str,
    (common, organizations): (&str, &[&str]),
    names: &[&str],
    user: &str,
) -> CertificateSigningRequest {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    for organization in organizations {
        params.distinguished_name.push(DnType::OrganizationName, *organization);
    }
    params.distinguished_name.push(DnType::CommonName, common);
    let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    let mut object = asked("x");
    object.spec.request.0 = pem.into_bytes();
    object.spec.signer_name = signer.to_owned();
    let purpose = if signer == SIGNER { "client auth" } else { "server auth" };
    object.spec.usages = Some(vec![purpose.to_owned(), "digital signature".to_owned()]);
    object.spec.username = Some(user.to_owned());
    if user.starts_with("system:node:") {
        object.spec.groups = Some(vec!["system:nodes".to_owned()]);
    }
    object
}

fn node(name: &str, ready: &str, addresses: Value) -> Node {
    serde_json::from_value(json!({ "metadata": { "name": name }, "status": {
        "addresses": addresses, "conditions": [{ "type": "Ready", "status": ready }] } }))
    .unwrap()
}

const NODES: &[&str] = &["system:nodes"];
const BOOTSTRAP: &str = "system:bootstrap:abcdef";

#[test]
fn what_a_node_asks_is_read() {
    let request = request("a");
    assert_eq!(request.node.as_str(), "a");
    assert_eq!(request.token_id(), Some("abcdef"));
    assert_eq!(request.address, "10.0.0.2".parse().ok());
    assert_eq!(request.kind, Kind::Client);
    assert!(!request.is_renewal());
    let json = serde_json::to_value(&request).unwrap();
    assert!(json["fingerprint"].as_str().unwrap().starts_with("sha256:"), "{json}");
}

#[test]
fn what_nobody_should_say_yes_to() {
    let mut other_signer = asked("a");
    other_signer.spec.signer_name = "kubernetes.io/kube-apiserver-client".to_owned();
    assert!(Request::of(&other_signer).is_none());

    let flaw = |object: &CertificateSigningRequest| Request::of(object).unwrap().unwrap_err();
    let a = "system:node:a";
    for (object, what) in [
        (any(SIGNER, ("a", NODES), &[], BOOTSTRAP), "is no node"),
        (any(SIGNER, ("system:node:../a", NODES), &[], BOOTSTRAP), "is no node"),
        (any(SIGNER, (a, &["system:masters"]), &[], BOOTSTRAP), "is no node"),
        (any(SIGNER, (a, &[]), &[], BOOTSTRAP), "is no node"),
        (any(SIGNER, (a, NODES), &["a.b"], BOOTSTRAP), "asks for names"),
        (any(SIGNER, (a, NODES), &["10.0.0.1"], BOOTSTRAP), "asks for names"),
        (any(SIGNER, (a, NODES), &[], "system:node:b"), "asks for the certificate"),
        (any(SERVING_SIGNER, (a, NODES), &["a"], BOOTSTRAP), "asks for the certificate"),
        (any(SERVING_SIGNER, (a, NODES), &["a"], "system:node:b"), "asks for the certificate"),
    ] {
        let text = flaw(&object).to_string();
        assert!(text.contains(what), "{text}");
    }
    let mut greedy = asked("a");
    greedy.spec.usages =
        Some(vec!["client auth".into(), "digital signature".into(), "server auth".into()]);
    assert!(matches!(flaw(&greedy), Flaw::Excess { .. }));
    let mut stranger = asked("a");
    stranger.spec.username = Some("eve".to_owned());
    stranger.spec.groups = Some(vec!["system:authenticated".to_owned()]);
    assert!(matches!(flaw(&stranger), Flaw::Stranger { .. }));
    let mut tampered = asked("a");
    let text = String::from_utf8(tampered.spec.request.0.clone()).unwrap();
    let at = text.len() - 60;
    let letter = if &text[at..=at] == "A" { "B" } else { "A" };
    tampered.spec.request.0 = [&text[..at], letter, &text[at + 1..]].concat().into_bytes();
    assert!(Request::of(&tampered).unwrap().is_err());
    for text in
        ["", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
    {
        let mut broken = asked("a");
        broken.spec.request.0 = text.as_bytes().to_vec();
        assert!(matches!(flaw(&broken), Flaw::Unreadable { .. }));
    }
}

fn policy(rules: &str) -> Policy {
    Policy::parse(&format!("{HEAD}rules:\n{rules}")).unwrap()
}

const HEAD: &str = "apiVersion: node.kubewright.io/v1alpha1\nkind: AcceptancePolicy\n";

#[test]
fn policies_that_would_let_in_anyone_by_mistake_are_refused() {
    let wrong = |rules: &str| Policy::parse(&format!("{HEAD}{rules}")).unwrap_err().to_string();
    assert!(wrong("rules: [{}]").contains("would be for everyone"));
    assert!(wrong("rules: [{ networks: [10.0.0.0/8] }]").contains("network alone"));
    assert!(wrong("rules: [{ node: [a] }]").contains("wrong"), "unknown keys");
    assert!(wrong("rules: [{ fingerprints: [sha256:12] }]").contains("no pin"));
    assert!(wrong("rules: [{ networks: [10.0.0.0/40] }]").contains("wrong"));
    assert!(matches!(Policy::parse("kind: AcceptancePolicy"), Err(PolicyError::Form { .. })));
    assert!(matches!(Policy::parse("apiVersion: v1\nkind: ConfigMap"), Err(PolicyError::Kind)));
    // To reject by network needs no proof.
    policy("- { action: reject, networks: [10.0.0.0/8] }");
}

#[test]
fn the_first_rule_of_which_everything_holds_decides() {
    let a = request("worker-1");
    let verdict = |rules: &str| decide(&a, None, &policy(rules));
    let accepted = |rules: &str| matches!(verdict(rules), Verdict::Accept { .. });
    assert!(accepted("- nodes: ['worker-*']"));
    assert!(accepted("- nodes: ['x', 'worker-*']\n  networks: [192.0.2.0/24, 10.0.0.0/8]"));
    assert!(accepted("- groups: ['system:bootstrappers:lab']"));
    assert!(accepted(&format!("- fingerprints: ['{}']", a.fingerprint)));
    assert!(!accepted("- nodes: ['worker-*']\n  networks: [192.0.2.0/24]"));
    assert!(!accepted("- groups: ['system:bootstrappers:other']"));
    let other = request("worker-1").fingerprint;
    assert!(!accepted(&format!("- nodes: ['worker-*']\n  fingerprints: ['{other}']")));
    assert!(matches!(decide(&a, None, &Policy::default()), Verdict::Wait { .. }));
    let rejected =
        verdict("- { action: reject, nodes: ['*-1'], reason: not today }\n- nodes: ['*']");
    assert_eq!(rejected, Verdict::Reject { why: "not today".to_owned() });
}

#[test]
fn the_name_of_a_living_node_is_not_given_away() {
    let everyone = policy("- nodes: ['*']");
    let living = node("a", "True", json!([]));
    assert!(matches!(decide(&request("a"), Some(&living), &everyone), Verdict::Wait { .. }));
    for dead in ["False", "Unknown"] {
        let dead = node("a", dead, json!([]));
        assert!(matches!(decide(&request("a"), Some(&dead), &everyone), Verdict::Accept { .. }));
    }
}

#[test]
fn a_node_renews_for_itself_as_long_as_it_is_one() {
    let object = any(SIGNER, ("system:node:a", NODES), &[], "system:node:a");
    let request = Request::of(&object).unwrap().unwrap();
    let living = node("a", "True", json!([]));
    let none = Policy::default();
    assert!(matches!(decide(&request, Some(&living), &none), Verdict::Accept { .. }));
    assert!(matches!(decide(&request, None, &none), Verdict::Wait { .. }), "it was removed");
}

#[test]
fn a_serving_certificate_is_for_the_addresses_of_its_node_only() {
    let addresses = json!([{ "type": "Hostname", "address": "a" },
        { "type": "InternalIP", "address": "10.0.0.2" }, { "type": "InternalIP", "address": "fd00::2" },
        { "type": "ExternalDNS", "address": "a.example.org" }]);
    let present = node("a", "True", addresses);
    let verdict = |names: &[&str], node: Option<&Node>| {
        let object = any(SERVING_SIGNER, ("system:node:a", NODES), names, "system:node:a");
        decide(&Request::of(&object).unwrap().unwrap(), node, &Policy::default())
    };
    for names in [&["a"][..], &["10.0.0.2"], &["a", "a.example.org", "10.0.0.2", "fd00::2"]] {
        assert!(matches!(verdict(names, Some(&present)), Verdict::Accept { .. }), "{names:?}");
    }
    for names in [&["b"][..], &["a", "b"], &["10.0.0.3"], &["a", "kubernetes.default"], &[]] {
        assert!(matches!(verdict(names, Some(&present)), Verdict::Wait { .. }), "{names:?}");
    }
    assert!(matches!(verdict(&["a"], None), Verdict::Wait { .. }));
}
