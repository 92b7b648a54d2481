//! What is known of an attachment: all that DEL needs, on disk before ADD is called.
//!
//! One for each (pod uid, sandbox, interface). A record is written before the plugin acts and
//! removed after it has, so whatever a plugin may have left is always named by a record, also
//! after a crash or a reboot. What becomes of an attachment is appended; a file that cannot be read is
//! set aside and reported, and keeps nobody from working.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use kubewright_cni::{CniArgs, CniResult};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::annotation::{Dialect, Mac};
use crate::attachment::Attachment;
use crate::default_network::follows;
use crate::name::InterfaceName;
use crate::netns::NetnsId;
use crate::network::NetworkKey;
use crate::pod::{Pod, SandboxId};
use crate::route::DefaultRoutes;

mod boot;
mod file_name;
mod lines;
mod lock;
mod store;

pub use boot::{BootIdError, boot_id};
pub use file_name::Whose;
pub use lock::{LockError, SandboxLock};
pub use store::{Corrupt, Loaded, Store, StoreError, Syncing};

/// How far an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// ADD was called, or is about to be. Found after a crash: DEL is due.
    Adding,
    /// ADD succeeded.
    Attached,
    /// DEL was called, or is about to be. Found after a crash or a failure: DEL is due.
    Deleting,
}

/// Who asked for an attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// The cluster: its network, attached when the sandbox was made. It lives as long as that.
    Default,
    /// The pod's annotation.
    Network(NetworkKey),
}

/// What is unique: the name of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// Uid of the pod.
    pub pod_uid: String,
    /// The sandbox.
    pub sandbox: SandboxId,
    /// The interface.
    pub interface: InterfaceName,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interface {} of sandbox {}", self.interface, self.sandbox)
    }
}

/// The interface as it was right after ADD.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkIdentity {
    /// Its index in the network namespace.
    pub index: u32,
    /// Its hardware address, where it has one of six bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
}

/// An attachment as it was made. It is complete in itself: DEL needs no definition and no pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The pod.
    pub pod: Pod,
    /// Its sandbox.
    pub sandbox: SandboxId,
    /// Path of the network namespace.
    pub netns: PathBuf,
    /// Which namespace that was; a path may name another one later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns_id: Option<NetnsId>,
    /// The boot during which it was made; no interface survives the next.
    pub boot_id: String,
    /// The interface.
    pub interface: InterfaceName,
    /// Who asked for it.
    pub role: Role,
    /// How far it is.
    pub state: State,
    /// Whether the pod asked for the interface by name.
    #[serde(default)]
    pub explicit: bool,
    /// Whether someone else attached it.
    #[serde(default)]
    pub adopted: bool,
    /// Changes with anything that makes a difference to the interface.
    pub digest: String,
    /// The configuration as used, a list of plugins.
    pub config: Value,
    /// `CNI_ARGS` as used.
    #[serde(default)]
    pub args: CniArgs,
    /// Values by capability as used.
    #[serde(default)]
    pub capability_args: Map<String, Value>,
    /// What ADD answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<CniResult>,
    /// The interface, where ADD made one in the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkIdentity>,
    /// Default routes that gave way to this attachment's, to be put back after it.
    #[serde(default, skip_serializing_if = "DefaultRoutes::is_empty")]
    pub replaced_routes: DefaultRoutes,
    /// Gateways of the default route, where this attachment carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_route: Option<Vec<IpAddr>>,
}

impl Record {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> RecordId {
        RecordId {
            pod_uid: self.pod.uid().to_owned(),
            sandbox: self.sandbox.clone(),
            interface: self.interface.clone(),
        }
    }

    /// The network of the pod's annotation; none for the cluster's.
    #[must_use]
    pub fn network(&self) -> Option<&NetworkKey> {
        match &self.role {
            Role::Default => None,
            Role::Network(key) => Some(key),
        }
    }

    /// The network as `network-status` names it.
    #[must_use]
    pub fn network_name(&self) -> String {
        match &self.role {
            Role::Network(key) => key.to_string(),
            Role::Default => {
                self.config.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
        }
    }

    /// In which dialect the plugins of the cluster's network followed the pod's annotation
    /// themselves.
    #[must_use]
    pub fn follows(&self) -> Option<Dialect> {
        match &self.role {
            Role::Default => follows(self.config["plugins"][0]["type"].as_str()?),
            Role::Network(_) => None,
        }
    }

    /// Whether it still says what an attachment is made of.
    #[must_use]
    pub fn is_of(&self, attachment: &Attachment) -> bool {
        self.network() == Some(&attachment.network) && self.digest == attachment.digest
    }
}

#[cfg(test)]
mod tests;
