//! A container runtime in miniature: sandboxes that are network namespaces and nothing more.
//!
//! It speaks CRI over a Unix socket as containerd does, so the kubelet in miniature and the agent of
//! pod networks need no other code for a machine without a container runtime, and crictl can look
//! at it. It runs no containers.
//!
//! ```text
//!  run directory                         RunPodSandbox ─▶ record "adding" ─▶ namespace ─▶ CNI ADD
//!   lock          one runtime at a time                                        record "ready" ◀┘
//!   socket        CRI
//!   sandboxes/ID  record, replaced whole  StopPodSandbox ─▶ CNI DEL from the record ─▶ namespace
//!   netns/ID      the namespace                 gone ─▶ record "stopped"
//!   cni/results   as libcni keeps them   RemovePodSandbox ─▶ stop, then the record goes
//! ```
//!
//! Invariants: a record is on disk before anything is made for its sandbox, and goes last, so nothing
//! outlives a kill unnoticed; DEL takes the configuration that ADD took, from the record; a sandbox
//! is ready only while its namespace is; a record that cannot be read is set aside and its sandbox
//! taken down by what libcni's cache tells; nothing outside the run directory and the node's
//! configured plugins is touched.

mod namespace;
mod network;
mod record;
mod sandboxes;
mod service;
mod stray;

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use kubewright_cri::{Endpoint, server};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use namespace::Namespaces;
use record::RecordError;
use sandboxes::Sandboxes;
use service::Service;

/// How long the run directory may be another's before that is an error.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks whether it is.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Why the runtime does not run.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A file cannot be used.
    #[error("cannot use {}", path.display())]
    File {
        /// File or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another runtime serves from here.
    #[error("a container runtime in miniature runs from {} already", path.display())]
    Taken {
        /// The run directory.
        path: PathBuf,
    },
    /// The records cannot be read.
    #[error("the sandboxes of an earlier run are not known")]
    Records(#[from] RecordError),
}

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Options {
    /// For records, namespaces and the socket; on a file system that takes mounts.
    pub run_dir: PathBuf,
    /// CNI configurations of the node; the first by name is the network of pods.
    pub conf_dir: PathBuf,
    /// CNI plugins.
    pub bin_dirs: Vec<PathBuf>,
}

/// The runtime as it runs; its sandboxes stay when it ends.
#[derive(Debug)]
pub struct Runtime {
    endpoint: Endpoint,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Runtime {
    /// Takes the run directory, looks after what an earlier run has left there, and serves.
    ///
    /// # Errors
    /// See [`RuntimeError`].
    pub async fn start(options: &Options) -> Result<Self, RuntimeError> {
        let socket = options.run_dir.join("socket");
        let (lock, sandboxes) = {
            let options = options.clone();
            let opened = tokio::task::spawn_blocking(move || open(&options));
            opened.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?
        };
        let wrong = |source| RuntimeError::File { path: socket.clone(), source };
        absent(fs::remove_file(&socket)).map_err(wrong)?;
        let listener = UnixListener::bind(&socket).map_err(wrong)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).map_err(wrong)?;
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            server::serve(listener, Arc::new(Service(sandboxes)), async { drop(ended.await) })
                .await;
            drop(lock);
        });
        Ok(Self { endpoint: Endpoint::at(socket), end, task })
    }

    /// Where it serves.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Ends it after the calls it was given.
    pub async fn stop(self) {
        // It has ended when nobody hears.
        let _ = self.end.send(());
        let _ = self.task.await;
    }
}

/// Whether this process may make network namespaces.
///
/// # Errors
/// What the system says against it.
pub fn can_make_namespaces() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let namespaces = Namespaces::open(folder.path().to_owned())?;
    // What was not made is closed too: a file may be there for it.
    let made = namespaces.make("probe").map(drop);
    made.and(namespaces.close("probe"))
}

/// Lets go of all namespaces in a run directory whose runtime has ended, and of nothing else: what
/// their networks have taken elsewhere stays taken.
///
/// # Errors
/// When one cannot be let go of; the others are.
pub fn close_namespaces(run_dir: &Path) -> io::Result<()> {
    let folder = run_dir.join("netns");
    if !folder.is_dir() {
        return Ok(());
    }
    let namespaces = Namespaces::open(folder)?;
    let closed = namespaces.all()?.into_iter().map(|id| namespaces.close(&id));
    closed.fold(Ok(()), Result::and)
}

/// Takes the run directory and everything in it.
fn open(options: &Options) -> Result<(File, Arc<Sandboxes>), RuntimeError> {
    let path = &options.run_dir;
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |source| RuntimeError::File { path, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(wrong(path))?;
    let file = path.join("lock");
    let lock = File::options().create(true).append(true).open(&file).map_err(wrong(&file))?;
    // One that was killed holds it until the plugin that it was just starting has started.
    let limit = Instant::now() + LOCK_PATIENCE;
    let locked = loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < limit => thread::sleep(LOCK_PAUSE),
            tried => break tried,
        }
    };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(RuntimeError::Taken { path: path.clone() }),
        Err(TryLockError::Error(source)) => return Err(wrong(&file)(source)),
    }
    Ok((lock, Arc::new(Sandboxes::open(options)?)))
}

/// What was to be removed is not there.
fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
pub(crate) mod tests;
