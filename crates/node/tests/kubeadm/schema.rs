//! The fields of kubeadm's documents, so that one that it does not know is noticed without it.
//!
//! From the reference of `v1beta3` and `v1beta4`:
//! <https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/>.

use serde_json::Value;

/// Fields by kind and the path of their group; `-` before one that only `v1beta3` has, `+` before
/// one that only `v1beta4` has.
const FIELDS: &[(&str, &str, &str)] = &[
    (
        "InitConfiguration",
        "",
        "apiVersion kind bootstrapTokens nodeRegistration localAPIEndpoint certificateKey skipPhases patches +dryRun +timeouts",
    ),
    ("InitConfiguration", "bootstrapTokens", "token description ttl expires usages groups"),
    ("InitConfiguration", "localAPIEndpoint", "advertiseAddress bindPort"),
    (
        "InitConfiguration",
        "nodeRegistration",
        "name criSocket taints kubeletExtraArgs ignorePreflightErrors imagePullPolicy +imagePullSerial",
    ),
    (
        "JoinConfiguration",
        "",
        "apiVersion kind nodeRegistration caCertPath discovery controlPlane skipPhases patches +dryRun +timeouts",
    ),
    (
        "JoinConfiguration",
        "nodeRegistration",
        "name criSocket taints kubeletExtraArgs ignorePreflightErrors imagePullPolicy +imagePullSerial",
    ),
    ("JoinConfiguration", "discovery", "bootstrapToken file tlsBootstrapToken -timeout"),
    (
        "JoinConfiguration",
        "discovery.bootstrapToken",
        "token apiServerEndpoint caCertHashes unsafeSkipCAVerification",
    ),
    ("JoinConfiguration", "controlPlane", "localAPIEndpoint certificateKey"),
    ("JoinConfiguration", "controlPlane.localAPIEndpoint", "advertiseAddress bindPort"),
    (
        "JoinConfiguration",
        "timeouts",
        "controlPlaneComponentHealthCheck kubeletHealthCheck kubernetesAPICall etcdAPICall tlsBootstrap discovery upgradeManifests",
    ),
    (
        "ClusterConfiguration",
        "",
        "apiVersion kind etcd networking kubernetesVersion controlPlaneEndpoint apiServer controllerManager scheduler dns +proxy certificatesDir imageRepository featureGates clusterName +encryptionAlgorithm +certificateValidityPeriod +caCertificateValidityPeriod",
    ),
    ("ClusterConfiguration", "networking", "serviceSubnet podSubnet dnsDomain"),
    ("ClusterConfiguration", "etcd", "local external"),
    (
        "ClusterConfiguration",
        "etcd.local",
        "imageRepository imageTag dataDir extraArgs +extraEnvs serverCertSANs peerCertSANs",
    ),
    (
        "ClusterConfiguration",
        "apiServer",
        "extraArgs extraVolumes +extraEnvs certSANs -timeoutForControlPlane",
    ),
    ("ClusterConfiguration", "apiServer.extraVolumes", "name hostPath mountPath readOnly pathType"),
    ("ClusterConfiguration", "controllerManager", "extraArgs extraVolumes +extraEnvs"),
    ("ClusterConfiguration", "scheduler", "extraArgs extraVolumes +extraEnvs"),
];

/// What `kubeadm config validate` would say of documents.
pub(crate) fn wrong(documents: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    for document in documents {
        let version = document["apiVersion"].as_str().unwrap_or_default();
        let new = match version {
            "kubeadm.k8s.io/v1beta3" => false,
            "kubeadm.k8s.io/v1beta4" => true,
            // Of the kubelet and kube-proxy.
            _ => continue,
        };
        visit(document["kind"].as_str().unwrap_or_default(), "", document, new, &mut wrong);
    }
    wrong
}

fn visit(kind: &str, path: &str, value: &Value, new: bool, wrong: &mut Vec<String>) {
    if path.ends_with("xtraArgs") {
        // Lists since v1beta4, maps before.
        if value.is_array() != new {
            wrong.push(format!("{kind}.{path} has the form of another version"));
        }
        return;
    }
    if let Some(items) = value.as_array() {
        return items.iter().for_each(|item| visit(kind, path, item, new, wrong));
    }
    let Some(members) = value.as_object() else { return };
    let fields = FIELDS.iter().find(|(of, group, _)| *of == kind && *group == path);
    let Some((.., fields)) = fields else {
        return wrong.push(format!("unknown group {kind}.{path}"));
    };
    for (name, member) in members {
        let known = fields.split(' ').any(|field| match field.split_at(1) {
            ("+", field) => new && field == name,
            ("-", field) => !new && field == name,
            _ => field == name,
        });
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match known {
            true => visit(kind, &path, member, new, wrong),
            false => wrong.push(format!("unknown field {kind}.{path}")),
        }
    }
}
