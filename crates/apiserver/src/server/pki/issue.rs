//! Certificates for requests: subject, key and names are copied as they are. rcgen keeps one
//! value of each kind in a name, and who belongs to two groups must not lose one.

use jiff::{SignedDuration, Timestamp};
use rcgen::SigningKey;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::der_parser::oid::Oid;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{
    OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_BASIC_CONSTRAINTS,
    OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE, OID_X509_EXT_SUBJECT_ALT_NAME,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use yasna::models::ObjectIdentifier;
use yasna::tags::TAG_UTCTIME;
use yasna::{DERWriter, Tag};

use super::{Pki, PkiError};

/// Clocks may differ so much.
const BACKDATE: SignedDuration = SignedDuration::from_mins(5);

/// What lasts so long begins earlier and ends no later for it.
const LONG: SignedDuration = SignedDuration::from_hours(8);

/// `ecdsa-with-SHA256`: the authority's key is of P-256.
const ALGORITHM: [u64; 7] = [1, 2, 840, 10045, 4, 3, 2];

impl Pki {
    /// A certificate for a request (PKCS#10, DER), PEM. Usages are names as in
    /// CertificateSigningRequests; those that no signer takes are left out.
    ///
    /// # Errors
    /// When the request cannot be read or its signature is wrong.
    pub(crate) fn issue<'a>(
        &self,
        request: &[u8],
        usages: impl Iterator<Item = &'a str> + Clone,
        validity: SignedDuration,
        now: Timestamp,
    ) -> Result<String, PkiError> {
        let refused = |why: String| PkiError::Tls(why);
        let (_, request) = X509CertificationRequest::from_der(request)
            .map_err(|error| refused(format!("unreadable request: {error}")))?;
        request.verify_signature().map_err(|error| {
            refused(format!("unable to verify certificate request signature: {error}"))
        })?;
        let authority =
            rustls::pki_types::pem::PemObject::from_pem_slice(self.certificate_pem.as_bytes());
        let authority: rustls::pki_types::CertificateDer<'_> =
            authority.map_err(|error: rustls::pki_types::pem::Error| refused(error.to_string()))?;
        let (_, authority) = X509Certificate::from_der(&authority)
            .map_err(|error| refused(format!("unreadable authority: {error}")))?;

        let from = now - BACKDATE;
        let until = if validity >= LONG { from + validity } else { now + validity };
        // Nothing outlives the authority.
        let end = Timestamp::from_second(authority.validity().not_after.timestamp());
        let until = end.map_or(until, |end| until.min(end));
        let body = yasna::construct_der(|writer| {
            write_body(writer, &request, &authority, usages, (from, until));
        });
        let signature = self.issuer.key().sign(&body)?;
        let certificate = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(&body);
                write_algorithm(writer.next());
                writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
            });
        });
        Ok(pem("CERTIFICATE", &certificate))
    }
}

fn write_body<'a>(
    writer: DERWriter<'_>,
    request: &X509CertificationRequest<'_>,
    authority: &X509Certificate<'_>,
    usages: impl Iterator<Item = &'a str> + Clone,
    (from, until): (Timestamp, Timestamp),
) {
    let asked = &request.certification_request_info;
    writer.write_sequence(|writer| {
        // Version 3.
        writer.next().write_tagged(Tag::context(0), |writer| writer.write_u8(2));
        // Random, positive, and not longer for it.
        let mut serial = *uuid::Uuid::new_v4().as_bytes();
        serial[0] = serial[0] & 0x7f | 0x40;
        writer.next().write_bigint_bytes(&serial, true);
        write_algorithm(writer.next());
        writer.next().write_der(authority.subject().as_raw());
        writer.next().write_sequence(|writer| {
            write_time(writer.next(), from);
            write_time(writer.next(), until);
        });
        writer.next().write_der(asked.subject.as_raw());
        writer.next().write_der(asked.subject_pki.raw);
        writer.next().write_tagged(Tag::context(3), |writer| {
            writer.write_sequence(|writer| write_extensions(writer, request, authority, usages));
        });
    });
}

fn write_extensions<'a>(
    writer: &mut yasna::DERWriterSeq<'_>,
    request: &X509CertificationRequest<'_>,
    authority: &X509Certificate<'_>,
    usages: impl Iterator<Item = &'a str> + Clone,
) {
    // Digital signature is bit 0, key encipherment bit 2, written from the left.
    let bits = usages.clone().fold(0_u8, |bits, usage| match usage {
        "digital signature" => bits | 0x80,
        "key encipherment" => bits | 0x20,
        _ => bits,
    });
    if bits != 0 {
        let value = yasna::construct_der(|writer| {
            writer.write_bitvec_bytes(&[bits], if bits & 0x20 == 0 { 1 } else { 3 });
        });
        write_extension(writer.next(), &OID_X509_EXT_KEY_USAGE, true, &value);
    }
    let purposes = usages.filter_map(|usage| match usage {
        "server auth" => Some(1),
        "client auth" => Some(2),
        _ => None,
    });
    let purposes: Vec<u64> = purposes.collect();
    if !purposes.is_empty() {
        let value = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                for purpose in &purposes {
                    let oid = ObjectIdentifier::from_slice(&[1, 3, 6, 1, 5, 5, 7, 3, *purpose]);
                    writer.next().write_oid(&oid);
                }
            });
        });
        write_extension(writer.next(), &OID_X509_EXT_EXTENDED_KEY_USAGE, false, &value);
    }
    // No authority.
    let value = yasna::construct_der(|writer| writer.write_sequence(|_| {}));
    write_extension(writer.next(), &OID_X509_EXT_BASIC_CONSTRAINTS, true, &value);
    let own_id = authority.extensions().iter().find_map(|it| match it.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
        _ => None,
    });
    if let Some(id) = own_id {
        let value = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_tagged_implicit(Tag::context(0), |it| it.write_bytes(id));
            });
        });
        write_extension(writer.next(), &OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, false, &value);
    }
    if let Some((critical, names)) = alternative_names(request) {
        write_extension(writer.next(), &OID_X509_EXT_SUBJECT_ALT_NAME, critical, names);
    }
}

/// The names that the request asks for, as they are written there.
fn alternative_names<'a>(request: &'a X509CertificationRequest<'_>) -> Option<(bool, &'a [u8])> {
    use x509_parser::cri_attributes::ParsedCriAttribute;
    let attributes = request.certification_request_info.iter_attributes();
    attributes
        .filter_map(|attribute| match attribute.parsed_attribute() {
            ParsedCriAttribute::ExtensionRequest(asked) => Some(&asked.extensions),
            _ => None,
        })
        .flatten()
        .find(|extension| extension.oid == OID_X509_EXT_SUBJECT_ALT_NAME)
        .map(|extension| (extension.critical, extension.value))
}

fn write_extension(writer: DERWriter<'_>, oid: &Oid<'_>, critical: bool, value: &[u8]) {
    let numbers: Vec<u64> = oid.iter().into_iter().flatten().collect();
    writer.write_sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(&numbers));
        if critical {
            writer.next().write_bool(true);
        }
        writer.next().write_bytes(value);
    });
}

fn write_algorithm(writer: DERWriter<'_>) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(&ALGORITHM));
    });
}

/// `YYMMDDHHMMSSZ`, which X.509 prescribes until 2049.
fn write_time(writer: DERWriter<'_>, time: Timestamp) {
    let text = time.strftime("%y%m%d%H%M%SZ").to_string();
    writer.write_tagged_implicit(TAG_UTCTIME, |writer| writer.write_bytes(text.as_bytes()));
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
