//! Cilium: its agent on every node and its operator, with VXLAN and addresses from the Nodes.

use serde_json::{Value, json};

use super::{account, everywhere, folder, rule};
use crate::config::{Network, subnet};

const NAMESPACE: &str = "kube-system";
const AGENT: &str = "cilium";
const OPERATOR: &str = "cilium-operator";
const IMAGE: &str = "quay.io/cilium/cilium:v1.16.5";
const OPERATOR_IMAGE: &str = "quay.io/cilium/operator-generic:v1.16.5";

/// Its own kinds, which the operator defines.
const KINDS: &[&str] = &[
    "ciliumcidrgroups",
    "ciliumclusterwidenetworkpolicies",
    "ciliumendpoints",
    "ciliumexternalworkloads",
    "ciliumidentities",
    "ciliuml2announcementpolicies",
    "ciliumloadbalancerippools",
    "ciliumnetworkpolicies",
    "ciliumnodeconfigs",
    "ciliumnodes",
    "ciliumpodippools",
];

pub(super) fn objects(network: &Network) -> Vec<Value> {
    let read = &["get", "list", "watch"];
    let change = &["create", "delete", "get", "list", "patch", "update", "watch"];
    let own: Vec<String> = KINDS
        .iter()
        .flat_map(|kind| {
            [(*kind).to_owned(), format!("{kind}/status"), format!("{kind}/finalizers")]
        })
        .collect();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let mut objects = account(
        NAMESPACE,
        AGENT,
        &json!([
            rule("", &["endpoints", "namespaces", "nodes", "pods", "services"], read),
            rule("", &["nodes/status"], &["patch"]),
            rule("discovery.k8s.io", &["endpointslices"], read),
            rule("networking.k8s.io", &["networkpolicies"], read),
            rule("apiextensions.k8s.io", &["customresourcedefinitions"], read),
            rule("cilium.io", &own, change),
        ]),
    );
    objects.extend(account(
        NAMESPACE,
        OPERATOR,
        &json!([
            rule("", &["pods"], &["delete", "get", "list", "watch"]),
            rule("", &["nodes", "nodes/status"], &["get", "list", "patch", "watch"]),
            rule("", &["endpoints", "namespaces", "secrets", "services", "services/status"], read),
            rule("", &["events"], &["create", "patch"]),
            rule("discovery.k8s.io", &["endpointslices"], read),
            rule(
                "apiextensions.k8s.io",
                &["customresourcedefinitions"],
                &["create", "get", "list", "update", "watch"]
            ),
            rule("coordination.k8s.io", &["leases"], &["create", "get", "update"]),
            rule("cilium.io", &own, change),
        ]),
    ));
    objects.push(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "cilium-config", "namespace": NAMESPACE },
        "data": configuration(network),
    }));
    objects.push(agent(network));
    objects.push(operator());
    objects
}

fn configuration(network: &Network) -> Value {
    let subnets = subnet::networks(&network.pod_subnet).unwrap_or_default();
    let has = |v4: bool| subnets.iter().any(|subnet| subnet.addr().is_ipv4() == v4).to_string();
    json!({
        "cluster-name": "default",
        "cluster-id": "0",
        "identity-allocation-mode": "crd",
        // The controller manager gives each Node its part of the pod subnet.
        "ipam": "kubernetes",
        "enable-ipv4": has(true),
        "enable-ipv6": has(false),
        "enable-ipv4-masquerade": has(true),
        "enable-ipv6-masquerade": has(false),
        "routing-mode": "tunnel",
        "tunnel-protocol": "vxlan",
        "kube-proxy-replacement": "false",
        "cni-exclusive": "false",
        "cni-log-file": "/var/run/cilium/cilium-cni.log",
        "write-cni-conf-when-ready": "/host/etc/cni/net.d/05-cilium.conflist",
        "custom-cni-conf": "false",
        "enable-policy": "default",
        "debug": "false",
    })
}

fn agent(network: &Network) -> Value {
    let image = if network.cni.image.is_empty() { IMAGE } else { &network.cni.image };
    let field = |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": path } } });
    let mounts = |path: &str, name: &str| json!({ "name": name, "mountPath": path });
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": { "name": AGENT, "namespace": NAMESPACE, "labels": { "k8s-app": AGENT } },
        "spec": {
            "selector": { "matchLabels": { "k8s-app": AGENT } },
            "template": {
                "metadata": { "labels": { "k8s-app": AGENT } },
                "spec": {
                    "hostNetwork": true,
                    "priorityClassName": "system-node-critical",
                    "serviceAccountName": AGENT,
                    "tolerations": everywhere(),
                    "nodeSelector": { "kubernetes.io/os": "linux" },
                    "initContainers": [
                        {
                            "name": "mount-bpf-fs", "image": image,
                            "command": ["/bin/bash", "-c", "--"],
                            "args": ["mount | grep -q '/sys/fs/bpf type bpf' || mount -t bpf bpf /sys/fs/bpf"],
                            "securityContext": { "privileged": true },
                            "volumeMounts": [{ "name": "bpf", "mountPath": "/sys/fs/bpf", "mountPropagation": "Bidirectional" }],
                        },
                        {
                            "name": "install-cni-binaries", "image": image,
                            "command": ["/install-plugin.sh"],
                            "volumeMounts": [mounts("/host/opt/cni/bin", "plugins")],
                        },
                    ],
                    "containers": [{
                        "name": "cilium-agent", "image": image,
                        "command": ["cilium-agent"],
                        "args": ["--config-dir=/tmp/cilium/config-map"],
                        "env": [field("K8S_NODE_NAME", "spec.nodeName"), field("CILIUM_K8S_NAMESPACE", "metadata.namespace")],
                        "securityContext": { "privileged": true },
                        "readinessProbe": {
                            "httpGet": { "host": "127.0.0.1", "path": "/healthz", "port": 9879,
                                "httpHeaders": [{ "name": "brief", "value": "true" }] },
                            "periodSeconds": 5,
                        },
                        "volumeMounts": [
                            { "name": "bpf", "mountPath": "/sys/fs/bpf", "mountPropagation": "Bidirectional" },
                            mounts("/var/run/cilium", "run"),
                            mounts("/host/etc/cni/net.d", "networks"),
                            mounts("/lib/modules", "modules"),
                            mounts("/run/xtables.lock", "xtables"),
                            mounts("/tmp/cilium/config-map", "configuration"),
                            mounts("/tmp", "tmp"),
                        ],
                    }],
                    "volumes": [
                        folder("bpf", "/sys/fs/bpf"),
                        folder("run", "/var/run/cilium"),
                        folder("plugins", &network.cni.bin_dir.display().to_string()),
                        folder("networks", &network.cni.conf_dir.display().to_string()),
                        { "name": "modules", "hostPath": { "path": "/lib/modules" } },
                        { "name": "xtables", "hostPath": { "path": "/run/xtables.lock", "type": "FileOrCreate" } },
                        { "name": "configuration", "configMap": { "name": "cilium-config" } },
                        { "name": "tmp", "emptyDir": {} },
                    ],
                },
            },
        },
    })
}

fn operator() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": OPERATOR, "namespace": NAMESPACE, "labels": { "name": OPERATOR } },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "name": OPERATOR } },
            "template": {
                "metadata": { "labels": { "name": OPERATOR } },
                "spec": {
                    "hostNetwork": true,
                    "priorityClassName": "system-cluster-critical",
                    "serviceAccountName": OPERATOR,
                    "tolerations": everywhere(),
                    "containers": [{
                        "name": OPERATOR, "image": OPERATOR_IMAGE,
                        "command": ["cilium-operator-generic"],
                        "args": ["--config-dir=/tmp/cilium/config-map"],
                        "env": [{ "name": "CILIUM_K8S_NAMESPACE", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } }],
                        "volumeMounts": [{ "name": "configuration", "mountPath": "/tmp/cilium/config-map" }],
                    }],
                    "volumes": [{ "name": "configuration", "configMap": { "name": "cilium-config" } }],
                },
            },
        },
    })
}
