//! Checks of the request itself, of conditions and of the issued certificate.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;

use super::super::Part;
use super::super::part::{at, list, text};
use super::{LASTING, pem};
use crate::field::{self, Error};
use crate::names;

/// Shortest validity that may be asked for.
const EXPIRATION_MIN: i64 = 600;

/// Longest signer name: a domain, a slash and a path.
const SIGNER_MAX: usize = 253 + 1 + 63 * 5 + 2;

const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// Findings on a new request.
pub(super) fn request(object: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let bytes = STANDARD.decode(text(object, "/spec/request")).unwrap_or_default();
    if let Err(detail) = parse_request(&bytes) {
        let shown = if bytes.is_empty() {
            "[]byte(nil)".to_owned()
        } else {
            let bytes: Vec<_> = bytes.iter().map(|byte| format!("0x{byte:x}")).collect();
            format!("[]byte{{{}}}", bytes.join(", "))
        };
        errors.push(Error::invalid_go("spec.request", shown, detail));
    }
    let usages = list(object, "/spec/usages");
    if usages.is_empty() {
        errors.push(Error::required("spec.usages", ""));
    }
    let mut seen = HashSet::new();
    for (at, usage) in usages.iter().enumerate() {
        let path = field::index("spec.usages", at);
        let name = usage.as_str().unwrap_or_default();
        if !USAGES.contains(&name) {
            errors.push(Error::not_supported(path.clone(), usage, &USAGES));
        }
        if !seen.insert(name) {
            errors.push(Error::duplicate(path, usage));
        }
    }
    let signer = text(object, "/spec/signerName");
    if signer == "kubernetes.io/legacy-unknown" {
        let detail = "the legacy signerName is not allowed via this API version";
        errors.push(Error::invalid("spec.signerName", &signer.into(), detail));
    } else {
        errors.extend(signer_name(signer, "spec.signerName"));
    }
    if let Some(seconds) = at(object, "/spec/expirationSeconds")
        && seconds.as_i64().is_some_and(|seconds| seconds < EXPIRATION_MIN)
    {
        let detail = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.push(Error::invalid("spec.expirationSeconds", seconds, detail));
    }
    errors.extend(conditions(object));
    errors
}

/// Findings on a write of one part.
pub(super) fn update(part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
    let mut errors = request(object);
    let find = |object: &Value, kind: &str| {
        let conditions = list(object, "/status/conditions");
        conditions.iter().find(|condition| text(condition, "/type") == kind).cloned()
    };
    for kind in LASTING {
        let (old, new) = (find(stored, kind), find(object, kind));
        let decides = kind != "Failed";
        let verb = match (old, new) {
            (Some(_), None) => "remove",
            (None, Some(_)) if decides && part != Part::Sub("approval") => "add",
            (Some(old), Some(new)) if decides && part != Part::Sub("approval") && old != new => {
                "modify"
            }
            _ => continue,
        };
        errors.push(Error::forbidden(
            "status.conditions",
            format!("updates may not {verb} a condition of type {kind:?}"),
        ));
    }
    let before = text(stored, "/status/certificate");
    let after = text(object, "/status/certificate");
    if before != after {
        let path = "status.certificate";
        if part != Part::Sub("status") {
            errors.push(Error::forbidden(path, "updates may not set certificate content"));
        } else if !before.is_empty() {
            let detail = "updates may not modify existing certificate content";
            errors.push(Error::forbidden(path, detail));
        } else if let Err(detail) = parse_certificates(after) {
            let shown = "<certificate data>".into();
            errors.push(Error::invalid(path, &shown, detail));
        }
    }
    errors
}

/// A PKCS#10 request in PEM. Its signature is not checked, as on a real server.
fn parse_request(bytes: &[u8]) -> Result<(), String> {
    let der = pem::request(bytes).ok_or("PEM block type must be CERTIFICATE REQUEST")?;
    X509CertificationRequest::from_der(&der).map(|_| ()).map_err(|error| error.to_string())
}

fn parse_certificates(encoded: &str) -> Result<(), String> {
    let bytes = STANDARD.decode(encoded).unwrap_or_default();
    let mut blocks = 0;
    for pem in Pem::iter_from_buffer(&bytes) {
        let Ok(pem) = pem else { continue };
        if pem.label != "CERTIFICATE" {
            let label = pem.label;
            return Err(format!("only CERTIFICATE PEM blocks are allowed, found {label:?}"));
        }
        pem.parse_x509().map_err(|error| error.to_string())?;
        blocks += 1;
    }
    if blocks == 0 {
        return Err("must contain at least one CERTIFICATE PEM block".to_owned());
    }
    Ok(())
}

/// `example.com/signer-name`.
fn signer_name(name: &str, path: &str) -> field::Errors {
    let invalid = |value: &str, detail: String| vec![Error::invalid(path, &value.into(), detail)];
    if name.is_empty() {
        return vec![Error::required(path, "")];
    }
    let parts: Vec<_> = name.split('/').collect();
    let [domain, tail] = parts[..] else {
        let detail =
            "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return invalid(name, detail.to_owned());
    };
    if domain.is_empty() || tail.is_empty() {
        let detail =
            "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return invalid(name, detail.to_owned());
    }
    let mut errors = Vec::new();
    let labels: Vec<_> = domain.split('.').collect();
    for label in &labels {
        for complaint in names::dns_label(label) {
            errors.extend(invalid(domain, format!("validating label {label:?}: {complaint}")));
        }
    }
    if labels.len() < 2 {
        let detail = "should be a domain with at least two segments separated by dots";
        errors.extend(invalid(domain, detail.to_owned()));
    }
    for complaint in names::dns_subdomain(tail) {
        errors.extend(invalid(tail, format!("validating path: {complaint}")));
    }
    if name.len() > SIGNER_MAX {
        errors.push(Error::too_long(path, SIGNER_MAX));
    }
    errors
}

fn conditions(object: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    let conditions = list(object, "/status/conditions");
    let (mut approved, mut denied) = (false, false);
    for (at, condition) in conditions.iter().enumerate() {
        let path = field::index("status.conditions", at);
        let kind = text(condition, "/type");
        let place = field::child(&path, "type");
        if kind.is_empty() {
            errors.push(Error::required(place.clone(), ""));
        }
        let status = text(condition, "/status");
        let allowed: &[&str] =
            if LASTING.contains(&kind) { &["True"] } else { &["True", "False", "Unknown"] };
        let status_path = field::child(&path, "status");
        if status.is_empty() {
            errors.push(Error::required(status_path, ""));
        } else if !allowed.contains(&status) {
            errors.push(Error::not_supported(status_path, &status.into(), allowed));
        }
        approved |= kind == "Approved";
        denied |= kind == "Denied";
        if ["Approved", "Denied"].contains(&kind) && approved && denied && !seen.contains(kind) {
            let detail = "Approved and Denied conditions are mutually exclusive";
            errors.push(Error::invalid(place.clone(), &kind.into(), detail));
        }
        if !seen.insert(kind) {
            errors.push(Error::duplicate(place, &kind.into()));
        }
    }
    errors
}
