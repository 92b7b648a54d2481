//! What a runtime says about one attachment beside its configuration.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::args::CniArgs;
use crate::name::{NameError, check_container_id, check_interface};

/// One interface of one container: whom a plugin is called for.
///
/// The names are checked when it is made, so they are fit for paths and arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeConf {
    container_id: String,
    ifname: String,
    /// Path of the network namespace. None only for DEL, when it is gone.
    pub netns: Option<PathBuf>,
    /// `CNI_ARGS`.
    pub args: CniArgs,
    /// Values by capability. A plugin gets, as `runtimeConfig`, those it declares.
    pub capability_args: Map<String, Value>,
}

impl RuntimeConf {
    /// An attachment without arguments.
    ///
    /// # Errors
    /// [`NameError`] when the container id or the interface name is not valid.
    pub fn new(
        container_id: impl Into<String>,
        netns: Option<PathBuf>,
        ifname: impl Into<String>,
    ) -> Result<Self, NameError> {
        let (container_id, ifname) = (container_id.into(), ifname.into());
        check_container_id(&container_id)?;
        check_interface(&ifname)?;
        let (args, capability_args) = (CniArgs::new(), Map::new());
        Ok(Self { container_id, ifname, netns, args, capability_args })
    }

    /// With these `CNI_ARGS`.
    #[must_use]
    pub fn with_args(self, args: CniArgs) -> Self {
        Self { args, ..self }
    }

    /// With these values by capability, `portMappings` for example.
    #[must_use]
    pub fn with_capability_args(self, capability_args: Map<String, Value>) -> Self {
        Self { capability_args, ..self }
    }

    /// Id of the container; in Kubernetes, of the pod's sandbox.
    #[must_use]
    pub fn container_id(&self) -> &str {
        &self.container_id
    }

    /// Name of the interface in the container.
    #[must_use]
    pub fn ifname(&self) -> &str {
        &self.ifname
    }

    /// Path of the network namespace, while there is one.
    #[must_use]
    pub fn netns(&self) -> Option<&Path> {
        self.netns.as_deref()
    }
}
