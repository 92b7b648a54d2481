//! A request for a certificate, read and checked as the signer will check it. Pure.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde::{Serialize, Serializer};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use super::pem::only_block;
use crate::discovery::Pin;
use crate::join::{ADDRESS, Answer, GROUP, NodeName, SIGNER, answer};

/// Who signs the serving certificates of kubelets.
pub const SERVING_SIGNER: &str = "kubernetes.io/kubelet-serving";

/// Users with bootstrap tokens are called so, and their token.
const BOOTSTRAP_USER: &str = "system:bootstrap:";

/// How much older a request is that its kubelet has given up for a newer one: it waits a quarter of
/// an hour for an answer, keeps the key in memory only, and asks again with another one. Less a
/// minute, as API servers' clocks differ.
/// <https://github.com/kubernetes/client-go/blob/v0.31.0/util/certificate/certificate_manager.go>
const GIVEN_UP: SignedDuration = SignedDuration::from_mins(14);

/// What kubelets have the API server begin the names of their requests with. Who keeps a key on disk
/// names its request by it, and waits for ever.
const OF_KUBELETS: &str = "csr-";

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// To be a node towards the API server.
    Client,
    /// To be a kubelet towards those who call it.
    Serving,
}

/// Why nobody should say yes to a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It cannot be read.
    #[error("it cannot be read: {why}")]
    Unreadable {
        /// Why.
        why: String,
    },
    /// Who made it does not have the key.
    #[error("it is not signed with its own key")]
    Signature,
    /// It is for somebody who is no node.
    #[error("its subject {subject:?} is no node: O=system:nodes and CN=system:node:NAME are")]
    Subject {
        /// The subject.
        subject: String,
    },
    /// It asks for what such certificates are not for.
    #[error("it asks for {what}, which such a certificate is not for")]
    Excess {
        /// What it asks for.
        what: String,
    },
    /// Who made it is not the node that it is for.
    #[error("{user} asks for the certificate of {node}")]
    Stranger {
        /// Who made it.
        user: String,
        /// Who it is for.
        node: String,
    },
}

/// A request of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Name of the object.
    pub name: String,
    /// The node that it is for.
    pub node: NodeName,
    /// What the certificate is for.
    pub kind: Kind,
    /// Hash of its public key, for people to compare with what the node shows.
    #[serde(serialize_with = "as_text")]
    pub fingerprint: Pin,
    /// Who made it.
    pub user: String,
    /// Their groups.
    pub groups: Vec<String>,
    /// Where the node says it is.
    pub address: Option<IpAddr>,
    /// Names that a serving certificate is to be for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Addresses that a serving certificate is to be for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// What has been said to it.
    #[serde(skip)]
    pub answer: Answer,
}

fn as_text<S: Serializer>(pin: &Pin, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(pin)
}

impl Request {
    /// The request of a node in an object; nothing, if it is for another signer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(object: &CertificateSigningRequest) -> Option<Result<Self, Flaw>> {
        let kind = match object.spec.signer_name.as_str() {
            SIGNER => Kind::Client,
            SERVING_SIGNER => Kind::Serving,
            _ => return None,
        };
        Some(read(object, kind))
    }

    /// The token with which it was made.
    pub fn token_id(&self) -> Option<&str> {
        self.user.strip_prefix(BOOTSTRAP_USER)
    }

    /// Whether it waits in vain: whoever made it, a kubelet, has asked anew by another since, or is
    /// no more.
    pub(super) fn is_given_up_for(&self, newer: &Self) -> bool {
        let same = self.node == newer.node && self.kind == newer.kind && self.user == newer.user;
        let waits = self.name.starts_with(OF_KUBELETS) && self.answer == Answer::Pending;
        let (Some(then), Some(since)) = (self.created, newer.created) else { return false };
        same && waits && since.duration_since(then) >= GIVEN_UP
    }

    /// Whether a node asks for itself, which takes that it was accepted before.
    pub fn is_renewal(&self) -> bool {
        self.user == self.node.user()
    }
}

fn read(object: &CertificateSigningRequest, kind: Kind) -> Result<Request, Flaw> {
    let unreadable = |why: &str| Flaw::Unreadable { why: why.to_owned() };
    let der = only_block(&object.spec.request.0)
        .ok_or_else(|| unreadable("it is not one block of PEM, `CERTIFICATE REQUEST`, alone"))?;
    let (rest, parsed) =
        X509CertificationRequest::from_der(&der).map_err(|error| unreadable(&error.to_string()))?;
    if !rest.is_empty() {
        return Err(unreadable("something follows it"));
    }
    parsed.verify_signature().map_err(|_| Flaw::Signature)?;
    let info = &parsed.certification_request_info;
    let subject = || Flaw::Subject { subject: info.subject.to_string() };
    let names: Option<Vec<&str>> =
        info.subject.iter_common_name().map(|it| it.as_str().ok()).collect();
    let groups: Option<Vec<&str>> =
        info.subject.iter_organization().map(|it| it.as_str().ok()).collect();
    let parts = info.subject.iter_attributes().count();
    let node = match (names.as_deref(), groups.as_deref()) {
        (Some([name]), Some([GROUP])) if parts == 2 => {
            NodeName::of_user(name).ok_or_else(subject)?
        }
        _ => return Err(subject()),
    };
    let (dns, addresses) = alternative_names(&parsed)?;
    check_usages(object.spec.usages.as_deref().unwrap_or_default(), kind)?;
    if kind == Kind::Client && !(dns.is_empty() && addresses.is_empty()) {
        return Err(Flaw::Excess { what: "names or addresses".to_owned() });
    }
    let user = object.spec.username.clone().unwrap_or_default();
    let groups = object.spec.groups.clone().unwrap_or_default();
    let itself = user == node.user();
    let bootstraps = groups.iter().any(|group| group == "system:bootstrappers");
    // Administrators may ask for a node's client certificate, as may tokens; but no node for
    // another one, and only the node itself for what it serves with.
    let other_node = !itself && groups.iter().any(|group| group == GROUP);
    if other_node || (kind == Kind::Serving && !itself) {
        return Err(Flaw::Stranger { user, node: node.to_string() });
    }
    if kind == Kind::Client
        && !itself
        && !bootstraps
        && !groups.iter().any(|it| it == "system:masters")
    {
        return Err(Flaw::Stranger { user, node: node.to_string() });
    }
    let claimed = object.annotations().get(ADDRESS).and_then(|text| text.parse().ok());
    Ok(Request {
        name: object.name_any(),
        node,
        kind,
        fingerprint: Pin::of_key(info.subject_pki.raw),
        user,
        groups,
        address: claimed,
        names: dns,
        addresses,
        created: object.metadata.creation_timestamp.as_ref().map(|Time(at)| *at),
        answer: answer(object),
    })
}

/// Exactly these; only keys of RSA encipher other keys.
fn check_usages(usages: &[String], kind: Kind) -> Result<(), Flaw> {
    let purpose = match kind {
        Kind::Client => "client auth",
        Kind::Serving => "server auth",
    };
    let allowed = [purpose, "digital signature", "key encipherment"];
    if let Some(odd) = usages.iter().find(|usage| !allowed.contains(&usage.as_str())) {
        return Err(Flaw::Excess { what: format!("the usage {odd:?}") });
    }
    let has = |wanted: &str| usages.iter().any(|usage| usage == wanted);
    match has(purpose) && has("digital signature") {
        true => Ok(()),
        false => Err(Flaw::Unreadable { why: format!("it does not ask for {purpose:?}") }),
    }
}

fn alternative_names(
    request: &X509CertificationRequest<'_>,
) -> Result<(Vec<String>, Vec<IpAddr>), Flaw> {
    let (mut dns, mut addresses) = (Vec::new(), Vec::new());
    for extension in requested_extensions(request)? {
        let ParsedExtension::SubjectAlternativeName(names) = extension else { continue };
        for name in &names.general_names {
            match name {
                // What anyone may write is shown to people: nothing of it may move their cursors.
                GeneralName::DNSName(name) if name.chars().any(char::is_control) => {
                    return Err(Flaw::Excess { what: format!("the name {name:?}") });
                }
                GeneralName::DNSName(name) => dns.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => addresses.push(address(bytes)?),
                other => {
                    return Err(Flaw::Excess { what: format!("the name {:?}", other.to_string()) });
                }
            }
        }
    }
    Ok((dns, addresses))
}

/// All that the request asks the certificate to say. A signer may read more of them than we do where
/// they are in several lists, or in a form that we do not understand.
fn requested_extensions<'a>(
    request: &'a X509CertificationRequest<'_>,
) -> Result<Vec<&'a ParsedExtension<'a>>, Flaw> {
    let unreadable = |why: &str| Flaw::Unreadable { why: why.to_owned() };
    let attributes = request.certification_request_info.iter_attributes();
    let mut lists = attributes.filter_map(|attribute| match attribute.parsed_attribute() {
        ParsedCriAttribute::ExtensionRequest(requested) => Some(&requested.extensions),
        _ => None,
    });
    let list = lists.next();
    if lists.next().is_some() {
        return Err(unreadable("it asks for extensions twice"));
    }
    let extensions: Vec<_> = list.into_iter().flatten().map(|it| it.parsed_extension()).collect();
    if extensions.iter().any(|it| matches!(it, ParsedExtension::ParseError { .. })) {
        return Err(unreadable("an extension that it asks for is malformed"));
    }
    Ok(extensions)
}

fn address(bytes: &[u8]) -> Result<IpAddr, Flaw> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        // Who verifies a certificate takes `::ffff:10.0.0.1` for `10.0.0.1`.
        .map(|address| address.to_canonical())
        .map_err(|_| Flaw::Unreadable { why: "an address in it is none".to_owned() })
}
