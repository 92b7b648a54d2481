//! Requests of kubelets for the certificate with which they join, and what they ask for.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509CertificationRequest};

use super::{condition, list, text, time};

/// The signer of kubelets' client certificates.
pub(crate) const SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";

/// A CertificateSigningRequest of a kubelet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) uid: String,
    pub(crate) created: Option<Timestamp>,
    /// Who sent it.
    pub(crate) requester: String,
    pub(crate) groups: Vec<String>,
    pub(crate) usages: Vec<String>,
    /// The node that it is for, or why it is for none.
    pub(crate) node: Result<String, String>,
    /// Hash of its public key, for people to compare with what the node shows; empty where there
    /// is no key.
    pub(crate) fingerprint: String,
    pub(crate) decision: Decision,
}

/// What has been decided.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    /// Nothing yet.
    Waiting,
    /// It is accepted; `issued` once the signer has signed.
    Accepted { at: Option<Timestamp>, issued: bool, message: String },
    /// It is rejected.
    Rejected { at: Option<Timestamp>, message: String },
    /// It was accepted, and the signer could not sign.
    Failed { at: Option<Timestamp>, message: String },
}

impl Request {
    /// What is shown of a request; nothing for requests of other signers.
    pub(crate) fn of(object: &Value) -> Option<Self> {
        let (metadata, spec) = (&object["metadata"], &object["spec"]);
        if spec["signerName"] != SIGNER {
            return None;
        }
        let pem = STANDARD.decode(spec["request"].as_str().unwrap_or_default());
        let pem = pem.map_err(|_| "the request is not base64".to_owned());
        let (node, fingerprint) = match pem.and_then(|pem| read(&pem)) {
            Ok((node, fingerprint)) => (node, fingerprint),
            Err(why) => (Err(why), String::new()),
        };
        let texts = |value| list(value).map(text).collect::<Vec<_>>();
        Some(Self {
            uid: text(&metadata["uid"]),
            created: time(&metadata["creationTimestamp"]),
            requester: text(&spec["username"]),
            groups: texts(&spec["groups"]),
            usages: texts(&spec["usages"]),
            node,
            fingerprint,
            decision: decision(object),
        })
    }

    /// Whether somebody with a bootstrap token sent it.
    pub(crate) fn is_bootstrap(&self) -> bool {
        let group = |group: &String| {
            group == "system:bootstrappers" || group.starts_with("system:bootstrappers:")
        };
        self.requester.starts_with("system:bootstrap:") || self.groups.iter().any(group)
    }
}

fn decision(object: &Value) -> Decision {
    let of = |kind| {
        condition(object, kind).map(|condition| {
            let at = time(&condition["lastUpdateTime"]);
            let at = at.or_else(|| time(&condition["lastTransitionTime"]));
            (at, text(&condition["message"]))
        })
    };
    if let Some((at, message)) = of("Denied") {
        return Decision::Rejected { at, message };
    }
    if let Some((at, message)) = of("Failed") {
        return Decision::Failed { at, message };
    }
    match of("Approved") {
        Some((at, message)) => {
            let issued = !text(&object["status"]["certificate"]).is_empty();
            Decision::Accepted { at, issued, message }
        }
        None => Decision::Waiting,
    }
}

/// The node that a request in PEM is for, and the hash of its key.
fn read(pem: &[u8]) -> Result<(Result<String, String>, String), String> {
    let (_, pem) =
        x509_parser::pem::parse_x509_pem(pem).map_err(|_| "the request is not PEM".to_owned())?;
    let (rest, request) = X509CertificationRequest::from_der(&pem.contents)
        .map_err(|_| "the request is not a certificate request".to_owned())?;
    if !rest.is_empty() {
        return Err("something follows the certificate request".to_owned());
    }
    let key = request.certification_request_info.subject_pki.raw;
    let digest = ring::digest::digest(&ring::digest::SHA256, key);
    let mut fingerprint = "sha256:".to_owned();
    for byte in digest.as_ref() {
        // Writing into a String does not fail.
        let _ = write!(fingerprint, "{byte:02x}");
    }
    Ok((node_of(&request), fingerprint))
}

/// The rules are those of the signer: subject `O = system:nodes, CN = system:node:NAME`, and
/// nothing else.
fn node_of(request: &X509CertificationRequest<'_>) -> Result<String, String> {
    let subject = &request.certification_request_info.subject;
    let organizations: Option<Vec<_>> =
        subject.iter_organization().map(|part| part.as_str().ok()).collect();
    let names: Option<Vec<_>> = subject.iter_common_name().map(|part| part.as_str().ok()).collect();
    let (Some([organization]), Some([name]), 2) =
        (organizations.as_deref(), names.as_deref(), subject.iter_attributes().count())
    else {
        return Err("its subject is not one organization and one common name".to_owned());
    };
    if *organization != "system:nodes" {
        return Err(format!("it asks for organization {organization:?}, not system:nodes"));
    }
    let names_more = request
        .requested_extensions()
        .into_iter()
        .flatten()
        .any(|extension| matches!(extension, ParsedExtension::SubjectAlternativeName(_)));
    if names_more {
        return Err("it asks for further names or addresses".to_owned());
    }
    match name.strip_prefix("system:node:") {
        Some(node) if !node.is_empty() => Ok(node.to_owned()),
        _ => Err(format!("it is for {name:?}, which is no node")),
    }
}
