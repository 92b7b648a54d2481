//! `kubewright up` through the real binary.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use kubewright_testkit::require::Skip;
use kubewright_testkit::{Containerd, containerd, require};
use sandbox::{Ended, KUBEWRIGHT, Sandbox, run, spawn};
use serde_json::Value;

/// What every check came to, and the result.
fn told(ended: &Ended) -> (Vec<Value>, Value) {
    let lines = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut lines: Vec<Value> = lines.collect();
    let result = lines.pop().unwrap();
    (lines, result)
}

/// Checks of what not every machine can do.
const LACKING: [&str; 6] = [
    "boot guard",
    "container runtime",
    "pod sandbox",
    "network plugged",
    "network unplugged",
    "pod deleted",
];

fn assert_passed(ended: &Ended) -> Vec<Value> {
    let (checks, result) = told(ended);
    assert_eq!(result["result"], "passed", "{ended:?}");
    assert_eq!(ended.code, Some(0));
    for check in &checks {
        // What a machine lacks is skipped with a reason, and only these lack something.
        let lacking = LACKING.iter().any(|name| check["name"] == *name);
        let skipped = check["outcome"] == "skipped" && lacking;
        assert!(check["outcome"] == "passed" || skipped, "{check}");
        assert!(skipped || check["milliseconds"].as_f64().unwrap() > 0.0, "{check}");
    }
    checks
}

fn names(checks: &[Value]) -> Vec<&str> {
    checks.iter().map(|check| check["name"].as_str().unwrap()).collect()
}

/// What pods leave outside of their folders, by the random part of those that are given.
fn left_of(folders: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folders).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<_> = names.filter(|name| name.starts_with("kubewright-")).collect();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let folders = folders.to_str().unwrap();
    left.extend(mounts.lines().filter(|line| line.contains(folders)).map(ToOwned::to_owned));
    left
}

fn pods_can_run() -> Result<(), Skip> {
    require::root()?;
    require::program("ip")?;
    require::cni_plugins().map(drop)
}

const OF_PODS: [&str; 5] =
    ["container runtime", "pod sandbox", "network plugged", "network unplugged", "pod deleted"];

#[test]
fn once_everything_passes_with_a_line_each() {
    require!(pods_can_run());
    let sandbox = Sandbox::new();
    let checks = assert_passed(&sandbox.kubewright(&["up", "--once", "--json", "--nodes", "2"]));
    let names = names(&checks);
    assert_eq!(
        names,
        [
            "control plane",
            "API over TLS",
            "custom resources",
            "templates",
            "nodes join",
            "node accepted",
            "node rejected",
            "leader election",
            "HostEndpoints",
            "nothing written at rest",
            "drift repaired",
            "VPN node",
            "node removed",
            "mass deletion held back",
            "peer pods",
            "container runtime",
            "pod sandbox",
            "network plugged",
            "network unplugged",
            "pod deleted",
            "boot guard",
            "clean shutdown",
        ]
    );
}

#[test]
fn a_durable_one_comes_up_again_on_what_it_left() {
    let sandbox = Sandbox::new();
    let line = ["up", "--once", "--json", "--nodes", "1", "--state-dir", &sandbox.state_dir()];
    assert_passed(&sandbox.kubewright(&line));
    assert_passed(&sandbox.kubewright(&line));
    // And it can be looked at afterwards.
    sandbox.durable("start").ok();
    assert_eq!(sandbox.status(&["--state-dir", &sandbox.state_dir()])["durable"], true);
}

#[test]
fn for_people_it_ends_with_the_result() {
    let sandbox = Sandbox::new();
    let ended = sandbox.kubewright(&["up", "--once", "--nodes", "1"]);
    assert_eq!(ended.stdout.lines().last(), Some("UP RESULT: passed"), "{ended:?}");
    assert!(!ended.stdout.contains('\u{1b}'), "colours without a terminal");
    assert_eq!(ended.stderr, "");
}

#[test]
fn without_once_it_stays_until_it_is_asked_to_end() {
    let sandbox = Sandbox::new();
    let mut program = sandbox.program(KUBEWRIGHT);
    let mut up = spawn(program.args(["up", "--json", "--nodes", "1"]));
    let mut lines = up.lines();
    let mut result = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line).unwrap());
    let result = result.find(|line| line.get("result").is_some()).unwrap();
    assert_eq!(result["result"], "passed", "{result}");
    let kubeconfig = std::path::PathBuf::from(result["kubeconfig"].as_str().unwrap());
    assert!(kubeconfig.exists());
    let page = sandbox::get(result["console"].as_str().unwrap());
    assert!(page.contains("<title>Overview · kubewright</title>"), "{page}");

    up.terminate();
    let last: Value = serde_json::from_str(&lines.last().unwrap()).unwrap();
    assert_eq!(last["name"], "clean shutdown", "{last}");
    assert_eq!(last["outcome"], "passed", "{last}");
    assert!(up.0.wait().unwrap().success());
    assert!(!kubeconfig.exists(), "what it made is gone with it");
}

#[test]
fn a_network_is_plugged_into_a_running_pod_and_nothing_is_left() {
    require!(pods_can_run());
    let sandbox = Sandbox::new();
    let folders = sandbox.path("");
    let line = ["up", "--once", "--json", "--nodes", "1"];
    let ended = run(sandbox.program(KUBEWRIGHT).args(line).env("TMPDIR", &folders));
    let checks = assert_passed(&ended);
    let plugged = checks.iter().find(|check| check["name"] == "network plugged").unwrap();
    let seen = plugged["seen"].as_str().unwrap();
    assert!(seen.ends_with("no restart: eth0, net8d777f385d3d"), "{seen}");
    assert_eq!(left_of(&folders), [""; 0]);
}

#[test]
fn what_a_killed_one_left_is_removed_by_the_next() {
    require!(pods_can_run());
    let sandbox = Sandbox::new();
    let folders = sandbox.path("");
    let program = || {
        let mut program = sandbox.program(KUBEWRIGHT);
        program.args(["up", "--json", "--nodes", "1"]).env("TMPDIR", &folders);
        program
    };
    let mut up = spawn(&mut program());
    let plugged = up.lines().find(|line| line.contains("network plugged"));
    assert!(plugged.unwrap().contains("passed"));
    drop(up);
    let left = left_of(&folders);
    let random = left.iter().find_map(|name| name.strip_prefix("kubewright-pods-")).unwrap();
    let links = || ["kwp", "kwd"].map(|kind| format!("/sys/class/net/{kind}-{random}"));
    assert_eq!(links().map(|link| Path::new(&link).exists()), [true; 2]);

    let ended = run(program().arg("--once"));
    assert_passed(&ended);
    assert_eq!(links().map(|link| Path::new(&link).exists()), [false; 2]);
    let left = left_of(&folders);
    assert!(!left.iter().any(|name| name.contains("kubewright-pods-")), "{left:?}");
}

#[tokio::test]
async fn pods_run_by_a_real_container_runtime() {
    require!(pods_can_run(), containerd::available());
    let containerd = Containerd::start().await.unwrap();
    let sandbox = Sandbox::new();
    let endpoint = containerd.endpoint().to_string();
    let line = ["up", "--once", "--json", "--nodes", "1", "--runtime-endpoint", &endpoint];
    let checks = assert_passed(&sandbox.kubewright(&line));
    let of_pods = OF_PODS.map(|name| checks.iter().find(|check| check["name"] == name).unwrap());
    let seen = of_pods.map(|check| check["seen"].as_str().unwrap());
    assert!(seen[0].starts_with("containerd 1."), "{seen:?}");
    assert!(seen[1].contains("at 10.88."), "{seen:?}");
    assert!(seen[2].ends_with("eth0, net8d777f385d3d"), "{seen:?}");
    let left = containerd.client().list_sandboxes(Default::default()).await.unwrap();
    assert_eq!(left, []);
}

#[test]
fn pods_are_skipped_with_the_way_to_get_them_without_root() {
    require!(require::root(), require::program("setpriv"));
    let sandbox = Sandbox::new();
    // The build may be in a folder that only root sees.
    let program = sandbox.path("kubewright");
    std::fs::copy(KUBEWRIGHT, &program).unwrap();
    for path in [&program, &sandbox.path("")] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let line = ["up", "--once", "--json", "--nodes", "1"];
    let ended = run(sandbox.program("setpriv").args(nobody).arg(program).args(line));
    let checks = assert_passed(&ended);
    let skipped: Vec<&Value> =
        checks.iter().filter(|check| check["outcome"] == "skipped").collect();
    let told: Vec<&str> = skipped.iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(told[..5], LACKING[1..], "{told:?}");
    assert!(skipped[0]["why"].as_str().unwrap().ends_with("run as root"), "{}", skipped[0]);
    let needs = "it needs what `container runtime` gives";
    assert!(skipped[1..5].iter().all(|check| check["why"] == needs), "{skipped:?}");
}

#[test]
fn what_cannot_come_up_is_said_and_fails() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("state"), "a file where a directory should be").unwrap();
    let state = sandbox.state_dir();
    let ended = sandbox.kubewright(&["up", "--once", "--state-dir", &state]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("FAILED   control plane"), "{ended:?}");
    assert_eq!(ended.stdout.lines().last(), Some("UP RESULT: failed"));
    std::fs::remove_file(sandbox.path("state")).unwrap();
}
