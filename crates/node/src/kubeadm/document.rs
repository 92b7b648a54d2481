//! The documents that kubeadm is given. Pure: configuration in, documents out.
//!
//! Fields: <https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/> and the same
//! of `v1beta3`. They differ in extra arguments, which are maps in the one and lists in the
//! other, and in waiting times, which only the newer one has.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::version::{Schema, Version};
use crate::config::{NodeConfiguration, Secret};
use crate::discovery::Pin;
use crate::token::DEFAULT_GROUP;

/// The part of the documents of `init` that holds the token.
pub(super) const TOKENS: &str = "bootstrapTokens";

/// What documents need besides the configuration.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Version of the kubeadm that reads them.
    pub version: &'a Version,
    /// Name of the Node.
    pub name: &'a str,
    /// Address of this machine; kubeadm finds one itself without.
    pub address: Option<&'a str>,
    /// Addresses of its kubelet, one of each family at most; the kubelet finds one itself without.
    pub node_ip: Option<&'a str>,
    /// The bootstrap token.
    pub token: Option<&'a Secret>,
    /// Key of the uploaded control-plane certificates.
    pub certificate_key: Option<&'a Secret>,
    /// How long the cluster may take to be found, and then to accept the node.
    pub joining: Duration,
}

/// The documents of `kubeadm init`, as one text. It is a secret while it has a token.
#[must_use]
pub fn init(configuration: &NodeConfiguration, facts: &Facts<'_>) -> String {
    let schema = facts.version.schema();
    let mut documents = vec![
        init_configuration(configuration, facts),
        cluster(configuration, facts.version),
        kubelet(configuration),
    ];
    if !configuration.features.is_empty() {
        documents.push(json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "featureGates": configuration.features,
        }));
    }
    debug_assert_eq!(documents[0]["apiVersion"], schema.api_version());
    text(&documents)
}

/// The document of `kubeadm join`. It is a secret.
#[must_use]
pub fn join(
    configuration: &NodeConfiguration,
    facts: &Facts<'_>,
    seeder: &str,
    pins: &[Pin],
) -> String {
    let schema = facts.version.schema();
    let token = facts.token.map_or("", Secret::expose);
    let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
    let mut document = json!({
        "apiVersion": schema.api_version(),
        "kind": "JoinConfiguration",
        "nodeRegistration": registration(configuration, facts),
        "caCertPath": ca(configuration),
        "discovery": {
            "bootstrapToken": {
                "apiServerEndpoint": seeder,
                "token": token,
                "caCertHashes": pins,
                "unsafeSkipCAVerification": configuration.certificates.unsafe_skip_verification,
            },
            "tlsBootstrapToken": token,
        },
    });
    if configuration.cluster_formation.control_plane {
        let mut plane = json!({ "localAPIEndpoint": endpoint(configuration, facts) });
        if let Some(key) = facts.certificate_key {
            plane["certificateKey"] = json!(key.expose());
        }
        document["controlPlane"] = plane;
    }
    let joining = format!("{}s", facts.joining.as_secs());
    match schema {
        // How long to be accepted is fixed there.
        Schema::V1Beta3 => document["discovery"]["timeout"] = json!(joining),
        Schema::V1Beta4 => {
            document["timeouts"] = json!({ "discovery": joining, "tlsBootstrap": joining });
        }
    }
    text(&[document])
}

/// The documents of `init` without the token.
#[must_use]
pub(super) fn without_token(documents: &str) -> String {
    // They are ours, so they can be read; what cannot is not kept.
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(documents).unwrap_or_default();
    for document in documents.iter_mut().filter_map(Value::as_object_mut) {
        document.remove(TOKENS);
    }
    text(&documents)
}

fn init_configuration(configuration: &NodeConfiguration, facts: &Facts<'_>) -> Value {
    let mut document = json!({
        "apiVersion": facts.version.schema().api_version(),
        "kind": "InitConfiguration",
        "localAPIEndpoint": endpoint(configuration, facts),
        "nodeRegistration": registration(configuration, facts),
    });
    if let Some(token) = facts.token {
        let ttl = crate::config::check::token_ttl(&configuration.cluster_formation.token_ttl);
        document[TOKENS] = json!([{
            "token": token.expose(),
            "description": "nodes of kubewright",
            "ttl": format!("{}s", ttl.unwrap_or(Duration::from_secs(86_400)).as_secs()),
            "usages": ["signing", "authentication"],
            "groups": [DEFAULT_GROUP],
        }]);
    }
    if let Some(key) = facts.certificate_key {
        document["certificateKey"] = json!(key.expose());
    }
    document
}

fn endpoint(configuration: &NodeConfiguration, facts: &Facts<'_>) -> Value {
    let mut endpoint = json!({ "bindPort": configuration.network.bind.port });
    if let Some(address) = facts.address {
        endpoint["advertiseAddress"] = json!(address);
    }
    endpoint
}

fn registration(configuration: &NodeConfiguration, facts: &Facts<'_>) -> Value {
    let mut arguments = BTreeMap::new();
    if let Some(addresses) = facts.node_ip {
        arguments.insert("node-ip", addresses.to_owned());
    }
    let mut registration = json!({
        "name": facts.name,
        "criSocket": configuration.runtime.endpoint(),
        "imagePullPolicy": "IfNotPresent",
    });
    if !arguments.is_empty() {
        registration["kubeletExtraArgs"] = extra(facts.version.schema(), &arguments);
    }
    registration
}

fn cluster(configuration: &NodeConfiguration, version: &Version) -> Value {
    let schema = version.schema();
    let network = &configuration.network;
    let gates = gates(configuration);
    let with_gates = |mut arguments: BTreeMap<&'static str, String>| {
        if let Some(gates) = &gates {
            arguments.insert("feature-gates", gates.clone());
        }
        arguments
    };
    let mut document = json!({
        "apiVersion": schema.api_version(),
        "kind": "ClusterConfiguration",
        // What kubeadm would ask the internet for otherwise.
        "kubernetesVersion": version.to_string(),
        "certificatesDir": configuration.certificates.directory,
        "networking": {
            "podSubnet": network.pod_subnet,
            "serviceSubnet": network.service_subnet,
            "dnsDomain": network.dns.domain,
        },
        "etcd": { "local": {
            "dataDir": "/var/lib/etcd",
            "serverCertSANs": configuration.etcd.local.server_cert_sans,
            "peerCertSANs": configuration.etcd.local.peer_cert_sans,
        } },
    });
    let mut sans = configuration.api_server.cert_sans.clone();
    if let Some((name, port)) = network.dns.load_balancer() {
        let port = port.unwrap_or(network.bind.port);
        document["controlPlaneEndpoint"] = json!(authority(name, port));
        sans.extend((!sans.iter().any(|san| san == name)).then(|| name.to_owned()));
    }
    let mut api_server = json!({ "certSANs": sans });
    let arguments = with_gates(oidc(configuration));
    if !arguments.is_empty() {
        api_server["extraArgs"] = extra(schema, &arguments);
    }
    if let Some(volume) = oidc_volume(configuration) {
        api_server["extraVolumes"] = json!([volume]);
    }
    document["apiServer"] = api_server;
    let arguments = with_gates(BTreeMap::new());
    if !arguments.is_empty() {
        document["controllerManager"] = json!({ "extraArgs": extra(schema, &arguments) });
        document["scheduler"] = json!({ "extraArgs": extra(schema, &arguments) });
    }
    document
}

fn kubelet(configuration: &NodeConfiguration) -> Value {
    let mut document = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "rotateCertificates": true,
        // Someone has to approve these: kubewright's approver, which comes with the manager.
        "serverTLSBootstrap": !configuration.manager.image.is_empty(),
    });
    if !configuration.features.is_empty() {
        document["featureGates"] = json!(configuration.features);
    }
    document
}

/// Arguments as the schema has them.
fn extra(schema: Schema, arguments: &BTreeMap<&str, String>) -> Value {
    match schema {
        Schema::V1Beta3 => json!(arguments),
        Schema::V1Beta4 => {
            arguments.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
        }
    }
}

fn gates(configuration: &NodeConfiguration) -> Option<String> {
    let gates = configuration.features.iter().map(|(gate, on)| format!("{gate}={on}"));
    Some(gates.collect::<Vec<_>>().join(",")).filter(|gates| !gates.is_empty())
}

/// Where tokens of users come from; nothing when there is no such.
pub(crate) fn issuer(configuration: &NodeConfiguration) -> Option<String> {
    let given = &configuration.auth.oidc.issuer;
    if !given.is_empty() {
        return Some(given.clone());
    }
    let name = configuration.network.dns.external_host();
    let name = name.filter(|_| configuration.addons.dex.enabled);
    name.map(|name| format!("https://{}", authority(name, crate::addon::DEX_PORT)))
}

/// Host and port of a URL.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn oidc(configuration: &NodeConfiguration) -> BTreeMap<&'static str, String> {
    let Some(issuer) = issuer(configuration) else { return BTreeMap::new() };
    let oidc = &configuration.auth.oidc;
    let mut arguments = BTreeMap::from([
        ("oidc-issuer-url", issuer),
        ("oidc-client-id", oidc.client_id.clone()),
        ("oidc-username-claim", oidc.username.clone()),
    ]);
    if !oidc.groups.is_empty() {
        arguments.insert("oidc-groups-claim", oidc.groups.clone());
    }
    if let Some(ca) = oidc_ca(configuration) {
        arguments.insert("oidc-ca-file", ca);
    }
    arguments
}

/// The authority of the issuer: as given, or ours where the issuer is our Dex.
fn oidc_ca(configuration: &NodeConfiguration) -> Option<String> {
    let given = &configuration.auth.oidc.ca;
    match given.is_empty() {
        false => Some(given.clone()),
        true => configuration.addons.dex.enabled.then(|| ca(configuration)),
    }
}

/// Makes that file visible in the API server's pod, which sees the cluster's certificates only.
fn oidc_volume(configuration: &NodeConfiguration) -> Option<Value> {
    let ca = oidc_ca(configuration)?;
    if issuer(configuration).is_none()
        || Path::new(&ca).starts_with(&configuration.certificates.directory)
    {
        return None;
    }
    Some(json!({
        "name": "oidc-ca", "hostPath": ca, "mountPath": ca, "readOnly": true, "pathType": "File",
    }))
}

fn ca(configuration: &NodeConfiguration) -> String {
    configuration.certificates.directory.join("ca.crt").display().to_string()
}

fn text(documents: &[Value]) -> String {
    let texts = documents.iter().map(|document| {
        // A tree of strings, numbers and booleans can always be written.
        serde_saphyr::to_string(document).unwrap_or_default()
    });
    texts
        .map(|text| if text.ends_with('\n') { text } else { text + "\n" })
        .collect::<Vec<_>>()
        .join("---\n")
}

#[cfg(test)]
mod tests;
