//! What runs the agent of pod networks on each node: as a DaemonSet, or as a systemd service.

use k8s_openapi::api::apps::v1::{
    DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet,
};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HostPathVolumeSource,
    ObjectFieldSelector, PodSpec, PodTemplateSpec, ResourceRequirements, SELinuxOptions,
    SeccompProfile, SecurityContext, Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ObjectMeta;

use super::deployment::{linux, probe, quantities};
use super::{AGENT, Component, PodnetPlugin, Settings};

/// Port of /metrics, /healthz and /readyz.
pub(super) const HEALTH: i32 = 8087;

/// What plugins need: to enter network namespaces and mend /proc/sys, to configure links and
/// addresses, to announce addresses, and to write into folders of other users.
const CAPABILITIES: [&str; 4] = ["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "DAC_OVERRIDE"];

/// Says under which AppArmor profile the container `agent` runs.
const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/agent";

/// Folders of the node.
struct Folder {
    name: &'static str,
    path: &'static str,
    read_only: bool,
    /// Namespaces are mounted there while the agent runs.
    propagates: bool,
}

const FOLDERS: [Folder; 9] = [
    folder("cni-bin", "/opt/cni/bin", true),
    folder("cni-conf", "/etc/cni/net.d", true),
    folder("cni-state", "/var/lib/cni", false),
    folder("state", "/var/lib/kubewright", false),
    folder("run", "/run/kubewright", false),
    folder("containerd", "/run/containerd", true),
    folder("crio", "/run/crio", true),
    folder("pod-resources", "/var/lib/kubelet/pod-resources", true),
    Folder { name: "netns", path: "/run/netns", read_only: false, propagates: true },
];

const fn folder(name: &'static str, path: &'static str, read_only: bool) -> Folder {
    Folder { name, path, read_only, propagates: false }
}

pub(super) fn daemon_set(settings: &Settings) -> DaemonSet {
    let labels = Component::Agent.labels();
    DaemonSet {
        metadata: Component::Agent.metadata(AGENT, Some(&settings.namespace)),
        spec: Some(DaemonSetSpec {
            selector: LabelSelector {
                match_labels: Some(labels.clone()),
                ..LabelSelector::default()
            },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    // The usual profile forbids to mount, and /proc/sys is to be made writable.
                    // The field of this meaning is too new for Kubernetes 1.28.
                    annotations: Some([(APPARMOR.to_owned(), "unconfined".to_owned())].into()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(settings)),
            },
            update_strategy: Some(DaemonSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDaemonSet {
                    max_unavailable: Some(IntOrString::String("10%".to_owned())),
                    max_surge: None,
                }),
            }),
            ..DaemonSetSpec::default()
        }),
        ..DaemonSet::default()
    }
}

fn pod(settings: &Settings) -> PodSpec {
    PodSpec {
        service_account_name: Some(AGENT.to_owned()),
        priority_class_name: Some("system-node-critical".to_owned()),
        // It makes networks and cannot wait for one, and plugins act on the node's.
        host_network: Some(true),
        dns_policy: Some("Default".to_owned()),
        node_selector: Some(linux()),
        // Wherever there are pods.
        tolerations: Some(vec![Toleration {
            operator: Some("Exists".to_owned()),
            ..Toleration::default()
        }]),
        init_containers: Some(vec![plugin(settings)]),
        containers: vec![container(settings)],
        volumes: Some(FOLDERS.iter().map(volume).collect()),
        ..PodSpec::default()
    }
}

fn volume(folder: &Folder) -> Volume {
    Volume {
        name: folder.name.to_owned(),
        host_path: Some(HostPathVolumeSource {
            path: folder.path.to_owned(),
            type_: Some("DirectoryOrCreate".to_owned()),
        }),
        ..Volume::default()
    }
}

fn mount(folder: &Folder, path: &str) -> VolumeMount {
    VolumeMount {
        name: folder.name.to_owned(),
        mount_path: path.to_owned(),
        read_only: folder.read_only.then_some(true),
        mount_propagation: folder.propagates.then(|| "HostToContainer".to_owned()),
        ..VolumeMount::default()
    }
}

fn mounts() -> Vec<VolumeMount> {
    let mut mounts = Vec::new();
    for folder in &FOLDERS {
        mounts.push(mount(folder, folder.path));
        if folder.propagates {
            // Runtimes tell the path of a namespace with the old name of /run in it.
            mounts.push(mount(folder, &format!("/var{}", folder.path)));
        }
    }
    mounts
}

/// What makes the plugin the node's first, or takes it away again, before the agent starts.
///
/// Nothing is taken away when the agent stops: pods that start while it is upgraded would miss
/// networks for ever.
fn plugin(settings: &Settings) -> Container {
    let verb = match settings.podnet_plugin {
        PodnetPlugin::Install => "install",
        PodnetPlugin::Uninstall => "uninstall",
    };
    let written = ["cni-bin", "cni-conf", "state"];
    let folders = FOLDERS.iter().filter(|folder| written.contains(&folder.name));
    let mounts =
        folders.map(|folder| VolumeMount { read_only: None, ..mount(folder, folder.path) });
    Container {
        name: "plugin".to_owned(),
        image: Some(settings.image.clone()),
        args: Some(["podnet", verb].map(str::to_owned).to_vec()),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&[("cpu", "10m"), ("memory", "24Mi")])),
            ..ResourceRequirements::default()
        }),
        security_context: Some(confined(&["DAC_OVERRIDE"])),
        volume_mounts: Some(mounts.collect()),
        ..Container::default()
    }
}

/// Root with these capabilities and no others.
fn confined(capabilities: &[&str]) -> SecurityContext {
    SecurityContext {
        run_as_user: Some(0),
        // Kubernetes refuses to forbid it with this capability, which gives everything anyway.
        allow_privilege_escalation: (!capabilities.contains(&"SYS_ADMIN")).then_some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: Some(capabilities.iter().map(|&name| name.to_owned()).collect()),
        }),
        // Where SELinux is enforced: other types may neither write to the node's folders, nor
        // enter namespaces of pods, nor talk to the container runtime.
        se_linux_options: Some(SELinuxOptions {
            type_: Some("spc_t".to_owned()),
            ..SELinuxOptions::default()
        }),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        }),
        ..SecurityContext::default()
    }
}

fn container(settings: &Settings) -> Container {
    let from_field = |name: &str, path: &str| EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: path.to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    };
    Container {
        name: "agent".to_owned(),
        image: Some(settings.image.clone()),
        args: Some(
            [
                "podnet",
                "agent",
                &format!("--health-address=:{HEALTH}"),
                "--log-format=json",
                "--log-level=info",
            ]
            .map(str::to_owned)
            .to_vec(),
        ),
        env: Some(vec![
            from_field("NODE_NAME", "spec.nodeName"),
            from_field("POD_NAME", "metadata.name"),
            // One heap: several, as glibc makes them for threads, would be most of its memory.
            EnvVar {
                name: "MALLOC_ARENA_MAX".to_owned(),
                value: Some("1".to_owned()),
                ..EnvVar::default()
            },
        ]),
        ports: Some(vec![ContainerPort {
            name: Some("health".to_owned()),
            container_port: HEALTH,
            ..ContainerPort::default()
        }]),
        liveness_probe: Some(probe("/healthz")),
        readiness_probe: Some(probe("/readyz")),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&[("cpu", "10m"), ("memory", "24Mi")])),
            // Plugins count, too, several at a time.
            limits: Some(quantities(&[("memory", "256Mi")])),
            ..ResourceRequirements::default()
        }),
        security_context: Some(confined(&CAPABILITIES)),
        volume_mounts: Some(mounts()),
        ..Container::default()
    }
}

/// The unit of systemd.
pub(crate) fn unit() -> String {
    let capabilities = CAPABILITIES.map(|name| format!("CAP_{name}")).join(" ");
    format!(
        "# Attaches the running pods of this node to the networks that their annotations name.
# An alternative to the DaemonSet of `kubewright manifests podnet`. See docs/podnet.md.
[Unit]
Description=Networks of running pods
Documentation=https://github.com/kubewright/kubewright/blob/main/docs/podnet.md
Wants=network-online.target
# Before the kubelet: pods that start with this node go through the agent.
After=network-online.target containerd.service crio.service
Before=kubelet.service

[Service]
Type=exec
# Options of the agent, as in PODNET_OPTIONS=\"--node worker-1 --interface-names netN\".
EnvironmentFile=-/etc/kubewright/podnet.env
# One heap: several, as glibc makes them for threads, would be most of its memory.
Environment=MALLOC_ARENA_MAX=1
ExecStart=/usr/bin/kubewright podnet agent --kubeconfig /etc/kubewright/podnet.kubeconfig $PODNET_OPTIONS
Restart=always
RestartSec=1s
# Plugins that are at work finish; what they cannot is taken up from the records.
KillMode=mixed
TimeoutStopSec=30s
RuntimeDirectory=kubewright
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
StateDirectory=kubewright
StateDirectoryMode=0700
CapabilityBoundingSet={capabilities}
NoNewPrivileges=yes
# No namespace of its own for mounts: a namespace that a container runtime mounts is to be seen at
# once, and plugins write where their makers thought best.
RestrictSUIDSGID=yes
LockPersonality=yes

[Install]
WantedBy=multi-user.target
"
    )
}
