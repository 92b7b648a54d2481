//! What is asked of the runtime itself.

use std::collections::BTreeMap;

/// Asks who serves.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct VersionRequest {
    /// Version of the kubelet's runtime API; runtimes ignore it.
    #[prost(string, tag = "1")]
    pub version: String,
}

/// Who serves.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct VersionResponse {
    /// Version of the kubelet's runtime API, `0.1.0`.
    #[prost(string, tag = "1")]
    pub version: String,
    /// Name, such as `containerd` or `cri-o`.
    #[prost(string, tag = "2")]
    pub runtime_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub runtime_version: String,
    /// Version of the interface, `v1`.
    #[prost(string, tag = "4")]
    pub runtime_api_version: String,
}

/// Asks whether the runtime and its network are ready.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StatusRequest {
    /// Whether to answer with `info` too.
    #[prost(bool, tag = "1")]
    pub verbose: bool,
}

/// Whether the runtime and its network are ready.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StatusResponse {
    /// The conditions.
    #[prost(message, optional, tag = "1")]
    pub status: Option<RuntimeStatus>,
    /// For people; keys and values are the runtime's own.
    #[prost(btree_map = "string, string", tag = "2")]
    pub info: BTreeMap<String, String>,
}

/// Conditions of the runtime.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RuntimeStatus {
    /// `RuntimeReady` and `NetworkReady` at least.
    #[prost(message, repeated, tag = "1")]
    pub conditions: Vec<RuntimeCondition>,
}

/// A condition of the runtime.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RuntimeCondition {
    /// `RuntimeReady`, `NetworkReady`, …
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// Whether it holds.
    #[prost(bool, tag = "2")]
    pub status: bool,
    /// Why not, in one word.
    #[prost(string, tag = "3")]
    pub reason: String,
    /// Why not.
    #[prost(string, tag = "4")]
    pub message: String,
}
