//! Connections: how many, how long they may take, and over TLS where there is a certificate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use kubewright_operator::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use tracing::debug;

use super::peer::Owners;
use super::routes::{self, State};

/// The most connections at a time; more wait.
const MOST: usize = 256;
/// How long a client may take for the TLS handshake, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long requests under way may take when the console ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// Who is at the other end of a connection, as far as the kernel tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Whether it is somebody who may use the rights of this process.
    pub(super) is_owner: bool,
}

/// Serves until shutdown.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    state: Arc<State>,
    shutdown: Shutdown,
) {
    let room = Arc::new(Semaphore::new(MOST));
    let router = routes::router(Arc::clone(&state));
    let owners = Owners::of_process();
    let mut connections = JoinSet::new();
    loop {
        // Those that have ended are forgotten.
        while connections.try_join_next().is_some() {}
        let next = async {
            let turn = Arc::clone(&room).acquire_owned().await;
            (turn, listener.accept().await)
        };
        let (turn, accepted) = tokio::select! {
            () = shutdown.triggered() => break,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others have to close some.
                debug!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Where everybody signs in, it does not matter.
        let asked = state.sessions.are_own();
        let is_owner = asked && stream.local_addr().is_ok_and(|local| owners.own(peer, local));
        let router = router.clone().layer(Extension(Peer { is_owner }));
        let (tls, shutdown) = (tls.clone(), shutdown.clone());
        connections.spawn(async move {
            connection(stream, peer, tls, router, shutdown).await;
            drop(turn);
        });
    }
    state.shutdown.trigger();
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, all).await.is_err() {
        debug!("some connections are cut off");
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    shutdown: Shutdown,
) {
    // Events are small, and must not wait for each other.
    let _ = stream.set_nodelay(true);
    match tls {
        None => talk(stream, router, shutdown).await,
        Some(tls) => match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => talk(stream, router, shutdown).await,
            Ok(Err(error)) => debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => debug!(%peer, "TLS handshake took too long"),
        },
    }
}

async fn talk<S>(stream: S, router: Router, shutdown: Shutdown)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        router.map_request(|request: Request<Incoming>| request.map(axum::body::Body::new));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PATIENCE);
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.triggered() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(error, "a connection broke");
    }
}
