//! What is refused, and in which words.

use kubewright_testkit::require;

use crate::lab::{Lab, Seeded, possible};

#[test]
fn wrong_tokens_pins_and_names_are_told() {
    require!(possible(), kubewright_testkit::require::program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "true"]);
    let a = lab.host("a");
    let refused = |seeded: &Seeded, words: &str| {
        let ended = a.join(&seeder, seeded, &["--wait", "60"]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(words), "{words:?} is not in {ended:?}");
        assert!(!ended.stderr.contains(&seeded.token[7..]), "{ended:?}");
        assert_eq!(ended.stdout, "");
    };
    let other = |token: String, pin: String| Seeded { token, pin, kubeconfig: String::new() };
    let wrong = format!("{}.aaaaaaaaaaaaaaaa", &seeded.token[..6]);
    refused(&other(wrong, seeded.pin.clone()), "the secret half of the token is not");
    refused(&other("zzzzzz.aaaaaaaaaaaaaaaa".into(), seeded.pin.clone()), "never was");
    let pin = format!("sha256:{}", "0".repeat(64));
    refused(&other(seeded.token.clone(), pin), "certificate authority has the pin");

    let short = seeder.admin(&seeded, &["token", "create", "--ttl", "1s", "-o", "json"]).ok();
    let short: serde_json::Value = serde_json::from_str(&short).unwrap();
    let short = short["token"].as_str().unwrap().to_owned();
    // The cluster takes it out when its time is over.
    crate::sandbox::eventually("the token has expired", || {
        !seeder.admin(&seeded, &["token", "list"]).ok().contains(&short[..6])
    });
    refused(&other(short, seeded.pin.clone()), "the token has expired");

    // Nothing of that is in the way of the right one.
    a.join(&seeder, &seeded, &[]).ok();
    seeder.until_ready(&seeded, "a");
    let twin = lab.host("twin");
    let known = (seeded.token.as_str(), seeded.pin.as_str());
    let taken = crate::sandbox::run(&mut twin.join_command("a", &seeder, known, &[]));
    assert_eq!(taken.code, Some(1), "{taken:?}");
    assert!(taken.stderr.contains("a node a is in the cluster and Ready"), "{taken:?}");
    assert!(taken.stderr.contains("--name"), "{taken:?}");

    // Without anything to know the cluster by, and without a token.
    let blind = crate::sandbox::run(&mut twin.join_command("b", &seeder, (known.0, ""), &[]));
    assert_eq!(blind.code, Some(2), "{blind:?}");
    assert!(blind.stderr.contains("--ca-cert-hash"), "{blind:?}");
    let bare = twin.kubewright(&["node", "join", &seeder.address, "--ca-cert-hash", &seeded.pin]);
    assert_eq!(bare.code, Some(2), "{bare:?}");
    assert!(bare.stderr.contains("TOKEN"), "{bare:?}");
}

#[test]
fn an_address_that_is_not_ours_is_told_with_its_cause() {
    require!(possible());
    let lab = Lab::new();
    let host = lab.host("seeder");
    let ended = host.init(&["--address", "10.77.0.99"], None);
    assert_ne!(ended.code, Some(0), "{ended:?}");
    let host = lab.host("other");
    let state = host.state().display().to_string();
    let words = ["node", "init", "--address", "10.77.0.99", "--state-dir", &state];
    let ended = host.kubewright(&words);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cannot listen on 10.77.0.99:6443"), "{ended:?}");
}

#[test]
fn addresses_that_are_of_no_machine_are_refused() {
    require!(possible());
    let lab = Lab::new();
    let host = lab.host("seeder");
    for address in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"] {
        let inited =
            host.kubewright(&["node", "init", "--engine", "embedded", "--address", address]);
        let pin = format!("sha256:{}", "0".repeat(64));
        let join = ["node", "join", "10.77.0.1", "--engine", "embedded", "--ca-cert-hash", &pin];
        let joined = host.kubewright(&[&join[..], &["--address", address]].concat());
        for ended in [inited, joined] {
            assert_eq!(ended.code, Some(2), "{ended:?}");
            assert!(ended.stderr.contains("network.bind.address"), "{ended:?}");
        }
    }
}

#[test]
fn a_kubeadm_that_is_not_there_is_told_before_anything_is_done() {
    let sandbox = crate::sandbox::Sandbox::new();
    let file = sandbox.path("node.yaml");
    let text = "apiVersion: node.kubewright.io/v1alpha1\nkind: NodeConfiguration\nengine: kubeadm\npaths: {kubeadm: /nonexistent}\n";
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let checked = sandbox.kubewright(&["node", "config", "--check", "--config", &file]);
    assert!(checked.stderr.contains("paths.kubeadm: there is no such program"), "{checked:?}");
    assert!(checked.ok().contains("is right"), "it may be that of another machine");
    let state = sandbox.state_dir();
    for more in [&[][..], &["--dry-run"]] {
        let words = ["node", "init", "--config", &file, "--state-dir", &state];
        let ended = sandbox.kubewright(&[&words, more].concat());
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("there is no program /nonexistent"), "{ended:?}");
    }
}

#[test]
fn dry_runs_are_for_programs_too() {
    require!(possible(), kubewright_testkit::require::program("kubectl"));
    let lab = Lab::new();
    let fresh = lab.host("fresh");
    let told = |ended: crate::sandbox::Ended| -> serde_json::Value {
        serde_json::from_str(&ended.ok()).unwrap()
    };
    let would = told(fresh.init(&["--dry-run"], None));
    assert_eq!(would["server"], format!("https://{}:6443", fresh.address).as_str());
    assert!(!fresh.state().exists(), "nothing was done");
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "true"]);
    let would = told(fresh.join(&seeder, &seeded, &["--dry-run"]));
    assert_eq!(would["seeder"], format!("{}:6443", seeder.address).as_str());
    let would = told(seeder.admin(&seeded, &["remove", "x", "--dry-run", "-o", "json"]));
    assert_eq!(would["node"], "x");
    let token = ["token", "create", "--ttl", "0", "-o", "json"];
    let would = told(seeder.admin(&seeded, &[&token[..], &["--dry-run"]].concat()));
    assert!(would["expires"].is_null() && would.get("token").is_none(), "{would}");
    // For machines that are set up before there is a cluster.
    let [one, other] = [(); 2].map(|()| fresh.kubewright(&["node", "token", "generate"]).ok());
    assert!(one != other && one.trim().parse::<kubewright_node::token::Token>().is_ok());
    // As with kubeadm: one that never ends.
    let made = told(seeder.admin(&seeded, &token));
    assert!(made["expires"].is_null(), "{made}");
    let id = &made["token"].as_str().unwrap()[..6];
    // With other groups alone nobody joins by it.
    let lab = ["token", "create", "--groups", "system:bootstrappers:lab"];
    let told = seeder.admin(&seeded, &lab).stderr;
    assert!(
        told.contains("system:bootstrappers:lab,system:bootstrappers:kubeadm:default"),
        "{told}"
    );
    let signing = [&lab[..], &["--usages", "signing"]].concat();
    assert_eq!(seeder.admin(&seeded, &signing).stderr, "");
    let shown = seeder.admin(&seeded, &["token", "show", id]).ok();
    assert!(shown.contains("never"), "{shown}");
    let refused = seeder.admin(&seeded, &["token", "create", "--description", "a\u{1b}[2J"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("control characters"), "{refused:?}");
    // That of others.
    let secret = format!("bootstrap-token-{id}");
    let patch = "{\"stringData\":{\"description\":\"a\\u001b[2J\"}}";
    seeder.kubectl(&seeded, &["patch", "secret", "-n", "kube-system", &secret, "-p", patch]);
    for words in [&["token", "list"][..], &["token", "show", id]] {
        let shown = seeder.admin(&seeded, words).ok();
        assert!(shown.contains("a\\u{1b}[2J") && !shown.contains('\u{1b}'), "{shown}");
    }
    for ttl in ["-1h", "soon", "5"] {
        let refused = seeder.admin(&seeded, &["token", "create", "--ttl", ttl]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("0 for ever"), "{refused:?}");
    }
}
