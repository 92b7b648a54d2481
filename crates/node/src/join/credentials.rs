//! Clients of a cluster that was discovered: with a token at first, then with a certificate; and
//! the kubeconfig that holds the latter.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use kube::client::Body;
use kube::config::AuthInfo;
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::name::NodeName;
use super::request::Key;
use crate::discovery::{Cluster, Pin};
use crate::token::Token;

/// An API server that does not even accept a connection for so long is down.
const CONNECT: Duration = Duration::from_secs(5);

/// Why there are no credentials, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The client cannot be set up.
    #[error("cannot set up a client for {server}")]
    Client {
        /// The API server.
        server: String,
        /// Cause.
        #[source]
        source: Box<kube::Error>,
    },
    /// What is known of the cluster cannot be used.
    #[error("what is known of the cluster cannot be used: {why}")]
    Cluster {
        /// What is wrong.
        why: String,
    },
    /// A certificate came that is not for this node and its key.
    #[error("the cluster issued a certificate that is not for this node: {why}")]
    Certificate {
        /// What is wrong with it.
        why: String,
    },
}

/// The certificate of a node: what was issued for its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pem: String,
    /// Validity in seconds since 1970, both ends.
    validity: (i64, i64),
}

impl Certificate {
    /// Takes a certificate that came for this key of this node.
    ///
    /// # Errors
    /// When it is for something else.
    pub fn accept(pem: String, key: &Key, node: &NodeName) -> Result<Self, CredentialsError> {
        let wrong = |why: String| CredentialsError::Certificate { why };
        let der = CertificateDer::from_pem_slice(pem.as_bytes());
        let der = der.map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        let (_, parsed) = X509Certificate::from_der(&der)
            .map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        if Pin::of_key(parsed.tbs_certificate.subject_pki.raw) != key.fingerprint() {
            return Err(wrong("it is for another key".to_owned()));
        }
        let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        if name != Some(node.user().as_str()) {
            return Err(wrong(format!("it is for {}", name.unwrap_or("nobody"))));
        }
        let validity = parsed.validity();
        let validity = (validity.not_before.timestamp(), validity.not_after.timestamp());
        Ok(Self { pem, validity })
    }

    /// The certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// When it ends.
    pub fn expires(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(self.validity.1).unwrap_or(jiff::Timestamp::MAX)
    }

    /// When a new one should be asked for: after seven tenths of its time, as kubelets do.
    pub fn renew_from(&self) -> jiff::Timestamp {
        let (from, until) = self.validity;
        let at = from + (until - from) / 10 * 7;
        jiff::Timestamp::from_second(at).unwrap_or(jiff::Timestamp::MAX)
    }
}

fn config(cluster: &Cluster) -> Result<Config, CredentialsError> {
    let wrong = |why: String| CredentialsError::Cluster { why };
    let url = cluster.server.parse().map_err(|error| wrong(format!("{error}")))?;
    let mut config = Config::new(url);
    let authorities = cluster.authorities().map_err(|error| wrong(error.to_string()))?;
    config.root_cert = Some(authorities.iter().map(|der| der.to_vec()).collect());
    config.connect_timeout = Some(CONNECT);
    Ok(config)
}

fn client(config: Config) -> Result<Client, CredentialsError> {
    kubewright_operator::install_crypto_provider();
    let server = config.cluster_url.to_string();
    Client::try_from(config)
        .map_err(|source| CredentialsError::Client { server, source: Box::new(source) })
}

/// A client for who says nothing of themselves.
///
/// # Errors
/// When it cannot be set up; the server is not contacted.
pub fn with_nothing(cluster: &Cluster) -> Result<Client, CredentialsError> {
    client(config(cluster)?)
}

/// A client for who has a token, over the connections of one for who says nothing.
pub fn with_token(nobody: &Client, token: &Token) -> Client {
    let header = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
    // A token is letters, digits and a dot, which headers may hold.
    let mut header = header.unwrap_or(HeaderValue::from_static("Bearer"));
    header.set_sensitive(true);
    let nobody = nobody.clone();
    let shows = tower::service_fn(move |mut request: Request<Body>| {
        request.headers_mut().insert(AUTHORIZATION, header.clone());
        let nobody = nobody.clone();
        async move { nobody.send(request).await }
    });
    Client::new(shows, "default")
}

/// A client for a node.
///
/// # Errors
/// When it cannot be set up; the server is not contacted.
pub fn with_certificate(
    cluster: &Cluster,
    certificate: &Certificate,
    key: &Key,
) -> Result<Client, CredentialsError> {
    let mut config = config(cluster)?;
    config.auth_info = AuthInfo {
        client_certificate_data: Some(STANDARD.encode(certificate.pem())),
        client_key_data: Some(STANDARD.encode(key.pem()).into()),
        ..AuthInfo::default()
    };
    client(config)
}

/// The kubeconfig of a node, with key and certificate in it.
pub fn kubeconfig(
    cluster: &Cluster,
    node: &NodeName,
    certificate: &Certificate,
    key: &Key,
) -> String {
    let (name, user) = ("kubernetes", node.user());
    let config = json!({ "apiVersion": "v1", "kind": "Config",
        "clusters": [{ "name": name, "cluster": { "server": cluster.server,
            "certificate-authority-data": STANDARD.encode(&cluster.authority) } }],
        "users": [{ "name": user, "user": {
            "client-certificate-data": STANDARD.encode(certificate.pem()),
            "client-key-data": STANDARD.encode(key.pem()) } }],
        "contexts": [{ "name": user, "context": { "cluster": name, "user": user } }],
        "current-context": user });
    // JSON is YAML, and an object of texts can always be written.
    serde_saphyr::to_string(&config).unwrap_or_else(|_| config.to_string())
}

/// Who a kubeconfig is for, if it is one of a node.
#[must_use]
pub fn node_of_kubeconfig(text: &str) -> Option<NodeName> {
    let config: Value = serde_saphyr::from_str(text).ok()?;
    NodeName::of_user(config["users"][0]["name"].as_str()?)
}

/// Cluster, key and certificate from the kubeconfig of a node.
///
/// # Errors
/// When it is not one of this node.
pub fn from_kubeconfig(
    text: &str,
    node: &NodeName,
) -> Result<(Cluster, Key, Certificate), CredentialsError> {
    let wrong = |why: &str| CredentialsError::Certificate { why: why.to_owned() };
    // Not as kube reads it, which hides keys from those who are to read them.
    let config: Value =
        serde_saphyr::from_str(text).map_err(|_| wrong("its kubeconfig is none"))?;
    let field = |object: &Value, field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let cluster = &config["clusters"][0]["cluster"];
    let (server, authority) =
        (field(cluster, "server"), field(cluster, "certificate-authority-data"));
    let cluster = Cluster::new(&server, &authority)
        .map_err(|error| CredentialsError::Cluster { why: error.to_string() })?;
    let user = &config["users"][0]["user"];
    let decoded = |name: &str| {
        let bytes = STANDARD.decode(field(user, name)).unwrap_or_default();
        String::from_utf8(bytes).ok().filter(|pem| !pem.is_empty())
    };
    let key = decoded("client-key-data").ok_or_else(|| wrong("its kubeconfig has no key"))?;
    let key = Key::from_pem(&key).map_err(|_| wrong("the key in its kubeconfig is none"))?;
    let certificate = decoded("client-certificate-data");
    let certificate = certificate.ok_or_else(|| wrong("its kubeconfig has no certificate"))?;
    let certificate = Certificate::accept(certificate, &key, node)?;
    Ok((cluster, key, certificate))
}
