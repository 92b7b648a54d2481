//! `kubewright up` through the real binary.
#![allow(clippy::unwrap_used)]

mod sandbox;

use sandbox::{Ended, KUBEWRIGHT, Sandbox, spawn};
use serde_json::Value;

/// What every check came to, and the result.
fn told(ended: &Ended) -> (Vec<Value>, Value) {
    let lines = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut lines: Vec<Value> = lines.collect();
    let result = lines.pop().unwrap();
    (lines, result)
}

fn assert_passed(ended: &Ended) -> Vec<Value> {
    let (checks, result) = told(ended);
    assert_eq!(result["result"], "passed", "{ended:?}");
    assert_eq!(ended.code, Some(0));
    for check in &checks {
        // What a machine lacks is skipped with a reason, and only the guard lacks something.
        let skipped = check["outcome"] == "skipped" && check["name"] == "boot guard";
        assert!(check["outcome"] == "passed" || skipped, "{check}");
        assert!(check["milliseconds"].as_f64().unwrap() > 0.0, "{check}");
    }
    checks
}

#[test]
fn once_everything_passes_with_a_line_each() {
    let sandbox = Sandbox::new();
    let checks = assert_passed(&sandbox.kubewright(&["up", "--once", "--json", "--nodes", "2"]));
    let names: Vec<&str> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "control plane",
            "API over TLS",
            "custom resources",
            "templates",
            "nodes join",
            "leader election",
            "HostEndpoints",
            "nothing written at rest",
            "drift repaired",
            "VPN node",
            "node removed",
            "mass deletion held back",
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

    up.terminate();
    let last: Value = serde_json::from_str(&lines.last().unwrap()).unwrap();
    assert_eq!(last["name"], "clean shutdown", "{last}");
    assert_eq!(last["outcome"], "passed", "{last}");
    assert!(up.0.wait().unwrap().success());
    assert!(!kubeconfig.exists(), "what it made is gone with it");
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
