//! `kubewright local`: the life of a control plane.
#![allow(clippy::unwrap_used)]

mod sandbox;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use kubewright_operator::ClientArgs;
use rustix::process::{Pid, Signal, kill_process};
use sandbox::{KUBEWRIGHT, Sandbox, eventually, spawn};

async fn client(sandbox: &Sandbox) -> Client {
    let file = sandbox.path("state/kubeconfig");
    ClientArgs::file(&file).client().await.unwrap()
}

async fn write(sandbox: &Sandbox, name: &str) {
    let map = ConfigMap {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let api: Api<ConfigMap> = Api::default_namespaced(client(sandbox).await);
    api.create(&PostParams::default(), &map).await.unwrap();
}

async fn names(sandbox: &Sandbox) -> Vec<String> {
    let api: Api<ConfigMap> = Api::default_namespaced(client(sandbox).await);
    let list = api.list(&kube::api::ListParams::default()).await.unwrap();
    let names = list.items.into_iter().filter_map(|map| map.metadata.name);
    names.filter(|name| !name.starts_with("kube-")).collect()
}

fn process(sandbox: &Sandbox) -> Pid {
    let status = sandbox.status(&["--state-dir", &sandbox.state_dir()]);
    let id = status["process"]["id"].as_i64().unwrap();
    Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}

/// Kills the control plane, and waits until it is seen to be gone.
fn kill(sandbox: &Sandbox) {
    kill_process(process(sandbox), Signal::KILL).unwrap();
    eventually("the control plane is gone", || sandbox.durable("status").code == Some(1));
}

#[test]
fn it_starts_is_found_and_ends() {
    let sandbox = Sandbox::new();
    let before = sandbox.kubewright(&["local", "status"]);
    assert_eq!(before.code, Some(1), "{before:?}");
    assert!(before.stdout.contains("not running"), "{before:?}");

    let started = sandbox.kubewright(&["local", "start"]).ok();
    assert!(started.contains("ready at https://127.0.0.1:"), "{started}");
    let status = sandbox.status(&[]);
    assert_eq!(status["running"], true);
    assert_eq!(status["durable"], false);
    let kubeconfig = sandbox.kubewright(&["local", "kubeconfig"]).ok();
    assert!(kubeconfig.contains("certificate-authority-data"), "{kubeconfig}");
    let path = sandbox.kubewright(&["local", "kubeconfig", "--path"]).ok();
    assert_eq!(std::fs::read_to_string(path.trim()).unwrap(), kubeconfig);
    assert!(started.contains(path.trim()), "{started}");

    let stopped = sandbox.kubewright(&["local", "stop"]).ok();
    assert!(stopped.contains("ended"), "{stopped}");
    assert_eq!(sandbox.status(&[])["running"], false);
    let again = sandbox.kubewright(&["local", "stop"]).ok();
    assert!(again.contains("nothing runs"), "{again}");
}

#[test]
fn secrets_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    sandbox.durable("start").ok();
    for file in ["", "kubeconfig", "control-plane.json", "log"] {
        let mode =
            std::fs::metadata(sandbox.path("state").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file:?} has mode {mode:o}");
    }
}

#[test]
fn a_second_start_is_refused_and_leaves_the_first_alone() {
    let sandbox = Sandbox::new();
    sandbox.durable("start").ok();
    let first = process(&sandbox);
    let second = sandbox.durable("start");
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("runs from"), "{second:?}");
    assert!(second.stderr.contains("local stop --state-dir"), "{second:?}");
    assert_eq!(process(&sandbox), first);
    let up = sandbox.kubewright(&["up", "--once", "--state-dir", &sandbox.state_dir()]);
    assert_eq!(up.code, Some(1));
    assert!(up.stdout.contains("runs from"), "{up:?}");
    assert_eq!(process(&sandbox), first);
}

#[test]
fn of_starts_at_the_same_moment_one_wins() {
    let sandbox = Sandbox::new();
    let codes: Vec<Option<i32>> = std::thread::scope(|scope| {
        let starts: Vec<_> =
            (0..4).map(|_| scope.spawn(|| sandbox.durable("start").code)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == Some(1)).count(), 3, "{codes:?}");
    assert_eq!(sandbox.durable("status").code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill_and_the_stale_record_is_told_of() {
    let sandbox = Sandbox::new();
    sandbox.durable("start").ok();
    for round in 0..3 {
        write(&sandbox, &format!("round-{round}")).await;
        kill(&sandbox);
        let status = sandbox.durable("status");
        assert!(status.stdout.contains("not running"), "{status:?}");
        assert!(status.stderr.contains("ended without cleaning up"), "{status:?}");
        sandbox.durable("start").ok();
    }
    assert_eq!(names(&sandbox).await, ["round-0", "round-1", "round-2"]);
    sandbox.durable("stop").ok();
    sandbox.durable("start").ok();
    assert_eq!(names(&sandbox).await, ["round-0", "round-1", "round-2"]);
}

#[test]
fn a_record_of_another_process_with_its_id_gets_no_signal() {
    let sandbox = Sandbox::new();
    sandbox.durable("start").ok();
    let file = sandbox.path("state/control-plane.json");
    let record = std::fs::read_to_string(&file).unwrap();
    sandbox.durable("stop").ok();
    // A process that lives and is not the one of the record: a sleeper of ours.
    let mut sleeper = spawn(sandbox.program("sleep").arg("300"));
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    record["process"]["id"] = sleeper.0.id().into();
    std::fs::write(&file, record.to_string()).unwrap();
    let stopped = sandbox.durable("stop").ok();
    assert!(stopped.contains("nothing runs"), "{stopped}");
    assert!(sleeper.0.try_wait().unwrap().is_none(), "the sleeper was ended");
}

#[test]
fn a_corrupt_record_is_set_aside_and_stands_in_nobodys_way() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("state")).unwrap();
    std::fs::write(sandbox.path("state/control-plane.json"), "{ half").unwrap();
    let status = sandbox.durable("status");
    assert!(status.stderr.contains("control-plane.json.corrupt"), "{status:?}");
    assert_eq!(
        std::fs::read_to_string(sandbox.path("state/control-plane.json.corrupt")).unwrap(),
        "{ half"
    );
    sandbox.durable("start").ok();
}

#[test]
fn an_address_that_is_taken_is_an_error_with_its_cause() {
    let sandbox = Sandbox::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let started = sandbox.kubewright(&["local", "start", "--listen", &address]);
    assert_eq!(started.code, Some(1));
    assert!(started.stderr.contains("cannot start a control plane"), "{started:?}");
    assert!(started.stderr.contains(&format!("cannot listen on {address}")), "{started:?}");
    assert!(started.stderr.to_lowercase().contains("address already in use"), "{started:?}");
}

#[test]
fn dry_runs_do_nothing() {
    let sandbox = Sandbox::new();
    let start = sandbox.kubewright(&["local", "start", "--dry-run"]).ok();
    assert!(start.starts_with("would start"), "{start}");
    assert_eq!(sandbox.status(&[])["running"], false);
    sandbox.kubewright(&["local", "start"]).ok();
    let stop = sandbox.kubewright(&["local", "stop", "--dry-run"]).ok();
    assert!(stop.starts_with("would end process"), "{stop}");
    assert_eq!(sandbox.status(&[])["running"], true);
}

#[test]
fn the_server_in_the_foreground_ends_in_order_when_it_is_asked_to() {
    let sandbox = Sandbox::new();
    let mut program = sandbox.program(KUBEWRIGHT);
    let mut serve = spawn(program.args(["local", "serve"]).stderr(std::process::Stdio::null()));
    let line = serve.lines().next().unwrap();
    assert!(line.starts_with("ready at https://"), "{line}");
    serve.terminate();
    assert!(serve.0.wait().unwrap().success());
    assert!(!sandbox.path("kubewright/control-plane.json").exists());
}
