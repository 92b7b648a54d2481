//! HTTPS to the webhooks of a `clientConfig`: a few connections kept open, certificates
//! verified against the `caBundle`, and the errors that Go's client would report.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{service, trust};
use crate::store::Store;

/// An answer may carry a whole object as a patch, in base64; this is twice the most.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// Connections kept for the next call.
const IDLE: usize = 16;

/// How long a connection may wait for the next call.
const IDLE_TIME: Duration = Duration::from_secs(90);

/// Whom a `clientConfig` names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Peer {
    Url { host: String, port: u16 },
    Service { namespace: String, name: String, port: u16 },
}

/// What tells one `clientConfig` from another: its JSON.
pub(crate) type Key = String;

/// A webhook server, and the connections to it.
pub(crate) struct Client {
    peer: Peer,
    /// `https://host:port/path`, without a query.
    url: String,
    /// For the certificate.
    name: ServerName<'static>,
    tls: TlsConnector,
    idle: Mutex<Vec<(http1::SendRequest<Full<Bytes>>, Instant)>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.url)
    }
}

/// What a server answered; the status is one of success.
type Answer = Bytes;

impl Client {
    pub(crate) fn key(config: &Value) -> Key {
        config.to_string()
    }

    /// A client for a `clientConfig` that passed validation. No connection is made yet.
    ///
    /// # Errors
    /// A sentence about what cannot be used.
    pub(crate) fn new(config: &Value) -> Result<Self, String> {
        let (peer, url, name) = match config["url"].as_str() {
            Some(url) => of_url(url)?,
            None => of_service(&config["service"]),
        };
        let bundle = config["caBundle"].as_str().unwrap_or_default();
        let bundle = STANDARD.decode(bundle).map_err(|error| format!("caBundle: {error}"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = trust::Trust::new(&bundle, provider.clone())?;
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust))
            .with_no_client_auth();
        // As in kube-apiserver: over one HTTP/2 connection all calls would meet one backend.
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(name.clone())
            .map_err(|_| format!("invalid server name {name:?}"))?;
        let tls = TlsConnector::from(Arc::new(tls));
        Ok(Self { peer, url, name, tls, idle: Mutex::default() })
    }

    /// Posts JSON and returns the JSON of a successful answer.
    ///
    /// # Errors
    /// What Go's client says, after at most `timeout`.
    pub(crate) async fn post(
        &self,
        store: &Store,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Answer, String> {
        let url = format!("{}?timeout={}s", self.url, timeout.as_secs());
        let called = |why: String| format!("Post {url:?}: {why}");
        let exchange = self.exchange(store, &url, body.into());
        match tokio::time::timeout(timeout, exchange).await {
            Err(_) => Err(called("context deadline exceeded".to_owned())),
            Ok(Err(why)) => Err(called(why)),
            Ok(Ok((status, body))) if status.is_success() => Ok(body),
            Ok(Ok((status, body))) => Err(refusal(status, &body)),
        }
    }

    async fn exchange(
        &self,
        store: &Store,
        url: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), String> {
        let request = || self.request(url, body.clone());
        if let Some(mut sender) = self.take_idle() {
            match sender.send_request(request()?).await {
                Ok(response) => return self.read(response, sender).await,
                // The other side may close a connection at the moment it is used again.
                Err(e) if e.is_canceled() || e.is_closed() || e.is_incomplete_message() => {}
                Err(_) => return Err("EOF".to_owned()),
            }
        }
        let mut sender = self.connect(store).await?;
        let response = sender.send_request(request()?).await.map_err(|_| "EOF".to_owned())?;
        self.read(response, sender).await
    }

    fn request(&self, url: &str, body: Bytes) -> Result<Request<Full<Bytes>>, String> {
        let rest = url.strip_prefix("https://").unwrap_or_default();
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Request::post(path)
            .header(HOST, host)
            .header(USER_AGENT, "kube-apiserver-admission")
            .header(ACCEPT, "application/json, */*")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| error.to_string())
    }

    async fn read(
        &self,
        response: http::Response<hyper::body::Incoming>,
        sender: http1::SendRequest<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), String> {
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => format!("the answer is longer than {MAX_ANSWER} bytes"),
            Err(_) => "unexpected EOF".to_owned(),
        })?;
        self.keep(sender);
        Ok((status, body.to_bytes()))
    }

    fn take_idle(&self) -> Option<http1::SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < IDLE_TIME);
        let at = idle.iter().position(|(sender, _)| sender.is_ready())?;
        Some(idle.swap_remove(at).0)
    }

    fn keep(&self, sender: http1::SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !sender.is_closed() && idle.len() < IDLE {
            idle.push((sender, Instant::now()));
        }
    }

    async fn connect(&self, store: &Store) -> Result<http1::SendRequest<Full<Bytes>>, String> {
        let (host, port) = match &self.peer {
            Peer::Url { host, port } => (host.clone(), *port),
            Peer::Service { namespace, name, port } => {
                service::resolve(store, namespace, name, *port)?
            }
        };
        let stream = dial(&host, port).await?;
        let _ = stream.set_nodelay(true);
        let stream = self.tls.connect(self.name.clone(), stream).await.map_err(|error| {
            let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            tls.map_or_else(|| error.to_string(), |tls| trust::words(tls, &self.name.to_str()))
        })?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| error.to_string())?;
        // It ends when the sender is dropped or the other side closes.
        tokio::spawn(connection);
        Ok(sender)
    }
}

async fn dial(host: &str, port: u16) -> Result<TcpStream, String> {
    let found = tokio::net::lookup_host((host, port)).await;
    let addresses: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
    let mut failure = format!("dial tcp: lookup {host}: no such host");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = format!("dial tcp {address}: connect: {}", errno(&error)),
        }
    }
    Err(failure)
}

/// `connection refused`, without the number.
fn errno(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

fn of_url(url: &str) -> Result<(Peer, String, String), String> {
    let uri: http::Uri = url.parse().map_err(|error| format!("parse {url:?}: {error}"))?;
    let host = uri.host().ok_or_else(|| format!("parse {url:?}: no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(443);
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let full = format!("https://{authority}{}", uri.path());
    Ok((Peer::Url { host: host.clone(), port }, full, host))
}

fn of_service(service: &Value) -> (Peer, String, String) {
    let text = |name: &str| service[name].as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text("namespace"), text("name"));
    let port = service["port"].as_u64().and_then(|port| port.try_into().ok()).unwrap_or(443);
    let host = format!("{name}.{namespace}.svc");
    let path = text("path");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let url = format!("https://{host}:{port}{slash}{path}");
    (Peer::Service { namespace, name, port }, url, host)
}

/// What client-go makes of an HTTP status that is none of success.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let said = String::from_utf8_lossy(body);
    let said = match said.trim() {
        "" => "unknown",
        text => text,
    };
    // A server of Kubernetes' own kind explains itself.
    if let Ok(answer) = serde_json::from_slice::<Value>(body)
        && answer["kind"] == "Status"
        && let Some(message) = answer["message"].as_str()
    {
        return message.to_owned();
    }
    match status.as_u16() {
        400 => "the server rejected our request for an unknown reason".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 | 406 | 415 => said.to_owned(),
        404 => "the server could not find the requested resource".to_owned(),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        409 => "the server reported a conflict".to_owned(),
        422 => "the server rejected our request due to an error in our request".to_owned(),
        429 => "the server has received too many requests and has asked us to try again later"
            .to_owned(),
        503 => "the server is currently unable to handle the request".to_owned(),
        504 => "the server was unable to return a response in the time allotted, but may still be processing the request".to_owned(),
        code if code >= 500 => {
            format!("an error on the server ({said:?}) has prevented the request from succeeding")
        }
        code => format!(
            "the server responded with the status code {code} but did not return more information"
        ),
    }
}
