//! What the shim and the agent say to each other: one question, one answer, on a Unix stream socket.
//!
//! ```text
//! shim (kubewright-cni)                              agent
//!   connect /run/kubewright/cni.sock
//!   {"protocol":1,"command":"ADD","containerId":…}\n ->
//!                                                 <- {"protocol":1,"result":{"cniVersion":…}}\n
//!                                   or            <- {"protocol":1,"error":{"code":11,"msg":…}}\n
//! ```
//!
//! * Each side writes one line of JSON, at most [`MAX_LINE`] bytes, and reads one; then the
//!   connection is closed. A line feed inside of a string is escaped by JSON, so the first one ends
//!   the message.
//! * Fields a reader does not know are ignored, so both sides may gain optional fields.
//!   [`PROTOCOL`] is raised only when an old reader would misunderstand; a reader refuses every other
//!   number and says which program is to be replaced.
//! * Everything in a request comes from the container runtime and from pods. [`Request::from_line`]
//!   checks what later becomes a path, an argument or a file name.
//! * Access is the server's to check: the socket is root's (mode 0600), the peer uid 0 or its own.
//!
//! The types and the byte forms ([`Request::from_line`], [`Reply::to_line`]) are free of I/O, for a
//! server on any runtime; [`Client`] is blocking.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use kubewright_cni::{Attachment, CniArgs, CniError, CniResult, NameError, RuntimeConf};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod client;
mod codec;
mod options;
#[cfg(test)]
mod tests;
mod words;

pub use client::{CallError, Client};
pub use codec::{ProtocolError, read_reply, read_request, write_reply};
pub use options::{
    DEFAULT_CONF_DIR, DEFAULT_SOCKET, DEFAULT_STATE_DIR, OptionsError, PluginOptions,
};
pub use words::InvalidWord;

/// The version of the protocol that this code speaks.
pub const PROTOCOL: u32 = 1;

/// The most bytes of one message, with its line feed.
///
/// A configuration is a few kilobytes and GC names some hundred containers; the limit keeps a
/// mistaken peer from filling the agent's memory.
pub const MAX_LINE: usize = 1 << 20;

/// One call of the plugin, as the runtime made it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// What is to be done, and to which container.
    #[serde(flatten)]
    pub call: Call,
    /// `CNI_PATH`, split: where delegates' programs are searched, in this order.
    #[serde(default)]
    pub plugin_dirs: Vec<PathBuf>,
    /// The network configuration that the runtime wrote to stdin. It may hold secrets and is left
    /// out of the `Debug` form.
    pub config: Map<String, Value>,
}

impl Request {
    /// What the plugins of the default network are called with, with the capability arguments that
    /// the runtime wrote into the configuration.
    ///
    /// # Errors
    /// [`NameError`] when a name is not valid; never in a request that was read.
    pub fn runtime(&self, container: &Container) -> Result<RuntimeConf, NameError> {
        let netns = container.netns.clone();
        let capability_args = match self.config.get("runtimeConfig") {
            Some(Value::Object(values)) => values.clone(),
            _ => Map::new(),
        };
        Ok(RuntimeConf::new(container.container_id.as_str(), netns, container.ifname.as_str())?
            .with_args(container.args.clone())
            .with_capability_args(capability_args))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("call", &self.call)
            .field("plugin_dirs", &self.plugin_dirs)
            .finish_non_exhaustive()
    }
}

/// The CNI operation. VERSION is missing: the shim answers it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "UPPERCASE")]
pub enum Call {
    /// Attach the container; answered with a CNI result in the configuration's `cniVersion`.
    Add(Container),
    /// Detach it; answered without a result. Succeeds when nothing is attached.
    Del(Container),
    /// Compare what is attached with what was recorded; answered without a result.
    Check(Container),
    /// Would an ADD be served? Answered without a result, or with error 50 or 51.
    Status,
    /// Remove what belongs to no valid attachment; answered without a result.
    Gc(Valid),
}

/// The container of an ADD, DEL or CHECK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// `CNI_CONTAINERID`, which is the sandbox id.
    pub container_id: String,
    /// `CNI_NETNS`; none in a DEL whose namespace is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<PathBuf>,
    /// `CNI_IFNAME`.
    pub ifname: String,
    /// `CNI_ARGS`, split, in order.
    #[serde(default, skip_serializing_if = "CniArgs::is_empty")]
    pub args: CniArgs,
}

impl Container {
    /// The pod, when the runtime named one as Kubernetes runtimes do.
    #[must_use]
    pub fn pod(&self) -> Option<Pod<'_>> {
        Some(Pod {
            namespace: self.args.get("K8S_POD_NAMESPACE").filter(|word| !word.is_empty())?,
            name: self.args.get("K8S_POD_NAME").filter(|word| !word.is_empty())?,
            uid: self.args.get("K8S_POD_UID").filter(|word| !word.is_empty()),
        })
    }
}

/// The pod in the arguments of a [`Container`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod<'a> {
    /// `K8S_POD_NAMESPACE`.
    pub namespace: &'a str,
    /// `K8S_POD_NAME`.
    pub name: &'a str,
    /// `K8S_POD_UID`; runtimes older than containerd 1.5 and cri-o 1.22 give none. Of a static pod
    /// it is the kubelet's hash of the manifest, not the UID of the mirror pod.
    pub uid: Option<&'a str>,
}

/// What GC must leave alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Valid {
    /// `cni.dev/valid-attachments` of the configuration.
    pub valid_attachments: BTreeSet<Attachment>,
}

/// The agent's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// It is done; a result after ADD, none after the others.
    Result(Option<CniResult>),
    /// It is not done. `cniVersion` may be left out: the shim writes the configuration's.
    Error(CniError),
}
