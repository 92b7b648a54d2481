//! Deployments to clusters of other processes, and to those that kind makes: kind itself needs an
//! engine of containers, so a program stands in for it that writes down what it is asked for.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use sandbox::{Ended, KUBEWRIGHT, Running, Sandbox, eventually, run};

const WORKSPACE: &str = r#"
[workspace]
registry = "registry.example/dev"
[component.tool]
path = "tool"
build = { command = ["sh", "make.sh"], output = "bin/tool" }
image = { name = "tool" }
[manifests]
sources = ["tool.yaml"]
"#;
const SETTINGS: &str = "kind: ConfigMap\napiVersion: v1\nmetadata: { name: settings }\n\
    data: { image: example/tool:v1 }\n";
const DEPLOYMENT: &str = "---\nkind: Deployment\napiVersion: apps/v1\nmetadata: { name: tool }\n\
    spec:\n  selector: { matchLabels: { app: tool } }\n  template:\n    \
    metadata: { labels: { app: tool } }\n    spec: { containers: [{ name: tool, image: example/tool:v1 }] }\n";

/// A workspace with one image, a control plane of another process, and a kind.
struct Bench {
    sandbox: Sandbox,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { sandbox: Sandbox::new() };
        let tool = bench.path("work/tool");
        fs::create_dir_all(&tool).unwrap();
        fs::write(
            tool.join("make.sh"),
            "mkdir bin && echo tool > bin/real && ln -s real bin/tool\n",
        )
        .unwrap();
        for line in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "x"]] {
            let mut git = Command::new("git");
            git.args(["-c", "user.name=a", "-c", "user.email=a@b", "-C"]).arg(&tool).args(line);
            assert!(git.status().unwrap().success());
        }
        fs::write(bench.path("work/workspace.toml"), WORKSPACE).unwrap();
        fs::write(bench.path("work/tool.yaml"), SETTINGS).unwrap();
        bench.sandbox.kubewright(&["local", "start"]).ok();
        let kubeconfig = bench.sandbox.kubewright(&["local", "kubeconfig"]).ok();
        fs::write(bench.path("kubeconfig"), kubeconfig).unwrap();
        bench.workspace(&["image"]).ok();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = self.sandbox.program(KUBEWRIGHT);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.current_dir(self.path("work")).arg("workspace").args(line);
        command
    }

    fn workspace(&self, line: &[&str]) -> Ended {
        run(&mut self.command(line))
    }

    /// A kind that does `create` in place of making a cluster.
    fn kind(&self, create: &str) {
        let folder = self.path("bin");
        fs::create_dir_all(&folder).unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$1 $2\" >> {log}\n[ \"$1\" = create ] || exit 0\n{create}\n",
            log = self.path("asked").display(),
        );
        fs::write(folder.join("kind"), script).unwrap();
        fs::set_permissions(folder.join("kind"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn works(&self) -> String {
        format!("cp {} \"$8\"", self.path("kubeconfig").display())
    }

    /// What kind was asked for.
    fn asked(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("asked")).unwrap_or_default();
        log.lines().map(|line| line.split(" /").next().unwrap().to_owned()).collect()
    }
}

#[test]
fn the_cluster_of_the_kubeconfig_is_tried() {
    require!(programs(&["git"]));
    let bench = Bench::new();
    let kubeconfig = bench.path("kubeconfig");
    let deploy = |line: &[&str]| {
        let line = [&["deploy", "--on", "existing"], line].concat();
        run(bench.command(&line).env("KUBECONFIG", &kubeconfig))
    };
    let passed = deploy(&[]);
    assert!(passed.stdout.ends_with("TEST RESULT: passed\n"), "{passed:?}");
    fs::write(bench.path("work/tool.yaml"), SETTINGS.to_owned() + DEPLOYMENT).unwrap();
    let late = deploy(&["--timeout", "0"]);
    assert_eq!(late.code, Some(1), "{late:?}");
    assert!(late.stdout.contains("when time was up") && late.stdout.ends_with("failed\n"));
    // What a ConfigMap mentions is the image that is deployed.
    let seen = bench.workspace(&["manifests", "--out", "-"]).ok();
    assert!(!seen.contains("example/tool:v1\n") && seen.contains("registry.example/dev/tool:"));
}

#[test]
fn a_kind_cluster_is_made_filled_and_removed() {
    require!(programs(&["git"]));
    let bench = Bench::new();
    bench.kind(&bench.works());
    let passed = bench.workspace(&["deploy", "--on", "kind", "--delete"]);
    assert!(passed.stdout.ends_with("TEST RESULT: passed\n"), "{passed:?}");
    let whole = ["get clusters", "create cluster", "load image-archive", "delete cluster"];
    assert_eq!(bench.asked(), whole);
    assert!(!bench.path("work/.kubewright/kind/image.tar").exists());
    // Also where it fails, and not where nobody asked.
    let dry = bench.workspace(&["deploy", "--on", "kind", "--dry-run"]);
    assert!(dry.stderr.contains("is not there, and --dry-run makes none"), "{dry:?}");
    assert_eq!(bench.asked().len(), whole.len());
    fs::remove_file(bench.path("asked")).unwrap();
    fs::write(bench.path("work/tool.yaml"), SETTINGS.to_owned() + DEPLOYMENT).unwrap();
    let line = ["deploy", "--on", "kind", "--timeout", "0"];
    let failed = bench.workspace(&[&line[..], &["--delete"]].concat());
    assert!(failed.stdout.ends_with("TEST RESULT: failed\n"), "{failed:?}");
    assert_eq!(bench.asked(), whole);
    bench.workspace(&line);
    assert_eq!(bench.asked()[4..], whole[..3]);
    bench.kind("echo no engine >&2; exit 1");
    fs::remove_file(bench.path("asked")).unwrap();
    let failed = bench.workspace(&["deploy", "--on", "kind", "--delete"]);
    assert!(failed.stderr.contains("cannot create the kind cluster kubewright"), "{failed:?}");
    assert!(failed.stderr.contains("no engine") && failed.stderr.ends_with("failed\n"));
    assert_eq!(bench.asked().last().unwrap(), "delete cluster");
}

#[test]
fn a_signal_leaves_no_kind_cluster() {
    require!(programs(&["git"]));
    let bench = Bench::new();
    bench.kind("exec sleep 1000");
    let mut command = bench.command(&["deploy", "--on", "kind", "--delete"]);
    let mut running = Running(command.spawn().unwrap());
    eventually("kind makes a cluster", || bench.asked().contains(&"create cluster".to_owned()));
    running.terminate();
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
    assert_eq!(bench.asked().last().unwrap(), "delete cluster");
}

#[test]
fn without_kind_it_is_said_how_to_get_it() {
    require!(programs(&["git"]));
    let bench = Bench::new();
    let folder = bench.path("programs");
    fs::create_dir(&folder).unwrap();
    for program in ["git", "sh"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join(program))
            .find(|path| path.exists());
        std::os::unix::fs::symlink(found.unwrap(), folder.join(program)).unwrap();
    }
    let ended = run(bench.command(&["deploy", "--on", "kind"]).env("PATH", &folder));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("kind is not installed: get it from https://kind"), "{ended:?}");
}

#[test]
fn a_dry_run_says_what_would_be_joined_and_loaded_and_changes_nothing() {
    require!(programs(&["git"]));
    let bench = Bench::new();
    let joined = || bench.workspace(&["index", "--dry-run"]).ok();
    assert!(joined().contains("to be joined"));
    assert!(joined().contains("to be joined"));
    bench.workspace(&["index"]).ok();
    assert!(joined().contains("there already"));
    // A bundle of repositories alone would do: one that is damaged is told in a dry run too.
    fs::write(bench.path("x.bundle"), "none").unwrap();
    let bundle = bench.path("x.bundle").display().to_string();
    let to = bench.path("loaded").display().to_string();
    let refused = bench.workspace(&["bundle", "load", &bundle, "--to", &to, "--dry-run"]);
    assert!(refused.stderr.contains("is damaged"), "{refused:?}");
    let there = bench.path("work").display().to_string();
    let refused = bench.workspace(&["bundle", "load", &bundle, "--to", &there, "--dry-run"]);
    assert!(refused.stderr.contains("is there already"), "{refused:?}");
}
