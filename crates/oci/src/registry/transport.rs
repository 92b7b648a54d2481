//! Connections to a registry and its token server.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::payload::Body;
use super::proxy::{Connector, Proxies};
use super::{RegistryError, protocol, shown};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(15);
/// How long the beginning of an answer may take. A registry in front of an object store takes its
/// time to check a large upload.
const ANSWER: Duration = Duration::from_secs(300);
/// How long the next piece of an answer may take.
const PIECE: Duration = Duration::from_secs(60);

/// Where programs of this field keep certificates of registries, each in a folder of its host.
const CERTIFICATE_FOLDERS: [&str; 2] = ["/etc/docker/certs.d", "/etc/containers/certs.d"];

/// Sends requests, and waits for no answer forever.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    client: Client<HttpsConnector<Connector>, Body>,
}

impl Transport {
    pub(super) fn new(
        host: &str,
        certificates: &[PathBuf],
        proxies: &Proxies,
    ) -> Result<Self, RegistryError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(host, certificates)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector::new(connector, proxies.clone()));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .http1_max_buf_size(1 << 20)
            .build(connector);
        Ok(Self { client })
    }

    pub(super) async fn send(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, RegistryError> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        match tokio::time::timeout(ANSWER, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let source = Box::new(error);
                Err(RegistryError::Connection { method, url: shown(&uri), source })
            }
            Err(_) => Err(RegistryError::Timeout { method, url: shown(&uri), limit: ANSWER }),
        }
    }
}

/// Whether the other side speaks something else than TLS: plain HTTP, most likely.
pub(super) fn is_no_tls(error: &RegistryError) -> bool {
    fn within(error: &(dyn Error + 'static)) -> bool {
        if let Some(rustls::Error::InvalidMessage(_)) = error.downcast_ref() {
            return true;
        }
        // Errors of I/O hold another error without naming it their source.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.is_some_and(|inner| within(inner)) || error.source().is_some_and(within)
    }
    within(error)
}

/// The next piece of an answer; none at its end.
pub(super) async fn piece(
    body: &mut Incoming,
    method: &http::Method,
    uri: &Uri,
) -> Result<Option<Bytes>, RegistryError> {
    loop {
        let frame = match tokio::time::timeout(PIECE, body.frame()).await {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => {
                let (method, source) = (method.clone(), Box::new(error));
                return Err(RegistryError::Connection { method, url: shown(uri), source });
            }
            Err(_) => {
                let (method, url) = (method.clone(), shown(uri));
                return Err(RegistryError::Timeout { method, url, limit: PIECE });
            }
        };
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

/// A whole answer, of at most `most` bytes.
pub(super) async fn whole(
    mut body: Incoming,
    most: u64,
    method: &http::Method,
    uri: &Uri,
) -> Result<Bytes, RegistryError> {
    let mut bytes = BytesMut::new();
    while let Some(data) = piece(&mut body, method, uri).await? {
        if (bytes.len() + data.len()) as u64 > most {
            return Err(protocol(method, uri, format!("it is longer than {most} bytes")));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn tls(host: &str, certificates: &[PathBuf]) -> Result<ClientConfig, RegistryError> {
    let mut roots = RootCertStore::empty();
    // What is damaged among those of the system is passed over: the rest still serves.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let installed =
        CERTIFICATE_FOLDERS.iter().flat_map(|folder| installed(Path::new(folder), host));
    for path in certificates.iter().cloned().chain(installed) {
        let damaged = || RegistryError::Certificates(path.clone());
        let mut any = false;
        for certificate in CertificateDer::pem_file_iter(&path).map_err(|_| damaged())? {
            roots.add(certificate.map_err(|_| damaged())?).map_err(|_| damaged())?;
            any = true;
        }
        if !any {
            return Err(damaged());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        // Ring has those versions.
        .map_err(|_| RegistryError::Certificates(PathBuf::new()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Certificates of authorities, `*.crt`, in the folder of a host.
fn installed(folder: &Path, host: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder.join(host)).into_iter().flatten().flatten();
    let paths = files.map(|file| file.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "crt")).collect()
}
