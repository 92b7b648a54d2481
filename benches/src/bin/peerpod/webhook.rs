//! The webhook alone: time for one pod, and answers over TLS at 500 requests a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use kubewright_benches::numbers::{milliseconds, percentile};
use kubewright_operator::Shutdown;
use kubewright_peerpod::mutation::Settings;
use kubewright_peerpod::webhook::certificate::{Certificate, Lifetimes};
use kubewright_peerpod::webhook::metrics::WebhookMetrics;
use kubewright_peerpod::webhook::review::answer;
use kubewright_peerpod::webhook::server::{Server, SharedSettings};
use kubewright_peerpod::webhook::tls::Serving;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const CONNECTIONS: usize = 10;
const RATE: usize = 500;
const SECONDS: usize = 10;

/// A review of a pod of eight containers, as an API server sends it.
fn review() -> Vec<u8> {
    let container = |index: usize| -> Value {
        json!({
            "name": format!("container-{index}"), "image": "registry.example/team/application:1.2.3",
            "env": (0..20).map(|n| json!({"name": format!("NAME_{n}"), "value": "some value"})).collect::<Vec<_>>(),
            "resources": {
                "requests": {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "1Gi"},
                "limits": {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "1"},
            },
            "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets", "readOnly": true}],
        })
    };
    let containers: Vec<Value> = (0..8).map(container).collect();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "pod", "namespace": "default", "labels": {"app": "a"}},
        "spec": {"runtimeClassName": "kata-remote", "containers": containers},
    });
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u", "operation": "CREATE", "object": pod},
    });
    review.to_string().into_bytes()
}

/// Prints both.
pub(crate) async fn measure() -> Result<()> {
    let body = review();
    let settings = Settings::default();
    let mut times = Vec::with_capacity(10_000);
    for _ in 0..10_000 {
        let begin = Instant::now();
        std::hint::black_box(answer(&body, &settings)?);
        times.push(begin.elapsed());
    }
    println!(
        "webhook, one review of {} KiB      p50 {}  p99 {}  (bound 0.2 ms)",
        body.len() / 1024,
        milliseconds(percentile(&mut times, 50)),
        milliseconds(percentile(&mut times, 99)),
    );

    let (now, lifetimes) = (Timestamp::now(), Lifetimes::default());
    let authority = Certificate::authority(now, lifetimes)?;
    let certificate = authority.sign(&["localhost".to_owned()], now, lifetimes)?;
    let serving = Serving::new(certificate.certificate.as_bytes(), certificate.key().as_bytes())?;
    let address = "127.0.0.1:0".parse()?;
    let server =
        Server::bind(address, serving, SharedSettings::default(), WebhookMetrics::default())
            .await?;
    let (address, shutdown) = (server.address(), Shutdown::new());
    let served = tokio::spawn(server.run(shutdown.clone()));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let bodies = Bytes::from(body);
    let clients = (0..CONNECTIONS).map(|_| client(address, connector.clone(), bodies.clone()));
    let mut times: Vec<Duration> = try_join_all(clients).await?.concat();
    println!(
        "webhook over TLS, {RATE} requests/s    p50 {}  p99 {}  (bound 5 ms), {} answers",
        milliseconds(percentile(&mut times, 50)),
        milliseconds(percentile(&mut times, 99)),
        times.len(),
    );
    shutdown.trigger();
    served.await??;
    Ok(())
}

/// One connection that is kept, at its part of the rate.
async fn client(
    address: std::net::SocketAddr,
    connector: TlsConnector,
    body: Bytes,
) -> Result<Vec<Duration>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let every = Duration::from_secs(1) * u32::try_from(CONNECTIONS)? / u32::try_from(RATE)?;
    let mut pace = tokio::time::interval(every);
    let mut times = Vec::new();
    for _ in 0..RATE * SECONDS / CONNECTIONS {
        // From when it was due: a queue counts.
        let due = pace.tick().await;
        sender.ready().await?;
        let request = Request::post("/mutate")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(body.clone()))?;
        let response = sender.send_request(request).await?;
        ensure!(response.status() == StatusCode::OK, "answered with {}", response.status());
        response.into_body().collect().await.context("reading an answer")?;
        times.push(due.elapsed());
    }
    Ok(times)
}
