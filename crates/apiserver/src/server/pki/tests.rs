#![allow(clippy::unwrap_used)]

use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;

use super::*;

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// As rustls checks it when a client connects.
fn verify(pki: &Pki, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(der(pki.certificate_pem())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier: Arc<dyn ClientCertVerifier> = verifier.build().unwrap();
    verifier.verify_client_cert(certificate, &[], UnixTime::now()).map(drop)
}

#[test]
fn a_client_certificate_names_every_group() {
    let pki = Pki::generate().unwrap();
    for groups in [&[][..], &["a"], &["a", "system:masters", "b", "a group, with = signs"]] {
        let asked = Identity::new("user/ü", groups.iter().map(|group| (*group).to_owned()));
        let (certificate, key) = pki.client_certificate(&asked).unwrap();
        assert!(KeyPair::from_pem(&key).is_ok());
        let certificate = der(&certificate);
        verify(&pki, &certificate).unwrap();
        let found = identity(&certificate).unwrap();
        assert_eq!(found, asked);
    }
}

#[test]
fn a_certificate_of_somebody_else_is_refused() {
    let (ours, theirs) = (Pki::generate().unwrap(), Pki::generate().unwrap());
    let (certificate, _) = theirs.client_certificate(&Identity::admin()).unwrap();
    assert!(verify(&ours, &der(&certificate)).is_err());
}

#[test]
fn a_certificate_without_a_name_is_nobodys() {
    let pki = Pki::generate().unwrap();
    let (certificate, _) = pki.client_certificate(&Identity::new("", [])).unwrap();
    assert_eq!(identity(&der(&certificate)), None);
}
