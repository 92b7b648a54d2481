//! The webhook over real TLS.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use kubewright_operator::Shutdown;
use kubewright_peerpod::webhook::certificate::{Certificate, Lifetimes};
use kubewright_peerpod::webhook::metrics::WebhookMetrics;
use kubewright_peerpod::webhook::server::{Server, SharedSettings};
use kubewright_peerpod::webhook::tls::Serving;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const NAME: &str = "webhook.peer-pods.svc";

fn authority() -> Certificate {
    Certificate::authority(Timestamp::now(), Lifetimes::default()).unwrap()
}

fn sign(authority: &Certificate) -> Certificate {
    authority.sign(&[NAME.to_owned()], Timestamp::now(), Lifetimes::default()).unwrap()
}

fn serving(certificate: &Certificate) -> Serving {
    Serving::new(certificate.certificate.as_bytes(), certificate.key().as_bytes()).unwrap()
}

async fn start(serving: Serving) -> (std::net::SocketAddr, Shutdown) {
    let address = "127.0.0.1:0".parse().unwrap();
    let server =
        Server::bind(address, serving, SharedSettings::default(), WebhookMetrics::default())
            .await
            .unwrap();
    let (address, shutdown) = (server.address(), Shutdown::new());
    tokio::spawn(server.run(shutdown.clone()));
    (address, shutdown)
}

fn connector(authorities: &[&Certificate]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        let der = CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap();
        roots.add(der).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// One connection, one review.
async fn review(
    address: std::net::SocketAddr,
    connector: &TlsConnector,
    body: Vec<u8>,
) -> std::io::Result<(StatusCode, Vec<u8>)> {
    let other = |error: hyper::Error| std::io::Error::other(error);
    let stream = TcpStream::connect(address).await?;
    let stream = connector.connect(ServerName::try_from(NAME).unwrap(), stream).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(other)?;
    let connection = tokio::spawn(connection);
    let request = Request::post("/mutate")
        .header("host", NAME)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let response = sender.send_request(request).await.map_err(other)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(other)?.to_bytes().to_vec();
    drop(sender);
    connection.abort();
    Ok((status, body))
}

fn body() -> Vec<u8> {
    let pod = json!({
        "metadata": {"name": "web"},
        "spec": {"runtimeClassName": "kata-remote", "containers": [{"name": "web"}]},
    });
    serde_json::to_vec(&json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u", "operation": "CREATE", "object": pod},
    }))
    .unwrap()
}

#[tokio::test]
async fn a_review_is_answered() {
    let authority = authority();
    let (address, _shutdown) = start(serving(&sign(&authority))).await;
    let connector = connector(&[&authority]);
    let (status, answer) = review(address, &connector, body()).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["response"]["patchType"], "JSONPatch");
    let (status, answer) = review(address, &connector, b"{}".to_vec()).await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer.starts_with(b"the body is no AdmissionReview"));
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_does_not_get_through() {
    let (address, _shutdown) = start(serving(&sign(&authority()))).await;
    assert!(review(address, &connector(&[&authority()]), body()).await.is_err());
}

#[tokio::test]
async fn a_client_that_stalls_in_the_handshake_holds_up_nobody() {
    let authority = authority();
    let (address, _shutdown) = start(serving(&sign(&authority))).await;
    let mut stalled = Vec::new();
    for _ in 0..32 {
        stalled.push(TcpStream::connect(address).await.unwrap());
    }
    let (status, _) = review(address, &connector(&[&authority]), body()).await.unwrap();
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_exchanged_under_load_without_a_failed_review() {
    let (old, new) = (authority(), authority());
    let serving = serving(&sign(&old));
    let (address, _shutdown) = start(serving.clone()).await;
    let connector = connector(&[&old, &new]);
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (connector, done) = (connector.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut reviews = 0;
                while !done.load(Ordering::Relaxed) {
                    let (status, _) = review(address, &connector, body()).await.unwrap();
                    assert_eq!(status, StatusCode::OK);
                    reviews += 1;
                }
                reviews
            })
        })
        .collect();
    for round in 0..20 {
        let next = sign(if round % 2 == 0 { &new } else { &old });
        serving.exchange(next.certificate.as_bytes(), next.key().as_bytes()).unwrap();
        // A key of another certificate is refused, and changes nothing.
        let other = sign(&old);
        let error = serving.exchange(next.certificate.as_bytes(), other.key().as_bytes());
        assert!(error.is_err());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn files_that_are_exchanged_are_served_soon() {
    let (old, new) = (authority(), authority());
    let dir = tempfile::tempdir().unwrap();
    let write = |certificate: &Certificate| {
        std::fs::write(dir.path().join("tls.crt"), &certificate.certificate).unwrap();
        std::fs::write(dir.path().join("tls.key"), certificate.key()).unwrap();
    };
    write(&sign(&old));
    let serving = Serving::from_dir(dir.path()).unwrap();
    let (address, _shutdown) = start(serving.clone()).await;
    let follow = serving.follow_dir(dir.path().to_owned(), Duration::from_millis(5));
    let follow = tokio::spawn(follow);
    // Damage is survived.
    std::fs::write(dir.path().join("tls.crt"), "nonsense").unwrap();
    review(address, &connector(&[&old]), body()).await.unwrap();
    write(&sign(&new));
    let connector = connector(&[&new]);
    let mut served = false;
    for _ in 0..1_000 {
        served = review(address, &connector, body()).await.is_ok();
        if served {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(served);
    follow.abort();
}
