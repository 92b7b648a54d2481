//! Outputs that are links, or have some.
#![allow(clippy::unwrap_used)]

mod sandbox;

use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use kubewright_workspace::build::Outcome;
use sandbox::Sandbox;

/// An output that is a link is what it leads to; links below an output stay as they are, wherever
/// they lead.
#[test]
fn links_are_outputs_like_others() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let script = "mkdir -p out/sub && echo real > real && ln -s ../real out/program && \
        ln -s sub out/folder && ln -s nowhere out/dangling && ln -s /etc/passwd out/absolute && \
        ln -s out/program link";
    sandbox.command("typha", &["sh", "-c", script], "link");
    assert_eq!(sandbox.build_only("typha").rebuilt(), ["typha"]);
    let program = sandbox.program("typha", "link");
    assert!(program.symlink_metadata().unwrap().is_file());
    assert_eq!(std::fs::read_to_string(program).unwrap(), "real\n");

    sandbox.command("typha", &["sh", "-c", script], "out");
    assert_eq!(sandbox.build_only("typha").rebuilt(), ["typha"]);
    let out = sandbox.program("typha", "out");
    for (name, target) in [
        ("folder", "sub"),
        ("dangling", "nowhere"),
        ("absolute", "/etc/passwd"),
        ("program", "../real"),
    ] {
        assert_eq!(out.join(name).read_link().unwrap().to_str(), Some(target), "{name}");
    }
    // What is recorded of them is still true.
    let again = sandbox.build_only("typha").done();
    assert!(
        again
            .iter()
            .any(|built| built.component.as_str() == "typha" && built.result == Outcome::Cached),
        "{again:?}"
    );
}
