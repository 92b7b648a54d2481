//! Labels that the kubelet gives each sandbox and container.

/// Name of the pod.
pub const POD_NAME: &str = "io.kubernetes.pod.name";
/// Namespace of the pod.
pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// UID of the pod; of a static pod the hash of its configuration, which its mirror carries in the
/// annotation `kubernetes.io/config.hash`.
pub const POD_UID: &str = "io.kubernetes.pod.uid";
