//! Machines that are one thing and are told to be another, or the same once more.

use kubewright_testkit::require;
use kubewright_testkit::require::program;
use serde_json::Value;

use crate::lab::{Lab, possible};
use crate::sandbox::{eventually, run};

#[test]
fn what_a_machine_is_it_stays_until_it_is_reset() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "true"]);
    let (other, elsewhere) = lab.seeder_named("other", &["--auto-approve", "true"]);
    let a = lab.host("a");
    a.join(&seeder, &seeded, &[]).ok();

    let joined = seeder.join(&other, &elsewhere, &[]);
    assert_eq!(joined.code, Some(1), "{joined:?}");
    assert!(joined.stderr.contains("is the seeder of a cluster"), "{joined:?}");
    assert!(joined.stderr.contains("kubewright node reset --yes"), "{joined:?}");
    let would = seeder.join(&other, &elsewhere, &["--dry-run"]);
    assert_eq!(would.code, Some(1), "{would:?}");
    let inited = a.init(&["--auto-approve", "true"], None);
    assert_eq!(inited.code, Some(1), "{inited:?}");
    assert!(inited.stderr.contains("is a node of a cluster"), "{inited:?}");

    for (host, role) in [(&seeder, "seeder"), (&a, "node")] {
        let status = host.status();
        assert_eq!(status["role"], role, "{status}");
        assert!(status["process"].is_number() && status["complete"] == true, "{status}");
    }
    seeder.until_ready(&seeded, "a");
}

#[test]
fn a_seeder_that_was_killed_and_corrected_serves_as_it_is_told() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, first) = lab.seeder(&["--auto-approve", "true"]);
    let before = seeder.status()["process"].clone();
    // Killed right before the end.
    let path = seeder.state().join("init.journal.json");
    let mut journal: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    journal["finished"] = Value::Bool(false);
    std::fs::write(&path, journal.to_string()).unwrap();

    let told = seeder.init(&["--port", "7443", "--auto-approve", "false"], None).ok();
    let told: Value = serde_json::from_str(&told).unwrap();
    let server = format!("https://{}:7443", seeder.address);
    assert_eq!(told["server"], server.as_str());
    assert_eq!(told["caCertHash"], first.pin.as_str(), "it is the same cluster");
    let status = seeder.status();
    assert_ne!(status["process"], before, "{status}");
    assert_eq!(status["invitation"]["server"], server.as_str(), "{status}");
    // Others are told the new one, and a token is not enough any more.
    let info = ["get", "configmap", "-n", "kube-public", "cluster-info", "-o", "yaml"];
    let info = seeder.kubectl(&first, &info);
    assert!(info.contains(":7443") && !info.contains(":6443"), "{info}");
    let bindings = seeder.kubectl(&first, &["get", "clusterrolebindings", "-o", "name"]);
    assert!(!bindings.contains("kubeadm:node-autoapprove-bootstrap"), "{bindings}");
    // The same again changes nothing.
    let again = seeder.init(&["--port", "7443", "--auto-approve", "false"], None).ok();
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap()["before"], true);
    assert_eq!(seeder.status()["process"], status["process"]);
}

#[test]
fn a_machine_whose_node_was_removed_joins_again_with_a_token() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "true"]);
    let b = lab.host("b");
    b.join(&seeder, &seeded, &[]).ok();
    seeder.until_ready(&seeded, "b");
    seeder.admin(&seeded, &["remove", "b", "--keep-token"]).ok();
    eventually("the service of b has ended", || b.status()["process"].is_null());

    let blind = run(&mut b.join_command("b", &seeder, ("", &seeded.pin), &[]));
    assert_eq!(blind.code, Some(1), "{blind:?}");
    assert!(blind.stderr.contains("node b was removed from the cluster"), "{blind:?}");
    assert!(blind.stderr.contains("kubewright node token create"), "{blind:?}");
    assert!(b.status()["process"].is_null(), "nothing was started");

    let joined = b.join(&seeder, &seeded, &[]);
    assert!(joined.stderr.contains("joining again"), "{joined:?}");
    let joined: Value = serde_json::from_str(&joined.ok()).unwrap();
    assert_eq!(joined["before"], false, "{joined}");
    seeder.until_ready(&seeded, "b");
    assert!(b.status()["process"].is_number());
}

#[test]
fn a_certificate_is_renewed_before_it_ends() {
    require!(possible(), program("kubectl"), program("faketime"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "true"]);
    let a = lab.host("a");
    // To be renewed after seven minutes; and it is eight minutes later here.
    let more = ["--expiration-seconds", "600"];
    let known = (seeded.token.as_str(), seeded.pin.as_str());
    let mut join = a.join_command("a", &seeder, known, &more);
    join.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1").env("FAKETIME", "+8m");
    run(&mut join).ok();
    let log = a.state().join("service.log");
    let said = |words: &str| std::fs::read_to_string(&log).is_ok_and(|text| text.contains(words));
    eventually("the certificate is renewed", || said("the certificate is renewed"));
    // A request of its own, made as the node that it is; for the key that it has now.
    let requests = ["get", "csr", "-o", "jsonpath={.items[*].spec.username}"];
    let by_itself = || seeder.kubectl(&seeded, &requests).matches("system:node:a").count();
    assert_eq!(by_itself(), 1);
    // The new one is due at once by a clock that is so far ahead. That is told, and makes no storm.
    eventually("the clock is told of", || said("the clock of this machine"));
    // It goes on saying that it is alive, as whom the new one makes it.
    let renewed =
        ["get", "lease", "-n", "kube-node-lease", "a", "-o", "jsonpath={.spec.renewTime}"];
    let at = seeder.kubectl(&seeded, &renewed);
    eventually("it is alive", || seeder.kubectl(&seeded, &renewed) != at);
    assert!(by_itself() <= 2, "once, and once more if this took longer than a pause");
}

#[test]
fn a_seeder_tells_how_others_join_and_no_secret() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "true"]);
    let status = seeder.status();
    assert_eq!(status["engine"], "embedded");
    let invitation = &status["invitation"];
    assert_eq!(invitation["caCertHash"], seeded.pin.as_str());
    let command =
        format!("kubewright node join {}:6443 --ca-cert-hash {}", seeder.address, seeded.pin);
    assert_eq!(invitation["joinCommand"], command.as_str());
    let state = seeder.state().display().to_string();
    let table = seeder.kubewright(&["node", "status", "--state-dir", &state]).ok();
    assert!(table.contains(&command) && table.contains("kubewright node token create"), "{table}");
    let yaml = seeder.kubewright(&["node", "status", "--state-dir", &state, "-o", "yaml"]).ok();
    assert!(yaml.contains("joinCommand:") && yaml.contains(&seeded.pin), "{yaml}");
    for text in [&table, &yaml] {
        assert!(!text.contains(&seeded.token[7..]), "{text}");
    }
}

#[test]
fn a_machine_that_kubeadm_was_run_on_is_told_and_kept() {
    let sandbox = crate::sandbox::Sandbox::new();
    let state = sandbox.state_dir();
    std::fs::create_dir_all(&state).unwrap();
    let journal = |finished: bool, progress: &str| {
        serde_json::json!({ "version": 1, "purpose": "init", "fingerprint": "0", "finished": finished,
            "steps": [{ "name": "checks", "progress": "done" },
                { "name": "kubelet-start", "progress": progress }] })
    };
    let path = std::path::Path::new(&state).join("init.journal.json");
    let status = |code: i32| -> Value {
        let ended = sandbox.kubewright(&["node", "status", "--state-dir", &state, "-o", "json"]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        serde_json::from_str(&ended.stdout).unwrap()
    };
    std::fs::write(&path, journal(false, "begun").to_string()).unwrap();
    let told = status(1);
    assert_eq!((&told["engine"], &told["role"]), (&"kubeadm".into(), &"seeder".into()), "{told}");
    assert_eq!(told["step"], "kubelet-start begun", "{told}");
    std::fs::write(&path, journal(true, "done").to_string()).unwrap();
    let told = status(0);
    assert!(told["complete"] == true && told["step"].is_null(), "{told}");

    let pin = format!("sha256:{}", "0".repeat(64));
    let mut join = sandbox.program(crate::sandbox::KUBEWRIGHT);
    join.args(["node", "join", "10.0.0.1", "--engine", "embedded", "--ca-cert-hash", &pin]);
    join.args(["--state-dir", &state, "--name", "a"]).env("TOKEN", "abcdef.0123456789abcdef");
    let joined = run(&mut join);
    assert_eq!(joined.code, Some(1), "{joined:?}");
    assert!(joined.stderr.contains("was set up with kubeadm"), "{joined:?}");
}
