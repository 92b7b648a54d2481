//! The operations of CNI over a network: which plugin is called with what, in which order.

mod answer;
mod call;
mod collect;
mod lifecycle;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use call::CallError;
pub use collect::{Attachment, GcError, StaleError};
pub use lifecycle::{AddError, CheckError, DelError, PluginFailure};

use crate::cache::Cache;
use crate::exec::{Cancel, Exec, Processes};

/// How long a plugin may take unless said otherwise; as long as the kubelet gives a runtime's call.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Calls plugins. Cheap to clone; shared by threads.
#[derive(Clone)]
pub struct Cni {
    bin_dirs: Arc<[PathBuf]>,
    cache: Option<Cache>,
    exec: Arc<dyn Exec>,
    timeout: Duration,
    cancel: Option<Cancel>,
    mark: Option<(&'static str, OsString)>,
}

impl Cni {
    /// Finds plugins in these folders, the first that has it.
    pub fn new(bin_dirs: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        let bin_dirs = bin_dirs.into_iter().map(Into::into).collect();
        let exec = Arc::new(Processes::new());
        Self { bin_dirs, cache: None, exec, timeout: TIMEOUT, cancel: None, mark: None }
    }

    /// Also keeps results as libcni does, so that other runtimes and tools find them.
    #[must_use]
    pub fn with_cache(self, cache: Cache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// Each plugin may take this long; at most then it is killed with its process group.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Calls are stopped by this handle.
    #[must_use]
    pub fn with_cancel(self, cancel: Cancel) -> Self {
        Self { cancel: Some(cancel), ..self }
    }

    /// Plugins find this variable in their environment, and so do those they call. The value tells
    /// the plugins of one caller from those of another.
    #[must_use]
    pub fn with_mark(self, variable: &'static str, value: impl Into<OsString>) -> Self {
        Self { mark: Some((variable, value.into())), ..self }
    }

    /// Runs programs in another way than as processes.
    #[must_use]
    pub fn with_exec(self, exec: Arc<dyn Exec>) -> Self {
        Self { exec, ..self }
    }

    /// The folders where plugins are looked for.
    #[must_use]
    pub fn bin_dirs(&self) -> &[PathBuf] {
        &self.bin_dirs
    }
}

#[cfg(test)]
mod tests;
