//! From ten repositories to a verdict, on the command line.
#![allow(clippy::unwrap_used)]

mod sandbox;

use kubewright_testkit::Federation;
use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use sandbox::{Ended, KUBEWRIGHT, Sandbox, run};
use serde_json::Value;

struct Bench {
    sandbox: Sandbox,
    federation: Federation,
}

impl Bench {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let folder = sandbox.path("federation");
        std::fs::create_dir_all(&folder).unwrap();
        let federation = Federation::create(&folder).unwrap();
        Self { sandbox, federation }
    }

    fn kubewright(&self, line: &[&str]) -> Ended {
        let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
        run(self
            .sandbox
            .program(KUBEWRIGHT)
            .env("GOPROXY", "off")
            .env("GOFLAGS", "-mod=mod")
            .env("GOCACHE", cache.join("cache"))
            .env("GOPATH", cache.join("path"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(self.federation.workspace())
            .arg("workspace")
            .args(line))
    }

    fn json(&self, line: &[&str]) -> Value {
        serde_json::from_str(&self.kubewright(line).ok()).unwrap()
    }
}

#[test]
fn from_ten_repositories_to_a_verdict() {
    require!(programs(&["git", "go"]));
    let bench = Bench::new();
    let missing = bench.kubewright(&["build"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("component app-policy is missing"), "{missing:?}");

    let dry = bench.kubewright(&["sync", "--dry-run"]).ok();
    assert_eq!(dry.matches("to be cloned").count(), 10, "{dry}");
    let synced = bench.kubewright(&["sync"]).ok();
    assert_eq!(synced.matches("cloned").count(), 10, "{synced}");
    let again = bench.kubewright(&["sync"]).ok();
    assert_eq!(again.matches("up to date").count(), 10, "{again}");

    let graph = bench.json(&["graph", "-o", "json"]);
    assert_eq!(graph["edges"].as_array().unwrap().len(), 15);
    assert!(bench.kubewright(&["graph", "-o", "svg"]).ok().starts_with("<svg "));
    let why = bench.kubewright(&["why", "node", "pod2daemon"]).ok();
    assert!(why.contains("felix → pod2daemon: go.mod requires v0.0.0-2020"), "{why}");
    assert_eq!(bench.kubewright(&["why", "typha", "felix"]).code, Some(1));
    assert_eq!(bench.kubewright(&["why", "typha", "felxi"]).code, Some(2));
    let skew = bench.json(&["skew", "-o", "json"]);
    assert!(
        skew.as_array().unwrap().iter().all(|pin| pin["distance"]["state"] == "same"),
        "{skew}"
    );

    let built = bench.json(&["build", "-o", "json"]);
    assert_eq!(built["built"].as_array().unwrap().len(), 8);
    let felix = bench.federation.workspace().join("felix/touched.go");
    std::fs::write(&felix, "package felix\n").unwrap();
    let pending = bench.kubewright(&["build", "--affected", "--dry-run"]).ok();
    let pending: Vec<&str> =
        pending.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(pending, ["felix", "kube-controllers", "node"]);
    let status = bench.kubewright(&["status"]).ok();
    assert!(
        status.lines().any(|line| line.starts_with("felix") && line.contains("1 file")),
        "{status}"
    );
    std::fs::remove_file(&felix).unwrap();

    bench.kubewright(&["image"]).ok();
    bench.kubewright(&["index"]).ok();
    let manifests = bench.json(&["manifests", "-o", "json"]);
    assert_eq!(manifests[0]["images"].as_array().unwrap().len(), 4);
    let deployed = bench.kubewright(&["deploy", "--on", "embedded"]).ok();
    assert!(deployed.contains("nothing runs pods here"), "{deployed}");
    assert!(deployed.ends_with("TEST RESULT: passed\n"), "{deployed}");

    let file = bench.federation.workspace().join("manifests/calico.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("replicas: 1", "replicas: one")).unwrap();
    let refused = bench.kubewright(&["deploy", "--on", "embedded", "-o", "json"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.ends_with("TEST RESULT: failed\n"), "{refused:?}");
    let said: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(said["passed"], false);
}

#[test]
fn local_build_is_a_switch() {
    require!(programs(&["git", "go"]));
    let bench = Bench::new();
    bench.kubewright(&["sync"]).ok();
    let keys = |line: &[&str]| {
        let built = bench.json(&[&["build", "--dry-run", "-o", "json"], line].concat());
        let all = built["built"].as_array().unwrap().clone();
        all.into_iter().find(|built| built["component"] == "felix").unwrap()["key"].clone()
    };
    assert_eq!(keys(&[]), keys(&["--local"]));
    assert_eq!(keys(&[]), keys(&["--local=true"]));
    assert_ne!(keys(&[]), keys(&["--local=false"]));
    // What comes after it is a component.
    assert_eq!(keys(&[]), keys(&["--local", "felix"]));
    let wrong = bench.kubewright(&["build", "--local=maybe"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
}
