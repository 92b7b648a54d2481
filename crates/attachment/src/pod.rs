//! Whom the interfaces are for: a pod, and the sandbox that holds its network namespace.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::name::{NameError, check_namespace, check_pod, check_uid};

/// A pod. Its names are checked when it is made or read, so they are fit for paths and arguments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Names", into = "Names")]
pub struct Pod {
    namespace: String,
    name: String,
    uid: String,
}

#[derive(Serialize, Deserialize)]
struct Names {
    namespace: String,
    name: String,
    uid: String,
}

impl Pod {
    /// A pod by its names.
    ///
    /// # Errors
    /// [`NameError`] when one of them could not be a name in Kubernetes.
    pub fn new(
        namespace: impl Into<String>,
        name: impl Into<String>,
        uid: impl Into<String>,
    ) -> Result<Self, NameError> {
        let pod = Self { namespace: namespace.into(), name: name.into(), uid: uid.into() };
        check_namespace(&pod.namespace)?;
        check_pod(&pod.name)?;
        check_uid(&pod.uid)?;
        Ok(pod)
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its uid: two pods of one name never share it.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }
}

impl TryFrom<Names> for Pod {
    type Error = NameError;

    fn try_from(names: Names) -> Result<Self, NameError> {
        Self::new(names.namespace, names.name, names.uid)
    }
}

impl From<Pod> for Names {
    fn from(pod: Pod) -> Self {
        Self { namespace: pod.namespace, name: pod.name, uid: pod.uid }
    }
}

impl fmt::Display for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Id of a sandbox, which is CNI's container id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SandboxId(String);

impl SandboxId {
    /// Checks an id.
    ///
    /// # Errors
    /// [`NameError`] when it is not a valid container id of CNI.
    pub fn new(id: impl Into<String>) -> Result<Self, NameError> {
        let id = id.into();
        kubewright_cni::name::check_container_id(&id)?;
        Ok(Self(id))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SandboxId {
    type Error = NameError;

    fn try_from(id: String) -> Result<Self, NameError> {
        Self::new(id)
    }
}

impl From<SandboxId> for String {
    fn from(id: SandboxId) -> Self {
        id.0
    }
}

impl fmt::Display for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A sandbox with a network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Its id.
    pub id: SandboxId,
    /// Path of its network namespace.
    pub netns: PathBuf,
}

impl Sandbox {
    /// A sandbox by its id and the path of its network namespace.
    ///
    /// # Errors
    /// [`NameError`] when the id is not valid.
    pub fn new(id: impl Into<String>, netns: impl AsRef<Path>) -> Result<Self, NameError> {
        Ok(Self { id: SandboxId::new(id)?, netns: netns.as_ref().to_owned() })
    }
}
