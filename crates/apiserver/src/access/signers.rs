//! Who may approve, deny and sign certificate requests, and what may not be asked for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::attributes::{Attributes, On, Place};
use super::identity::MASTERS;
use crate::builtin::certificates::pem;
use crate::error::{Error, Result};
use crate::rest::Target;

const GROUP: &str = "certificates.k8s.io";

/// The signer of certificates for users of the API.
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";

/// Fails with 403 when the caller has no right on the signer that a write is about. Sees
/// the object as it is about to be stored.
pub(crate) fn check(target: &Target<'_>, object: &Value, live: Option<&Value>) -> Result<()> {
    let resource = target.resource;
    if resource.group != GROUP || resource.plural != "certificatesigningrequests" {
        return Ok(());
    }
    let signer = object["spec"]["signerName"].as_str().unwrap_or_default();
    let forbid = |why: String| {
        Err(Error::forbidden(&resource.group_resource(), crate::meta::name(object), why))
    };
    let Some(live) = live else {
        if signer == CLIENT && asks_for_masters(object) {
            return forbid(format!("use of {CLIENT} signer with {MASTERS} group is not allowed"));
        }
        return Ok(());
    };
    let changed = |field: &str| object["status"][field] != live["status"][field];
    let verb = match target.subresource {
        "approval" => "approve",
        "status" if changed("certificate") || changed("conditions") => "sign",
        _ => return Ok(()),
    };
    if may(target, verb, signer) {
        return Ok(());
    }
    forbid(format!("user not permitted to {verb} requests with signerName {signer:?}"))
}

/// By the name of the signer, or by all names of its domain.
fn may(target: &Target<'_>, verb: &str, signer: &str) -> bool {
    let Some(identity) = target.identity else {
        return true;
    };
    let domain = signer.split('/').next().unwrap_or_default();
    [signer.to_owned(), format!("{domain}/*")].iter().any(|name| {
        let place = Place { group: GROUP, resource: "signers", name, ..Place::default() };
        let asked = Attributes { identity, verb, on: On::Resource(place) };
        target.core.authorizer.decide(&asked).allowed
    })
}

fn asks_for_masters(object: &Value) -> bool {
    let request = object["spec"]["request"].as_str().unwrap_or_default();
    let bytes = STANDARD.decode(request).unwrap_or_default();
    // What cannot be read is refused by the validation.
    let Some(der) = pem::request(&bytes) else {
        return false;
    };
    let Ok((_, request)) = X509CertificationRequest::from_der(&der) else {
        return false;
    };
    let subject = &request.certification_request_info.subject;
    let mut groups = subject.iter_organization().filter_map(|group| group.as_str().ok());
    groups.any(|group| group == MASTERS)
}
