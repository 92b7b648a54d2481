//! Names of the environment variables that kubewright reads.

/// Paths of kubeconfig files, separated like `PATH`; the same as kubectl's.
pub const KUBECONFIG: &str = "KUBECONFIG";
/// `text` or `json`.
pub const LOG_FORMAT: &str = "KUBEWRIGHT_LOG_FORMAT";
/// Filter directives of `tracing`.
pub const LOG_LEVEL: &str = "RUST_LOG";
/// Where it is set and not empty, nothing is coloured (<https://no-color.org>).
pub const NO_COLOR: &str = "NO_COLOR";
/// Name of the pod, by the downward API.
pub const POD_NAME: &str = "POD_NAME";
/// Set by the kubelet in every container.
pub const SERVICE_HOST: &str = "KUBERNETES_SERVICE_HOST";

/// Where this process runs, in a word: its pod, or else its host.
pub fn instance_name() -> String {
    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    std::env::var(POD_NAME)
        .ok()
        .or_else(host)
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}
