//! One small HTTP server that tells machines how this process is: `/metrics`, `/healthz`, `/readyz`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use thiserror::Error;
use tokio::net::TcpListener;

use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::shutdown::Shutdown;

/// The server could not be started, or ended.
#[derive(Debug, Error)]
pub enum HealthError {
    /// The address cannot be listened on.
    #[error(
        "cannot serve health and metrics on {address}; choose another --health-address, port 0 for any free one"
    )]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The server stopped serving.
    #[error("the health server on {address} failed")]
    Serve {
        /// The address it was bound to.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Ready(String),
    NotReady(String),
}

/// The named conditions that must all hold for `/readyz` to answer 200. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<String, Verdict>>>);

/// One named condition. Cheap to clone; it stays as it was when all clones are gone.
#[derive(Clone, Debug)]
pub struct Check {
    name: String,
    all: Readiness,
}

impl Readiness {
    /// No condition: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// A condition that does not hold yet. One that exists under this name is reset.
    pub fn check(&self, name: &str) -> Check {
        let check = Check { name: name.to_owned(), all: self.clone() };
        check.not_ready("not started");
        check
    }

    /// Whether all hold, and a line for each, sorted by name:
    /// `[+] NAME ok`, `[+] NAME ok: NOTE` or `[-] NAME: REASON`.
    pub fn report(&self) -> (bool, String) {
        let checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, state) in checks.iter() {
            // Writing into a String does not fail.
            let _ = match state {
                Verdict::Ready(note) if note.is_empty() => writeln!(text, "[+] {name} ok"),
                Verdict::Ready(note) => writeln!(text, "[+] {name} ok: {note}"),
                Verdict::NotReady(reason) => writeln!(text, "[-] {name}: {reason}"),
            };
        }
        let ready = checks.values().all(|state| matches!(state, Verdict::Ready(_)));
        text.push_str(if ready { "ready\n" } else { "not ready\n" });
        (ready, text)
    }
}

impl Check {
    /// It holds.
    pub fn ready(&self) {
        self.set(Verdict::Ready(String::new()));
    }

    /// It holds, with something worth saying.
    pub fn ready_with(&self, note: impl Into<String>) {
        self.set(Verdict::Ready(one_line(note.into())));
    }

    /// It does not hold, for this reason.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Verdict::NotReady(one_line(reason.into())));
    }

    fn set(&self, state: Verdict) {
        let mut checks = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        checks.insert(self.name.clone(), state);
    }
}

/// A reason must not look like the line of another check.
fn one_line(text: String) -> String {
    if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ") } else { text }
}

/// A bound server that does not answer yet.
#[derive(Debug)]
pub struct HealthServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl HealthServer {
    /// Listens on `address`; port 0 takes a free one, see [`HealthServer::address`].
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(address: SocketAddr) -> Result<Self, HealthError> {
        let bind = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bind.await.map_err(|source| HealthError::Bind { address, source })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown`.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        metrics: Metrics,
        readiness: Readiness,
        shutdown: Shutdown,
    ) -> Result<(), HealthError> {
        let stop = async move { shutdown.triggered().await };
        axum::serve(self.listener, router(metrics, readiness))
            .with_graceful_shutdown(stop)
            .await
            .map_err(|source| HealthError::Serve { address: self.address, source })
    }
}

/// The routes, for those who have a server of their own.
pub fn router(metrics: Metrics, readiness: Readiness) -> Router {
    let scrape = |State(metrics): State<Metrics>| async move {
        ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render())
    };
    let ready = move || async move {
        let (ready, text) = readiness.report();
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, text).into_response()
    };
    Router::new()
        .route("/metrics", get(scrape))
        .with_state(metrics)
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
}

#[cfg(test)]
mod tests;
