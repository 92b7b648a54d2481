//! The command line, from repositories to a registry, into a bundle and out of it.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::fs;
use std::path::Path;
use std::process::Command;

use kubewright_testkit::require::programs;
use kubewright_testkit::{Federation, Registry, registry, require};
use sandbox::{Ended, KUBEWRIGHT, Sandbox};
use serde_json::Value;

fn workspace(sandbox: &Sandbox, folder: &Path, arguments: &[&str]) -> Ended {
    let mut command: Command = sandbox.program(KUBEWRIGHT);
    command.arg("workspace").args(arguments).current_dir(folder);
    command.env("GOPROXY", "off").env("GOFLAGS", "-mod=mod").env("GOENV", "off");
    let output = command.output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn json(ended: Ended) -> Value {
    serde_json::from_str(&ended.ok()).unwrap()
}

/// Digest by name of image.
fn digests(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let name = |reference: &Value| text(reference).rsplit_once('/').unwrap().1.to_owned();
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| (name(&row["reference"]), text(&row["digest"]))).collect()
}

#[test]
fn from_repositories_to_a_registry_and_from_a_bundle_to_another() {
    require!(registry::available(), programs(&["git", "go"]));
    let sandbox = Sandbox::new();
    let federation = Federation::create(&sandbox.path("")).unwrap();
    let server = Registry::start().unwrap();
    let here = federation.workspace();
    let manifest = federation.manifest(Some(&format!("{}/dev", server.host())));
    fs::write(here.join("workspace.toml"), manifest).unwrap();
    workspace(&sandbox, &here, &["sync"]).ok();

    let early = workspace(&sandbox, &here, &["push"]);
    assert_eq!(early.code, Some(1), "{early:?}");
    assert!(early.stderr.contains("try: make the images first"), "{}", early.stderr);
    let dry = json(workspace(&sandbox, &here, &["image", "--dry-run", "-o", "json"]));
    assert!(dry.as_array().unwrap().iter().all(|row| row["result"] == "to be made"), "{dry}");
    assert_eq!(workspace(&sandbox, &here, &["index"]).code, Some(1));

    let images = json(workspace(&sandbox, &here, &["image", "-o", "json"]));
    assert_eq!(images.as_array().unwrap().len(), 9);
    let again = json(workspace(&sandbox, &here, &["image", "-o", "json"]));
    assert!(again.as_array().unwrap().iter().all(|row| row["result"] == "there already"));
    let indexes = json(workspace(&sandbox, &here, &["index", "-o", "json"]));
    let dry = workspace(&sandbox, &here, &["push", "--dry-run", "-o", "json"]);
    assert_eq!(json(dry).as_array().unwrap().len(), 9);
    let pushed = json(workspace(&sandbox, &here, &["push", "-o", "json"]));
    assert_eq!(digests(&pushed), digests(&indexes));
    let again = json(workspace(&sandbox, &here, &["push", "-o", "json"]));
    assert!(again.as_array().unwrap().iter().all(|row| row["bytes"] == 0), "{again}");

    let other = workspace(&sandbox, &here, &["--platform", "linux/s390x", "image"]);
    assert_eq!(other.code, Some(2), "{other:?}");

    let file = sandbox.path("calico.bundle").display().to_string();
    workspace(&sandbox, &here, &["bundle", "create", "-f", &file]).ok();
    let verified = json(workspace(&sandbox, &here, &["bundle", "verify", &file, "-o", "json"]));
    assert_eq!(verified["components"].as_array().unwrap().len(), 10);
    let second = Registry::start().unwrap();
    let prefix = format!("{}/again", second.host());
    let arguments = ["bundle", "load", &file, "--to", "nowhere", "--dry-run"];
    let foretold = workspace(&sandbox, &here, &arguments).ok();
    let of = |kind: &str| foretold.lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!((of("component"), of("image")), (10, 9), "{foretold}");
    assert!(!here.join("nowhere").exists());
    let arguments = ["bundle", "load", &file, "--registry", &prefix, "-o", "json"];
    let loaded = json(workspace(&sandbox, &here, &arguments));
    let node = |name: &Value| name.as_str().unwrap().starts_with(&format!("{prefix}/node:"));
    assert!(loaded.as_array().unwrap().iter().any(node), "{loaded}");

    fs::remove_dir_all(&here).unwrap();
    fs::remove_dir_all(sandbox.path("origin")).unwrap();
    let to = sandbox.path("elsewhere");
    let root = sandbox.path("");
    workspace(&sandbox, &root, &["bundle", "load", &file, "--to", "elsewhere"]).ok();
    let images = json(workspace(&sandbox, &to, &["image", "-o", "json"]));
    assert!(images.as_array().unwrap().iter().all(|row| row["result"] == "there already"));
    assert_eq!(
        digests(&json(workspace(&sandbox, &to, &["index", "-o", "json"]))),
        digests(&indexes)
    );

    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&file, bytes).unwrap();
    let damaged = workspace(&sandbox, &root, &["bundle", "verify", &file]);
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.stderr.contains("calico.bundle is damaged: "), "{}", damaged.stderr);
    let refused = workspace(&sandbox, &root, &["bundle", "load", &file, "--to", "third"]);
    assert_eq!(refused.code, Some(1));
    assert!(!sandbox.path("third").exists());
}
