//! DEL as the runtime calls it, the same in the agent and in the plugin that works without it.

use std::path::Path;

use super::teardown::{Teardown, TeardownError};
use super::{DefaultNetwork, Engine};
use crate::default_network::DefaultNetworkError;
use crate::name::InterfaceName;
use crate::pod::SandboxId;

/// What may be left of a sandbox, and why. The runtime is to call again.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// Something is left.
    #[error(transparent)]
    Teardown(#[from] TeardownError),
    /// Nothing is recorded, and which network the sandbox may have been given is not known.
    #[error("sandbox {sandbox} has no record, and its network is not known")]
    DefaultNetwork {
        /// The sandbox.
        sandbox: SandboxId,
        /// Why not.
        #[source]
        source: DefaultNetworkError,
    },
}

impl Engine {
    /// Detaches everything of a sandbox: by its records; where the cluster's network is not among
    /// them, by what libcni's cache has of it; and where that has nothing, by the default network
    /// of now, which is what a runtime without us would do. So a sandbox that was made before we
    /// were installed, or of which a disk forgot the record, leaks no address. Of a sandbox that
    /// nobody ever knew nothing is left either, since a DEL of nothing succeeds.
    ///
    /// `interface` is the one that the runtime asks for; `default` is called when it is needed.
    ///
    /// # Errors
    /// [`DeleteError`] when something may be left.
    pub fn delete(
        &self,
        sandbox: &SandboxId,
        netns: Option<&Path>,
        interface: &InterfaceName,
        default: impl FnOnce() -> Result<Option<DefaultNetwork>, DefaultNetworkError>,
    ) -> Result<Teardown, DeleteError> {
        let done = self.teardown(sandbox)?;
        if done.default || self.delete_known_to_cache(sandbox, interface)? {
            return Ok(done);
        }
        let default = default()
            .map_err(|source| DeleteError::DefaultNetwork { sandbox: sandbox.clone(), source })?;
        if let Some(default) = default {
            self.delete_unrecorded(sandbox, netns, &default)?;
        }
        Ok(done)
    }
}
