//! Multus: what gives pods more than one network, as the thin plugin.

use serde_json::{Value, json};

use super::{account, everywhere, folder, rule};
use crate::config::Cni;

const NAME: &str = "multus";
const NAMESPACE: &str = "kube-system";
const IMAGE: &str = "ghcr.io/k8snetworkplumbingwg/multus-cni:v4.1.4";

pub(super) fn objects(cni: &Cni) -> Vec<Value> {
    let mut objects = vec![definition()];
    objects.extend(account(
        NAMESPACE,
        NAME,
        &json!([
            rule("k8s.cni.cncf.io", &["network-attachment-definitions"], &["get", "list", "watch"]),
            rule("", &["pods", "pods/status"], &["get", "list", "update", "watch"]),
            rule("events.k8s.io", &["events"], &["create", "patch", "update"]),
            rule("", &["events"], &["create", "patch", "update"]),
        ]),
    ));
    objects.push(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": { "name": NAME, "namespace": NAMESPACE, "labels": { "app": NAME } },
        "spec": {
            "selector": { "matchLabels": { "app": NAME } },
            "template": {
                "metadata": { "labels": { "app": NAME } },
                "spec": {
                    "hostNetwork": true,
                    "serviceAccountName": NAME,
                    "tolerations": everywhere(),
                    "containers": [{
                        "name": NAME, "image": IMAGE,
                        "command": ["/thin_entrypoint"],
                        // It takes what is first in the folder for the network of all pods.
                        "args": ["--multus-conf-file=auto", "--cni-version=0.3.1"],
                        "securityContext": { "privileged": true },
                        "resources": { "requests": { "cpu": "50m", "memory": "20Mi" } },
                        "volumeMounts": [
                            { "name": "networks", "mountPath": "/host/etc/cni/net.d" },
                            { "name": "plugins", "mountPath": "/host/opt/cni/bin" },
                        ],
                    }],
                    "volumes": [
                        folder("networks", &cni.conf_dir.display().to_string()),
                        folder("plugins", &cni.bin_dir.display().to_string()),
                    ],
                },
            },
        },
    }));
    objects
}

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "network-attachment-definitions.k8s.cni.cncf.io" },
        "spec": {
            "group": "k8s.cni.cncf.io",
            "scope": "Namespaced",
            "names": {
                "plural": "network-attachment-definitions",
                "singular": "network-attachment-definition",
                "kind": "NetworkAttachmentDefinition",
                "shortNames": ["net-attach-def"],
            },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": {
                    "type": "object",
                    "properties": { "spec": {
                        "type": "object", "properties": { "config": { "type": "string" } },
                    } },
                } },
            }],
        },
    })
}
