//! Pins: certificate authorities known by the hash of their public key.

use std::fmt;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Why a text is no pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no pin of a key: one is `sha256:` and 64 hexadecimal digits, as `kubewright node init` prints that of the authority and `kubewright node join` that of the machine"
)]
pub struct PinError {
    /// What was given.
    pub text: String,
}

/// SHA-256 of a SubjectPublicKeyInfo (RFC 7469, section 2.4).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of a public key: the DER of its SubjectPublicKeyInfo.
    pub fn of_key(spki: &[u8]) -> Self {
        Self(Sha256::digest(spki).into())
    }

    /// The pin of a certificate; nothing, if it cannot be read.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        Some(Self::of_key(parsed.tbs_certificate.subject_pki.raw))
    }

    /// The pins of certificates, PEM; nothing, if there is none or one cannot be read.
    pub fn of_pem(pem: &str) -> Option<Vec<Self>> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let pins: Option<Vec<_>> = read.ok()?.iter().map(Self::of_certificate).collect();
        pins.filter(|pins| !pins.is_empty())
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let wrong = || PinError { text: text.to_owned() };
        let digits = text.strip_prefix("sha256:").ok_or_else(wrong)?;
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_pin_is_read_as_it_is_written() {
        let pin = Pin::of_key(b"");
        // Of nothing, by `sha256sum /dev/null`.
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(pin.to_string(), text);
        assert_eq!(text.parse(), Ok(pin.clone()));
        assert_eq!(text.replace("e3b0", "E3B0").parse(), Ok(pin));
        for wrong in ["", "sha256:", &text[7..], &text[..70], &text.replace("e3b0", "+3b0")] {
            assert!(wrong.parse::<Pin>().is_err(), "{wrong:?}");
        }
    }
}
