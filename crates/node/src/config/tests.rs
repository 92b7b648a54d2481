#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::*;

const TOKEN_TEXT: &str = "94dcda.c271f4ff502789ca";

fn load_text(text: &str) -> Result<Loaded, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.yaml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    load(&Source { file: Some(file), ..Source::default() })
}

fn ours(body: &str) -> Result<Loaded, ConfigError> {
    load_text(&format!("apiVersion: {API_VERSION}\nkind: {KIND}\n{body}"))
}

fn kubic(body: &str) -> Result<Loaded, ConfigError> {
    load_text(&format!("apiVersion: kubic.suse.com/v1alpha2\nkind: KubicInitConfiguration\n{body}"))
}

fn errors(result: Result<Loaded, ConfigError>) -> Vec<String> {
    match result.unwrap_err() {
        ConfigError::Wrong { findings } => {
            let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
            errors.map(ToString::to_string).collect()
        }
        other => vec![other.to_string()],
    }
}

/// Without how it came about.
fn meant(configuration: NodeConfiguration) -> NodeConfiguration {
    NodeConfiguration { given: Value::Null, ..configuration }
}

#[test]
fn defaults_are_what_an_empty_file_means() {
    let loaded = load_text("# nothing\n").unwrap();
    assert_eq!(meant(loaded.configuration.clone()), defaults());
    assert_eq!(loaded.configuration.given, json!({}));
    assert!(loaded.configuration.is_seeder());
    assert_eq!(loaded.configuration.network.pod_subnet, "172.16.0.0/13");
    assert_eq!(loaded.configuration.network.service_subnet, "172.24.0.0/16");
}

#[test]
fn defaults_can_be_written_and_read_back() {
    let text = serde_saphyr::to_string(&serde_json::to_value(defaults()).unwrap()).unwrap();
    assert_eq!(meant(load_text(&text).unwrap().configuration), defaults());
}

#[test]
fn every_unknown_key_is_told_with_the_nearest() {
    let wrong =
        errors(ours("netwrok: {}\nnetwork: {podsubnet: x, cni: {drivers: flannel}}\nxyzzy: 1\n"));
    assert_eq!(wrong.len(), 4, "{wrong:#?}");
    assert!(wrong.contains(&"netwrok: is not known; did you mean network?".to_owned()));
    assert!(wrong.contains(&"network.podsubnet: is not known; did you mean podSubnet?".to_owned()));
    assert!(wrong.contains(&"network.cni.drivers: is not known; did you mean driver?".to_owned()));
    assert!(wrong[3].starts_with("xyzzy: is not known; there are addons, "), "{}", wrong[3]);
}

#[test]
fn wrong_types_are_told_without_the_value() {
    let wrong = errors(ours(
        "clusterFormation: {token: [hunter2], autoApprove: 'hunter2'}\nnetwork: {bind: {port: 70000}}\nengine: hunter2\nbootstrap: {registries: hunter2}\n",
    ));
    assert_eq!(
        wrong,
        [
            "bootstrap.registries: has to be a list",
            "clusterFormation.autoApprove: has to be true or false",
            "clusterFormation.token: has to be text (quote it)",
            "engine: has to be one of auto, kubeadm, embedded",
            "network.bind.port: has to be a whole number from 0 to 65535",
        ]
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let wrong = errors(ours(
        "netwrok: {}\nnode: {name: 'Not A Name'}\nnetwork: {cni: {driver: custm, manifests: [/x]}, podSubnet: 10.0.0.0}\nclusterFormation: {seeder: [a], controlPlane: true}\nbootstrap: {registries: [{prefix: [x]}, {prefix: '../x', mirrors: [{url: x}]}]}\n",
    ));
    let keys: Vec<&str> = wrong.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        keys,
        [
            "bootstrap.registries[0].prefix",
            "clusterFormation.seeder",
            "network.cni.driver",
            "netwrok",
            // Form is right, and what it says is not. That manifests are for another driver, or that
            // only joining machines become control-plane nodes, cannot be told of these.
            "node.name",
            "network.podSubnet",
            "bootstrap.registries[1].prefix",
            "bootstrap.registries[1].mirrors[0].url",
        ],
        "{wrong:#?}"
    );
}

#[test]
fn what_is_no_yaml_is_not_quoted() {
    for text in ["token: \"hunter2", "a: hunter2\n  b: [hunter2\n", "- hunter2\n", "hunter2"] {
        let error = load_text(text).unwrap_err();
        let all = format!("{error} {error:?}");
        assert!(!all.contains("hunter2"), "{all}");
    }
}

#[test]
fn a_document_says_what_it_is() {
    let wrong = errors(load_text("network: {podSubnet: 10.0.0.0/16}\n"));
    assert!(
        wrong[0].contains("has to begin with apiVersion: node.kubewright.io/v1alpha1"),
        "{wrong:?}"
    );
}

#[test]
fn each_check_names_its_key() {
    let table = [
        ("node: {name: 'Not A Name'}", "node.name"),
        ("node: {name: '../etc'}", "node.name"),
        ("clusterFormation: {seeder: 'a b'}", "clusterFormation.seeder"),
        ("clusterFormation: {seeder: '-oProxy'}", "clusterFormation.seeder"),
        ("clusterFormation: {seeder: '94dcda.c271f4ff502789ca:6443'}", "clusterFormation.seeder"),
        ("clusterFormation: {token: short}", "clusterFormation.token"),
        (
            "clusterFormation: {token: 94dcda.c271f4ff502789ca, tokenFile: /x}",
            "clusterFormation.tokenFile",
        ),
        ("clusterFormation: {tokenTtl: soon}", "clusterFormation.tokenTtl"),
        ("clusterFormation: {tokenTtl: -1h}", "clusterFormation.tokenTtl"),
        ("clusterFormation: {controlPlane: true}", "clusterFormation.controlPlane"),
        ("certificates: {caCrtHash: 'md5:aa'}", "certificates.caCrtHash"),
        ("certificates: {directory: pki}", "certificates.directory"),
        ("certificates: {directory: /etc/../root}", "certificates.directory"),
        ("paths: {state: /}", "paths.state"),
        ("paths: {kubeadm: kubeadm}", "paths.kubeadm"),
        ("runtime: {socket: run/x.sock}", "runtime.socket"),
        ("network: {bind: {address: here}}", "network.bind.address"),
        ("network: {bind: {address: 0.0.0.0}}", "network.bind.address"),
        ("network: {bind: {address: '::'}}", "network.bind.address"),
        ("network: {bind: {address: 224.0.0.1}}", "network.bind.address"),
        ("network: {bind: {address: 'ff02::1'}}", "network.bind.address"),
        ("network: {bind: {address: 255.255.255.255}}", "network.bind.address"),
        ("network: {bind: {address: '::ffff:0.0.0.0'}}", "network.bind.address"),
        ("network: {bind: {interface: 'eth0; rm'}}", "network.bind.interface"),
        ("network: {bind: {port: 0}}", "network.bind.port"),
        ("network: {podSubnet: 10.0.0.0}", "network.podSubnet"),
        ("network: {podSubnet: '10.0.0.0/16,10.1.0.0/16'}", "network.podSubnet"),
        ("network: {podSubnet: 172.24.1.0/24}", "network.serviceSubnet"),
        ("network: {dns: {domain: 'Cluster.Local'}}", "network.dns.domain"),
        ("network: {dns: {externalFqdn: 'a/b'}}", "network.dns.externalFqdn"),
        ("network: {dns: {externalFqdn: 'a:0'}}", "network.dns.externalFqdn"),
        ("network: {dns: {externalFqdn: 'a:b'}}", "network.dns.externalFqdn"),
        ("network: {dns: {externalFqdn: '[a]:1'}}", "network.dns.externalFqdn"),
        ("network: {dns: {externalFqdn: ':8443'}}", "network.dns.externalFqdn"),
        ("network: {dns: {externalFqdn: 'a:'}}", "network.dns.externalFqdn"),
        ("network: {cni: {driver: custom}}", "network.cni.manifests"),
        ("network: {cni: {manifests: [/x]}}", "network.cni.manifests"),
        ("network: {cni: {image: 'a b'}}", "network.cni.image"),
        ("network: {proxy: {http: 'ftp://x'}}", "network.proxy.http"),
        ("network: {proxy: {https: 'http://x\\nExecStart=y'}}", "network.proxy.https"),
        ("network: {proxy: {http: 'http://u:p@x:1', systemWide: true}}", "network.proxy.http"),
        ("network: {proxy: {noProxy: 'a\" b'}}", "network.proxy.noProxy"),
        ("manager: {image: '-v'}", "manager.image"),
        ("addons: {dex: {image: 'a b'}}", "addons.dex.image"),
        ("features: {'A=true,B': true}", "features.A=true,B"),
        ("apiServer: {certSANs: ['a b']}", "apiServer.certSANs"),
        ("etcd: {local: {peerCertSANs: ['']}}", "etcd.local.peerCertSANs"),
        ("auth: {OIDC: {issuer: 'http://x'}}", "auth.OIDC.issuer"),
        ("auth: {OIDC: {issuer: \"https://x\\u000A\"}}", "auth.OIDC.issuer"),
        ("auth: {OIDC: {issuer: 'https://x/?a'}}", "auth.OIDC.issuer"),
        ("auth: {OIDC: {issuer: 'https://me@x'}}", "auth.OIDC.issuer"),
        ("auth: {OIDC: {issuer: 'https://'}}", "auth.OIDC.issuer"),
        ("auth: {OIDC: {clientID: \"a\\u000A- --anonymous-auth=true\"}}", "auth.OIDC.clientID"),
        ("auth: {OIDC: {username: ' email'}}", "auth.OIDC.username"),
        ("auth: {OIDC: {groups: \"a\\tb\"}}", "auth.OIDC.groups"),
        ("network: {podSubnet: 10.0.0.1/16}", "network.podSubnet"),
        ("network: {serviceSubnet: 10.0.0.0/11}", "network.serviceSubnet"),
        ("auth: {OIDC: {issuer: 'https://x', ca: ca.crt}}", "auth.OIDC.ca"),
        ("bootstrap: {registries: [{prefix: '../x'}]}", "bootstrap.registries[0].prefix"),
        (
            "bootstrap: {registries: [{prefix: a.io, mirrors: [{url: x}]}]}",
            "bootstrap.registries[0].mirrors[0].url",
        ),
        (
            "bootstrap: {registries: [{prefix: a.io, mirrors: [{url: 'https://m', certificate: /c, fingerprint: 'ab:cd'}]}]}",
            "bootstrap.registries[0].mirrors[0].fingerprint",
        ),
        (
            "bootstrap: {registries: [{prefix: reg/team-a}, {prefix: other}, {prefix: 'https://reg/team-b'}]}",
            "bootstrap.registries[2].prefix",
        ),
        (
            "runtime: {engine: crio}\nbootstrap: {registries: [{prefix: reg/a}, {prefix: reg/a/}]}",
            "bootstrap.registries[1].prefix",
        ),
    ];
    for (body, key) in table {
        let body = body
            .replace("\\n", "\n")
            .replace("'http://x\nExecStart=y'", "\"http://x\\nExecStart=y\"");
        let wrong = errors(ours(&body));
        assert!(
            wrong.iter().any(|line| line.starts_with(&format!("{key}: "))),
            "{body}: {wrong:?}"
        );
    }
}

#[test]
fn cri_o_knows_registries_by_their_paths() {
    let body =
        "runtime: {engine: crio}\nbootstrap: {registries: [{prefix: reg/a}, {prefix: reg/b}]}\n";
    assert!(ours(body).unwrap().warnings.is_empty());
}

#[test]
fn both_families_and_wildcards_are_fine() {
    let loaded = ours(
        "network: {podSubnet: '10.1.0.0/16,fd00:1::/56', serviceSubnet: '10.2.0.0/16,fd00:2::/112'}\napiServer: {certSANs: ['*.example.com', '10.0.0.1', 'fd00::1']}\n",
    );
    assert!(loaded.unwrap().warnings.is_empty());
}

#[test]
fn the_environment_comes_before_the_file_and_variables_before_both() {
    let source = |variables: &[&str]| Source {
        variables: variables.iter().map(|text| text.parse().unwrap()).collect(),
        seeder: Some("from-environment".to_owned()),
        token: Some(TOKEN_TEXT.to_owned()),
        ..Source::default()
    };
    let loaded = load(&source(&[])).unwrap().configuration;
    assert_eq!(loaded.cluster_formation.seeder, "from-environment");
    assert_eq!(loaded.cluster_formation.token.expose(), TOKEN_TEXT);
    let variables = [
        "ClusterFormation.Seeder=from-variable",
        "clusterformation.autoapprove=false",
        "Network.Cni.Driver=cilium",
        "Network.Bind.Port=7443",
        "Runtime.Engine=docker",
        "Paths.Kubeadm=/somewhere/kubeadm",
        "ApiServer.CertSANs=a.example.com,10.0.0.9",
        "Features.SidecarContainers=true",
    ];
    let loaded = load(&source(&variables)).unwrap().configuration;
    assert_eq!(loaded.cluster_formation.seeder, "from-variable");
    assert!(!loaded.cluster_formation.auto_approve);
    assert_eq!(loaded.network.cni.driver, CniDriver::Cilium);
    assert_eq!(loaded.network.bind.port, 7443);
    assert_eq!(loaded.runtime.engine, RuntimeEngine::Docker);
    assert_eq!(loaded.paths.kubeadm, "/somewhere/kubeadm");
    assert_eq!(loaded.api_server.cert_sans, ["a.example.com", "10.0.0.9"]);
    assert_eq!(loaded.features.get("SidecarContainers"), Some(&true));
}

#[test]
fn what_comes_first_takes_the_place_of_what_says_the_same_in_another_way() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.yaml");
    let body = "clusterFormation: {seeder: a, tokenFile: /token}\ncertificates: {caCrt: /ca.crt}\n";
    fs::write(&file, format!("apiVersion: {API_VERSION}\nkind: {KIND}\n{body}")).unwrap();
    let pin = format!("sha256:{}", "ab".repeat(32));
    let from = |token: Option<&str>, variables: &[String]| {
        let source = Source {
            file: Some(file.clone()),
            token: token.map(str::to_owned),
            variables: variables.iter().map(|text| text.parse().unwrap()).collect(),
            ..Source::default()
        };
        load(&source).unwrap().configuration
    };
    let loaded = from(Some(TOKEN_TEXT), &[format!("certificates.caCrtHash={pin}")]);
    assert_eq!(loaded.cluster_formation.token.expose(), TOKEN_TEXT);
    assert_eq!(loaded.cluster_formation.token_file, "");
    assert_eq!((loaded.certificates.ca_crt.as_str(), loaded.certificates.ca_crt_hash), ("", pin));
    let loaded = from(Some(TOKEN_TEXT), &["clusterFormation.tokenFile=/other".to_owned()]);
    assert!(loaded.cluster_formation.token.is_empty());
    assert_eq!(loaded.cluster_formation.token_file, "/other");
    assert_eq!(loaded.certificates.ca_crt, "/ca.crt");
    let loaded = from(Some(TOKEN_TEXT), &["clusterFormation.tokenFile=".to_owned()]);
    assert_eq!(loaded.cluster_formation.token.expose(), TOKEN_TEXT, "nothing is given");
    // In one file, one of them is a mistake.
    let both = ours(&format!("clusterFormation: {{token: {TOKEN_TEXT}, tokenFile: /token}}"));
    assert!(both.unwrap_err().to_string().contains("both given"));
}

#[test]
fn variables_that_lead_nowhere_are_refused() {
    let set = |text: &str| {
        let variable: Result<Variable, _> = text.parse();
        variable.and_then(|variable| variable.set(&mut json!({}))).unwrap_err().to_string()
    };
    assert!(set("Network.Cni.Drivr=x").contains("did you mean network.cni.driver?"));
    assert!(set("Network.Cni=x").contains("no single value"));
    assert!(set("Bootstrap.Registries=x").contains("no single value"));
    assert!(set("Network.Bind.Port=many").contains("a whole number"));
    assert!(set("ClusterFormation.AutoApprove=maybe").contains("true or false"));
    assert!(set("nonsense").contains("Path=value"));
    let secret = set(&format!("ClusterFormation.Token={TOKEN_TEXT}"));
    assert!(secret.contains("seen by every user") && !secret.contains(TOKEN_TEXT), "{secret}");
}

#[test]
fn tokens_show_themselves_nowhere() {
    let loaded = ours(&format!("clusterFormation: {{token: {TOKEN_TEXT}}}")).unwrap();
    let source = Source { token: Some(TOKEN_TEXT.to_owned()), ..Source::default() };
    let shown = format!("{source:?} {loaded:?}");
    assert!(!shown.contains("c271f4ff502789ca"), "{shown}");
    let configuration = loaded.configuration;
    assert_eq!(configuration.cluster_formation.token.expose(), TOKEN_TEXT);
    let shown = format!("{configuration:?} {}", serde_json::to_string(&configuration).unwrap());
    assert!(!shown.contains("c271f4ff502789ca") && shown.contains("(secret)"), "{shown}");
}

#[test]
fn a_token_that_others_can_read_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.yaml");
    let text = format!(
        "apiVersion: {API_VERSION}\nkind: {KIND}\nclusterFormation: {{token: {TOKEN_TEXT}}}\n"
    );
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let source = Source { file: Some(file), ..Source::default() };
    let warnings = load(&source).unwrap().warnings;
    assert!(warnings[0].message.contains("chmod 600"), "{warnings:?}");
}

/// Every key of kubic-init: where it goes, or why it is rejected.
#[test]
fn every_key_of_kubic_init_has_a_place_or_is_rejected() {
    #[allow(clippy::type_complexity)]
    let table: &[(&str, Result<(&str, Value), &str>)] = &[
        ("network: {bind: {address: 10.0.0.1}}", Ok(("/network/bind/address", json!("10.0.0.1")))),
        ("network: {bind: {interface: eth0}}", Ok(("/network/bind/interface", json!("eth0")))),
        ("network: {podSubnet: 10.1.0.0/16}", Ok(("/network/podSubnet", json!("10.1.0.0/16")))),
        (
            "network: {serviceSubnet: 10.2.0.0/16}",
            Ok(("/network/serviceSubnet", json!("10.2.0.0/16"))),
        ),
        ("network: {dns: {domain: some.local}}", Ok(("/network/dns/domain", json!("some.local")))),
        (
            "network: {dns: {externalFqdn: a.com}}",
            Ok(("/network/dns/externalFqdn", json!("a.com"))),
        ),
        ("network: {proxy: {http: 'p:8080'}}", Ok(("/network/proxy/http", json!("p:8080")))),
        ("network: {proxy: {https: 'p:8080'}}", Ok(("/network/proxy/https", json!("p:8080")))),
        ("network: {proxy: {noProxy: a.com}}", Ok(("/network/proxy/noProxy", json!("a.com")))),
        ("network: {proxy: {systemwide: true}}", Ok(("/network/proxy/systemWide", json!(true)))),
        ("network: {cni: {driver: cilium}}", Ok(("/network/cni/driver", json!("cilium")))),
        ("network: {cni: {image: 'a/b:1'}}", Ok(("/network/cni/image", json!("a/b:1")))),
        ("network: {cni: {binDir: /b}}", Ok(("/network/cni/binDir", json!("/b")))),
        ("network: {cni: {confdir: /c}}", Ok(("/network/cni/confDir", json!("/c")))),
        ("network: {multipleCni: true}", Ok(("/network/multipleCni", json!("multus")))),
        ("network: {multipleCni: false}", Ok(("/network/multipleCni", json!("none")))),
        ("paths: {kubeadm: /k}", Ok(("/paths/kubeadm", json!("/k")))),
        ("certificates: {directory: /pki}", Ok(("/certificates/directory", json!("/pki")))),
        ("certificates: {caCrt: /ca.crt}", Ok(("/certificates/caCrt", json!("/ca.crt")))),
        (
            "certificates: {caCrtHash: 'sha256:0123456789012345678901234567890123456789012345678901234567890123'}",
            Ok((
                "/certificates/caCrtHash",
                json!("sha256:0123456789012345678901234567890123456789012345678901234567890123"),
            )),
        ),
        ("etcd: {local: {serverCertSANs: [a]}}", Ok(("/etcd/local/serverCertSANs", json!(["a"])))),
        ("etcd: {local: {peerCertSANs: [a]}}", Ok(("/etcd/local/peerCertSANs", json!(["a"])))),
        ("clusterFormation: {seeder: a.com}", Ok(("/clusterFormation/seeder", json!("a.com")))),
        (
            "clusterFormation: {autoApprove: false}",
            Ok(("/clusterFormation/autoApprove", json!(false))),
        ),
        (
            "clusterFormation: {autoapprove: false}",
            Ok(("/clusterFormation/autoApprove", json!(false))),
        ),
        ("runtime: {engine: crio}", Ok(("/runtime/engine", json!("crio")))),
        ("runtime: {engine: docker}", Ok(("/runtime/engine", json!("docker")))),
        ("runtime: {engine: containerd}", Ok(("/runtime/engine", json!("containerd")))),
        ("runtime: {engine: rkt}", Err("runtime.engine")),
        ("features: {SomeGate: true}", Ok(("/features/SomeGate", json!(true)))),
        ("features: {PSP: true}", Err("features.PSP")),
        ("features: {PSP: false}", Ok(("/features", json!({})))),
        ("services: {}", Ok(("/services", Value::Null))),
        ("services: {kubic: {}}", Err("services.kubic")),
        ("auth: {oidc: {issuer: 'https://a'}}", Ok(("/auth/OIDC/issuer", json!("https://a")))),
        ("auth: {OIDC: {clientID: x}}", Ok(("/auth/OIDC/clientID", json!("x")))),
        ("auth: {OIDC: {ca: /ca}}", Ok(("/auth/OIDC/ca", json!("/ca")))),
        ("auth: {OIDC: {username: sub}}", Ok(("/auth/OIDC/username", json!("sub")))),
        ("auth: {OIDC: {groups: g}}", Ok(("/auth/OIDC/groups", json!("g")))),
        ("manager: {image: 'k:latest'}", Ok(("/manager/image", json!("k:latest")))),
        (
            "bootstrap: {registries: [{prefix: 'https://r.io', mirrors: [{url: 'https://m', certificate: /c, fingerprint: '', hashalgorithm: SHA512}]}]}",
            Ok(("/bootstrap/registries/0/mirrors/0/hashalgorithm", json!("SHA512"))),
        ),
    ];
    for (body, wanted) in table {
        match (kubic(body), wanted) {
            (Ok(loaded), Ok((pointer, value))) => {
                let written = serde_json::to_value(&loaded.configuration).unwrap();
                assert_eq!(written.pointer(pointer).unwrap_or(&Value::Null), value, "{body}");
                // What `config --migrate` prints is read as the same configuration.
                let text = serde_saphyr::to_string(&loaded.document).unwrap();
                let again = load_text(&text).unwrap().configuration;
                assert_eq!(meant(again), meant(loaded.configuration), "{text}");
            }
            (wrong @ Err(_), Err(key)) => {
                let wrong = errors(wrong);
                assert!(wrong.iter().any(|line| line.starts_with(key)), "{body}: {wrong:?}");
            }
            (other, _) => panic!("{body}: {other:?}"),
        }
    }
    let token = kubic(&format!("clusterFormation: {{token: {TOKEN_TEXT}}}")).unwrap();
    assert_eq!(token.configuration.cluster_formation.token.expose(), TOKEN_TEXT);
}

#[test]
fn what_migration_drops_it_says() {
    let loaded = kubic("network: {bind: {address: 0.0.0.0}}\nfeatures: {PSP: false}\n").unwrap();
    let keys: Vec<&str> = loaded.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["features.PSP", "network.bind.address", "runtime.engine"]);
    assert_eq!(loaded.configuration.runtime.engine, RuntimeEngine::Crio);
    assert_eq!(loaded.document["runtime"]["engine"], "crio");
    let named = kubic("runtime: {engine: containerd}\n").unwrap();
    assert_eq!(named.configuration.runtime.engine, RuntimeEngine::Containerd);
    assert!(named.warnings.is_empty(), "{:?}", named.warnings);
}

#[test]
fn times_are_those_of_kubernetes() {
    for (text, seconds) in [("24h", 86_400), ("30m", 1800), ("24h0m0s", 86_400), ("1h30m", 5400)] {
        assert_eq!(check::token_ttl(text).unwrap().as_secs(), seconds, "{text}");
    }
}

#[test]
fn what_the_embedded_engine_has_no_use_for_is_told() {
    let loaded = ours("node: {name: a}\nnetwork: {proxy: {http: 'p:1'}, bind: {port: 7443}}\nbootstrap: {images: [/x]}\nfeatures: {Some: true}\n").unwrap();
    let unused: Vec<String> =
        unused_by_embedded(&loaded.configuration).into_iter().map(|finding| finding.key).collect();
    assert_eq!(unused, ["bootstrap.images", "features", "network.proxy.http"]);
    assert!(unused_by_embedded(&defaults()).is_empty());
}
