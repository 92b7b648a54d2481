//! What a pod's sandbox is to be.

use k8s_openapi::api::core::v1::{ContainerPort, Pod, PodSpec};
use kube::ResourceExt;
use kubewright_cri::label;
use kubewright_cri::message::{
    LinuxPodSandboxConfig, LinuxSandboxSecurityContext, NamespaceMode, NamespaceOption,
    PodSandboxConfig, PodSandboxMetadata, PortMapping, Protocol,
};

use super::NODE;

/// Longest name of a host in Linux.
const LONGEST_HOSTNAME: usize = 63;

/// As the kubelet makes it, as far as networks go.
pub(super) fn of_pod(pod: &Pod, attempt: u32, node: &str) -> PodSandboxConfig {
    let spec = pod.spec.clone().unwrap_or_default();
    let (name, namespace) = (pod.name_any(), pod.namespace().unwrap_or_default());
    let uid = pod.uid().unwrap_or_default();
    let mut labels = pod.labels().clone();
    for (key, value) in [
        (label::POD_NAME, name.as_str()),
        (label::POD_NAMESPACE, &namespace),
        (label::POD_UID, &uid),
        (NODE, node),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    let options = namespaces(&spec);
    let hostname = match options.network() {
        NamespaceMode::Node => String::new(),
        _ => hostname(spec.hostname.as_ref().unwrap_or(&name)),
    };
    let port_mappings =
        spec.containers.iter().flat_map(|container| container.ports.iter().flatten());
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata { name, uid, namespace, attempt }),
        hostname,
        log_directory: String::new(),
        port_mappings: port_mappings.map(port).collect(),
        labels,
        annotations: pod.annotations().clone(),
        linux: Some(LinuxPodSandboxConfig {
            security_context: Some(LinuxSandboxSecurityContext {
                namespace_options: Some(options),
            }),
            ..Default::default()
        }),
    }
}

fn namespaces(spec: &PodSpec) -> NamespaceOption {
    let of = |node: Option<bool>, own: NamespaceMode| match node {
        Some(true) => NamespaceMode::Node.into(),
        _ => own.into(),
    };
    NamespaceOption {
        network: of(spec.host_network, NamespaceMode::Pod),
        pid: of(spec.host_pid, NamespaceMode::Container),
        ipc: of(spec.host_ipc, NamespaceMode::Pod),
        target_id: String::new(),
    }
}

/// Cut to what Linux takes, and not to end in what names may not end in.
fn hostname(name: &str) -> String {
    let cut: String = name.chars().take(LONGEST_HOSTNAME).collect();
    cut.trim_end_matches(['-', '.']).to_owned()
}

fn port(port: &ContainerPort) -> PortMapping {
    let protocol = match port.protocol.as_deref() {
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        _ => Protocol::Tcp,
    };
    PortMapping {
        protocol: protocol.into(),
        container_port: port.container_port,
        host_port: port.host_port.unwrap_or(0),
        host_ip: port.host_ip.clone().unwrap_or_default(),
    }
}
