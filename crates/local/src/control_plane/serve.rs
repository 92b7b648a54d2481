//! The serving process itself.

use std::net::SocketAddr;

use kubewright_apiserver::Server;
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

/// A control plane in this process, which holds its run directory.
pub struct ControlPlane {
    server: Server,
    run_dir: RunDir,
    record: Record,
    _lock: Lock,
}

impl ControlPlane {
    /// Starts it: takes the directory, serves TLS on `address` (port 0: any), and leaves
    /// record and kubeconfig in the directory.
    ///
    /// # Errors
    /// [`RunDirError::Taken`] when another process serves from there; else what kept it from
    /// serving.
    pub async fn start(
        run_dir: &RunDir,
        address: SocketAddr,
        durable: bool,
    ) -> Result<Self, ServeError> {
        run_dir.prepare()?;
        let lock = run_dir.lock()?;
        let mut builder = Server::builder().default_service_accounts(true);
        if durable {
            builder = builder.state_dir(run_dir.path());
        }
        let server = builder.start().await?;
        let address = server.serve(address).await?;
        let record = Record {
            process: Process::current(),
            address,
            durable,
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
    address: SocketAddr,
    durable: bool,
    shutdown: &Shutdown,
    ready: impl FnOnce(&Record),
) -> Result<(), ServeError> {
    let control_plane = ControlPlane::start(run_dir, address, durable).await?;
    ready(control_plane.record());
    shutdown.triggered().await;
    control_plane.stop().await;
    Ok(())
}
