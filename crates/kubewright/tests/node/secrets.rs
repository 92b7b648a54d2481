//! Tokens and keys are where they belong and nowhere else.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use kubewright_testkit::require;
use kubewright_testkit::require::program;

use crate::lab::{Lab, possible};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// Arguments of every process, as every user of the machine may read them.
fn arguments() -> String {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ") + "\n").collect()
}

#[test]
fn no_token_or_key_is_where_others_could_read_it() {
    require!(possible(), program("kubectl"));
    let lab = Lab::new();
    let (seeder, seeded) = lab.seeder(&["--auto-approve", "false"]);
    let a = lab.host("a");
    let mut joining = a.joining(&seeder, &seeded, &[]);
    seeder.until_pending(&seeded, "a");
    let secret = &seeded.token[7..];
    assert!(!arguments().contains(secret), "an argument");
    seeder.admin(&seeded, &["accept", "a"]).ok();
    assert!(joining.0.wait().unwrap().success());
    seeder.until_ready(&seeded, "a");
    assert!(arguments().contains("node serve"), "what is looked at is there");
    assert!(!arguments().contains(secret), "an argument");

    for host in [&seeder, &a] {
        let mode = std::fs::metadata(host.state()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", host.name);
        for path in files(&host.state()) {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
            let bytes = std::fs::read(&path).unwrap();
            // The cluster's own store holds the Secret.
            let store = path.extension().is_some_and(|it| it == "redb");
            assert!(
                store || !String::from_utf8_lossy(&bytes).contains(secret),
                "the token is in {}",
                path.display()
            );
            if path.extension().is_some_and(|it| it == "log") {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                assert!(!text.contains("PRIVATE KEY"), "a key is in {}", path.display());
            }
        }
        // A service that was started with the token does not keep it.
        let process = host.status()["process"].as_i64().unwrap();
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap();
        assert!(!String::from_utf8_lossy(&environment).contains(secret), "the environment");
    }
    for kind in ["configmaps", "events", "csr", "nodes"] {
        let all = seeder.kubectl(&seeded, &["get", kind, "-A", "-o", "json"]);
        assert!(!all.contains(secret) && !all.contains("PRIVATE KEY"), "{kind}");
    }
    for words in [&["token", "list", "-o", "yaml"][..], &["token", "show", &seeded.token[..6]]] {
        let shown = seeder.admin(&seeded, words).ok();
        assert!(shown.contains(&seeded.token[..6]) && !shown.contains(secret), "{shown}");
    }
    // One that is given as an argument by mistake is not repeated by us.
    let mistaken = seeder.admin(&seeded, &["token", "show", &seeded.token]).ok();
    assert!(!mistaken.contains(secret), "{mistaken}");
}

#[test]
fn what_may_be_a_secret_is_not_repeated() {
    // No token of the form, so that nothing could recognise it; and one that is.
    for secret in ["c271f4ff502789caXYZ", "94dcda-c271f4ff502789ca", "94dcda.c271f4ff502789ca"] {
        let sandbox = crate::sandbox::Sandbox::new();
        let variable = format!("clusterFormation.token={secret}");
        let other = format!("clusterFormation.token:{secret}");
        let equal = format!("--token={secret}");
        let lines: [&[&str]; 12] = [
            &["node", "join", "10.0.0.1", secret],
            &["node", "join", "10.0.0.1", "--token", secret],
            &["node", "join", "10.0.0.1", &equal],
            &["node", "join", "10.0.0.1", "--ca-cert-hash", secret],
            &["node", "token", "create", secret],
            &["node", secret],
            &["node", "token", "show", secret],
            &["node", "token", "delete", secret],
            &["node", "init", "--var", &variable],
            &["node", "join", "10.0.0.1", "--var", &variable],
            &["node", "join", "10.0.0.1", "--var", &other],
            &["node", "config", "--check", "--var", &variable],
        ];
        for line in lines {
            let ended = sandbox.kubewright(line);
            assert_ne!(ended.code, Some(0), "{line:?}");
            assert!(!ended.stderr.is_empty() && ended.stdout.is_empty(), "{ended:?}");
            assert!(!ended.stderr.contains("c271f4ff502789ca"), "{line:?}: {ended:?}");
            if line.contains(&"--token") {
                assert!(ended.stderr.contains("the variable TOKEN"), "{ended:?}");
            }
        }
        let mut join = sandbox.program(crate::sandbox::KUBEWRIGHT);
        join.args(["node", "join", "10.0.0.1", "--engine", "embedded"]).env("TOKEN", &secret[1..]);
        let ended = crate::sandbox::run(&mut join);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(!ended.stderr.contains("c271f4ff502789ca"), "{ended:?}");
    }
}
