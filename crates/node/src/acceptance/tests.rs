#![allow(clippy::unwrap_used)]

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::*;
use crate::join::{Key, SIGNER, Wish, certificate_request};

/// What a node with a token asks, as the API server hands it out.
pub(super) fn asked(node: &str) -> CertificateSigningRequest {
    let node = node.parse().unwrap();
    let address = "10.0.0.2".parse().ok();
    let wish = Wish { node: &node, expiration: None, address };
    let mut object = certificate_request(&Key::generate().unwrap(), &wish).unwrap();
    object.spec.username = Some("system:bootstrap:abcdef".to_owned());
    object.spec.groups =
        Some(vec!["system:bootstrappers".to_owned(), "system:bootstrappers:lab".to_owned()]);
    object
}

pub(super) fn request(node: &str) -> Request {
    Request::of(&asked(node)).unwrap().unwrap()
}

/// Any request: for this subject, with these names, by this user.
pub(super) fn any(
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

pub(super) const NODES: &[&str] = &["system:nodes"];
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

/// Of two blocks parsers take one or the other; the signer's may take the one that we do not.
#[test]
fn a_request_that_hides_another_one_is_not_read() {
    let text = |object: &CertificateSigningRequest| {
        String::from_utf8(object.spec.request.0.clone()).unwrap()
    };
    let mut object = any(SERVING_SIGNER, ("system:node:a", NODES), &["a"], "system:node:a");
    let harmless = text(&object);
    let hidden =
        any(SERVING_SIGNER, ("system:node:a", NODES), &["kubernetes.default.svc"], "system:node:a");
    let skipped = harmless.replace("END CERTIFICATE REQUEST", "END CERTIFICATE REQUESTS");
    for first in [harmless, skipped] {
        object.spec.request.0 = format!("{first}{}", text(&hidden)).into_bytes();
        let flaw = Request::of(&object).unwrap().unwrap_err();
        assert!(matches!(flaw, Flaw::Unreadable { .. }), "{flaw}");
    }
}

/// Go's parser reads the extensions of all attributes that hold some.
#[test]
fn a_request_that_asks_for_extensions_twice_is_not_read() {
    let ask = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let names = CertificateParams::new(names).unwrap();
        let key = KeyPair::generate().unwrap();
        let listed = names.serialize_request(&key).unwrap();
        let (_, listed) = X509CertificationRequest::from_der(listed.der()).unwrap();
        let attributes = listed.certification_request_info.attributes();
        attributes.iter().map(|attribute| attribute.value.to_vec()).next().unwrap()
    };
    let again =
        rcgen::Attribute { oid: EXTENSION_REQUEST, values: ask(&["kubernetes.default.svc"]) };
    let mut params = CertificateParams::new(["a".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    params.distinguished_name.push(DnType::CommonName, "system:node:a");
    let key = KeyPair::generate().unwrap();
    let twice = params.serialize_request_with_attributes(&key, vec![again]).unwrap();
    let mut object = any(SERVING_SIGNER, ("system:node:a", NODES), &["a"], "system:node:a");
    object.spec.request.0 = twice.pem().unwrap().into_bytes();
    let flaw = Request::of(&object).unwrap().unwrap_err().to_string();
    assert!(flaw.contains("extensions twice"), "{flaw}");
}

/// `pkcs-9-at-extensionRequest` of RFC 2985.
const EXTENSION_REQUEST: &[u64] = &[1, 2, 840, 113_549, 1, 9, 14];

pub(super) fn policy(rules: &str) -> Policy {
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

/// Where nobody else is.
fn judged(request: &Request, policy: &Policy) -> Verdict {
    decide(request, &Census::new([], [], Some(&ServerPlaces::default())), policy)
}

#[test]
fn the_first_rule_of_which_everything_holds_decides() {
    let a = request("worker-1");
    let verdict = |rules: &str| judged(&a, &policy(rules));
    let accepted = |rules: &str| matches!(verdict(rules), Verdict::Accept { .. });
    assert!(accepted("- nodes: ['worker-*']"));
    assert!(accepted("- nodes: ['x', 'worker-*']\n  networks: [192.0.2.0/24, 10.0.0.0/8]"));
    assert!(accepted("- groups: ['system:bootstrappers:lab']"));
    assert!(accepted(&format!("- fingerprints: ['{}']", a.fingerprint)));
    assert!(!accepted("- nodes: ['worker-*']\n  networks: [192.0.2.0/24]"));
    assert!(!accepted("- groups: ['system:bootstrappers:other']"));
    let other = request("worker-1").fingerprint;
    assert!(!accepted(&format!("- nodes: ['worker-*']\n  fingerprints: ['{other}']")));
    assert!(matches!(judged(&a, &Policy::default()), Verdict::Wait { .. }));
    // As a kubelet asks: it says nothing of where it is.
    let silent = Request { address: None, ..a.clone() };
    let why = |rules: &str| format!("{:?}", judged(&silent, &policy(rules)));
    let local =
        "- groups: ['system:bootstrappers:other']\n- nodes: ['*']\n  networks: [10.0.0.0/8]";
    assert!(why(local).contains("rule 2 asks for a network, and the request names no address"));
    assert!(!why("- nodes: ['other']\n  networks: [10.0.0.0/8]").contains("rule 1"));
    let rejected =
        verdict("- { action: reject, nodes: ['*-1'], reason: not today }\n- nodes: ['*']");
    assert_eq!(rejected, Verdict::Reject { why: "not today".to_owned() });
}

/// With the token that the comment in it makes, and as a kubelet asks.
#[test]
fn the_sample_accepts_a_kubelet_with_its_token() {
    let sample = include_str!("../../../../deploy/samples/acceptance-policy.yaml");
    let map: k8s_openapi::api::core::v1::ConfigMap = serde_saphyr::from_str(sample).unwrap();
    let policy = Policy::parse(&map.data.unwrap()["policy.yaml"]).unwrap();
    let of_kubelet = |node: &str| Request { address: None, ..request(node) };
    assert!(matches!(judged(&of_kubelet("worker-1"), &policy), Verdict::Accept { .. }));
    assert!(matches!(judged(&of_kubelet("other"), &policy), Verdict::Wait { .. }));
    let groups = sample.lines().find_map(|line| line.split_once("--groups ")).unwrap().1;
    assert!(groups.split(',').any(|group| group == crate::token::DEFAULT_GROUP));
    assert!(groups.split(',').any(|group| group == "system:bootstrappers:lab"));
}
