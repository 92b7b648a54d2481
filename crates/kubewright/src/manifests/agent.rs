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
use kubewright_podnet::options::HEAP;
use kubewright_podnet::options::environment::{BIN_DIR, CONF_DIR, NODE_NAME};

use super::deployment::{linux, probe, quantities};
use super::{AGENT, Component, PodnetPlugin, Settings};

/// What nodes run: `kubewright podnet`, alone.
const PROGRAM: &str = "/usr/bin/kubewright-podnet";

/// Port of /metrics, /healthz and /readyz.
pub(super) const HEALTH: i32 = 8087;

/// What plugins need: to enter network namespaces and mend /proc/sys, to configure links and
/// addresses, to announce addresses, and to write into folders of other users.
const CAPABILITIES: [&str; 4] = ["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "DAC_OVERRIDE"];

/// What a container needs beside them: to give plugins the root of the node.
const CONTAINED: [&str; 1] = ["SYS_CHROOT"];

/// Where the root of the node is.
const HOST_ROOT: &str = "/host";

/// Says under which AppArmor profile the container `agent` runs.
const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/agent";

/// A folder of the node, by the same path in our containers: what runs in the root of the node, and
/// what is written for programs there, names it as the agent does.
struct Folder {
    name: &'static str,
    path: &'static str,
    /// What the agent does there.
    agent: Access,
    /// What the init container does there.
    plugin: Access,
    /// Something is mounted in it while the agent runs.
    propagates: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    None,
    Read,
    Write,
}

const CNI_BIN: &str = "/opt/cni/bin";
const CNI_CONF: &str = "/etc/cni/net.d";
const NETNS: &str = "netns";
const HOST: &str = "host";

const FOLDERS: [Folder; 9] = [
    // The agent sees it in the root of the node.
    Folder { plugin: Access::Write, ..folder("cni-bin", CNI_BIN, Access::None) },
    Folder { plugin: Access::Write, ..folder("cni-conf", CNI_CONF, Access::Read) },
    folder("cni-state", "/var/lib/cni", Access::Write),
    Folder { plugin: Access::Write, ..folder("state", "/var/lib/kubewright", Access::Write) },
    folder("run", "/run/kubewright", Access::Write),
    // Where it is told to, it keeps the namespaces of pods here, too.
    Folder { propagates: true, ..folder("containerd", "/run/containerd", Access::Read) },
    folder("crio", "/run/crio", Access::Read),
    folder("pod-resources", "/var/lib/kubelet/pod-resources", Access::Read),
    Folder { propagates: true, ..folder(NETNS, "/run/netns", Access::Write) },
];

const fn folder(name: &'static str, path: &'static str, agent: Access) -> Folder {
    Folder { name, path, agent, plugin: Access::None, propagates: false }
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
        // Plugins find themselves in the /proc of the node.
        host_pid: Some(true),
        dns_policy: Some("Default".to_owned()),
        node_selector: Some(linux()),
        // Wherever there are pods.
        tolerations: Some(vec![Toleration {
            operator: Some("Exists".to_owned()),
            ..Toleration::default()
        }]),
        init_containers: Some(vec![plugin(settings)]),
        containers: vec![container(settings)],
        volumes: Some(volumes()),
        ..PodSpec::default()
    }
}

fn volumes() -> Vec<Volume> {
    let volume = |name: &str, path: &str, kind: &str| Volume {
        name: name.to_owned(),
        host_path: Some(HostPathVolumeSource {
            path: path.to_owned(),
            type_: Some(kind.to_owned()),
        }),
        ..Volume::default()
    };
    let folders = FOLDERS.iter().map(|it| volume(it.name, it.path, "DirectoryOrCreate"));
    folders.chain([volume(HOST, "/", "Directory")]).collect()
}

fn mount(folder: &Folder, access: Access) -> Option<VolumeMount> {
    (access != Access::None).then(|| VolumeMount {
        name: folder.name.to_owned(),
        mount_path: folder.path.to_owned(),
        read_only: (access == Access::Read).then_some(true),
        mount_propagation: folder.propagates.then(from_host),
        ..VolumeMount::default()
    })
}

fn from_host() -> String {
    "HostToContainer".to_owned()
}

fn agents_mounts() -> Vec<VolumeMount> {
    let mut mounts = Vec::new();
    for mount in FOLDERS.iter().filter_map(|folder| mount(folder, folder.agent)) {
        // Runtimes tell the path of a namespace with the old name of /run in it.
        let old = (mount.name == NETNS).then(|| format!("/var{}", mount.mount_path));
        let old = old.map(|mount_path| VolumeMount { mount_path, ..mount.clone() });
        mounts.push(mount);
        mounts.extend(old);
    }
    mounts.push(VolumeMount {
        name: HOST.to_owned(),
        mount_path: HOST_ROOT.to_owned(),
        mount_propagation: Some(from_host()),
        ..VolumeMount::default()
    });
    mounts
}

/// Where the node has plugins and configurations, for either container.
fn places() -> [EnvVar; 2] {
    [(BIN_DIR, CNI_BIN), (CONF_DIR, CNI_CONF)].map(|(name, value)| EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..EnvVar::default()
    })
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
    let mounts = FOLDERS.iter().filter_map(|folder| mount(folder, folder.plugin));
    Container {
        name: "plugin".to_owned(),
        image: Some(settings.image.clone()),
        command: Some(vec![PROGRAM.to_owned()]),
        args: Some(vec![verb.to_owned()]),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&[("cpu", "10m"), ("memory", "24Mi")])),
            ..ResourceRequirements::default()
        }),
        security_context: Some(confined(&["DAC_OVERRIDE"])),
        env: Some(places().to_vec()),
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
    let mut environment = vec![
        from_field(NODE_NAME, "spec.nodeName"),
        from_field("POD_NAME", "metadata.name"),
        EnvVar {
            name: "GLIBC_TUNABLES".to_owned(),
            value: Some(HEAP.to_owned()),
            ..EnvVar::default()
        },
    ];
    environment.extend(places());
    Container {
        name: "agent".to_owned(),
        image: Some(settings.image.clone()),
        command: Some(vec![PROGRAM.to_owned()]),
        args: Some(
            [
                "agent",
                &format!("--host-root={HOST_ROOT}"),
                &format!("--health-address=:{HEALTH}"),
                "--log-format=json",
                "--log-level=info",
            ]
            .map(str::to_owned)
            .to_vec(),
        ),
        env: Some(environment),
        ports: Some(vec![ContainerPort {
            name: Some("health".to_owned()),
            container_port: HEALTH,
            ..ContainerPort::default()
        }]),
        liveness_probe: Some(probe("/healthz")),
        readiness_probe: Some(probe("/readyz")),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&[("cpu", "10m"), ("memory", "24Mi")])),
            // No limit: plugins count, too, and those are the node's, of any size. Where the
            // container runtime runs them they have none, and an agent that the kernel kills in a
            // burst of pods would let none of them start.
            ..ResourceRequirements::default()
        }),
        security_context: Some(confined(&[&CAPABILITIES[..], &CONTAINED].concat())),
        volume_mounts: Some(agents_mounts()),
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
# One small heap, that gives back what a burst of pods has taken.
Environment=GLIBC_TUNABLES={HEAP}
ExecStart={PROGRAM} agent --kubeconfig /etc/kubewright/podnet.kubeconfig $PODNET_OPTIONS
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
