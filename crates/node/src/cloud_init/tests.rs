#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::Command;

use serde_json::json;

use super::*;
use crate::config::{Source, load};

const TOKEN: &str = "94dcda.c271f4ff502789ca";

fn settings() -> Settings {
    Settings {
        hostname: Some("node-1".to_owned()),
        ssh_keys: vec!["ssh-ed25519 AAAA me".to_owned()],
        package: Some(Package {
            url: "https://example.com/k.deb".to_owned(),
            sha256: "ab".repeat(32),
        }),
        configuration: json!({
            "apiVersion": crate::config::API_VERSION,
            "kind": crate::config::KIND,
            "certificates": { "caCrtHash": format!("sha256:{}", "ab".repeat(32)) },
            "clusterFormation": { "token": TOKEN },
            "network": { "podSubnet": "10.1.0.0/16" },
        }),
        token: Some(Secret::new(TOKEN)),
        seeder: Some("10.0.0.1".to_owned()),
    }
}

fn parsed(text: &str) -> Value {
    assert!(text.starts_with("#cloud-config\n"), "cloud-init knows it by its first line");
    serde_saphyr::from_str(text).unwrap()
}

fn file<'a>(document: &'a Value, path: &str) -> &'a Value {
    document["write_files"].as_array().unwrap().iter().find(|file| file["path"] == path).unwrap()
}

#[test]
fn a_node_gets_its_configuration_and_its_token_in_private_files() {
    let document = parsed(&render(Role::Node, &settings()).unwrap());
    assert_eq!(document["hostname"], "node-1");
    let configuration = file(&document, "/etc/kubewright/node.yaml");
    assert_eq!(configuration["permissions"], "0600");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.yaml");
    fs::write(&path, configuration["content"].as_str().unwrap()).unwrap();
    let loaded = load(&Source { file: Some(path), ..Source::default() }).unwrap();
    assert_eq!(loaded.configuration.network.pod_subnet, "10.1.0.0/16");
    assert!(loaded.configuration.cluster_formation.token.is_empty(), "it comes by the environment");
    let environment = file(&document, "/etc/kubewright/node.env");
    assert_eq!(environment["permissions"], "0600");
    assert_eq!(environment["content"], format!("TOKEN={TOKEN}\nSEEDER=10.0.0.1\n"));
    let commands = document["runcmd"].as_array().unwrap();
    assert_eq!(commands[0], json!(["sh", "/run/kubewright-install"]), "/run is noexec");
    assert_eq!(
        commands[1],
        json!(["systemctl", "enable", "--now", "kubewright-node-join.service"])
    );
}

#[test]
fn a_configuration_that_says_nothing_stays_one_that_can_be_read() {
    let mut settings = settings();
    settings.configuration =
        json!({ "apiVersion": crate::config::API_VERSION, "kind": crate::config::KIND });
    settings.seeder = None;
    let document = parsed(&render(Role::Seeder, &settings).unwrap());
    let text = file(&document, "/etc/kubewright/node.yaml")["content"].as_str().unwrap();
    let configuration: Value = serde_saphyr::from_str(text).unwrap();
    assert_eq!(configuration, settings.configuration);
}

#[test]
fn a_seeder_goes_to_nobody() {
    assert!(matches!(render(Role::Seeder, &settings()), Err(CloudInitError::Seeder)));
    let alone = Settings {
        seeder: None,
        package: None,
        hostname: None,
        ssh_keys: vec![],
        token: None,
        ..settings()
    };
    assert!(matches!(render(Role::Node, &alone), Err(CloudInitError::NoSeeder)));
    let document = parsed(&render(Role::Seeder, &alone).unwrap());
    assert_eq!(
        document["runcmd"],
        json!([["systemctl", "enable", "--now", "kubewright-node-init.service"]])
    );
    assert!(document.get("hostname").is_none() && document.get("users").is_none());
}

#[test]
fn a_node_that_could_never_join_gets_no_document() {
    let mut blind = settings();
    blind.configuration["certificates"] = json!({ "caCrtHash": "" });
    let error = render(Role::Node, &blind).unwrap_err();
    assert!(matches!(error, CloudInitError::NoPin) && error.to_string().contains("caCrtHash"));
    for known in [json!({ "caCrt": "/etc/ca.crt" }), json!({ "unsafeSkipVerification": true })] {
        blind.configuration["certificates"] = known;
        assert!(render(Role::Node, &blind).is_ok());
    }
    let mut alone = Settings { token: Some(Secret::default()), ..settings() };
    let error = render(Role::Node, &alone).unwrap_err();
    assert!(matches!(error, CloudInitError::NoToken) && error.to_string().contains("TOKEN"));
    alone.configuration["clusterFormation"] = json!({ "tokenFile": "/run/token" });
    assert!(render(Role::Node, &alone).is_ok());
}

#[test]
fn values_stay_values() {
    let hostile = "x\"\nruncmd: [[rm, -rf, /]]\n# ' {{ 1 }} {% raw %}";
    let document = parsed(
        &render(
            Role::Node,
            &Settings {
                hostname: Some(hostile.to_owned()),
                ssh_keys: vec![hostile.to_owned()],
                package: Some(Package { url: hostile.to_owned(), sha256: "ab".repeat(32) }),
                ..settings()
            },
        )
        .unwrap(),
    );
    assert_eq!(document["hostname"], hostile);
    assert_eq!(document["users"][0]["ssh_authorized_keys"][0], hostile);
    assert_eq!(document["runcmd"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_installed_as_root_is_checked_first() {
    let wrong = Package { url: "https://example.com".to_owned(), sha256: "ab".to_owned() };
    let settings = Settings { package: Some(wrong), ..settings() };
    assert!(matches!(render(Role::Node, &settings), Err(CloudInitError::Sha256)));
    // The script itself, with a curl that brings something else.
    let document = parsed(&render(Role::Node, &super::tests::settings()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let script = file(&document, "/run/kubewright-install")["content"].as_str().unwrap();
    let script = script.replace("/run/kubewright-package", at("package").to_str().unwrap());
    fs::write(at("install"), script).unwrap();
    let curl =
        "#!/bin/sh\nwhile [ \"$1\" != --output ]; do shift; done\necho something else > \"$2\"\n";
    let dpkg = format!("#!/bin/sh\ntouch {}\n", at("installed").display());
    for (name, text) in [("curl", curl), ("dpkg", dpkg.as_str())] {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(at(name), text).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let run = |sum: &str| {
        fs::write(at("package"), format!("https://example.com/k.deb\n{sum}\n")).unwrap();
        Command::new("sh").arg(at("install")).env("PATH", &path).output().unwrap().status.success()
    };
    assert!(!run(&"ab".repeat(32)) && !at("installed").exists());
    // Of `something else` and a line feed, by sha256sum.
    use sha2::Digest as _;
    let sum: String = sha2::Sha256::digest(b"something else\n")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(run(&sum) && at("installed").exists());
}

#[test]
fn terraform_puts_its_values_where_they_belong() {
    for role in [Role::Seeder, Role::Node] {
        let text = for_terraform(role).unwrap();
        let document = parsed(&text);
        assert_eq!(document["hostname"], "${hostname}");
        let environment = file(&document, "/etc/kubewright/node.env")["content"].as_str().unwrap();
        assert!(environment.contains("TOKEN=${token}"));
        // Whatever else looks like one would be taken for one.
        let known = [
            "hostname",
            "ssh_key",
            "package_url",
            "package_sha256",
            "token",
            "seeder",
            "ca_crt_hash",
        ];
        for variable in text.split("${").skip(1) {
            let name = variable.split('}').next().unwrap();
            assert!(known.contains(&name), "{name}");
        }
        assert!(!text.contains("%{"));
    }
}
