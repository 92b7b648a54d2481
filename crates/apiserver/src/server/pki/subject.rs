//! Certificates whose subject has several organisations. rcgen keeps one value of each kind in
//! a name; so the certificate is made without them, and its subject written and signed anew.

use rcgen::SigningKey;
use rustls::pki_types::CertificateDer;
use yasna::models::ObjectIdentifier;
use yasna::{ASN1Error, ASN1ErrorKind, DERWriter};

use super::PkiError;

/// `id-at-commonName`.
const COMMON_NAME: [u64; 4] = [2, 5, 4, 3];

/// `id-at-organizationName`.
const ORGANIZATION: [u64; 4] = [2, 5, 4, 10];

/// Where the subject stands among the parts of a certificate of version 3: after version,
/// serial number, algorithm, issuer and validity.
const SUBJECT: usize = 5;

/// The certificate with another subject, signed by the same authority.
pub(super) fn with_subject(
    certificate: &CertificateDer<'_>,
    common: &str,
    organizations: &[&str],
    authority: &impl SigningKey,
) -> Result<Vec<u8>, PkiError> {
    let unreadable = |error: ASN1Error| PkiError::Tls(error.to_string());
    let [body, algorithm, _signature] = parts::<3>(certificate).map_err(unreadable)?;
    let mut fields = parts::<8>(&body).map_err(unreadable)?;
    fields[SUBJECT] = yasna::construct_der(|writer| write_name(writer, common, organizations));
    let body = sequence(&fields);
    let signature = authority.sign(&body)?;
    let signature = yasna::construct_der(|writer| {
        writer.write_bitvec_bytes(&signature, signature.len() * 8);
    });
    Ok(sequence(&[body, algorithm, signature]))
}

/// The parts of a sequence, as they are written.
fn parts<const N: usize>(der: &[u8]) -> Result<[Vec<u8>; N], ASN1Error> {
    let parts = yasna::parse_der(der, |reader| {
        reader.read_sequence(|reader| {
            (0..N).map(|_| reader.next().read_der()).collect::<Result<Vec<_>, _>>()
        })
    })?;
    parts.try_into().map_err(|_| ASN1Error::new(ASN1ErrorKind::Invalid))
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            for part in parts {
                writer.next().write_der(part);
            }
        });
    })
}

fn write_name(writer: DERWriter<'_>, common: &str, organizations: &[&str]) {
    writer.write_sequence(|writer| {
        let organizations = organizations.iter().map(|name| (&ORGANIZATION, *name));
        for (kind, value) in organizations.chain([(&COMMON_NAME, common)]) {
            writer.next().write_set(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(kind));
                    writer.next().write_utf8_string(value);
                });
            });
        }
    });
}
