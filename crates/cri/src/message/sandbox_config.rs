//! What a sandbox is to be, and the calls that make it so.

use std::collections::BTreeMap;

/// Which pod a sandbox is of.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PodSandboxMetadata {
    /// Name of the pod.
    #[prost(string, tag = "1")]
    pub name: String,
    /// UID of the pod; of a static pod the hash of its configuration.
    #[prost(string, tag = "2")]
    pub uid: String,
    /// Namespace of the pod.
    #[prost(string, tag = "3")]
    pub namespace: String,
    /// How many sandboxes the pod had before.
    #[prost(uint32, tag = "4")]
    pub attempt: u32,
}

/// What a sandbox is to be.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PodSandboxConfig {
    /// Which pod it is of.
    #[prost(message, optional, tag = "1")]
    pub metadata: Option<PodSandboxMetadata>,
    /// Host name; empty only with the node's network.
    #[prost(string, tag = "2")]
    pub hostname: String,
    /// Folder for the logs of its containers.
    #[prost(string, tag = "3")]
    pub log_directory: String,
    /// Ports of the node that lead to it.
    #[prost(message, repeated, tag = "5")]
    pub port_mappings: Vec<PortMapping>,
    /// Labels.
    #[prost(btree_map = "string, string", tag = "6")]
    pub labels: BTreeMap<String, String>,
    /// Annotations, those of the pod among them.
    #[prost(btree_map = "string, string", tag = "7")]
    pub annotations: BTreeMap<String, String>,
    /// What is particular to Linux.
    #[prost(message, optional, tag = "8")]
    pub linux: Option<LinuxPodSandboxConfig>,
}

/// A port of the node that leads to a sandbox.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PortMapping {
    /// TCP unless said otherwise.
    #[prost(enumeration = "Protocol", tag = "1")]
    pub protocol: i32,
    /// Port in the sandbox.
    #[prost(int32, tag = "2")]
    pub container_port: i32,
    /// Port of the node; 0 is none.
    #[prost(int32, tag = "3")]
    pub host_port: i32,
    /// Address of the node; all when empty.
    #[prost(string, tag = "4")]
    pub host_ip: String,
}

/// Protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Protocol {
    /// TCP.
    Tcp = 0,
    /// UDP.
    Udp = 1,
    /// SCTP.
    Sctp = 2,
}

/// What is particular to Linux.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LinuxPodSandboxConfig {
    /// Control group over those of the sandbox.
    #[prost(string, tag = "1")]
    pub cgroup_parent: String,
    /// Namespaces, among other things.
    #[prost(message, optional, tag = "2")]
    pub security_context: Option<LinuxSandboxSecurityContext>,
    /// Settings of the kernel in the sandbox's namespaces.
    #[prost(btree_map = "string, string", tag = "3")]
    pub sysctls: BTreeMap<String, String>,
}

/// Security of a sandbox, as far as it is about namespaces.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LinuxSandboxSecurityContext {
    /// Which namespaces are the sandbox's own.
    #[prost(message, optional, tag = "1")]
    pub namespace_options: Option<NamespaceOption>,
}

/// Which namespaces are whose.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct NamespaceOption {
    /// Of the network: the pod's or the node's.
    #[prost(enumeration = "NamespaceMode", tag = "1")]
    pub network: i32,
    /// Of process ids.
    #[prost(enumeration = "NamespaceMode", tag = "2")]
    pub pid: i32,
    /// Of System V IPC.
    #[prost(enumeration = "NamespaceMode", tag = "3")]
    pub ipc: i32,
    /// Container whose process ids are shared.
    #[prost(string, tag = "4")]
    pub target_id: String,
}

/// Whose a namespace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum NamespaceMode {
    /// Common to the containers of the pod.
    Pod = 0,
    /// One container's own.
    Container = 1,
    /// The node's: `hostNetwork`, `hostPID`, `hostIPC`.
    Node = 2,
    /// Another container's.
    Target = 3,
}

/// Makes a sandbox and starts it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RunPodSandboxRequest {
    /// What it is to be.
    #[prost(message, optional, tag = "1")]
    pub config: Option<PodSandboxConfig>,
    /// Which handler of the runtime, from the RuntimeClass; its default when empty.
    #[prost(string, tag = "2")]
    pub runtime_handler: String,
}

/// The sandbox is ready.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RunPodSandboxResponse {
    /// Its id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// Ends what runs in a sandbox and gives its network back. Any number of times.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StopPodSandboxRequest {
    /// Its id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// The sandbox is stopped.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct StopPodSandboxResponse {}

/// Removes a sandbox. Any number of times.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RemovePodSandboxRequest {
    /// Its id.
    #[prost(string, tag = "1")]
    pub pod_sandbox_id: String,
}

/// The sandbox is gone.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct RemovePodSandboxResponse {}
