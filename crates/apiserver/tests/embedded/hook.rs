//! A webhook server for a test: HTTPS on the loopback, answered by a function.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Answers the `request` of a review with its `response`, `uid` left out.
type Answer = dyn Fn(&Value) -> Value + Send + Sync;

/// A running server; it lives as long as the runtime.
pub(crate) struct Hook {
    pub(crate) port: u16,
    /// For `caBundle`.
    pub(crate) ca: String,
    /// Connections accepted so far.
    pub(crate) connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Value>>>,
    certificate: Arc<Mutex<TlsAcceptor>>,
}

impl Hook {
    /// A server whose certificate is valid for `name`.
    pub(crate) async fn start(
        name: &str,
        answer: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        let (ca, acceptor) = certificate(name);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let hook = Self {
            port: listener.local_addr().unwrap().port(),
            ca,
            connections: Arc::default(),
            requests: Arc::default(),
            certificate: Arc::new(Mutex::new(acceptor)),
        };
        let (connections, requests) = (hook.connections.clone(), hook.requests.clone());
        let certificate = hook.certificate.clone();
        let answer: Arc<Answer> = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let acceptor = certificate.lock().unwrap().clone();
                let (answer, requests) = (answer.clone(), requests.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service =
                        service_fn(|request| respond(request, answer.clone(), requests.clone()));
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        hook
    }

    /// A new certificate from now on; returns its `caBundle`.
    pub(crate) fn rotate(&self, name: &str) -> String {
        let (ca, acceptor) = certificate(name);
        *self.certificate.lock().unwrap() = acceptor;
        ca
    }

    /// The requests since they were last taken.
    pub(crate) fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    /// A `clientConfig` for this server by address.
    pub(crate) fn by_url(&self) -> Value {
        json!({ "url": format!("https://127.0.0.1:{}/review", self.port), "caBundle": self.ca })
    }
}

fn certificate(name: &str) -> (String, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap();
    (STANDARD.encode(certificate.pem()), TlsAcceptor::from(Arc::new(config)))
}

async fn respond(
    request: http::Request<hyper::body::Incoming>,
    answer: Arc<Answer>,
    requests: Arc<Mutex<Vec<Value>>>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    let request = &review["request"];
    requests.lock().unwrap().push(request.clone());
    let mut response = answer(request);
    if let Some(patch) = response.get("patch").filter(|patch| patch.is_array()) {
        response["patch"] = json!(STANDARD.encode(patch.to_string()));
        response["patchType"] = json!("JSONPatch");
    }
    if response.get("uid").is_none() {
        response["uid"] = request["uid"].clone();
    }
    let review = json!({ "apiVersion": review["apiVersion"], "kind": review["kind"],
        "response": response });
    Ok(http::Response::new(Full::new(review.to_string().into())))
}
