#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use super::*;
use crate::config::{RuntimeEngine, Secret};

const TOKEN: &str = "94dcda.c271f4ff502789ca";

fn documents(configuration: &NodeConfiguration, version: &str) -> Vec<Value> {
    let version = Version::parse(version).unwrap();
    let (token, key) = (Secret::new(TOKEN), Secret::new("ab".repeat(32)));
    let facts = Facts {
        version: &version,
        name: "seeder",
        address: Some("10.0.0.1"),
        node_ip: Some("10.0.0.1"),
        token: Some(&token),
        certificate_key: Some(&key),
        joining: Duration::from_secs(300),
    };
    serde_saphyr::from_multiple(&init(configuration, &facts)).unwrap()
}

fn cluster_of(configuration: &NodeConfiguration, version: &str) -> Value {
    documents(configuration, version).remove(1)
}

#[test]
fn a_seeder_gets_these_documents() {
    let documents = documents(&NodeConfiguration::default(), "v1.31.2");
    assert_eq!(
        documents,
        [
            json!({
                "apiVersion": "kubeadm.k8s.io/v1beta4",
                "kind": "InitConfiguration",
                "localAPIEndpoint": { "advertiseAddress": "10.0.0.1", "bindPort": 6443 },
                "nodeRegistration": {
                    "name": "seeder",
                    "criSocket": "unix:///run/containerd/containerd.sock",
                    "imagePullPolicy": "IfNotPresent",
                    "kubeletExtraArgs": [{ "name": "node-ip", "value": "10.0.0.1" }],
                },
                "bootstrapTokens": [{
                    "token": TOKEN,
                    "description": "nodes of kubewright",
                    "ttl": "86400s",
                    "usages": ["signing", "authentication"],
                    "groups": ["system:bootstrappers:kubeadm:default-node-token"],
                }],
                "certificateKey": "ab".repeat(32),
            }),
            json!({
                "apiVersion": "kubeadm.k8s.io/v1beta4",
                "kind": "ClusterConfiguration",
                "kubernetesVersion": "v1.31.2",
                "certificatesDir": "/etc/kubernetes/pki",
                "networking": {
                    "podSubnet": "172.16.0.0/13",
                    "serviceSubnet": "172.24.0.0/16",
                    "dnsDomain": "cluster.local",
                },
                "etcd": { "local": { "dataDir": "/var/lib/etcd", "serverCertSANs": [], "peerCertSANs": [] } },
                "apiServer": { "certSANs": [] },
            }),
            json!({
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "rotateCertificates": true,
                "serverTLSBootstrap": false,
            }),
        ]
    );
}

#[test]
fn extra_arguments_are_maps_before_v1beta4_and_lists_from_it_on() {
    let mut configuration = NodeConfiguration::default();
    configuration.features.insert("SidecarContainers".to_owned(), true);
    configuration.features.insert("AppArmor".to_owned(), false);
    let gates = "AppArmor=false,SidecarContainers=true";
    for component in ["apiServer", "controllerManager", "scheduler"] {
        let old = &cluster_of(&configuration, "v1.30.1")[component]["extraArgs"];
        assert_eq!(*old, json!({ "feature-gates": gates }), "{component}");
        let new = &cluster_of(&configuration, "v1.31.0")[component]["extraArgs"];
        assert_eq!(*new, json!([{ "name": "feature-gates", "value": gates }]), "{component}");
    }
    let documents = documents(&configuration, "v1.31.0");
    for document in &documents[2..] {
        assert_eq!(
            document["featureGates"],
            json!({ "AppArmor": false, "SidecarContainers": true })
        );
    }
    assert_eq!(documents[3]["kind"], "KubeProxyConfiguration");
}

#[test]
fn the_load_balancer_is_where_everyone_goes() {
    let mut configuration = NodeConfiguration::default();
    configuration.network.dns.external_fqdn = "api.example.com".to_owned();
    configuration.network.bind.port = 7443;
    configuration.api_server.cert_sans = vec!["10.9.9.9".to_owned()];
    let cluster = cluster_of(&configuration, "v1.31.0");
    assert_eq!(cluster["controlPlaneEndpoint"], "api.example.com:7443");
    assert_eq!(cluster["apiServer"]["certSANs"], json!(["10.9.9.9", "api.example.com"]));
    // It may listen on another port than the API servers behind it.
    for (given, endpoint, san) in [
        ("fd00::1", "[fd00::1]:7443", "fd00::1"),
        ("[fd00::1]:8443", "[fd00::1]:8443", "fd00::1"),
        ("api.example.com:8443", "api.example.com:8443", "api.example.com"),
    ] {
        configuration.network.dns.external_fqdn = given.to_owned();
        let cluster = cluster_of(&configuration, "v1.31.0");
        assert_eq!(cluster["controlPlaneEndpoint"], endpoint);
        assert_eq!(cluster["apiServer"]["certSANs"], json!(["10.9.9.9", san]));
    }
}

#[test]
fn users_come_from_the_issuer() {
    let mut configuration = NodeConfiguration::default();
    let arguments = |configuration: &NodeConfiguration| {
        cluster_of(configuration, "v1.30.0")["apiServer"]["extraArgs"].clone()
    };
    assert!(arguments(&configuration).is_null(), "none unless asked for");
    let oidc = &mut configuration.auth.oidc;
    oidc.issuer = "https://issuer.example.com".to_owned();
    oidc.client_id = "client".to_owned();
    oidc.username = "sub".to_owned();
    oidc.groups = "teams".to_owned();
    oidc.ca = "/etc/ssl/issuer.crt".to_owned();
    assert_eq!(
        arguments(&configuration),
        json!({
            "oidc-issuer-url": "https://issuer.example.com",
            "oidc-client-id": "client",
            "oidc-username-claim": "sub",
            "oidc-groups-claim": "teams",
            "oidc-ca-file": "/etc/ssl/issuer.crt",
        })
    );
    let volumes = &cluster_of(&configuration, "v1.30.0")["apiServer"]["extraVolumes"];
    assert_eq!(volumes[0]["hostPath"], "/etc/ssl/issuer.crt", "the pod has to see it");
    configuration.auth.oidc = crate::config::Oidc::default();
    configuration.addons.dex.enabled = true;
    configuration.network.dns.external_fqdn = "api.example.com".to_owned();
    let dex = arguments(&configuration);
    assert_eq!(dex["oidc-issuer-url"], "https://api.example.com:32000");
    assert_eq!(dex["oidc-ca-file"], "/etc/kubernetes/pki/ca.crt");
    assert!(cluster_of(&configuration, "v1.30.0")["apiServer"]["extraVolumes"].is_null());
}

#[test]
fn what_else_is_configured_has_its_field() {
    let mut configuration = NodeConfiguration::default();
    configuration.certificates.directory = "/pki".into();
    configuration.etcd.local.server_cert_sans = vec!["a".to_owned()];
    configuration.etcd.local.peer_cert_sans = vec!["b".to_owned()];
    configuration.network.dns.domain = "some.local".to_owned();
    configuration.manager.image = "kubewright:1".to_owned();
    configuration.cluster_formation.token_ttl = "30m".to_owned();
    let documents = documents(&configuration, "v1.31.0");
    assert_eq!(documents[1]["certificatesDir"], "/pki");
    assert_eq!(documents[1]["etcd"]["local"]["serverCertSANs"], json!(["a"]));
    assert_eq!(documents[1]["etcd"]["local"]["peerCertSANs"], json!(["b"]));
    assert_eq!(documents[1]["networking"]["dnsDomain"], "some.local");
    assert_eq!(documents[2]["serverTLSBootstrap"], true, "there is an approver");
    assert_eq!(documents[0]["bootstrapTokens"][0]["ttl"], "1800s");
    for (engine, socket) in [
        (RuntimeEngine::Crio, "unix:///run/crio/crio.sock"),
        (RuntimeEngine::Docker, "unix:///run/cri-dockerd.sock"),
    ] {
        configuration.runtime.engine = engine;
        let documents = super::tests::documents(&configuration, "v1.31.0");
        assert_eq!(documents[0]["nodeRegistration"]["criSocket"], socket);
    }
}

#[test]
fn waiting_to_be_accepted_takes_longer_where_that_can_be_said() {
    let mut configuration = NodeConfiguration::default();
    configuration.cluster_formation.seeder = "10.0.0.1".to_owned();
    configuration.cluster_formation.auto_approve = false;
    let of = |version: &str| -> Value {
        let version = Version::parse(version).unwrap();
        let facts = Facts {
            version: &version,
            name: "n",
            address: None,
            node_ip: None,
            token: None,
            certificate_key: None,
            joining: Duration::from_secs(7200),
        };
        serde_saphyr::from_str(&join(&configuration, &facts, "10.0.0.1:6443", &[])).unwrap()
    };
    assert_eq!(of("v1.31.0")["timeouts"], json!({ "discovery": "7200s", "tlsBootstrap": "7200s" }));
    assert!(of("v1.30.0")["timeouts"].is_null(), "v1beta3 has no such field");
    assert_eq!(of("v1.30.0")["discovery"]["timeout"], "7200s");
}

/// Environment variable: more kubeadms, separated by colons, since each takes one schema that is
/// current for it.
const KUBEADMS: &str = "KUBEWRIGHT_TEST_KUBEADMS";

/// Where there is a kubeadm, it is asked: one before 1.31 for `v1beta3`, a later one for `v1beta4`.
#[test]
fn kubeadm_config_validate_takes_the_documents() {
    let more = std::env::var_os(KUBEADMS).unwrap_or_default();
    let mut kubeadms: Vec<PathBuf> = std::env::split_paths(&more).collect();
    kubeadms.retain(|path| !path.as_os_str().is_empty());
    if kubeadms.is_empty() {
        let test = "kubeadm_config_validate_takes_the_documents";
        kubeadms.extend(kubewright_testkit::require::unpackaged(test, "kubeadm"));
    }
    kubeadms.iter().for_each(|kubeadm| takes_the_documents(kubeadm));
}

fn takes_the_documents(kubeadm: &Path) {
    let said =
        std::process::Command::new(kubeadm).args(["version", "-o", "json"]).output().unwrap();
    let version = Version::of_kubeadm(&String::from_utf8_lossy(&said.stdout)).unwrap();
    let mut configuration = NodeConfiguration::default();
    configuration.auth.oidc.issuer = "https://issuer.example.com".to_owned();
    configuration.network.dns.external_fqdn = "api.example.com".to_owned();
    let (token, key) = (Secret::new(TOKEN), Secret::new("ab".repeat(32)));
    let facts = Facts {
        version: &version,
        name: "seeder",
        address: Some("10.0.0.1"),
        node_ip: Some("10.0.0.1"),
        token: Some(&token),
        certificate_key: Some(&key),
        joining: Duration::from_secs(300),
    };
    let folder = tempfile::tempdir().unwrap();
    let pin = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    for (name, text) in [
        ("init", init(&configuration, &facts)),
        ("join", join(&configuration, &facts, "10.0.0.1:6443", &[pin])),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let mut asked = std::process::Command::new(kubeadm);
        let said = asked.args(["config", "validate", "--config"]).arg(&file).output().unwrap();
        assert!(said.status.success(), "{name}: {}", String::from_utf8_lossy(&said.stderr));
    }
}
