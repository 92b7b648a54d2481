//! From ten repositories to a verdict, on the command line.
#![allow(clippy::unwrap_used)]

mod sandbox;

use kubewright_testkit::Federation;
use kubewright_testkit::federation::git;
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

/// However a build ends, nothing of it goes on.
#[test]
fn a_build_ends_with_all_that_it_started() {
    require!(programs(&["git", "setpriv"]));
    let sandbox = Sandbox::new();
    let root = sandbox.path("workspace");
    let (tree, pids) = (root.join("one"), root.join("pids"));
    std::fs::create_dir_all(&tree).unwrap();
    let script = "sleep 100000 & echo $! $$ > ../../../pids.new; mv ../../../pids.new ../../../pids; wait; true";
    std::fs::write(
        root.join("workspace.toml"),
        format!("[component.one]\npath = \"one\"\nbuild = {{ command = [\"sh\", \"-c\", {script:?}], output = \"out\" }}\n"),
    )
    .unwrap();
    git(&tree, &["init", "--quiet"]).unwrap();
    git(&tree, &["commit", "--quiet", "--allow-empty", "--message", "Begin"]).unwrap();
    for signal in ["TERM", "KILL"] {
        let _ = std::fs::remove_file(&pids);
        let mut build = sandbox.program(KUBEWRIGHT);
        build.current_dir(&root).args(["workspace", "build"]);
        let mut build = build.stderr(std::process::Stdio::null()).spawn().unwrap();
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(120);
        let wait = |what: &str, done: &dyn Fn() -> bool| {
            while !done() {
                assert!(std::time::Instant::now() < patience, "{signal}: {what}");
                std::thread::yield_now();
            }
        };
        wait("the command does not begin", &|| pids.exists());
        let started = std::fs::read_to_string(&pids).unwrap();
        let id = build.id().to_string();
        std::process::Command::new("kill").args(["-s", signal, &id]).status().unwrap();
        assert!(!build.wait().unwrap().success(), "{signal}");
        for pid in started.split_whitespace() {
            let stat = format!("/proc/{pid}/stat");
            let is_gone =
                || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
            wait("it goes on", &is_gone);
        }
    }
}

/// Programs that read the result learn why something failed.
#[test]
fn causes_are_data_too() {
    require!(programs(&["git", "go"]));
    let bench = Bench::new();
    std::fs::rename(bench.federation.origin("typha"), bench.sandbox.path("away")).unwrap();
    let synced = bench.kubewright(&["sync", "-o", "json"]);
    assert_eq!(synced.code, Some(1));
    let synced: Value = serde_json::from_str(&synced.stdout).unwrap();
    let of = |name: &str| {
        let mut all = synced.as_array().unwrap().iter();
        all.find(|line| line["component"] == name).unwrap().clone()
    };
    assert_eq!(of("felix")["step"], "add");
    let typha = of("typha");
    assert!(typha["error"].as_str().unwrap().contains("cannot fetch from file://"), "{typha}");
    assert!(typha["because"][0].as_str().unwrap().contains("git"), "{typha}");
    std::fs::rename(bench.sandbox.path("away"), bench.federation.origin("typha")).unwrap();
    bench.kubewright(&["sync"]).ok();
    // A source that git ignores is not seen, and that is said.
    let tree = bench.federation.workspace().join("felix");
    std::fs::write(tree.join(".gitignore"), "/bin/\nmade.go\n").unwrap();
    std::fs::write(tree.join("made.go"), "package felix\n\nconst Made = 1\n").unwrap();
    std::fs::write(tree.join("uses.go"), "package felix\n\nvar _ = Made\n").unwrap();
    let built = bench.kubewright(&["build", "felix", "-o", "json"]);
    assert_eq!(built.code, Some(1));
    assert!(built.stderr.contains("felix/made.go"), "{}", built.stderr);
    let built: Value = serde_json::from_str(&built.stdout).unwrap();
    assert_eq!(built["failed"][0]["component"], "felix");
    let because = built["failed"][0]["because"][0].as_str().unwrap();
    assert!(because.contains("undefined: Made"), "{because}");
}

/// Private repositories: ssh is called as people have told git to, and asks nobody.
#[test]
fn git_reaches_repositories_as_it_is_told_to() {
    require!(programs(&["git"]));
    let sandbox = Sandbox::new();
    let (root, origin) = (sandbox.path("workspace"), sandbox.path("origin"));
    std::fs::create_dir_all(&root).unwrap();
    std::fs::create_dir_all(&origin).unwrap();
    git(&origin, &["init", "--quiet", "--initial-branch=main"]).unwrap();
    git(&origin, &["commit", "--quiet", "--allow-empty", "--message", "Begin"]).unwrap();
    let (ssh, config) = (sandbox.path("ssh"), sandbox.path("gitconfig"));
    let script = "#!/bin/sh\ntest \"$SSH_ASKPASS_REQUIRE\" = force || exit 9\n\
                  for last; do :; done\nexec sh -c \"$last\"\n";
    std::fs::write(&ssh, script).unwrap();
    std::fs::set_permissions(&ssh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(&config, format!("[core]\n\tsshCommand = {}\n", ssh.display())).unwrap();
    let url = format!("ssh://git@private.example{}", origin.display());
    let text = format!("[component.one]\ngit = {url:?}\nref = \"main\"\n");
    std::fs::write(root.join("workspace.toml"), text).unwrap();
    let sync = || {
        let mut sync = sandbox.program(KUBEWRIGHT);
        sync.env("GIT_CONFIG_GLOBAL", &config).env("GIT_SSH_VARIANT", "simple");
        run(sync.current_dir(&root).args(["workspace", "sync"]))
    };
    sync().ok();
    assert!(root.join("one/.git").exists());
    assert_eq!(sync().ok().matches("up to date").count(), 1);
}
