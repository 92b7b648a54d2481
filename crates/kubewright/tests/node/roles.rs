//! Machines that are one thing and are told to be another, or the same once more.

use kubewright_testkit::require;
use kubewright_testkit::require::program;
use serde_json::Value;

use crate::lab::{Host, Lab, possible};
use crate::sandbox::{Ended, eventually, run};

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

    for (host, verb, told) in [(&seeder, "join", "is the seeder"), (&a, "init", "is a node")] {
        let state = host.state().display().to_string();
        let bare = host.kubewright(&["node", verb, "--state-dir", &state]);
        assert!(bare.code == Some(1) && bare.stderr.contains(told), "{bare:?}");
    }

    let server = seeder.status()["invitation"]["server"].clone();
    for (host, role) in [(&seeder, "seeder"), (&a, "node")] {
        let status = host.status();
        assert_eq!(status["server"], server, "{status}");
        assert_eq!(status["certificateExpires"].is_string(), role == "node", "{status}");
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
fn asked_again_a_machine_looks_at_what_it_has() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "false"]);
    let a = lab.host("a");
    let mut joining = a.joining(&seeder, &seeded, &["--expiration-seconds", "3600"]);
    seeder.until_pending(&seeded, "a");
    seeder.admin(&seeded, &["accept", "a"]).ok();
    assert!(joining.0.wait().unwrap().success());
    let role = |host: &Host| std::fs::read_to_string(host.state().join("service.json")).unwrap();
    let (as_seeder, as_node) = (role(&seeder), role(&a));

    // Neither where, nor whom to believe, nor a token, nor its name.
    let again = |host: &Host, verb: &str, more: &[&str]| {
        let state = host.state().display().to_string();
        let words = ["node", verb, "--state-dir", &state, "-o", "json"];
        host.kubewright(&[&words, more].concat())
    };
    let told = |ended: Ended| -> Value { serde_json::from_str(&ended.ok()).unwrap() };
    let joined = told(again(&a, "join", &[]));
    assert_eq!((&joined["before"], &joined["node"]), (&true.into(), &"a".into()), "{joined}");
    std::fs::write(a.state().join("join.journal.json"), "{").unwrap();
    let ended = again(&a, "join", &[]);
    assert!(ended.stderr.contains("join.journal.json.corrupt-1"), "{ended:?}");
    assert_eq!(told(ended)["before"], true);
    // As it joined once, it may be asked, too.
    assert_eq!(told(a.join(&seeder, &seeded, &[]))["before"], true);
    let inited = told(again(&seeder, "init", &[]));
    assert_eq!((&inited["before"], &inited["autoApprove"]), (&true.into(), &false.into()));
    assert_eq!(inited["server"], format!("https://{}:6443", seeder.address).as_str());
    std::fs::write(seeder.state().join("init.journal.json"), "{").unwrap();
    let inited = told(again(&seeder, "init", &[]));
    assert_eq!(inited["autoApprove"], false, "nobody has said that it is to be otherwise");
    assert_eq!((role(&seeder), role(&a)), (as_seeder, as_node));

    // What it is not is refused by name.
    std::fs::remove_file(seeder.state().join("init.journal.json")).unwrap();
    let refused = again(&seeder, "init", &["--port", "7443"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("with another network.bind.port"), "{refused:?}");
    let refused = again(&a, "join", &["10.77.0.99"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("with another clusterFormation.seeder"), "{refused:?}");

    // A token is enough to come back to the cluster that it was in.
    seeder.admin(&seeded, &["remove", "a", "--keep-token"]).ok();
    eventually("the service of a has ended", || a.status()["process"].is_null());
    let state = a.state().display().to_string();
    let words = [crate::sandbox::KUBEWRIGHT, "node", "join", "--state-dir", &state];
    let mut joining = crate::sandbox::spawn(&mut a.program(&words, Some(&seeded.token)));
    seeder.until_pending(&seeded, "a");
    seeder.admin(&seeded, &["accept", "a"]).ok();
    assert!(joining.0.wait().unwrap().success());
    seeder.until_ready(&seeded, "a");
    let fresh = again(&lab.host("fresh"), "join", &[]);
    assert_eq!(fresh.code, Some(2), "{fresh:?}");
    assert!(fresh.stderr.contains("nothing says which cluster"), "{fresh:?}");
}

#[test]
fn a_machine_that_was_killed_while_it_waited_knows_where_to() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "false"]);
    let a = lab.host("a");
    let joining = a.joining(&seeder, &seeded, &[]);
    seeder.until_pending(&seeded, "a");
    drop(joining);
    let state = a.state().display().to_string();
    let words = [crate::sandbox::KUBEWRIGHT, "node", "join", "--name", "a", "--state-dir", &state];
    let blind = run(&mut a.program(&words, None));
    assert_eq!(blind.code, Some(2), "{blind:?}");
    assert!(blind.stderr.contains("there is no token"), "{blind:?}");
    seeder.admin(&seeded, &["accept", "a"]).ok();
    run(&mut a.program(&words, Some(&seeded.token))).ok();
    seeder.until_ready(&seeded, "a");

    // Done, and without its credentials.
    std::fs::write(kubewright_node::join::Place::at(a.state()).kubeconfig(), "").unwrap();
    let damaged = run(&mut a.program(&words, None));
    assert_eq!(damaged.code, Some(1), "{damaged:?}");
    assert!(damaged.stderr.contains("`kubewright node reset` clears it"), "{damaged:?}");
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
