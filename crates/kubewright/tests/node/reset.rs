//! Nodes that are made free again, and their Nodes in the cluster.

use kubewright_node::service;
use kubewright_testkit::require;
use kubewright_testkit::require::program;

use crate::lab::{Host, Lab, possible};

fn reset(host: &Host, more: &[&str]) -> String {
    let state = host.state().display().to_string();
    host.kubewright(&[&["node", "reset", "--state-dir", &state], more].concat()).ok()
}

#[test]
fn the_node_goes_with_an_administrator_and_is_told_without() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "true"]);
    let hosts = [lab.host("a"), lab.host("b"), lab.host("c")];
    for host in &hosts {
        host.join(&seeder, &seeded, &[]).ok();
        seeder.until_ready(&seeded, host.name);
    }
    let [a, b, c] = &hosts;
    // As itself: its name is known from what it joined as, not from the host's.
    let listed = reset(a, &[]);
    let left = "left: the Node a of the cluster: a node may not delete itself; `kubewright node remove a` does it";
    assert!(listed.contains(left) && !listed.contains("would delete the Node"), "{listed}");
    assert!(listed.contains("would mark the Node a as not ready"), "{listed}");
    let access = ["--kubeconfig", seeded.kubeconfig.as_str()];
    assert!(reset(a, &access).contains("would delete the Node a"));
    let done = reset(a, &[&access[..], &["--yes"]].concat());
    assert!(done.contains("done: delete the Node a"), "{done}");
    let nodes = seeder.kubectl(&seeded, &["get", "nodes", "-o", "name"]);
    assert!(!nodes.lines().any(|name| name == "node/a"), "{nodes}");
    assert_eq!(a.status()["role"], "none");

    // The seeder's own goes with the seeder, and not before.
    for more in [&[][..], &["--dry-run"]] {
        let refused = seeder.admin(&seeded, &[&["remove", "seeder"], more].concat());
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("is the only control-plane node"), "{refused:?}");
    }

    // One at a time is at work.
    let state = b.state().display().to_string();
    let held = kubewright_node::journal::Held::take(&b.state()).unwrap();
    let busy = b.kubewright(&["node", "reset", "--state-dir", &state, "--yes"]);
    assert_eq!(busy.code, Some(1), "{busy:?}");
    assert!(busy.stderr.contains("another kubewright is at work"), "{busy:?}");
    assert!(reset(b, &[]).contains("would stop the service"), "looking is no work");
    drop(held);

    // Its name is free at once: a Node that is ready would be in the way.
    assert!(reset(c, &["--yes"]).contains("done: mark the Node c as not ready"));
    let ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
    assert_eq!(seeder.kubectl(&seeded, &["get", "node", "c", "-o", ready]), "False");
    c.join(&seeder, &seeded, &[]).ok();
    seeder.until_ready(&seeded, "c");

    service::stop(&seeder.state()).unwrap();
    let listed = reset(b, &[]);
    assert!(listed.contains("the Node b of the cluster: the cluster is not reached"), "{listed}");
    assert!(reset(b, &["--yes"]).contains("done: stop the service"));
    assert_eq!(b.status()["role"], "none");
    assert!(!reset(b, &["--yes"]).contains("done:"), "there is nothing any more");
    assert!(!b.state().exists());
}
