//! Nodes that join, wait, are accepted, rejected and removed.

use kubewright_testkit::require;
use kubewright_testkit::require::program;
use serde_json::Value;

use crate::lab::{Lab, possible};
use crate::sandbox::{eventually, run};

#[test]
fn a_token_is_enough_where_that_is_wanted_and_doing_it_again_changes_nothing() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "true"]);
    let hosts = [lab.host("a"), lab.host("b")];
    for host in &hosts {
        let joined: Value = serde_json::from_str(&host.join(&seeder, &seeded, &[]).ok()).unwrap();
        assert_eq!(joined["before"], false);
        seeder.until_ready(&seeded, host.name);
        assert_eq!(host.status()["role"], "node");
        assert!(host.status()["process"].is_number(), "{}", host.status());
    }
    seeder.until_ready(&seeded, "seeder");
    let wide = seeder.kubectl(&seeded, &["get", "nodes", "-o", "wide"]);
    for host in &hosts {
        let line = wide.lines().find(|line| line.starts_with(host.name)).unwrap();
        assert!(line.contains(&host.address), "{wide}");
    }
    assert!(wide.lines().any(|line| line.contains("control-plane")), "{wide}");

    let version = |node: &str| {
        let words = ["get", "node", node, "-o", "jsonpath={.metadata.uid} {.spec}"];
        seeder.kubectl(&seeded, &words)
    };
    let before = [version("a"), version("seeder")];
    // The fastest of some: others use this machine, too.
    let quick = |again: &dyn Fn() -> Value| {
        let times = (0..10).map(|_| again()["milliseconds"].as_u64().unwrap());
        let fastest = times.min().unwrap();
        assert!(fastest < 100, "{fastest} ms");
    };
    // After a reboot, say, when nobody has the token any more.
    let join = || {
        let mut command = hosts[0].join_command("a", &seeder, ("", &seeded.pin), &[]);
        serde_json::from_str::<Value>(&run(&mut command).ok()).unwrap()
    };
    assert_eq!(join()["before"], true);
    quick(&join);
    let init = || {
        let told = seeder.init(&["--auto-approve", "true"], None).ok();
        serde_json::from_str::<Value>(&told).unwrap()
    };
    assert_eq!(init()["before"], true);
    assert!(init()["token"].is_null(), "it is shown once");
    quick(&init);
    assert_eq!([version("a"), version("seeder")], before);
}

#[test]
fn nodes_wait_are_accepted_or_rejected_and_removed() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "false"]);
    let (a, b) = (lab.host("a"), lab.host("b"));
    let mut joining = [a.joining(&seeder, &seeded, &[]), b.joining(&seeder, &seeded, &[])];
    a.until_said("node accept a");
    b.until_said("node accept b");
    let pending = seeder.admin(&seeded, &["pending"]).ok();
    for host in [&a, &b] {
        let line = pending.lines().find(|line| line.starts_with(host.name)).unwrap();
        assert!(line.contains(&host.address) && line.contains("sha256:"), "{pending}");
    }
    let json: Value =
        serde_json::from_str(&seeder.admin(&seeded, &["pending", "-o", "json"]).ok()).unwrap();
    let request = json.as_array().unwrap().iter().find(|it| it["request"]["node"] == "a").unwrap();
    let key = request["request"]["fingerprint"].as_str().unwrap();
    // The same as the node shows.
    a.until_said(key);

    let would = seeder.admin(&seeded, &["accept", "a", "--dry-run"]).ok();
    assert!(would.contains(key), "{would}");
    let wrong = format!("sha256:{}", "0".repeat(64));
    let refused = seeder.admin(&seeded, &["accept", "a", "--fingerprint", &wrong]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains(key), "{refused:?}");
    seeder.admin(&seeded, &["accept", "a", "--fingerprint", key]).ok();
    assert!(joining[0].0.wait().unwrap().success());
    seeder.until_ready(&seeded, "a");

    seeder.admin(&seeded, &["reject", "b", "--reason", "wrong rack"]).ok();
    assert_eq!(joining[1].0.wait().unwrap().code(), Some(1));
    b.until_said("node b was rejected: wrong rack");
    let withdrawn = seeder.admin(&seeded, &["accept", "b"]).ok();
    assert!(withdrawn.contains("had been rejected"), "{withdrawn}");
    let mut again = b.joining(&seeder, &seeded, &[]);
    seeder.until_pending(&seeded, "b");
    seeder.admin(&seeded, &["accept", "b"]).ok();
    assert!(again.0.wait().unwrap().success());
    seeder.until_ready(&seeded, "b");

    let removed = seeder.admin(&seeded, &["remove", "a"]).ok();
    assert!(removed.contains("Node deleted") && removed.contains("is good until"), "{removed}");
    // Its service sees that, and ends; nothing brings it back.
    eventually("the service of a has ended", || a.status()["process"].is_null());
    let nodes = seeder.kubectl(&seeded, &["get", "nodes", "-o", "name"]);
    assert!(!nodes.contains("node/a\n"), "{nodes}");
    // The token went with it.
    let late = lab.host("late").join(&seeder, &seeded, &["--wait", "60"]);
    assert_eq!(late.code, Some(1));
    assert!(late.stderr.contains("has expired, was deleted or never was"), "{late:?}");
}
