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
    let mut arguments = vec!["--ip-masq".to_owned(), "--kube-subnet-mgr".to_owned()];
    arguments.extend(interface(network).map(|it| format!("--iface={it}")));
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
                        "command": ["/opt/bin/flanneld"], "args": arguments,
                        "resources": { "requests": { "cpu": "100m", "memory": "50Mi" } },
                        "securityContext": {
                            "privileged": false,
                            "capabilities": { "add": ["NET_ADMIN", "NET_RAW"] },
                        },
                        "env": [
                            { "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                            { "name": "NODE_IP", "valueFrom": { "fieldRef": { "fieldPath": "status.hostIP" } } },
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

/// Where packets to other nodes leave: at the interface of the default route, where nothing else is
/// asked for. Each node has an address of its own, and may have an interface of another name: so it
/// is told by the address of its Node, as its kubelet was. With two families flannel would take one
/// address for both, and is told the name.
/// <https://github.com/flannel-io/flannel/blob/v0.26.1/pkg/ipmatch/match.go>
fn interface(network: &Network) -> Option<String> {
    let bind = &network.bind;
    let both = networks(&network.pod_subnet).is_some_and(|all| all.len() == 2);
    match (bind.interface.is_empty(), bind.address.is_empty()) {
        (true, true) => None,
        _ if !both => Some("$(NODE_IP)".to_owned()),
        (false, _) => Some(bind.interface.clone()),
        (true, false) => None,
    }
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
