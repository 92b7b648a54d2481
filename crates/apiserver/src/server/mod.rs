//! The running server: state, background controllers, transports.

mod admit;
mod admit_pods;
mod allocate;
mod bootstrap;
mod connection;
mod controllers;
mod core;
mod in_process;
pub mod pki;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;

pub use self::controllers::NodeHealth;
pub(crate) use self::core::Core;
pub use self::tls::ServeError;
use crate::access::account::Key;
use crate::access::{Credentials, Identity, KeyError, TokenError};
use crate::http;
use crate::store::{DEFAULT_WINDOW, DurableError, Store};
use pki::{Pki, PkiError};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state directory cannot be used.
    #[error("cannot use the state directory {path}")]
    StateDir {
        /// Directory.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The objects on disk cannot be used.
    #[error(transparent)]
    Store(#[from] DurableError),
    /// A token was refused.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The first objects (namespaces and the like) could not be written.
    #[error("cannot write the first objects of the cluster: {0}")]
    Bootstrap(#[source] crate::Error),
    /// Certificates cannot be made or read.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The key that signs tokens of service accounts cannot be made or read.
    #[error(transparent)]
    AccountKey(#[from] KeyError),
}

/// Features that Kubernetes 1.28 ships switched off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gates {
    /// `WatchList`: watches may begin with the state (`sendInitialEvents`).
    pub(crate) watch_list: bool,
}

/// How a server is to run.
#[derive(Debug)]
pub struct Builder {
    state_dir: Option<PathBuf>,
    window: usize,
    tokens: Vec<(String, Identity)>,
    controllers: controllers::Choice,
    gates: Gates,
}

/// A running server. It stops when it is dropped, or by [`Server::stop`].
pub struct Server {
    core: Arc<Core>,
    router: Router,
    tasks: tokio_util::task::TaskTracker,
}

impl Builder {
    /// Keeps objects and certificates in this directory; in memory otherwise.
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(path.into());
        self
    }

    /// How many changes of each resource a late watcher can catch up with.
    pub fn watch_window(mut self, changes: usize) -> Self {
        self.window = changes;
        self
    }

    /// Accepts a bearer token (16 characters or more).
    pub fn token(mut self, token: impl Into<String>, identity: Identity) -> Self {
        self.tokens.push((token.into(), identity));
        self
    }

    /// Serves watches that begin with the state (`sendInitialEvents`), as Kubernetes does
    /// from 1.32 on. Off by default, as in 1.28.
    pub fn watch_list(mut self, on: bool) -> Self {
        self.gates.watch_list = on;
        self
    }

    /// Keeps in every namespace what pods use unasked: a service account called `default`,
    /// and the ConfigMap `kube-root-ca.crt` with the server's certificate authority. Off by
    /// default, as on an API server alone: they are objects more.
    pub fn default_service_accounts(mut self, on: bool) -> Self {
        self.controllers.accounts = on;
        self
    }

    /// Approves requests for kubelets' client certificates of callers who may create
    /// `certificatesigningrequests/nodeclient` (or `selfnodeclient`, for their own), as
    /// kube-controller-manager does. Off by default: an administrator approves them.
    pub fn approve_kubelet_clients(mut self, on: bool) -> Self {
        self.controllers.approval = on;
        self
    }

    /// Marks nodes whose kubelets stop renewing their lease and status: `Ready` becomes
    /// `Unknown`, taints keep pods away, and pods that do not tolerate them are deleted. Off by
    /// default: nodes of tests have no kubelet.
    pub fn node_lifecycle(mut self, health: NodeHealth) -> Self {
        self.controllers.nodes = Some(health);
        self
    }

    /// Runs without the controllers for namespaces, garbage and the like.
    pub fn without_controllers(mut self) -> Self {
        self.controllers.standard = false;
        self
    }

    /// Starts the server. Nothing listens yet: see [`Server::client`] and [`Server::serve`].
    pub async fn start(self) -> Result<Server, StartError> {
        let mut credentials = Credentials::default();
        for (token, identity) in self.tokens {
            credentials.add(token, identity)?;
        }
        let (store, keys) = match &self.state_dir {
            None => (Store::in_memory(self.window), (Pki::generate()?, Key::generate()?)),
            Some(path) => {
                let wrap = |source| StartError::StateDir { path: path.clone(), source };
                pki::create_private_dir(path).map_err(wrap)?;
                let file = path.join("objects.redb");
                let store = Store::open(&file, self.window, core::stored_fields)?;
                let directory = path.join("pki");
                let pki = Pki::load_or_create(&directory)?;
                (store, (pki, Key::load_or_create(&directory.join("sa.key"))?))
            }
        };
        let core = Arc::new(Core::new(store, credentials, keys, self.gates));
        bootstrap::run(&core).await.map_err(StartError::Bootstrap)?;
        let tasks = tokio_util::task::TaskTracker::new();
        controllers::spawn(&core, &tasks, self.controllers).await;
        let router = http::router(core.clone());
        Ok(Server { core, router, tasks })
    }
}

impl Server {
    /// A server in memory, unless the builder is told otherwise.
    pub fn builder() -> Builder {
        Builder {
            state_dir: None,
            window: DEFAULT_WINDOW,
            tokens: Vec::new(),
            controllers: controllers::Choice {
                standard: true,
                accounts: false,
                approval: false,
                nodes: None,
            },
            gates: Gates::default(),
        }
    }

    /// The API as an axum router, for transports of your own. A request is anonymous
    /// unless it carries a token or an [`Identity`] among its extensions.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// A client for the administrator, in process, without a socket.
    pub fn client(&self) -> kube::Client {
        self.client_as(Identity::admin())
    }

    /// A client for somebody, in process.
    pub fn client_as(&self, identity: Identity) -> kube::Client {
        in_process::client(self.router.clone(), identity)
    }

    /// Serves TLS on an address (port 0: any) until the server stops; returns the address.
    pub async fn serve(&self, address: SocketAddr) -> Result<SocketAddr, ServeError> {
        self.serve_named(address, &[]).await
    }

    /// As [`Server::serve`], with a certificate for further names and addresses under which
    /// others reach it.
    pub async fn serve_named(
        &self,
        address: SocketAddr,
        names: &[String],
    ) -> Result<SocketAddr, ServeError> {
        tls::serve(&self.core, self.router.clone(), &self.tasks, address, names).await
    }

    /// Serves plain HTTP, for benchmarks and debugging on loopback.
    pub async fn serve_plain(&self, address: SocketAddr) -> Result<SocketAddr, ServeError> {
        tls::serve_plain(&self.core, self.router.clone(), &self.tasks, address).await
    }

    /// The certificate authority of the server.
    pub fn pki(&self) -> &Pki {
        &self.core.pki
    }

    /// A kubeconfig for the administrator, with a fresh client certificate.
    pub fn kubeconfig(&self, address: SocketAddr) -> Result<String, PkiError> {
        self.core.pki.kubeconfig(address, &Identity::admin())
    }

    /// The version of the latest visible write.
    pub fn resource_version(&self) -> u64 {
        self.core.store.version()
    }

    /// Ends watches, lets running requests finish, and waits for both.
    pub async fn stop(self) {
        self.core.stopping().cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server(at version {})", self.resource_version())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.core.stopping().cancel();
    }
}
