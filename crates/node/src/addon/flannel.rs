//! flannel, with VXLAN. What it reads: <https://github.com/flannel-io/flannel/blob/master/Documentation/configuration.md>.

use serde_json::{Value, json};

use super::{account, everywhere, folder, namespace, rule};
use crate::config::{Network, subnet::networks};

const NAMESPACE: &str = "kube-flannel";
const NAME: &str = "flannel";
const IMAGE: &str = "ghcr.io/flannel-io/flannel:v0.26.1";
const PLUGIN: &str = "ghcr.io/flannel-io/flannel-cni-plugin:v1.6.0-flannel1";

pub(super) fn objects(network: &Network) -> Vec<Value> {
    let (conf_dir, bin_dir) = (&network.cni.conf_dir, &network.cni.bin_dir);
    let (conf_dir, bin_dir) = (conf_dir.display().to_string(), bin_dir.display().to_string());
    let image = if network.cni.image.is_empty() { IMAGE } else { &network.cni.image };
    let mut objects = vec![namespace(NAMESPACE, true)];
    objects.extend(account(
        NAMESPACE,
        NAME,
        &json!([
            rule("", &["pods"], &["get"]),
            rule("", &["nodes"], &["get", "list", "watch"]),
            rule("", &["nodes/status"], &["patch"]),
        ]),
    ));
    objects.push(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "kube-flannel-cfg", "namespace": NAMESPACE },
        "data": {
            "cni-conf.json": cni_configuration().to_string(),
            "net-conf.json": network_configuration(network).to_string(),
        },
    }));
    let copy = |name: &str, image: &str, from: &str, to: &str, mounts: Value| {
        json!({
            "name": name, "image": image,
            "command": ["cp"], "args": ["-f", from, to], "volumeMounts": mounts,
        })
    };
    let configuration = json!({ "name": "configuration", "mountPath": "/etc/kube-flannel/" });
    objects.push(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": { "name": NAME, "namespace": NAMESPACE, "labels": { "app": NAME } },
        "spec": {
            "selector": { "matchLabels": { "app": NAME } },
            "template": {
                "metadata": { "labels": { "app": NAME } },
                "spec": {
                    "hostNetwork": true,
                    "priorityClassName": "system-node-critical",
                    "serviceAccountName": NAME,
                    "tolerations": everywhere(),
                    "nodeSelector": { "kubernetes.io/os": "linux" },
                    "initContainers": [
                        copy("plugin", PLUGIN, "/flannel", "/opt/cni/bin/flannel",
                            json!([{ "name": "plugins", "mountPath": "/opt/cni/bin" }])),
                        copy("configuration", image, "/etc/kube-flannel/cni-conf.json",
                            "/etc/cni/net.d/10-flannel.conflist",
                            json!([{ "name": "networks", "mountPath": "/etc/cni/net.d" }, configuration])),
                    ],
                    "containers": [{
                        "name": NAME, "image": image,
                        "command": ["/opt/bin/flanneld"], "args": ["--ip-masq", "--kube-subnet-mgr"],
                        "resources": { "requests": { "cpu": "100m", "memory": "50Mi" } },
                        "securityContext": {
                            "privileged": false,
                            "capabilities": { "add": ["NET_ADMIN", "NET_RAW"] },
                        },
                        "env": [
                            { "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                            { "name": "POD_NAMESPACE", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } },
                        ],
                        "volumeMounts": [
                            { "name": "run", "mountPath": "/run/flannel" },
                            configuration,
                            { "name": "xtables", "mountPath": "/run/xtables.lock" },
                        ],
                    }],
                    "volumes": [
                        folder("run", "/run/flannel"),
                        folder("plugins", &bin_dir),
                        folder("networks", &conf_dir),
                        { "name": "configuration", "configMap": { "name": "kube-flannel-cfg" } },
                        { "name": "xtables", "hostPath": { "path": "/run/xtables.lock", "type": "FileOrCreate" } },
                    ],
                },
            },
        },
    }));
    objects
}

fn cni_configuration() -> Value {
    json!({
        "name": "cbr0",
        "cniVersion": "0.3.1",
        "plugins": [
            { "type": "flannel", "delegate": { "hairpinMode": true, "isDefaultGateway": true } },
            { "type": "portmap", "capabilities": { "portMappings": true } },
        ],
    })
}

fn network_configuration(network: &Network) -> Value {
    let mut configuration = json!({ "EnableNFTables": false, "Backend": { "Type": "vxlan" } });
    // The check has seen that they are networks.
    for subnet in networks(&network.pod_subnet).unwrap_or_default() {
        match subnet.addr().is_ipv4() {
            true => configuration["Network"] = json!(subnet.to_string()),
            false => {
                configuration["EnableIPv6"] = json!(true);
                configuration["IPv6Network"] = json!(subnet.to_string());
            }
        }
    }
    if configuration["Network"].is_null() {
        configuration["EnableIPv4"] = json!(false);
    }
    configuration
}
