#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use tempfile::TempDir;

use super::*;

mod interrupted;
mod watched;

const CALICO: &str = r#"{"cniVersion":"0.3.1","name":"k8s-pod-network","plugins":[{"type":"calico"},{"type":"portmap"}]}"#;

/// A node's directories with a default network, and a plugin to install.
struct Node {
    dir: TempDir,
}

impl Node {
    fn new() -> Self {
        let node = Self { dir: TempDir::new().unwrap() };
        for dir in ["net.d", "bin", "state"] {
            fs::create_dir(node.dir.path().join(dir)).unwrap();
        }
        fs::write(node.conf("10-calico.conflist"), CALICO).unwrap();
        node.plugin(r#"echo '{"cniVersion":"1.1.0","supportedVersions":["1.1.0"]}'"#);
        node
    }

    fn plugin(&self, script: &str) {
        let file = self.dir.path().join("packaged");
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn conf(&self, name: &str) -> PathBuf {
        self.dir.path().join("net.d").join(name)
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.dir.path().join("bin").join(name)
    }

    fn places(&self) -> PlaceArgs {
        let dir = |name| self.dir.path().join(name);
        PlaceArgs {
            cni_conf_dir: dir("net.d"),
            cni_bin_dir: dir("bin"),
            cni_cache_dir: dir("cache"),
            state_dir: dir("state"),
        }
    }

    fn install_args(&self) -> InstallArgs {
        InstallArgs {
            places: self.places(),
            plugin: Some(self.dir.path().join("packaged")),
            socket: "/run/kubewright/cni.sock".into(),
            default_network: None,
            meta_plugin: None,
            dry_run: false,
        }
    }

    fn install(&self) -> Result<Report, InstallError> {
        install(&self.install_args())
    }

    fn uninstall(&self) -> Result<Report, InstallError> {
        uninstall(&UninstallArgs { places: self.places(), dry_run: false })
    }

    fn files(&self) -> Vec<String> {
        let mut names = Vec::new();
        for dir in ["net.d", "bin"] {
            for entry in fs::read_dir(self.dir.path().join(dir)).unwrap() {
                names.push(entry.unwrap().file_name().into_string().unwrap());
            }
        }
        names.sort();
        names
    }
}

fn changes(report: &Report) -> (Change, Change) {
    (report.configuration.change, report.plugin.change)
}

#[test]
fn installs_beside_the_default_network_and_goes_without_a_trace() {
    let node = Node::new();
    let report = node.install().unwrap();
    assert_eq!(changes(&report), (Change::Written, Change::Written));
    assert_eq!(report.other.unwrap().name, "k8s-pod-network");
    assert_eq!(node.files(), ["00-kubewright.conflist", "10-calico.conflist", "kubewright-cni"]);
    assert_eq!(fs::read_to_string(node.conf("10-calico.conflist")).unwrap(), CALICO);
    let mode = |file| fs::metadata(file).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(node.conf(CONFIGURATION)), 0o600);
    assert_eq!(mode(node.bin(PLUGIN)), 0o755);

    let report = node.uninstall().unwrap();
    assert_eq!(changes(&report), (Change::Removed, Change::Removed));
    assert_eq!(report.other.unwrap().types, ["calico", "portmap"]);
    assert_eq!(node.files(), ["10-calico.conflist"]);
    assert_eq!(fs::read_to_string(node.conf("10-calico.conflist")).unwrap(), CALICO);
}

#[test]
fn the_second_time_nothing_is_written() {
    let node = Node::new();
    node.install().unwrap();
    let report = node.install().unwrap();
    assert_eq!(changes(&report), (Change::Unchanged, Change::Unchanged));
    node.uninstall().unwrap();
    let report = node.uninstall().unwrap();
    assert_eq!(changes(&report), (Change::Unchanged, Change::Unchanged));
}

#[test]
fn the_configuration_speaks_the_version_that_this_runtime_reads() {
    let node = Node::new();
    node.install().unwrap();
    let text = fs::read_to_string(node.conf(CONFIGURATION)).unwrap();
    let text = text.replace(&node.dir.path().display().to_string(), "[node]");
    insta::assert_snapshot!(text);
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let node = Node::new();
    let mut args = node.install_args();
    args.dry_run = true;
    let said = install(&args).unwrap();
    assert_eq!(node.files(), ["10-calico.conflist"]);
    assert_eq!(node.install().unwrap(), said);

    let places = node.places();
    let said = uninstall(&UninstallArgs { places, dry_run: true }).unwrap();
    assert_eq!(node.files().len(), 3);
    assert_eq!(node.uninstall().unwrap(), said);
}

#[test]
fn without_a_network_to_delegate_to_it_refuses_unless_told_one() {
    let node = Node::new();
    fs::remove_file(node.conf("10-calico.conflist")).unwrap();
    // Not a configuration.
    fs::write(node.conf("calico-kubeconfig"), "{}").unwrap();
    let error = node.install().unwrap_err();
    assert!(matches!(error, InstallError::NoDefaultNetwork { .. }), "{error}");
    assert!(!node.conf(CONFIGURATION).exists());
    assert!(!node.bin(PLUGIN).exists());

    let mut args = node.install_args();
    args.default_network = Some("k8s-pod-network".to_owned());
    install(&args).unwrap();
    let text = fs::read_to_string(node.conf(CONFIGURATION)).unwrap();
    assert!(text.contains(r#""defaultNetwork": "k8s-pod-network""#), "{text}");
    // Ours alone is no default network for itself.
    assert!(matches!(node.install(), Err(InstallError::NoDefaultNetwork { .. })));
}

#[test]
fn half_a_configuration_stops_it() {
    let node = Node::new();
    fs::write(node.conf("05-half.conf"), r#"{"name":"half","#).unwrap();
    let error = node.install().unwrap_err();
    assert!(matches!(error, InstallError::DefaultNetwork(_)), "{error}");
    assert!(!node.conf(CONFIGURATION).exists());
    // Ours has to go all the same.
    fs::remove_file(node.conf("05-half.conf")).unwrap();
    node.install().unwrap();
    fs::write(node.conf("05-half.conf"), r#"{"name":"half","#).unwrap();
    assert_eq!(node.uninstall().unwrap().configuration.change, Change::Removed);
}

#[test]
fn a_configuration_that_would_stay_first_is_named() {
    let node = Node::new();
    fs::write(node.conf("00-calico.conflist"), CALICO).unwrap();
    let error = node.install().unwrap_err();
    assert!(error.to_string().contains("00-calico.conflist would come before"), "{error}");
    assert!(!node.conf(CONFIGURATION).exists());
}

#[test]
fn a_meta_plugin_keeps_the_first_place_and_ours_is_absent() {
    let node = Node::new();
    node.install().unwrap();
    let kactus = r#"{"cniVersion":"0.3.1","name":"kactus-net","type":"kactus"}"#;
    fs::write(node.conf("05-kactus.conf"), kactus).unwrap();
    for wanted in ["kactus", "05-kactus.conf", node.conf("05-kactus.conf").to_str().unwrap()] {
        let mut args = node.install_args();
        args.meta_plugin = Some(wanted.to_owned());
        install(&args).unwrap();
        let left = node.files();
        assert_eq!(left, ["05-kactus.conf", "10-calico.conflist", "kubewright-cni"], "{wanted}");
    }
    let mut args = node.install_args();
    args.meta_plugin = Some("multus".to_owned());
    let error = install(&args).unwrap_err().to_string();
    assert!(error.contains("multus is not the node's first CNI configuration"), "{error}");
    assert!(error.contains("05-kactus.conf is, with plugins kactus"), "{error}");
}

#[test]
fn a_file_of_our_name_that_is_not_ours_is_left_alone() {
    let node = Node::new();
    fs::write(node.conf(CONFIGURATION), CALICO).unwrap();
    assert!(matches!(node.install(), Err(InstallError::Foreign { .. })));
    assert_eq!(node.uninstall().unwrap().configuration.change, Change::Unchanged);
    assert_eq!(fs::read_to_string(node.conf(CONFIGURATION)).unwrap(), CALICO);
}

/// linkerd-cni adds itself to every list that it sees.
#[test]
fn ours_stays_ours_when_others_have_added_themselves() {
    let node = Node::new();
    node.install().unwrap();
    let written = fs::read_to_string(node.conf(CONFIGURATION)).unwrap();
    let mut list: serde_json::Value = serde_json::from_str(&written).unwrap();
    list["plugins"].as_array_mut().unwrap().push(serde_json::json!({ "type": "linkerd-cni" }));
    let added = list.to_string();
    fs::write(node.conf(CONFIGURATION), &added).unwrap();
    assert_eq!(node.install().unwrap().configuration.change, Change::Written);
    assert_eq!(fs::read_to_string(node.conf(CONFIGURATION)).unwrap(), written);
    fs::write(node.conf(CONFIGURATION), &added).unwrap();
    assert_eq!(node.uninstall().unwrap().configuration.change, Change::Removed);
    assert_eq!(node.files(), ["10-calico.conflist"]);
}

#[test]
fn a_plugin_that_does_not_run_here_never_gets_a_configuration() {
    let node = Node::new();
    for script in ["exit 3", "echo '{}'", "echo Segmentation fault; kill -SEGV $$"] {
        node.plugin(script);
        let error = node.install().unwrap_err();
        assert!(matches!(error, InstallError::Program { .. }), "{error}");
        assert_eq!(node.files(), ["10-calico.conflist"], "{script}");
    }
}

#[test]
fn a_plugin_in_use_is_replaced_while_it_runs() {
    let node = Node::new();
    // A program, since a script is not mapped.
    fs::copy("/bin/cat", node.bin(PLUGIN)).unwrap();
    let mut running = Command::new(node.bin(PLUGIN))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(node.install().unwrap().plugin.change, Change::Written);
    let script = fs::read_to_string(node.bin(PLUGIN)).unwrap();
    assert!(script.starts_with("#!/bin/sh"), "{script}");
    drop(running.stdin.take());
    assert!(running.wait().unwrap().success());
}

#[test]
fn the_plugin_stays_while_something_is_recorded() {
    let node = Node::new();
    node.install().unwrap();
    let record = node.dir.path().join("state/records/uid/a1@eth0.jsonl");
    fs::create_dir_all(record.parent().unwrap()).unwrap();
    fs::write(&record, "{}").unwrap();
    assert_eq!(node.uninstall().unwrap().plugin.change, Change::Kept);
    assert_eq!(node.files(), ["10-calico.conflist", "kubewright-cni"]);
    fs::remove_file(record).unwrap();
    assert_eq!(node.uninstall().unwrap().plugin.change, Change::Removed);
    assert_eq!(node.files(), ["10-calico.conflist"]);
}

#[test]
fn a_directory_that_is_missing_is_not_made_up() {
    let node = Node::new();
    let mut args = node.install_args();
    args.places.cni_bin_dir = node.dir.path().join("elsewhere");
    let error = install(&args).unwrap_err();
    assert!(error.to_string().contains("elsewhere"), "{error}");
    assert!(!node.conf(CONFIGURATION).exists());
}

#[test]
fn there_is_nothing_to_uninstall_where_there_is_no_runtime() {
    let node = Node::new();
    let mut places = node.places();
    places.cni_conf_dir = node.dir.path().join("no/net.d");
    places.cni_bin_dir = node.dir.path().join("no/bin");
    let report = uninstall(&UninstallArgs { places, dry_run: false }).unwrap();
    assert_eq!(changes(&report), (Change::Unchanged, Change::Unchanged));
    assert_eq!(report.other, None);
}
