//! What of `kubewright node` is about this machine: its configuration, its first boot, its reset.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kubewright_testkit::require;
use kubewright_testkit::require::{program, programs, root};
use sandbox::{KUBEWRIGHT, Sandbox, run};

const TOKEN: &str = "94dcda.c271f4ff502789ca";

fn file(sandbox: &Sandbox, name: &str, text: &str) -> String {
    let path = sandbox.path(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

#[test]
fn defaults_are_a_configuration_that_is_right() {
    let sandbox = Sandbox::new();
    let defaults = sandbox.kubewright(&["node", "config", "--defaults"]).ok();
    assert!(defaults.contains("podSubnet: 172.16.0.0/13"), "{defaults}");
    let file = file(&sandbox, "node.yaml", &defaults);
    let said = sandbox.kubewright(&["node", "config", "--check", "--config", &file]).ok();
    assert!(said.ends_with("node.yaml is right\n"), "{said}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let sandbox = Sandbox::new();
    let wrong = "apiVersion: node.kubewright.io/v1alpha1\nkind: NodeConfiguration\nclusterFormaton: {token: hunter2}\nnetwork: {podSubnet: 7}\n";
    let file = file(&sandbox, "node.yaml", wrong);
    let ended = sandbox.kubewright(&["node", "config", "--check", "--config", &file]);
    assert_eq!(ended.code, Some(2));
    for text in ["did you mean clusterFormation?", "network.podSubnet: has to be text"] {
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("hunter2"));
}

#[test]
fn a_file_of_kubic_init_is_migrated() {
    let sandbox = Sandbox::new();
    let kubic = format!(
        "apiVersion: kubic.suse.com/v1alpha2\nkind: KubicInitConfiguration\nclusterFormation: {{autoApprove: false, token: {TOKEN}}}\nnetwork: {{multipleCni: true}}\n"
    );
    let old = file(&sandbox, "kubic.yaml", &kubic);
    let text = sandbox.kubewright(&["node", "config", "--migrate", "--config", &old]).ok();
    for line in
        ["apiVersion: node.kubewright.io/v1alpha1", "autoApprove: false", "multipleCni: multus"]
    {
        assert!(text.contains(line), "{text}");
    }
    let new = file(&sandbox, "node.yaml", &text);
    let shown = |file: &str| sandbox.kubewright(&["node", "config", "--config", file]).ok();
    assert_eq!(shown(&old), shown(&new));
    assert!(
        !shown(&new).contains(TOKEN),
        "only whoever migrates a file has asked for what is in it"
    );
}

#[test]
fn a_token_is_no_argument() {
    let sandbox = Sandbox::new();
    let variable = format!("clusterFormation.token={TOKEN}");
    let ended = sandbox.kubewright(&["node", "join", "10.0.0.1", "--var", &variable]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("seen by every user"), "{}", ended.stderr);
}

#[test]
fn first_boot_documents_hold_what_they_are_given() {
    let sandbox = Sandbox::new();
    let token = file(&sandbox, "token", TOKEN);
    let line = ["node", "cloud-init", "node", "--seeder", "10.0.0.1", "--hostname", "n1"];
    let pinned = file(
        &sandbox,
        "pinned.yaml",
        &format!(
            "apiVersion: node.kubewright.io/v1alpha1\nkind: NodeConfiguration\ncertificates: {{caCrtHash: 'sha256:{}'}}\n",
            "ab".repeat(32)
        ),
    );
    let with = |more: &[&str]| sandbox.kubewright(&[&line, more].concat());
    let document = with(&["--token-file", &token, "--config", &pinned]).ok();
    assert!(document.starts_with("#cloud-config\n") && document.contains(TOKEN), "{document}");
    assert!(document.contains("kubewright-node-join.service"));
    let refused = with(&["--token-file", &token]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("give certificates.caCrtHash"), "{}", refused.stderr);
    let refused = with(&["--config", &pinned]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("give --token-file"), "{}", refused.stderr);
    let ended = sandbox.kubewright(&["node", "cloud-init", "node"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("a node needs a seeder"), "{}", ended.stderr);
}

#[test]
fn without_a_yes_a_reset_does_nothing() {
    let sandbox = Sandbox::new();
    let state = sandbox.path("node");
    fs::create_dir_all(&state).unwrap();
    let reset = |state: &Path, more: &[&str]| {
        let line = [&["node", "reset", "--state-dir", state.to_str().unwrap()], more].concat();
        sandbox.kubewright(&line).ok()
    };
    // Nothing tells that it is a state folder.
    fs::write(state.join("theirs"), "").unwrap();
    let said = reset(&state, &["--yes"]);
    assert!(said.contains("there was nothing to reset") && state.join("theirs").exists(), "{said}");
    fs::write(state.join("join.journal.json"), "").unwrap();
    for more in [&[][..], &["--dry-run"]] {
        let said = reset(&state, more);
        let state = state.display();
        assert!(said.contains(&format!("would forget the state in {state}")), "{said}");
        assert!(
            said.contains("`kubewright node reset --yes` does it")
                && sandbox.path("node/join.journal.json").exists()
        );
    }
    reset(&state, &["--yes"]);
    assert!(state.join("theirs").exists() && !state.join("journal.lock").exists());
}

#[test]
fn the_steps_of_kubeadm_are_told_before_they_are_done() {
    let sandbox = Sandbox::new();
    let programs = sandbox.path("bin");
    fs::create_dir_all(&programs).unwrap();
    let kubeadm = programs.join("kubeadm");
    let script = "#!/bin/sh\nif [ \"$1\" = version ]; then echo '{\"clientVersion\":{\"gitVersion\":\"v1.31.2\"}}'; else printf 'The \"init\" command executes the following phases:\\n```\\npreflight  x\\ncerts  x\\n  /ca  x\\nupload-config  x\\n  /kubeadm  x\\n```\\n'; fi\n";
    fs::write(&kubeadm, script).unwrap();
    fs::set_permissions(&kubeadm, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let state = sandbox.path("node").display().to_string();
    let line = ["node", "init", "--dry-run", "--name", "seeder", "--state-dir", &state];
    let ended = run(sandbox.program(KUBEWRIGHT).env("PATH", path).args(line));
    assert_eq!(
        ended.ok(),
        "checks\nmachine\npreflight\ncerts\nwait-control-plane\nupload-config-kubeadm\nwait-node\nupload-config-kubelet\naddon-flannel\n"
    );
    assert!(!Path::new(&state).exists(), "nothing was done");
}

#[test]
fn what_kubeadm_cannot_do_is_refused() {
    let sandbox = Sandbox::new();
    let state = sandbox.path("node").display().to_string();
    let line = ["node", "join", "10.0.0.1", "--engine", "kubeadm", "--state-dir", &state];
    let ended = sandbox.kubewright(&[&line[..], &["--expiration-seconds", "3600"]].concat());
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--expiration-seconds has no effect"), "{}", ended.stderr);
    assert!(!Path::new(&state).exists(), "nothing was done");
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

#[test]
fn systemd_takes_the_units() {
    require!(program("systemd-analyze"));
    let sandbox = Sandbox::new();
    for name in ["kubewright-node-init.service", "kubewright-node-join.service"] {
        let unit = fs::read_to_string(deploy().join("systemd").join(name)).unwrap();
        let other = if name.contains("init") { "join" } else { "init" };
        // The program of this build, in place of the one that the package installs.
        let unit = unit.replace("/usr/bin/kubewright", KUBEWRIGHT);
        let unit = unit.replace(&format!("Conflicts=kubewright-node-{other}.service\n"), "");
        let file = sandbox.path(name);
        fs::write(&file, unit).unwrap();
        let ended = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file));
        assert!(!ended.stderr.contains(name), "{}", ended.stderr);
    }
}

#[test]
fn terraform_takes_the_form_of_its_files() {
    let test = "terraform_takes_the_form_of_its_files";
    let Some(terraform) = require::unpackaged(test, "terraform") else { return };
    let folder = deploy().join("terraform");
    let ended =
        run(Command::new(terraform).args(["fmt", "-check", "-diff", "-no-color"]).arg(folder));
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

/// All of it, which takes the providers: from a mirror on disk that Terraform is configured for, or
/// from its registry.
#[test]
fn terraform_validates_its_files() {
    let test = "terraform_validates_its_files";
    let Some(terraform) = require::unpackaged(test, "terraform") else { return };
    let sandbox = Sandbox::new();
    for name in ["terraform", "cloud-init"] {
        let to = sandbox.path(name);
        fs::create_dir_all(&to).unwrap();
        for file in fs::read_dir(deploy().join(name)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    let call = |words: &[&str]| {
        let chdir = format!("-chdir={}", sandbox.path("terraform").display());
        run(Command::new(&terraform).arg(chdir).args(words).arg("-no-color"))
    };
    let init = call(&["init", "-backend=false", "-input=false"]);
    if init.code != Some(0) {
        // Only a registry that is not there is no fault of the files.
        let offline = ["could not connect", "Failed to query available provider packages"];
        assert!(offline.iter().any(|words| init.stderr.contains(words)), "{}", init.stderr);
        require::note(test, "the providers of Terraform cannot be had: give it a mirror of them");
        return;
    }
    let ended = call(&["validate"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

/// What can be told without it: every value that is used is declared, and every one that the
/// documents want is given to them.
#[test]
fn terraform_declares_what_it_uses() {
    let read = |name: &str| fs::read_to_string(deploy().join(name)).unwrap();
    let files = ["main.tf", "outputs.tf", "variables.tf", "versions.tf"];
    let all: String = files.iter().map(|name| read(&format!("terraform/{name}"))).collect();
    let names = |text: &str, before: &str| -> BTreeSet<String> {
        let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let parts = text.split(before).skip(1);
        parts.map(|part| part.split(ends).next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&all, "var."), names(&all, "variable \""), "variables");
    let main = read("terraform/main.tf");
    let locals = main.split("locals {").nth(1).unwrap().split("\n}").next().unwrap();
    let declared: BTreeSet<String> = locals
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim().to_owned()))
        .collect();
    assert_eq!(names(&all, "local."), declared, "locals");
    for role in ["seeder", "node"] {
        let document = read(&format!("cloud-init/{role}.yaml.tftpl"));
        let call = format!("templatefile(\"${{local.documents}}/{role}.yaml.tftpl\", {{");
        let given = main.split(&call).nth(1).unwrap().split("})").next().unwrap();
        let given: BTreeSet<String> = given
            .lines()
            .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim().to_owned()))
            .collect();
        assert_eq!(names(&document, "${"), given, "{role}");
    }
    for (open, close) in [('{', '}'), ('(', ')'), ('[', ']')] {
        assert_eq!(all.matches(open).count(), all.matches(close).count(), "{open}{close}");
    }
}

/// A machine enters itself and changes nothing; a container without the machine's processes says so.
#[test]
fn a_container_acts_on_the_machine() {
    require!(root(), programs(&["unshare", "mount", "ldd"]));
    let sandbox = Sandbox::new();
    // An image: the program and what it is linked to, and nothing else.
    let image = sandbox.path("image");
    let linked = run(Command::new("ldd").arg(KUBEWRIGHT)).ok();
    let libraries = linked.split_whitespace().filter(|word| word.starts_with('/'));
    for file in libraries.chain([KUBEWRIGHT]) {
        let to = image.join(file.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
    fs::create_dir_all(image.join("proc")).unwrap();
    // On the machine: a kubeadm, by a path that the image does not have.
    let kubeadm = sandbox.path("kubeadm");
    let script = "#!/bin/sh\nif [ \"$1\" = version ]; then echo '{\"clientVersion\":{\"gitVersion\":\"v1.31.2\"}}'; else printf 'executes the following phases:\\npreflight  x\\n\\n'; fi\n";
    fs::write(&kubeadm, script).unwrap();
    fs::set_permissions(&kubeadm, fs::Permissions::from_mode(0o755)).unwrap();
    let named = format!("paths.kubeadm={}", kubeadm.display());
    let contained = |more: &[&str]| {
        // A machine with a process 1 that a test may enter, and the container on it.
        let mut command = Command::new("unshare");
        let inner = format!(
            "mount --rbind /proc {0}/proc && exec chroot {0} \"$0\" \"$@\"",
            image.display()
        );
        let machine = "unshare --mount --propagation private sh -c \"$0\" \"$@\"; exit $?";
        let apart = ["--pid", "--fork", "--mount", "--mount-proc", "--propagation", "private"];
        command.args(apart).args(["sh", "-c", machine, &inner, KUBEWRIGHT]);
        command.args(["node", "init", "--dry-run", "--name", "seeder", "--var", &named]);
        run(command.args(more))
    };
    let ended = contained(&["--on-host"]);
    assert!(ended.stdout.starts_with("checks\nmachine\npreflight\n"), "{ended:?}");
    assert_eq!(ended.code, Some(0));
    let without = contained(&[]);
    assert!(without.stderr.contains("there is no program"), "{without:?}");
}
