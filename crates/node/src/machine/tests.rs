#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use sha2::{Digest as _, Sha256, Sha512};

use super::*;
use crate::config::{HashAlgorithm, Mirror, Registry};

/// A machine on which every program succeeds.
fn machine() -> (tempfile::TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join(".bin");
    fs::create_dir_all(&programs).unwrap();
    for program in ["systemctl", "modprobe", "sysctl"] {
        symlink("/bin/true", programs.join(program)).unwrap();
    }
    let host = Host::at(folder.path(), &programs);
    (folder, host)
}

fn content(files: &Files, path: &str) -> String {
    files[Path::new(path)].content.clone()
}

fn authority() -> (String, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    (certificate.pem(), certificate.der().to_vec())
}

fn with_mirror(mirror: Mirror) -> NodeConfiguration {
    let mut configuration = NodeConfiguration::default();
    configuration.bootstrap.registries = vec![Registry {
        prefix: "https://registry.example.com:5000".to_owned(),
        mirrors: vec![mirror],
    }];
    configuration
}

#[tokio::test]
async fn it_is_prepared_once_and_what_is_not_wanted_any_more_goes() {
    let (folder, host) = machine();
    let state = folder.path().join("state");
    let mut configuration =
        with_mirror(Mirror { url: "https://mirror".to_owned(), ..Mirror::default() });
    configuration.network.proxy.http = "proxy:8080".to_owned();
    let changed = prepare(&host, &state, &configuration, &[]).await.unwrap();
    assert!(changed.len() >= 5, "{changed:?}");
    assert_eq!(prepare(&host, &state, &configuration, &[]).await.unwrap(), Vec::<PathBuf>::new());
    let toml = "/etc/containerd/certs.d/registry.example.com:5000/hosts.toml";
    assert!(recorded(&state).contains(Path::new(toml)) && host.path(toml).exists());
    let theirs = host.path("/etc/containerd/certs.d/other.example.com/hosts.toml");
    fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    fs::write(&theirs, "").unwrap();
    let removed = prepare(&host, &state, &NodeConfiguration::default(), &[]).await.unwrap();
    assert!(removed.contains(&PathBuf::from(toml)));
    assert!(!host.path(toml).parent().unwrap().exists() && theirs.exists());
}

#[test]
fn a_record_that_was_tampered_with_removes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let record = r#"["/etc/passwd", "/etc/sysctl.d/../passwd-kubewright", "/etc/sysctl.d/99-kubewright.conf"]"#;
    fs::write(folder.path().join("files.json"), record).unwrap();
    let ours: Vec<PathBuf> = recorded(folder.path()).into_iter().collect();
    assert_eq!(ours, [PathBuf::from("/etc/sysctl.d/99-kubewright.conf")]);
}

#[test]
fn the_kernel_forwards_what_the_subnets_need() {
    let (_folder, host) = machine();
    let mut configuration = NodeConfiguration::default();
    let path = "/etc/sysctl.d/99-kubewright.conf";
    assert!(!content(&files(&host, &configuration, &[]).unwrap(), path).contains("ipv6.conf"));
    configuration.network.pod_subnet = "10.1.0.0/16,fd00:1::/56".to_owned();
    assert!(
        content(&files(&host, &configuration, &[]).unwrap(), path)
            .contains("net.ipv6.conf.all.forwarding = 1")
    );
}

#[test]
fn each_runtime_gets_its_mirrors() {
    let (_folder, host) = machine();
    let (pem, _) = authority();
    let mirror = Mirror {
        url: "https://mirror:5001/v2/cache".to_owned(),
        certificate: pem.clone(),
        ..Mirror::default()
    };
    let mut configuration = with_mirror(mirror);
    let made = files(&host, &configuration, &[]).unwrap();
    let folder = "/etc/containerd/certs.d/registry.example.com:5000";
    let toml = content(&made, &format!("{folder}/hosts.toml"));
    assert_eq!(
        toml,
        format!(
            "# Written by `kubewright node`.\nserver = \"https://registry.example.com:5000\"\n\n[host.\"https://mirror:5001/v2/cache\"]\n  capabilities = [\"pull\", \"resolve\"]\n  override_path = true\n  ca = \"{folder}/mirror-0.crt\"\n"
        )
    );
    assert_eq!(content(&made, &format!("{folder}/mirror-0.crt")), pem);
    // A part of a name is no version of the protocol.
    configuration.bootstrap.registries[0].mirrors[0].url = "https://mirror/my-v2-cache".to_owned();
    let made = files(&host, &configuration, &[]).unwrap();
    assert!(!content(&made, &format!("{folder}/hosts.toml")).contains("override_path"));
    configuration.bootstrap.registries[0].mirrors[0].url =
        "https://mirror:5001/v2/cache".to_owned();

    configuration.runtime.engine = RuntimeEngine::Crio;
    let made = files(&host, &configuration, &[]).unwrap();
    let toml = content(&made, "/etc/containers/registries.conf.d/50-kubewright.conf");
    assert!(toml.contains("prefix = \"registry.example.com:5000\""), "{toml}");
    assert!(toml.contains("[[registry.mirror]]\nlocation = \"mirror:5001/v2/cache\""), "{toml}");
    assert_eq!(content(&made, "/etc/containers/certs.d/mirror:5001/ca.crt"), pem);

    configuration.runtime.engine = RuntimeEngine::Docker;
    configuration.bootstrap.registries[0].mirrors[0].url =
        "https://registry.example.com:5000".to_owned();
    let made = files(&host, &configuration, &[]).unwrap();
    assert_eq!(content(&made, "/etc/docker/certs.d/registry.example.com:5000/ca.crt"), pem);
}

#[test]
fn images_of_docker_hub_come_from_its_server() {
    let (_folder, host) = machine();
    let mut configuration =
        with_mirror(Mirror { url: "http://mirror".to_owned(), ..Mirror::default() });
    configuration.bootstrap.registries[0].prefix = "docker.io".to_owned();
    let toml = content(
        &files(&host, &configuration, &[]).unwrap(),
        "/etc/containerd/certs.d/docker.io/hosts.toml",
    );
    assert!(
        toml.contains("server = \"https://registry-1.docker.io\"")
            && toml.contains("[host.\"http://mirror\"]"),
        "{toml}"
    );
}

#[test]
fn a_certificate_has_to_have_its_fingerprint() {
    let (folder, host) = machine();
    let (pem, der) = authority();
    fs::write(folder.path().join("mirror.crt"), &pem).unwrap();
    let hex =
        |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    let mirror = |fingerprint: String, hash_algorithm| Mirror {
        url: "https://mirror".to_owned(),
        certificate: "/mirror.crt".to_owned(),
        fingerprint,
        hash_algorithm,
    };
    let good = [
        (hex(&Sha256::digest(&der)), HashAlgorithm::SHA256),
        (hex(&Sha512::digest(&der)), HashAlgorithm::SHA512),
    ];
    for (fingerprint, algorithm) in good {
        assert!(files(&host, &with_mirror(mirror(fingerprint, algorithm)), &[]).is_ok());
    }
    let wrong = files(&host, &with_mirror(mirror("ab".repeat(32), HashAlgorithm::SHA256)), &[])
        .err()
        .unwrap();
    assert!(matches!(wrong, RegistryError::Fingerprint { .. }), "{wrong}");
    fs::write(folder.path().join("mirror.crt"), "no certificate").unwrap();
    let wrong = files(&host, &with_mirror(mirror(String::new(), HashAlgorithm::SHA256)), &[])
        .err()
        .unwrap();
    assert!(matches!(wrong, RegistryError::Pem { .. }), "{wrong}");
}

#[test]
fn a_proxy_for_the_whole_machine_is_where_all_of_it_looks() {
    let (_folder, host) = machine();
    let mut configuration = NodeConfiguration::default();
    configuration.network.proxy.https = "proxy:8080".to_owned();
    configuration.cluster_formation.seeder = "seeder.example.com".to_owned();
    let made = files(&host, &configuration, &[]).unwrap();
    assert!(
        !made.contains_key(Path::new("/etc/profile.d/kubewright-proxy.sh")),
        "it was not asked for"
    );
    configuration.network.proxy.system_wide = true;
    let made = files(&host, &configuration, &[]).unwrap();
    let profile = content(&made, "/etc/profile.d/kubewright-proxy.sh");
    assert!(profile.contains("export https_proxy='http://proxy:8080'"), "{profile}");
    assert!(
        profile.contains(",seeder.example.com'"),
        "the cluster is reached without it: {profile}"
    );
    let manager = content(&made, "/etc/systemd/system.conf.d/30-kubewright-proxy.conf");
    assert!(manager.contains("DefaultEnvironment=\"HTTPS_PROXY=http://proxy:8080\""), "{manager}");
}

#[test]
fn each_runtime_has_its_way_to_import_an_archive() {
    let mut configuration = NodeConfiguration::default();
    let command =
        |configuration: &NodeConfiguration| import(configuration, Path::new("/a.tar")).to_string();
    assert_eq!(
        command(&configuration),
        "ctr --address /run/containerd/containerd.sock --namespace k8s.io images import --no-unpack /a.tar"
    );
    configuration.runtime.engine = RuntimeEngine::Crio;
    assert_eq!(command(&configuration), "podman load --input /a.tar");
    configuration.runtime.engine = RuntimeEngine::Docker;
    assert_eq!(command(&configuration), "docker load --input /a.tar");
}

#[tokio::test]
async fn a_public_file_stays_readable_whatever_the_umask() {
    let (folder, host) = machine();
    prepare(&host, &folder.path().join("state"), &NodeConfiguration::default(), &[]).await.unwrap();
    let mode =
        fs::metadata(host.path("/etc/sysctl.d/99-kubewright.conf")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[tokio::test]
async fn archives_become_images_of_a_real_containerd() {
    kubewright_testkit::require!(kubewright_testkit::containerd::available());
    let containerd = kubewright_testkit::Containerd::start().await.unwrap();
    let socket = containerd.endpoint().path().display().to_string();
    let host = Host::this();
    let ctr = async |words: &[&str]| {
        let first = ["--address", &socket, "--namespace", "k8s.io", "images"];
        let all: Vec<&str> = first.into_iter().chain(words.iter().copied()).collect();
        host.run(&Command::new("ctr", all)).await.unwrap().stdout
    };
    let image = ctr(&["list", "--quiet"]).await;
    let image = image.lines().find(|name| name.contains("pause")).unwrap();
    let archive = containerd.folder().join("pause.tar");
    ctr(&["export", archive.to_str().unwrap(), image]).await;
    ctr(&["remove", "--sync", image]).await;
    assert!(!ctr(&["list", "--quiet"]).await.contains(image));
    let mut configuration = NodeConfiguration::default();
    configuration.runtime.socket = format!("unix://{socket}");
    host.run(&import(&configuration, &archive)).await.unwrap();
    assert!(ctr(&["list", "--quiet"]).await.contains(image));
    // It is not unpacked yet, and the runtime does that when a sandbox is made of it.
    let metadata = kubewright_cri::message::PodSandboxMetadata {
        name: "web".to_owned(),
        uid: "uid-1".to_owned(),
        namespace: "default".to_owned(),
        attempt: 0,
    };
    let config = kubewright_cri::message::PodSandboxConfig {
        metadata: Some(metadata),
        linux: Some(kubewright_cri::message::LinuxPodSandboxConfig::default()),
        ..Default::default()
    };
    let sandbox = containerd.client().run_sandbox(config, "").await.unwrap();
    assert!(containerd.client().sandbox(&sandbox).await.unwrap().ready);
}
