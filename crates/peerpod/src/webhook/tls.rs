//! TLS whose certificate can be exchanged while it serves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The certificate or its key is not PEM.
    #[error("the serving certificate or its key is not PEM: {problem}")]
    Pem {
        /// What is wrong. Nothing of the key is in it.
        problem: String,
    },
    /// They do not belong together, or cannot be used.
    #[error("the serving certificate cannot be used with its key")]
    Unusable(#[source] rustls::Error),
}

/// The certificate that new connections get. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Serving(Arc<RwLock<Arc<CertifiedKey>>>);

impl Serving {
    /// Serves this certificate (with its chain) and key, both PEM.
    ///
    /// # Errors
    /// [`TlsError::Pem`] and [`TlsError::Unusable`].
    pub fn new(certificate: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(certified(certificate, key)?)))))
    }

    /// Serves those that lie in a folder as `tls.crt` and `tls.key`.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn from_dir(dir: &Path) -> Result<Self, TlsError> {
        let (certificate, key) = read(dir)?;
        Self::new(&certificate, &key)
    }

    /// Serves another certificate from now on. Connections go on with the one they began with.
    ///
    /// # Errors
    /// [`TlsError::Pem`] and [`TlsError::Unusable`]; the one before is served on.
    pub fn exchange(&self, certificate: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let certified = Arc::new(certified(certificate, key)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
        Ok(())
    }

    /// Reads the folder again and again, and serves what lies there.
    ///
    /// A kubelet exchanges the files of a mounted Secret by renaming a link, so both are always of
    /// one version or fail to fit for a moment; then the certificate before is served on.
    pub async fn follow_dir(self, dir: PathBuf, every: Duration) {
        let mut served = read(&dir).ok();
        loop {
            tokio::time::sleep(every).await;
            let now = match read(&dir) {
                Ok(now) => now,
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "cannot read the serving certificate");
                    continue;
                }
            };
            if served.as_ref() == Some(&now) {
                continue;
            }
            match self.exchange(&now.0, &now.1) {
                Ok(()) => {
                    tracing::info!(dir = %dir.display(), "serving a new certificate");
                    served = Some(now);
                }
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "cannot serve the new certificate");
                }
            }
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn read(dir: &Path) -> Result<(Vec<u8>, Vec<u8>), TlsError> {
    let file = |name: &str| {
        let path = dir.join(name);
        std::fs::read(&path).map_err(|source| TlsError::File { path, source })
    };
    Ok((file("tls.crt")?, file("tls.key")?))
}

fn certified(certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let pem = |error: rustls::pki_types::pem::Error| TlsError::Pem { problem: error.to_string() };
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>().map_err(pem)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(pem)?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(TlsError::Unusable)
}

impl ResolvesServerCert for Serving {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// How long a client may take for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Handshakes at the same time; more clients wait.
const HANDSHAKES: usize = 256;

/// Accepted connections, for [`axum::serve()`]. A client that stalls in the handshake holds up
/// nobody else.
pub struct Listener {
    address: SocketAddr,
    accepted: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl Listener {
    /// Accepts TLS connections of a listener.
    ///
    /// # Errors
    /// [`TlsError::Unusable`] if TLS cannot be set up.
    pub fn new(
        listener: TcpListener,
        address: SocketAddr,
        serving: Serving,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(serving));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let (ready, accepted) = mpsc::channel(HANDSHAKES);
        tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), ready));
        Ok(Self { address, accepted })
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    ready: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let Ok(turn) = Arc::clone(&handshakes).acquire_owned().await else { return };
        let (stream, peer) = tokio::select! {
            // Nobody takes connections any more.
            () = ready.closed() => return,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Out of file descriptors: wait for some to be closed.
                Err(error) => {
                    debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    // Without a receiver the server is at its end.
                    let _ = ready.send((stream, peer)).await;
                }
                Ok(Err(error)) => debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => debug!(%peer, "TLS handshake took too long"),
            }
            drop(turn);
        });
    }
}

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            // The task that accepts ends only after this listener.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}
