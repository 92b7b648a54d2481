//! What of `kubewright node` is about this machine: its configuration, its first boot, its reset.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kubewright_testkit::{require, require::program};
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
    let document = sandbox
        .kubewright(&[
            "node",
            "cloud-init",
            "node",
            "--seeder",
            "10.0.0.1",
            "--token-file",
            &token,
            "--hostname",
            "n1",
        ])
        .ok();
    assert!(document.starts_with("#cloud-config\n") && document.contains(TOKEN), "{document}");
    assert!(document.contains("kubewright-node-join.service"));
    let ended = sandbox.kubewright(&["node", "cloud-init", "node"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("a node needs a seeder"), "{}", ended.stderr);
}

#[test]
fn without_a_yes_a_reset_does_nothing() {
    let sandbox = Sandbox::new();
    let state = sandbox.path("node");
    fs::create_dir_all(&state).unwrap();
    let state = state.display().to_string();
    for more in [&[][..], &["--dry-run"]] {
        let line = [&["node", "reset", "--state-dir", &state], more].concat();
        let said = sandbox.kubewright(&line).ok();
        assert!(said.contains(&format!("would forget the state in {state}")), "{said}");
        assert!(
            said.contains("`kubewright node reset --yes` does it") && Path::new(&state).exists()
        );
    }
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
    // It is in no distribution's archive: its absence is no fault of the machine.
    if kubewright_testkit::require::find("terraform").is_none() {
        eprintln!("no terraform on this machine: its opinion is not asked for");
        return;
    }
    let folder = deploy().join("terraform");
    let ended =
        run(Command::new("terraform").args(["fmt", "-check", "-diff", "-no-color"]).arg(folder));
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}
