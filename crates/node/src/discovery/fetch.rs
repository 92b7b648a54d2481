//! Asking for `cluster-info`, without and with knowing whom.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{ConfigMapData, Endpoint};

const PATH: &str = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

/// How long one question may take, from the first packet to the last.
const ANSWER: Duration = Duration::from_secs(10);

/// No `cluster-info` is so large: what is larger is sent to fill our memory.
const LARGEST: usize = 1 << 20;

/// Why there is no `cluster-info`.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody is there.
    #[error("cannot connect to {endpoint}")]
    Connect {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Somebody is there and says nothing.
    #[error("{endpoint} did not answer within {} s", ANSWER.as_secs())]
    Timeout {
        /// Where.
        endpoint: Endpoint,
    },
    /// The connection is not secure, or broke.
    #[error("no secure connection with {endpoint}")]
    Tls {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate authority cannot be used.
    #[error("cannot use the cluster's certificate authority: {why}")]
    Authority {
        /// Why.
        why: String,
    },
    /// The answer broke off or is not HTTP.
    #[error("{endpoint} does not answer as an API server does: {why}")]
    Http {
        /// Where.
        endpoint: Endpoint,
        /// What is wrong with it.
        why: String,
    },
    /// It is not there, or not for us.
    #[error("{endpoint} answers {status} for kube-public/cluster-info: {}", meaning(*status))]
    Status {
        /// Where.
        endpoint: Endpoint,
        /// The answer.
        status: StatusCode,
    },
    /// The answer is no ConfigMap with a kubeconfig.
    #[error("kube-public/cluster-info of {endpoint} cannot be read: {why}")]
    Unreadable {
        /// Where.
        endpoint: Endpoint,
        /// What is wrong with it.
        why: String,
    },
}

fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "it is not seeded yet, or not for joining with tokens",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "it does not let strangers read it, which joining with tokens takes"
        }
        _ => "it is not ready",
    }
}

impl FetchError {
    /// Whether it may be otherwise when the seeder has come up.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } | Self::Http { .. } => true,
            // Certificates do not get better by waiting; connections that broke do.
            Self::Tls { source, .. } => {
                !source.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
            }
            // Its rights are among the last things that a seeder writes.
            Self::Status { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::NOT_FOUND
                            | StatusCode::FORBIDDEN
                            | StatusCode::UNAUTHORIZED
                            | StatusCode::TOO_MANY_REQUESTS
                    )
            }
            Self::Authority { .. } | Self::Unreadable { .. } => false,
        }
    }
}

/// Whose answers are taken.
pub(super) enum Trust {
    /// Anybody's; what is said has to be checked.
    Nobody,
    /// Those of servers with a certificate of these.
    Authority(Arc<RootCertStore>),
}

impl Trust {
    pub(super) fn authority(pem: &str) -> Result<Self, FetchError> {
        let wrong = |why: String| FetchError::Authority { why };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(Self::Authority(Arc::new(roots)))
    }

    fn config(&self) -> Result<ClientConfig, FetchError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| FetchError::Authority { why: error.to_string() })?;
        Ok(match self {
            Self::Authority(roots) => {
                builder.with_root_certificates(roots.clone()).with_no_client_auth()
            }
            Self::Nobody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
                .with_no_client_auth(),
        })
    }
}

/// Takes every certificate. That who presents it has its key is still checked.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Asks once.
pub(super) async fn fetch(endpoint: &Endpoint, trust: &Trust) -> Result<ConfigMapData, FetchError> {
    let asked = tokio::time::timeout(ANSWER, ask(endpoint, trust)).await;
    asked.unwrap_or_else(|_| Err(FetchError::Timeout { endpoint: endpoint.clone() }))
}

async fn ask(endpoint: &Endpoint, trust: &Trust) -> Result<ConfigMapData, FetchError> {
    let connect = |source| FetchError::Connect { endpoint: endpoint.clone(), source };
    let http = |why: String| FetchError::Http { endpoint: endpoint.clone(), why };
    let broken = |error: hyper::Error| http(error.to_string());
    let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await.map_err(connect)?;
    // Nothing here is worth waiting to be sent together.
    let _ = stream.set_nodelay(true);
    let name = ServerName::try_from(endpoint.host().to_owned());
    let name = name.map_err(|error| http(error.to_string()))?;
    let connector = TlsConnector::from(Arc::new(trust.config()?));
    let stream = connector.connect(name, stream).await;
    let stream = stream.map_err(|source| FetchError::Tls { endpoint: endpoint.clone(), source })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends when the sender is dropped.
    let connection = tokio::spawn(connection);
    let request = Request::get(PATH)
        .header("host", endpoint.to_string())
        .header("accept", "application/json")
        .header("user-agent", kubewright_operator::client::USER_AGENT)
        .body(Empty::<Bytes>::new())
        .map_err(|error| http(error.to_string()))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status() != StatusCode::OK {
            let (endpoint, status) = (endpoint.clone(), response.status());
            return Err(FetchError::Status { endpoint, status });
        }
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| http(error.to_string()))
    };
    let answer = answer.await;
    connection.abort();
    read(&answer?).map_err(|why| FetchError::Unreadable { endpoint: endpoint.clone(), why })
}

#[derive(Deserialize)]
struct ConfigMap {
    data: Option<BTreeMap<String, String>>,
}

fn read(json: &[u8]) -> Result<ConfigMapData, String> {
    let map: ConfigMap = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let data = map.data.and_then(ConfigMapData::of);
    data.ok_or_else(|| "it has no kubeconfig".to_owned())
}
