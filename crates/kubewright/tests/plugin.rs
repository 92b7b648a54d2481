//! `kubectl kubewright …`, by a real kubectl.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::os::unix::fs::symlink;

use kubewright_testkit::require;
use kubewright_testkit::require::program;
use sandbox::{Ended, KUBEWRIGHT, Sandbox, run};

/// A folder on PATH, with the links that packages have.
fn kubectl(arguments: &[&str]) -> Ended {
    let sandbox = Sandbox::new();
    for name in ["kubectl-kubewright", "kubectl_complete-kubewright"] {
        symlink(KUBEWRIGHT, sandbox.path(name)).unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    let mut command = sandbox.program("kubectl");
    command.env("PATH", format!("{}:{path}", sandbox.path("").display()));
    run(command.args(arguments))
}

#[test]
fn kubectl_finds_it_and_runs_it() {
    require!(program("kubectl"));
    let list = kubectl(&["plugin", "list"]);
    assert!(list.stdout.contains("/kubectl-kubewright\n"), "{list:?}");
    let version = kubectl(&["kubewright", "version", "-o", "json"]).ok();
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    let help = kubectl(&["kubewright", "node", "accept", "--help"]).ok();
    assert!(help.contains("Usage: kubectl kubewright node accept"), "{help}");
    let wrong = kubectl(&["kubewright", "manifests", "nonsense"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("invalid value 'nonsense'"), "{wrong:?}");
}

/// As shells ask kubectl when somebody presses TAB.
#[test]
fn kubectl_completes_its_lines() {
    require!(program("kubectl"));
    let complete = |words: &[&str]| {
        let line = [&["__complete", "kubewright"], words].concat();
        let text = kubectl(&line).ok();
        let names = text.lines().map(|line| line.split('\t').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(complete(&["pod"]), ["podnet", ":4"]);
    assert_eq!(complete(&["node", "acc"]), ["accept", ":4"]);
    assert_eq!(complete(&["manifests", "--podnet-plugin", ""]), ["install", "uninstall", ":4"]);
    assert_eq!(complete(&["console", "--tls-key-file", ""]), [":0"]);
}
