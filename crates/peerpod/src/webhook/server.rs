//! The webhook as a server: TLS, `/mutate`, `/healthz` and `/readyz`.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kubewright_operator::Shutdown;
use tokio::net::TcpListener;

use super::metrics::WebhookMetrics;
use super::review::answer;
use super::tls::{Listener, Serving, TlsError};
use crate::mutation::Settings;
use crate::objects::webhook::PATH;

/// A pod may take three MiB in a request, and is sent with its old self at most.
const BODY: usize = 8 << 20;

/// Why the webhook does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot serve the webhook on {address}; choose another --listen address")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Its certificate cannot be used.
    #[error("cannot serve the webhook")]
    Tls(#[from] TlsError),
    /// It stopped.
    #[error("the webhook stopped serving")]
    Serve(#[source] std::io::Error),
}

/// A webhook that is bound to its address.
pub struct Server {
    listener: Listener,
    address: SocketAddr,
    state: Arc<Served>,
}

struct Served {
    settings: SharedSettings,
    metrics: WebhookMetrics,
}

/// What the webhook does with pods; may be exchanged while it serves. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SharedSettings(Arc<RwLock<Arc<Settings>>>);

impl SharedSettings {
    /// Begins with these.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(settings))))
    }

    /// Does this with every pod that comes from now on.
    pub fn exchange(&self, settings: Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    fn now(&self) -> Arc<Settings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Server {
    /// Binds the address. From now on clients can connect; they are answered by [`Server::run`].
    ///
    /// # Errors
    /// [`ServerError::Bind`] and [`ServerError::Tls`].
    pub async fn bind(
        address: SocketAddr,
        serving: Serving,
        settings: SharedSettings,
        metrics: WebhookMetrics,
    ) -> Result<Self, ServerError> {
        let bind = |source| ServerError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let listener = Listener::new(listener, address, serving)?;
        Ok(Self { listener, address, state: Arc::new(Served { settings, metrics }) })
    }

    /// The address, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown; requests under way are answered.
    ///
    /// # Errors
    /// [`ServerError::Serve`].
    pub async fn run(self, shutdown: Shutdown) -> Result<(), ServerError> {
        let router = Router::new()
            .route(PATH, post(mutate))
            .route("/healthz", get(|| async { "ok" }))
            .route("/readyz", get(|| async { "ok" }))
            .layer(DefaultBodyLimit::max(BODY))
            .with_state(self.state);
        axum::serve(self.listener, router)
            .with_graceful_shutdown(async move { shutdown.triggered().await })
            .await
            .map_err(ServerError::Serve)
    }
}

async fn mutate(State(served): State<Arc<Served>>, body: Bytes) -> Response {
    let started = Instant::now();
    match answer(&body, &served.settings.now()) {
        Ok((answer, verdict)) => {
            served.metrics.answered(verdict, started.elapsed());
            ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
        }
        Err(error) => {
            served.metrics.malformed();
            (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()
        }
    }
}
