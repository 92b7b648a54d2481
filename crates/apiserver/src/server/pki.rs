//! The server's own certificate authority, and kubeconfigs signed by it.

mod issue;
mod subject;
#[cfg(test)]
mod tests;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::access::{AUTHENTICATED, Identity};

/// Why certificates cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("cannot use the certificate file {path}")]
    File {
        /// File.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A certificate cannot be made.
    #[error("cannot make a certificate")]
    Generate(#[from] rcgen::Error),
    /// A certificate or key is not usable for TLS.
    #[error("cannot use a certificate for TLS: {0}")]
    Tls(String),
}

/// A certificate authority.
pub struct Pki {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Name of the authority.
const NAME: &str = "kubewright-local";

/// How long the authority is valid.
const CA_YEARS: i16 = 10;

/// How long what it signs is valid; both are made anew at every start.
const LEAF_YEARS: i16 = 1;

impl Pki {
    /// A new authority, in memory.
    pub fn generate() -> Result<Self, PkiError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        lasts(&mut params, CA_YEARS);
        params.distinguished_name = name(NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { certificate_pem, issuer: Issuer::new(params, key) })
    }

    /// The authority kept in `dir`, made if it is not there.
    pub fn load_or_create(dir: &Path) -> Result<Self, PkiError> {
        let file = |name: &str| dir.join(name);
        let wrap = |path: PathBuf| move |source| PkiError::File { path, source };
        let (certificate, key) = (file("ca.crt"), file("ca.key"));
        if !certificate.exists() {
            create_private_dir(dir).map_err(wrap(dir.to_owned()))?;
            let new = Self::generate()?;
            // The certificate comes last: with it there, the key is there too.
            write_private(&key, &new.issuer.key().serialize_pem()).map_err(wrap(key.clone()))?;
            write_private(&certificate, &new.certificate_pem).map_err(wrap(certificate.clone()))?;
            return Ok(new);
        }
        let certificate_pem = fs::read_to_string(&certificate).map_err(wrap(certificate))?;
        let key_pem = fs::read_to_string(&key).map_err(wrap(key))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, KeyPair::from_pem(&key_pem)?)?;
        Ok(Self { certificate_pem, issuer })
    }

    /// The authority's certificate, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A client certificate and its key, PEM: the user is its common name, the groups are its
    /// organisations.
    pub fn client_certificate(&self, identity: &Identity) -> Result<(String, String), PkiError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        lasts(&mut params, LEAF_YEARS);
        // `system:authenticated` comes with authentication itself, not with a certificate.
        let groups = identity.groups.iter().map(String::as_str);
        let groups: Vec<&str> = groups.filter(|group| *group != AUTHENTICATED).collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let authority = self.issuer.key();
        let certificate =
            subject::with_subject(certificate.der(), &identity.user, &groups, authority)?;
        Ok((pem(&certificate), key.serialize_pem()))
    }

    /// A kubeconfig for a user of a server at this address.
    pub fn kubeconfig(&self, address: SocketAddr, identity: &Identity) -> Result<String, PkiError> {
        let (certificate, key) = self.client_certificate(identity)?;
        let config = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": NAME, "cluster": {
                "server": format!("https://{address}"),
                "certificate-authority-data": STANDARD.encode(&self.certificate_pem),
            } }],
            "users": [{ "name": identity.user, "user": {
                "client-certificate-data": STANDARD.encode(certificate),
                "client-key-data": STANDARD.encode(key),
            } }],
            "contexts": [{ "name": NAME, "context": { "cluster": NAME, "user": identity.user } }],
            "current-context": NAME,
        });
        serde_saphyr::to_string(&config).map_err(|error| PkiError::Tls(error.to_string()))
    }

    /// TLS for a server at this address, which has further names (and addresses) besides;
    /// clients may present a certificate of ours.
    pub(super) fn server_config(
        &self,
        address: SocketAddr,
        names: &[String],
    ) -> Result<Arc<rustls::ServerConfig>, PkiError> {
        let key = KeyPair::generate()?;
        let own = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        let own = own.map(str::to_owned);
        // What is an address among them becomes one.
        let mut params = CertificateParams::new([&own, names].concat())?;
        lasts(&mut params, LEAF_YEARS);
        let addresses = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
        let own = (!address.ip().is_unspecified()).then_some(address.ip());
        params.subject_alt_names.extend(addresses.into_iter().chain(own).map(SanType::IpAddress));
        params.distinguished_name = name("kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;

        let tls = |error: &dyn std::fmt::Display| PkiError::Tls(error.to_string());
        let authority = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes())
            .map_err(|error| tls(&error))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone()).map_err(|error| tls(&error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .allow_unauthenticated()
                .build()
                .map_err(|error| tls(&error))?;
        let private = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())
            .map_err(|error| tls(&error))?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| tls(&error))?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate.der().clone(), authority], private)
            .map_err(|error| tls(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Valid from yesterday, so that clocks may differ a little.
fn lasts(params: &mut CertificateParams, years: i16) {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let at = |date: jiff::civil::Date| {
        rcgen::date_time_ymd(
            i32::from(date.year()),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    params.not_before = at(today.yesterday().unwrap_or(today));
    params.not_after = at(today.saturating_add(jiff::Span::new().years(years)));
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// A certificate as text.
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der).into_bytes();
    let lines: Vec<_> = text.chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The caller that a verified client certificate names: its common name, and its
/// organisations as groups.
pub(super) fn identity(certificate: &CertificateDer<'_>) -> Option<Identity> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let subject = parsed.subject();
    let user = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    if user.is_empty() {
        return None;
    }
    let groups = subject.iter_organization().filter_map(|group| group.as_str().ok());
    Some(Identity::new(user, groups.map(str::to_owned)))
}

/// Makes a directory that only its owner can enter.
pub(super) fn create_private_dir(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
