//! Listening sockets: TLS with optional client certificates, or plain HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::Core;
use super::connection::{self, Capacity};
use super::pki::PkiError;

/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// Address asked for.
        address: SocketAddr,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The serving certificate cannot be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let wrap = |source| ServeError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(wrap)?;
    let bound = listener.local_addr().map_err(wrap)?;
    Ok((listener, bound))
}

pub(super) async fn serve(
    core: &Arc<Core>,
    router: Router,
    tasks: &TaskTracker,
    address: SocketAddr,
    names: &[String],
) -> Result<SocketAddr, ServeError> {
    let (listener, bound) = bind(address).await?;
    let acceptor = TlsAcceptor::from(core.pki.server_config(bound, names)?);
    let capacity = Capacity::default();
    let (core, shared) = (core.clone(), capacity.clone());
    accept(&core.clone(), tasks, listener, shared, move |stream| {
        let (acceptor, router, core) = (acceptor.clone(), router.clone(), core.clone());
        let capacity = capacity.clone();
        async move {
            let stream = acceptor.accept(connection::patient(stream));
            let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, stream).await else {
                return;
            };
            let peer = stream.get_ref().1.peer_certificates();
            let identity = peer.and_then(|chain| chain.first()).and_then(super::pki::identity);
            connection::serve(&core, router, &capacity, identity, stream).await;
        }
    });
    Ok(bound)
}

pub(super) async fn serve_plain(
    core: &Arc<Core>,
    router: Router,
    tasks: &TaskTracker,
    address: SocketAddr,
) -> Result<SocketAddr, ServeError> {
    let (listener, bound) = bind(address).await?;
    let capacity = Capacity::default();
    let (core, shared) = (core.clone(), capacity.clone());
    accept(&core.clone(), tasks, listener, shared, move |stream| {
        let (router, core, capacity) = (router.clone(), core.clone(), capacity.clone());
        let stream = connection::patient(stream);
        async move { connection::serve(&core, router, &capacity, None, stream).await }
    });
    Ok(bound)
}

/// Accepts connections until the server stops.
fn accept<F>(
    core: &Arc<Core>,
    tasks: &TaskTracker,
    listener: TcpListener,
    capacity: Capacity,
    handle: impl Fn(TcpStream) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let stopping = core.stopping();
    let connections = tasks.clone();
    tasks.spawn(async move {
        loop {
            let room = tokio::select! {
                () = stopping.cancelled() => return,
                room = capacity.connections.clone().acquire_owned() => room,
            };
            let stream = tokio::select! {
                () = stopping.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of file descriptors, most likely: give others time to close.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            // Small writes (watch events) must not wait for each other.
            let _ = stream.set_nodelay(true);
            let connection = handle(stream);
            connections.spawn(async move {
                connection.await;
                drop(room);
            });
        }
    });
}
