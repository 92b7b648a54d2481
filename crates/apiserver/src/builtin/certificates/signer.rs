//! What the signers of Kubernetes accept, and what its approver approves by itself.
//!
//! From `pkg/apis/certificates/helpers.go` and `pkg/controller/certificates` of 1.28.
//! `kubernetes.io/legacy-unknown` is not here: version v1 of the API takes no requests
//! for it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;

use super::super::part::{list, text};
use super::pem;

const NODES: &str = "system:nodes";
const NODE: &str = "system:node:";

/// Longest validity of what is issued.
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Shortest.
const LEAST: SignedDuration = SignedDuration::from_mins(10);

/// A signer of Kubernetes' own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer {
    /// Clients of the API server.
    Client,
    /// Kubelets, as clients of the API server.
    KubeletClient,
    /// Kubelets, as servers.
    KubeletServing,
}

impl Signer {
    /// By `spec.signerName`; `None` for signers that are somebody else's.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "kubernetes.io/kube-apiserver-client" => Some(Self::Client),
            "kubernetes.io/kube-apiserver-client-kubelet" => Some(Self::KubeletClient),
            "kubernetes.io/kubelet-serving" => Some(Self::KubeletServing),
            _ => None,
        }
    }

    /// Why it does not sign what is asked for.
    ///
    /// # Errors
    /// In the words of kube-controller-manager.
    pub(crate) fn check(self, asked: &Asked) -> Result<(), String> {
        match self {
            Self::Client => asked.check_client(),
            Self::KubeletClient => asked.check_kubelet_client(),
            Self::KubeletServing => asked.check_kubelet_serving(),
        }
    }
}

/// The contents of a request for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The request itself, DER.
    pub(crate) der: Vec<u8>,
    pub(crate) common_name: String,
    pub(crate) organizations: Vec<String>,
    pub(crate) dns: Vec<String>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) emails: usize,
    pub(crate) uris: usize,
    pub(crate) usages: BTreeSet<String>,
}

impl Asked {
    /// Reads a CertificateSigningRequest; `None` when the request in it cannot be read.
    pub(crate) fn of(object: &Value) -> Option<Self> {
        let der = pem::request(&STANDARD.decode(text(object, "/spec/request")).ok()?)?;
        let usages = list(object, "/spec/usages").iter().filter_map(Value::as_str);
        let usages = usages.map(str::to_owned).collect();
        let (_, request) = X509CertificationRequest::from_der(&der).ok()?;
        let subject = &request.certification_request_info.subject;
        let texts = |values: &mut dyn Iterator<Item = Option<&str>>| -> Option<Vec<String>> {
            values.map(|value| value.map(str::to_owned)).collect()
        };
        // The last one counts, as in Go.
        let names = texts(&mut subject.iter_common_name().map(|name| name.as_str().ok()))?;
        let organizations = texts(&mut subject.iter_organization().map(|name| name.as_str().ok()))?;
        let mut asked = Self {
            der: Vec::new(),
            common_name: names.last().cloned().unwrap_or_default(),
            organizations,
            dns: Vec::new(),
            addresses: Vec::new(),
            emails: 0,
            uris: 0,
            usages,
        };
        let attributes = request.certification_request_info.iter_attributes();
        let lists = attributes.filter(|attribute| {
            matches!(attribute.parsed_attribute(), ParsedCriAttribute::ExtensionRequest(_))
        });
        // The parser tells of the first only, and Go's reads them all.
        if lists.count() > 1 {
            return None;
        }
        for extension in request.requested_extensions().into_iter().flatten() {
            let ParsedExtension::SubjectAlternativeName(names) = extension else {
                continue;
            };
            for name in &names.general_names {
                match name {
                    GeneralName::DNSName(name) => asked.dns.push((*name).to_owned()),
                    GeneralName::RFC822Name(_) => asked.emails += 1,
                    GeneralName::URI(_) => asked.uris += 1,
                    GeneralName::IPAddress(bytes) => asked.addresses.push(address(bytes)?),
                    _ => {}
                }
            }
        }
        asked.der = der;
        Some(asked)
    }

    fn check_client(&self) -> Result<(), String> {
        const CLIENT: &str = "client auth";
        let allowed = [CLIENT, "digital signature", "key encipherment"];
        if let Some(odd) = self.usages.iter().find(|usage| !allowed.contains(&usage.as_str())) {
            return Err(format!("invalid usages for client certificate: {odd}"));
        }
        if !self.usages.contains(CLIENT) {
            return Err(format!("missing usages for client certificate: {CLIENT}"));
        }
        Ok(())
    }

    fn check_kubelet_client(&self) -> Result<(), String> {
        self.check_organization()?;
        for (odd, what) in [
            (!self.dns.is_empty(), "DNS"),
            (self.emails > 0, "Email"),
            (!self.addresses.is_empty(), "IP"),
            (self.uris > 0, "URI"),
        ] {
            if odd {
                return Err(format!("{what} subjectAltNames are not allowed"));
            }
        }
        self.check_node()?;
        self.check_usages("client auth")
    }

    fn check_kubelet_serving(&self) -> Result<(), String> {
        self.check_organization()?;
        if self.dns.is_empty() && self.addresses.is_empty() {
            return Err("DNS or IP subjectAltName is required".to_owned());
        }
        for (odd, what) in [(self.emails > 0, "Email"), (self.uris > 0, "URI")] {
            if odd {
                return Err(format!("{what} subjectAltNames are not allowed"));
            }
        }
        self.check_usages("server auth")?;
        self.check_node()
    }

    fn check_organization(&self) -> Result<(), String> {
        if self.organizations == [NODES] {
            return Ok(());
        }
        Err(format!("subject organization is not {NODES}"))
    }

    fn check_node(&self) -> Result<(), String> {
        if self.common_name.starts_with(NODE) {
            return Ok(());
        }
        Err(format!("subject common name does not begin with {NODE}"))
    }

    /// Exactly these; only keys of RSA encipher other keys.
    fn check_usages(&self, purpose: &str) -> Result<(), String> {
        let mut wanted = BTreeSet::from([purpose, "digital signature"].map(str::to_owned));
        if self.usages == wanted {
            return Ok(());
        }
        wanted.insert("key encipherment".to_owned());
        if self.usages == wanted {
            return Ok(());
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        Err(format!("usages did not match [{}]", wanted.join(" ")))
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// How long what is issued is good: what was asked for, within bounds.
pub(crate) fn validity(object: &Value) -> SignedDuration {
    match object["spec"]["expirationSeconds"].as_i64() {
        None => YEAR,
        Some(seconds) => SignedDuration::from_secs(seconds).clamp(LEAST, YEAR),
    }
}

/// The right (a subresource of certificatesigningrequests) with which a request for a
/// kubelet's client certificate is approved unseen, and the words of the approval; `None`
/// where nobody may.
pub(crate) fn approval(object: &Value, asked: &Asked) -> Option<(&'static str, &'static str)> {
    let signer = Signer::named(text(object, "/spec/signerName"));
    if signer != Some(Signer::KubeletClient) || asked.check_kubelet_client().is_err() {
        return None;
    }
    let own = text(object, "/spec/username") == asked.common_name;
    Some(if own {
        (
            "selfnodeclient",
            "Auto approving self kubelet client certificate after SubjectAccessReview.",
        )
    } else {
        ("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.")
    })
}

/// Whether a request has this condition, and since when.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = list(object, "/status/conditions");
    conditions.iter().find(|it| it["type"] == kind && it["status"] == "True")
}

/// When a request is to be deleted: an hour after it was decided and done, a day after it
/// was made and not decided, or when what was issued has expired.
pub(crate) fn stale_from(object: &Value) -> Option<Timestamp> {
    let hour = SignedDuration::from_hours(1);
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let after =
        |condition: &Value| time(condition["lastUpdateTime"].as_str()?)?.checked_add(hour).ok();
    let issued = !text(object, "/status/certificate").is_empty();
    let decided = [("Approved", issued), ("Denied", true), ("Failed", true)];
    let decided =
        decided.iter().filter(|(_, done)| *done).filter_map(|(kind, _)| condition(object, kind));
    let pending = list(object, "/status/conditions").is_empty().then(|| {
        let made = time(text(object, "/metadata/creationTimestamp"))?;
        made.checked_add(SignedDuration::from_hours(24)).ok()
    });
    let expired = issued.then(|| expiration(text(object, "/status/certificate"))).flatten();
    decided.filter_map(after).chain(pending.flatten()).chain(expired).min()
}

/// The end of the first certificate's validity.
fn expiration(encoded: &str) -> Option<Timestamp> {
    let pem = STANDARD.decode(encoded).ok()?;
    let pem = Pem::iter_from_buffer(&pem).next()?.ok()?;
    let seconds = pem.parse_x509().ok()?.validity().not_after.timestamp();
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rcgen::{CertificateParams, DnType, KeyPair};
    use serde_json::json;

    use super::*;

    fn object(signer: &str, common: &str, group: &str, names: &[&str], usages: &[&str]) -> Value {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common);
        params.distinguished_name.push(DnType::OrganizationName, group);
        let request = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
        json!({ "spec": { "signerName": format!("kubernetes.io/{signer}"), "usages": usages,
            "request": STANDARD.encode(request.pem().unwrap()) } })
    }

    fn check(object: &Value) -> Result<(), String> {
        let signer = Signer::named(object["spec"]["signerName"].as_str().unwrap()).unwrap();
        signer.check(&Asked::of(object).unwrap())
    }

    #[test]
    fn each_signer_has_its_rules() {
        let client = ["client auth", "digital signature"];
        let server = ["server auth", "digital signature", "key encipherment"];
        let (kubelet, serving) = ("kube-apiserver-client-kubelet", "kubelet-serving");
        let node = "system:node:a";
        let cases = [
            (object("kube-apiserver-client", "me", "any", &["x"], &client), ""),
            (
                object("kube-apiserver-client", "me", "any", &[], &server),
                "invalid usages for client certificate: server auth",
            ),
            (
                object("kube-apiserver-client", "me", "any", &[], &client[1..]),
                "missing usages for client certificate: client auth",
            ),
            (object(kubelet, node, NODES, &[], &client), ""),
            (
                object(kubelet, node, "other", &[], &client),
                "subject organization is not system:nodes",
            ),
            (
                object(kubelet, "a", NODES, &[], &client),
                "subject common name does not begin with system:node:",
            ),
            (
                object(kubelet, node, NODES, &["a.b"], &client),
                "DNS subjectAltNames are not allowed",
            ),
            (
                object(kubelet, node, NODES, &["10.0.0.1"], &client),
                "IP subjectAltNames are not allowed",
            ),
            (
                object(kubelet, node, NODES, &[], &client[..1]),
                "usages did not match [client auth digital signature key encipherment]",
            ),
            (object(serving, node, NODES, &["10.0.0.1", "a"], &server), ""),
            (object(serving, node, NODES, &[], &server), "DNS or IP subjectAltName is required"),
            (
                object(serving, node, NODES, &["a"], &client),
                "usages did not match [digital signature key encipherment server auth]",
            ),
        ];
        for (object, expected) in cases {
            assert_eq!(check(&object).err().unwrap_or_default(), expected, "{object}");
        }
        assert_eq!(Signer::named("example.com/mine"), None);
    }

    /// Go's parser reads all of them, ours the first.
    #[test]
    fn a_request_that_asks_for_extensions_twice_is_not_signed() {
        let params = CertificateParams::new(["a".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let asked = |again: Option<Vec<u8>>| {
            // `pkcs-9-at-extensionRequest` of RFC 2985.
            let oid: &[u64] = &[1, 2, 840, 113_549, 1, 9, 14];
            let again = again.map(|values| rcgen::Attribute { oid, values });
            let again = again.into_iter().collect();
            let request = params.serialize_request_with_attributes(&key, again).unwrap();
            let spec = json!({ "request": STANDARD.encode(request.pem().unwrap()) });
            Asked::of(&json!({ "spec": spec }))
        };
        let once = asked(None).unwrap();
        let (_, read) = X509CertificationRequest::from_der(&once.der).unwrap();
        let listed = read.certification_request_info.attributes()[0].value.to_vec();
        assert_eq!(asked(Some(listed)), None);
    }

    #[test]
    fn approval_needs_a_right_of_its_own() {
        let mut request = object(
            "kube-apiserver-client-kubelet",
            "system:node:a",
            NODES,
            &[],
            &["client auth", "digital signature"],
        );
        let right = |object: &Value| approval(object, &Asked::of(object).unwrap()).map(|it| it.0);
        request["spec"]["username"] = json!("system:bootstrap:abcdef");
        assert_eq!(right(&request), Some("nodeclient"));
        request["spec"]["username"] = json!("system:node:a");
        assert_eq!(right(&request), Some("selfnodeclient"));
        request["spec"]["usages"] = json!(["client auth"]);
        assert_eq!(right(&request), None);
    }

    #[test]
    fn requests_grow_old() {
        let made = |status: Value| json!({ "metadata": { "creationTimestamp": "2024-01-01T00:00:00Z" }, "status": status });
        let decided = |kind: &str| json!([{ "type": kind, "status": "True", "lastUpdateTime": "2024-01-01T02:00:00Z" }]);
        let at = |status| stale_from(&made(status)).map(|at| at.to_string()).unwrap_or_default();
        assert_eq!(at(json!({})), "2024-01-02T00:00:00Z");
        assert_eq!(at(json!({ "conditions": decided("Denied") })), "2024-01-01T03:00:00Z");
        // Approved, and nobody has signed it yet.
        assert_eq!(at(json!({ "conditions": decided("Approved") })), "");
        let issued = json!({ "conditions": decided("Approved"), "certificate": "eA==" });
        assert_eq!(at(issued), "2024-01-01T03:00:00Z");
    }

    #[test]
    fn validity_has_bounds() {
        let hours = |spec: Value| validity(&json!({ "spec": spec })).as_secs();
        assert_eq!(hours(json!({})), YEAR.as_secs());
        assert_eq!(hours(json!({ "expirationSeconds": 7200 })), 7200);
        assert_eq!(hours(json!({ "expirationSeconds": 1 })), 600);
        assert_eq!(hours(json!({ "expirationSeconds": i64::from(i32::MAX) })), YEAR.as_secs());
    }
}
