//! One HTTPS server for the admission webhooks of all scenarios, programmed per path.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::json::{Json, Object};
use crate::paths::Path;

pub(crate) mod tests;

/// The first rule that fits a request answers it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Values by path into the admission request; all must hold.
    #[serde(default)]
    when: Object,
    /// The `response` of the review; `patch` as a list of operations.
    response: Option<Json>,
    /// A body instead of a review.
    raw: Option<String>,
    http: Option<u16>,
    /// Seconds before the answer.
    #[serde(default)]
    delay: f64,
}

/// A running server; it lives as long as the runtime.
pub(crate) struct Webhooks {
    pub(crate) url: String,
    /// Its certificate, PEM in base64, as `caBundle` takes it.
    pub(crate) ca: String,
    paths: Arc<Mutex<HashMap<String, Hook>>>,
}

#[derive(Default)]
struct Hook {
    rules: Vec<Rule>,
    received: Vec<Json>,
}

impl Webhooks {
    /// Starts on a free port of the loopback.
    ///
    /// # Errors
    /// When no certificate can be made or no port is free.
    pub(crate) async fn start() -> Result<Self> {
        let (certificate, acceptor) = certificate()?;
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening for webhooks")?;
        let url = format!("https://{}", listener.local_addr()?);
        let paths = Arc::new(Mutex::new(HashMap::new()));
        tokio::spawn(serve(listener, acceptor, paths.clone()));
        Ok(Self { url, ca: BASE64.encode(certificate), paths })
    }

    /// Sets the rules of a path.
    pub(crate) fn program(&self, path: String, rules: Vec<Rule>) {
        lock(&self.paths).entry(path).or_default().rules = rules;
    }

    /// Whether the path was called since its requests were last taken.
    pub(crate) fn was_called(&self, path: &str) -> bool {
        lock(&self.paths).get(path).is_some_and(|hook| !hook.received.is_empty())
    }

    /// The admission requests received since they were last taken.
    pub(crate) fn take_requests(&self, path: &str) -> Vec<Json> {
        lock(&self.paths)
            .get_mut(path)
            .map(|hook| std::mem::take(&mut hook.received))
            .unwrap_or_default()
    }
}

type Hooks = Mutex<HashMap<String, Hook>>;

fn lock(hooks: &Hooks) -> MutexGuard<'_, HashMap<String, Hook>> {
    hooks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A self-signed authority that serves itself, as `openssl req -x509` makes them.
fn certificate() -> Result<(String, TlsAcceptor)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([Ipv4Addr::LOCALHOST.to_string()])?;
    params.distinguished_name.push(DnType::CommonName, "oracle-webhook");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())?;
    Ok((certificate.pem(), TlsAcceptor::from(Arc::new(config))))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, hooks: Arc<Hooks>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, hooks) = (acceptor.clone(), hooks.clone());
        tokio::spawn(async move {
            // A caller that trusts another authority, or leaves in the middle, is a case to test.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = service_fn(|request| answer(request, &hooks));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: http::Request<Incoming>,
    hooks: &Hooks,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let review: Option<Json> = match request.into_body().collect().await {
        Ok(body) => serde_json::from_slice(&body.to_bytes()).ok(),
        Err(_) => None,
    };
    let Some(review) = review else {
        return Ok(respond(400, "no admission review"));
    };
    let request = review.get("request").cloned().unwrap_or_default();
    let rule = {
        let mut hooks = lock(hooks);
        let hook = hooks.entry(path).or_default();
        hook.received.push(request.clone());
        hook.rules.iter().find(|rule| rule.fits(&request)).cloned()
    };
    let Some(rule) = rule else {
        return Ok(respond(200, reviewed(None, &request)));
    };
    if rule.delay > 0.0 {
        tokio::time::sleep(Duration::from_secs_f64(rule.delay)).await;
    }
    let body = rule.raw.unwrap_or_else(|| reviewed(rule.response, &request));
    Ok(respond(rule.http.unwrap_or(200), body))
}

impl Rule {
    fn fits(&self, request: &Json) -> bool {
        self.when.iter().all(|(path, wanted)| {
            path.parse::<Path>().is_ok_and(|path| path.find(request) == *wanted)
        })
    }
}

/// The review that answers `request`, with what the scenario left out filled in.
fn reviewed(response: Option<Json>, request: &Json) -> String {
    let mut response = match response {
        Some(Json::Object(response)) => response,
        _ => Object::from_iter([("allowed".to_owned(), Json::Bool(true))]),
    };
    if let Some(Json::Array(operations)) = response.get("patch") {
        let patch = BASE64.encode(Json::Array(operations.clone()).to_string());
        response.insert("patch".to_owned(), Json::String(patch));
        response.entry("patchType".to_owned()).or_insert_with(|| "JSONPatch".into());
    }
    response
        .entry("uid".to_owned())
        .or_insert_with(|| request.get("uid").cloned().unwrap_or_default());
    Json::from([
        ("apiVersion", "admission.k8s.io/v1".into()),
        ("kind", "AdmissionReview".into()),
        ("response", Json::Object(response)),
    ])
    .to_string()
}

fn respond(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
