//! Requests as the scenarios write them, over HTTP/1.1, plain or TLS.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, USER_AGENT,
};
use http::{HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::json::{Json, Object};
use crate::scenario::Request;
use crate::target::{Identity, Target};
use crate::tls;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

type Connection = SendRequest<Full<Bytes>>;

/// A server and the administrator's identity there.
pub(crate) struct Endpoint {
    host: String,
    port: u16,
    base_path: String,
    token: Option<String>,
    tls: Option<Tls>,
}

/// A certificate speaks for a whole connection, so steps with a token of their own, or none, need
/// one without it.
struct Tls {
    as_administrator: TlsConnector,
    without_certificate: TlsConnector,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Json,
}

impl Endpoint {
    /// # Errors
    /// When the URL or the certificate cannot be read.
    pub(crate) fn new(target: &Target) -> Result<Self> {
        let uri: Uri =
            target.base_url.parse().with_context(|| format!("parsing {}", target.base_url))?;
        let host = uri.host().with_context(|| format!("no host in {uri}"))?;
        let is_tls = uri.scheme_str() == Some("https");
        let (token, certificate) = match &target.identity {
            Identity::Token(token) => (Some(token.clone()), None),
            Identity::Certificate { chain, key } => {
                (None, Some((chain.as_slice(), key.as_slice())))
            }
        };
        let tls = is_tls.then(|| -> Result<Tls> {
            Ok(Tls {
                as_administrator: tls::connector(certificate)?,
                without_certificate: tls::connector(None)?,
            })
        });
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            base_path: uri.path().trim_end_matches('/').to_owned(),
            token,
            tls: tls.transpose()?,
        })
    }

    async fn connect(&self, as_administrator: bool) -> Result<Connection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .with_context(|| format!("connecting to {}:{}", self.host, self.port))?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return handshake(stream).await;
        };
        let connector =
            if as_administrator { &tls.as_administrator } else { &tls.without_certificate };
        let name = self.host.clone().try_into().with_context(|| format!("host {}", self.host))?;
        handshake(connector.connect(name, stream).await.context("TLS handshake")?).await
    }

    fn prepare(&self, request: &Request) -> Result<http::Request<Full<Bytes>>> {
        let mut uri = format!("{}{}", self.base_path, request.path);
        if !request.query.is_empty() {
            uri.push(if request.path.contains('?') { '&' } else { '?' });
            uri.push_str(&encoded(&request.query));
        }
        let body = match &request.body {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let mut out = http::Request::builder()
            .method(Method::from_bytes(request.method.as_bytes())?)
            .uri(&uri);
        let headers = out.headers_mut().with_context(|| format!("target {uri}"))?;
        headers.insert(HOST, format!("{}:{}", self.host, self.port).parse()?);
        headers.insert(USER_AGENT, HeaderValue::from_static("oracle/1.0"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let token = request.token.as_ref().map_or(self.token.as_deref(), Option::as_deref);
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            headers.insert(AUTHORIZATION, format!("Bearer {token}").parse()?);
        }
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        override_headers(headers, &request.headers)?;
        if body.is_some() || matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
            headers.insert(CONTENT_LENGTH, body.as_ref().map_or(0, String::len).into());
        }
        Ok(out.body(Full::new(body.unwrap_or_default().into()))?)
    }
}

async fn handshake<S>(stream: S) -> Result<Connection>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors reach the sender.
    tokio::spawn(connection);
    Ok(sender)
}

fn encoded(query: &Object) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for (key, value) in query {
        for one in value.as_array().unwrap_or(std::slice::from_ref(value)) {
            out.append_pair(key, &one.plain_text());
        }
    }
    out.finish()
}

fn override_headers(headers: &mut HeaderMap, overrides: &Object) -> Result<()> {
    for (name, value) in overrides {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        headers.remove(&name);
        match value {
            Json::Null => {}
            Json::Array(values) => {
                for value in values {
                    headers.append(&name, value.plain_text().parse()?);
                }
            }
            value => {
                headers.insert(name, value.plain_text().parse()?);
            }
        }
    }
    Ok(())
}

/// One user of an endpoint, with connections that are kept.
pub(crate) struct Client {
    endpoint: Arc<Endpoint>,
    administrator: Option<Connection>,
    other: Option<Connection>,
}

impl Client {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint, administrator: None, other: None }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When the server cannot be reached, closes early, or is silent for too long.
    pub(crate) async fn call(&mut self, request: &Request) -> Result<Answer> {
        let as_administrator = request.token.is_none();
        let message = self.endpoint.prepare(request)?;
        let kept = if as_administrator { &mut self.administrator } else { &mut self.other };
        let exchange = async {
            // The server may have closed a kept connection; only a fresh one counts.
            if let Some(mut connection) = kept.take()
                && let Ok(answer) = exchange(&mut connection, message.clone()).await
            {
                *kept = Some(connection);
                return Ok(answer);
            }
            let mut connection = self.endpoint.connect(as_administrator).await?;
            let answer = exchange(&mut connection, message).await?;
            *kept = Some(connection);
            Ok(answer)
        };
        timeout(PATIENCE, exchange).await.context("no answer in time")?
    }

    /// Sends a request on a connection of its own and returns as soon as the headers are there.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) async fn open(
        &self,
        request: &Request,
    ) -> Result<(Connection, http::Response<Incoming>)> {
        let open = async {
            let mut connection = self.endpoint.connect(request.token.is_none()).await?;
            let response = connection.send_request(self.endpoint.prepare(request)?).await?;
            Ok((connection, response))
        };
        // The headers of a watch must come before its first event.
        timeout(PATIENCE / 2, open).await.context("no headers in time")?
    }
}

async fn exchange(
    connection: &mut Connection,
    message: http::Request<Full<Bytes>>,
) -> Result<Answer> {
    connection.ready().await?;
    let response = connection.send_request(message).await?;
    read(response).await
}

/// Reads an answer to its end.
///
/// # Errors
/// When the connection ends early.
pub(crate) async fn read(response: http::Response<Incoming>) -> Result<Answer> {
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.context("reading the answer")?.to_bytes();
    Ok(Answer { status: head.status, body: decode(&head.headers, &bytes), headers: head.headers })
}

/// JSON where the server says so, else text; null when empty.
fn decode(headers: &HeaderMap, bytes: &[u8]) -> Json {
    let content_type =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.contains("json")
        && let Ok(json) = serde_json::from_slice(bytes)
    {
        return json;
    }
    match std::str::from_utf8(bytes) {
        Ok("") => Json::Null,
        Ok(text) => text.into(),
        Err(_) => "<binary>".into(),
    }
}

impl Answer {
    /// # Errors
    /// With the answer, when it is an error.
    pub(crate) fn succeeded(&self, what: &str) -> Result<()> {
        if self.status.as_u16() >= 300 {
            bail!(
                "{what} answered {} {}",
                self.status.as_u16(),
                crate::compare::short(&self.body.to_string(), 800)
            );
        }
        Ok(())
    }
}
