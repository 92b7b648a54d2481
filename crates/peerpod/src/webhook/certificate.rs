//! Certificates of the webhook: an authority of its own, and what it signs.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Why a certificate cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// One could not be made.
    #[error("cannot make a certificate for the webhook")]
    Make(#[from] rcgen::Error),
    /// What is stored is no certificate.
    #[error("{what} is not a certificate in PEM: {problem}")]
    Read {
        /// Which one.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// How long certificates last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of an authority.
    pub authority: Duration,
    /// Of a serving certificate.
    pub serving: Duration,
    /// How long after a serving certificate of a new authority the old authority stays trusted:
    /// until each replica has surely loaded it.
    pub overlap: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Lifetimes {
    fn default() -> Self {
        Self { authority: DAY * 3650, serving: DAY * 90, overlap: DAY }
    }
}

/// Clocks may differ by so much; by less where a certificate lives for less than an hour.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// A certificate with its key. `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, PEM.
    pub certificate: String,
    key: String,
    /// What it says.
    pub facts: Facts,
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// DNS names and IP addresses it is for.
    pub names: Vec<String>,
    /// From when it is valid.
    pub from: Timestamp,
    /// Until when it is valid.
    pub until: Timestamp,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Certificate {
    /// A new authority.
    ///
    /// # Errors
    /// [`CertificateError::Make`].
    pub fn authority(now: Timestamp, lifetimes: Lifetimes) -> Result<Self, CertificateError> {
        let key = KeyPair::generate()?;
        // The name tells authorities apart where several are trusted.
        let name = format!("kubewright peerpod webhook {}", now.as_second());
        let mut params = params(&name, &[], now, lifetimes.authority)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        Self::parse("a new authority", certificate, key.serialize_pem())
    }

    /// A serving certificate of this authority.
    ///
    /// # Errors
    /// [`CertificateError`] also where this is no authority.
    pub fn sign(
        &self,
        names: &[String],
        now: Timestamp,
        lifetimes: Lifetimes,
    ) -> Result<Self, CertificateError> {
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)?;
        let key = KeyPair::generate()?;
        let common = names.first().map_or("webhook", String::as_str);
        let mut params = params(common, names, now, lifetimes.serving)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        Self::parse("a new serving certificate", certificate, key.serialize_pem())
    }

    /// The one stored under these entries of a Secret; `None` where one is missing.
    ///
    /// # Errors
    /// [`CertificateError::Read`].
    pub fn stored(
        what: &'static str,
        data: &BTreeMap<String, Vec<u8>>,
        certificate: &str,
        key: &str,
    ) -> Result<Option<Self>, CertificateError> {
        let (Some(certificate), Some(key)) = (data.get(certificate), data.get(key)) else {
            return Ok(None);
        };
        let text = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec())
                .map_err(|_| CertificateError::Read { what, problem: "it is not text".to_owned() })
        };
        Self::parse(what, text(certificate)?, text(key)?).map(Some)
    }

    fn parse(
        what: &'static str,
        certificate: String,
        key: String,
    ) -> Result<Self, CertificateError> {
        let facts = facts(what, &certificate)?;
        Ok(Self { certificate, key, facts })
    }

    /// The private key, PEM. Not for logs.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// When two thirds of its life are over.
    pub fn due(&self) -> Timestamp {
        let life = self.facts.until.as_second() - self.facts.from.as_second();
        let due = self.facts.from.as_second() + life / 3 * 2;
        Timestamp::from_second(due).unwrap_or(self.facts.until)
    }

    /// Whether this authority signed another.
    pub fn signed(&self, other: &Self) -> bool {
        self.facts.subject == other.facts.issuer
    }
}

fn params(
    common: &str,
    names: &[String],
    now: Timestamp,
    lifetime: Duration,
) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name.push(DnType::CommonName, common);
    // rcgen's way to name an instant, without a second crate for time.
    let now = rcgen::date_time_ymd(1970, 1, 1)
        + Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
    params.not_before = now - SKEW.min(lifetime / 10);
    params.not_after = now + lifetime;
    Ok(params)
}

/// Reads the first certificate of a PEM text.
///
/// # Errors
/// [`CertificateError::Read`].
pub fn facts(what: &'static str, pem: &str) -> Result<Facts, CertificateError> {
    let wrong = |problem: String| CertificateError::Read { what, problem };
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes())
        .map_err(|error| wrong(error.to_string()))?;
    let (_, certificate) =
        X509Certificate::from_der(&pem.contents).map_err(|error| wrong(error.to_string()))?;
    let names = match certificate.subject_alternative_name() {
        Ok(Some(extension)) => extension
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                GeneralName::IPAddress(bytes) => address(bytes).map(|ip| ip.to_string()),
                _ => None,
            })
            .collect(),
        Ok(None) => Vec::new(),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let instant = |time: x509_parser::time::ASN1Time| {
        Timestamp::from_second(time.timestamp()).map_err(|error| wrong(error.to_string()))
    };
    Ok(Facts {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        names,
        from: instant(certificate.validity().not_before)?,
        until: instant(certificate.validity().not_after)?,
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}
