//! Asking for `cluster-info`, without and with knowing whom.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kube::Client;
use kubewright_operator::with_causes;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
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
        source: io::Error,
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
        source: io::Error,
    },
    /// There is no client for the cluster.
    #[error("cannot set up a connection with the cluster: {why}")]
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

/// Asks whoever is there. What is said has to be checked.
pub(super) async fn ask_anybody(endpoint: &Endpoint) -> Result<ConfigMapData, FetchError> {
    in_time(endpoint, ask(endpoint)).await
}

/// Asks with a client that takes answers of the cluster only.
pub(super) async fn ask_verified(
    endpoint: &Endpoint,
    client: &Client,
) -> Result<ConfigMapData, FetchError> {
    let asked = async {
        let http = |why: String| FetchError::Http { endpoint: endpoint.clone(), why };
        let request = Request::get(PATH).header("accept", "application/json");
        let request = request.body(kube::client::Body::empty());
        let request = request.map_err(|error| http(error.to_string()))?;
        let response = client.send(request).await.map_err(|error| {
            // Certificates do not get better by waiting.
            match tls_cause(&error) {
                Some(wrong) => FetchError::Tls {
                    endpoint: endpoint.clone(),
                    source: io::Error::other(wrong.clone()),
                },
                None => http(with_causes(&error)),
            }
        })?;
        answer(endpoint, response).await
    };
    in_time(endpoint, asked).await
}

async fn in_time(
    endpoint: &Endpoint,
    asked: impl Future<Output = Result<ConfigMapData, FetchError>>,
) -> Result<ConfigMapData, FetchError> {
    let asked = tokio::time::timeout(ANSWER, asked).await;
    asked.unwrap_or_else(|_| Err(FetchError::Timeout { endpoint: endpoint.clone() }))
}

/// What TLS finds wrong, among the causes of an error.
fn tls_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(wrong) = error.downcast_ref() {
        return Some(wrong);
    }
    // What is inside of one of the system's is not among its sources.
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inside) => tls_cause(inside),
        None => tls_cause(error.source()?),
    }
}

async fn ask(endpoint: &Endpoint) -> Result<ConfigMapData, FetchError> {
    let connect = |source| FetchError::Connect { endpoint: endpoint.clone(), source };
    let http = |why: String| FetchError::Http { endpoint: endpoint.clone(), why };
    let broken = |error: hyper::Error| http(error.to_string());
    let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await.map_err(connect)?;
    // Nothing here is worth waiting to be sent together.
    let _ = stream.set_nodelay(true);
    let name = ServerName::try_from(endpoint.host().to_owned());
    let name = name.map_err(|error| http(error.to_string()))?;
    let stream = TlsConnector::from(Arc::new(trusting()?)).connect(name, stream).await;
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
    let answered =
        async { answer(endpoint, sender.send_request(request).await.map_err(broken)?).await };
    let answered = answered.await;
    connection.abort();
    answered
}

/// TLS that takes every certificate.
fn trusting() -> Result<ClientConfig, FetchError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::Authority { why: error.to_string() })?;
    let anybody = Arc::new(Anybody(provider));
    Ok(builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth())
}

/// What an answer says, within bounds.
async fn answer<B>(endpoint: &Endpoint, response: Response<B>) -> Result<ConfigMapData, FetchError>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let endpoint = || endpoint.clone();
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status { endpoint: endpoint(), status: response.status() });
    }
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body =
        body.map_err(|error| FetchError::Http { endpoint: endpoint(), why: error.to_string() })?;
    read(&body.to_bytes()).map_err(|why| FetchError::Unreadable { endpoint: endpoint(), why })
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
