//! The engine: what is planned is done, in an order that survives being killed at any point.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kubewright_cni::{Cache, Cancel, Cni, Processes};

use crate::default_network::CALLED;
use crate::link::LinksError;
use crate::name::Naming;
use crate::netns::NetnsError;
use crate::record::{BootIdError, LockError, RecordId, Store, StoreError, boot_id};

mod attach;
mod cached;
mod check;
mod create;
mod delete;
mod detach;
mod gc;
mod outcome;
mod reconcile;
mod teardown;

pub use check::CheckFailed;
pub use create::{CreateError, Created, DefaultNetwork};
pub use delete::DeleteError;
pub use gc::{GcFailure, GcOutcome};
pub use outcome::{Change, Outcome};
pub use reconcile::{PodState, SandboxState};
pub use teardown::{Teardown, TeardownError};

/// How long a plugin may take unless said otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where things are on this node, and how long they may take.
#[derive(Clone, Debug)]
pub struct Options {
    /// Root of the records, `/var/lib/kubewright/podnet`.
    pub state_dir: PathBuf,
    /// Folders of plugins.
    pub bin_dirs: Vec<PathBuf>,
    /// Folder that is the root of plugins; `None` is that of this process.
    pub root: Option<PathBuf>,
    /// libcni's cache, `/var/lib/cni`.
    pub cache_dir: PathBuf,
    /// How interfaces are named that pods do not name.
    pub naming: Naming,
    /// How long each call of a plugin may take.
    pub timeout: Duration,
    /// How long to wait for a sandbox that someone else works on.
    pub patience: Duration,
}

impl Options {
    /// Options for a state root and folders of plugins; the rest as usual.
    pub fn new(
        state_dir: impl Into<PathBuf>,
        bin_dirs: impl IntoIterator<Item = impl Into<PathBuf>>,
    ) -> Self {
        Self {
            state_dir: state_dir.into(),
            bin_dirs: bin_dirs.into_iter().map(Into::into).collect(),
            root: None,
            cache_dir: PathBuf::from(kubewright_cni::DEFAULT_CACHE_DIR),
            naming: Naming::default(),
            timeout: TIMEOUT,
            patience: TIMEOUT * 2,
        }
    }
}

/// A point of the work on one attachment; each has been reached when it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The record is written as `adding`; no plugin was called.
    AddRecorded,
    /// Every plugin's ADD succeeded.
    Added,
    /// The record is written as `attached`.
    AddDone,
    /// The record is written as `deleting`; no plugin was called.
    DelRecorded,
    /// Every plugin's DEL succeeded.
    Deleted,
    /// The record is gone.
    DelDone,
}

/// Who is told of every [`Step`], for measures and for tests.
pub trait Observer: Send + Sync {
    /// A step was reached.
    fn reached(&self, step: Step, record: &RecordId);
}

/// Nobody.
struct Nobody;

impl Observer for Nobody {
    fn reached(&self, _: Step, _: &RecordId) {}
}

/// Nothing could be done, or not told what is to be done.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// This boot cannot be told from others.
    #[error(transparent)]
    BootId(#[from] BootIdError),
    /// Plugins cannot run in the root that they are to have.
    #[error("{} cannot be the root of plugins", .root.display())]
    Root {
        /// The folder.
        root: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// The records cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Someone else works on the sandbox.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The network namespace cannot be used.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// The interfaces of the sandbox are not known.
    #[error(transparent)]
    Links(#[from] LinksError),
    /// Default routes cannot be read or changed.
    #[error("default route of {record}")]
    Route {
        /// The attachment.
        record: RecordId,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
}

/// Attaches and detaches. Synchronous; shared by threads, one sandbox at a time.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    cni: Cni,
    cache: Cache,
    options: Arc<Options>,
    boot_id: Arc<str>,
    observer: Arc<dyn Observer>,
}

impl Engine {
    /// Opens the records.
    ///
    /// # Errors
    /// [`EngineError`] when the state root cannot be used.
    pub fn open(options: Options) -> Result<Self, EngineError> {
        let cache = Cache::new(options.cache_dir.clone());
        let mut cni = Cni::new(options.bin_dirs.clone());
        if let Some(root) = &options.root {
            let programs = Processes::new().in_root(root);
            let failed = |source| EngineError::Root { root: root.clone(), source };
            cni = cni.with_exec(Arc::new(programs.map_err(failed)?));
        }
        let cni = cni
            .with_cache(cache.clone())
            .with_mark(CALLED, &options.state_dir)
            .with_timeout(options.timeout);
        Ok(Self {
            store: Store::open(&options.state_dir)?,
            cni,
            cache,
            boot_id: boot_id()?.into(),
            options: Arc::new(options),
            observer: Arc::new(Nobody),
        })
    }

    /// Tells someone of every step.
    #[must_use]
    pub fn with_observer(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// The same engine, whose plugins are stopped by this handle.
    #[must_use]
    pub fn with_cancel(&self, cancel: Cancel) -> Self {
        Self { cni: self.cni.clone().with_cancel(cancel), ..self.clone() }
    }

    /// Another boot: for tests of what a reboot leaves.
    #[must_use]
    pub fn with_boot_id(self, boot_id: &str) -> Self {
        Self { boot_id: boot_id.into(), ..self }
    }

    /// The records.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Calls plugins as this engine does.
    #[must_use]
    pub fn cni(&self) -> &Cni {
        &self.cni
    }

    fn reached(&self, step: Step, record: &RecordId) {
        tracing::debug!(%record, ?step, "step reached");
        self.observer.reached(step, record);
    }
}
