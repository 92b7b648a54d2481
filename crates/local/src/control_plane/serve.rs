//! The serving process itself.

use std::net::SocketAddr;

use kubewright_apiserver::{Identity, NodeHealth, Server};
use kubewright_operator::shutdown::Shutdown;

use super::directory::{Lock, Record, RunDir, RunDirError};
use super::process::Process;

/// Why a control plane does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The run directory cannot be used.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// The server does not start.
    #[error("the control plane does not start")]
    Start(#[from] kubewright_apiserver::StartError),
    /// The address cannot be used.
    #[error("the control plane does not listen")]
    Listen(#[from] kubewright_apiserver::ServeError),
    /// The kubeconfig cannot be made.
    #[error("cannot make the kubeconfig")]
    Kubeconfig(#[from] kubewright_apiserver::pki::PkiError),
}

/// How a control plane is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Objects and certificates are kept in the run directory.
    pub durable: bool,
    /// Further names and addresses of its certificate.
    pub names: Vec<String>,
    /// It is for real nodes: requests of kubelets are approved for those who have the right to
    /// that, and nodes that fall silent are marked.
    pub nodes: bool,
}

impl Settings {
    /// For trying out, without nodes that have kubelets.
    pub fn new(address: SocketAddr, durable: bool) -> Self {
        Self { address, durable, names: Vec::new(), nodes: false }
    }
}

/// A control plane in this process, which holds its run directory.
pub struct ControlPlane {
    server: Server,
    run_dir: RunDir,
    record: Record,
    _lock: Lock,
}

impl ControlPlane {
    /// Starts it: takes the directory, serves TLS, and leaves record and kubeconfig in the
    /// directory.
    ///
    /// # Errors
    /// [`RunDirError::Taken`] when another process serves from there; else what kept it from
    /// serving.
    pub async fn start(run_dir: &RunDir, settings: &Settings) -> Result<Self, ServeError> {
        run_dir.prepare()?;
        let lock = run_dir.lock()?;
        let mut builder = Server::builder().default_service_accounts(true);
        if settings.durable {
            builder = builder.state_dir(run_dir.path());
        }
        if settings.nodes {
            builder = builder.approve_kubelet_clients(true).node_lifecycle(NodeHealth::default());
        }
        let server = builder.start().await?;
        let address = server.serve_named(settings.address, &settings.names).await?;
        let record = Record {
            process: Process::current(),
            address,
            durable: settings.durable,
            started: jiff::Timestamp::now(),
        };
        run_dir.write(&record, &server.kubeconfig(address)?)?;
        Ok(Self { server, run_dir: run_dir.clone(), record, _lock: lock })
    }

    /// What stands in the run directory about it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// A client for a node, in process.
    pub fn client_of_node(&self, name: &str) -> kube::Client {
        let user = format!("system:node:{name}");
        self.server.client_as(Identity::new(user, ["system:nodes".to_owned()]))
    }

    /// Ends watches, lets running requests finish, and cleans up.
    pub async fn stop(self) {
        self.server.stop().await;
        self.run_dir.forget();
    }
}

/// Serves from a run directory until `shutdown`; `ready` is called once with the record.
///
/// # Errors
/// As of [`ControlPlane::start`].
pub async fn serve(
    run_dir: &RunDir,
    settings: &Settings,
    shutdown: &Shutdown,
    ready: impl FnOnce(&Record),
) -> Result<(), ServeError> {
    let control_plane = ControlPlane::start(run_dir, settings).await?;
    ready(control_plane.record());
    shutdown.triggered().await;
    control_plane.stop().await;
    Ok(())
}
