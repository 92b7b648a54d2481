//! The runtime killed at any instant: this test program is started again as the runtime.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kubewright_cri::message::PodSandboxFilter;
use kubewright_cri::{CallError, Client, Endpoint};
use kubewright_testkit::require;

use super::node::{Node, available, config};
use crate::runtime::{Options, Runtime};

/// Environment variable: this process is the runtime, with its folders beside each other here.
const AS_RUNTIME: &str = "KUBEWRIGHT_TEST_AS_RUNTIME";

const LIVES: u32 = 24;

/// No test, unless started again by the one below.
#[test]
fn as_runtime() {
    let Some(folder) = std::env::var_os(AS_RUNTIME).map(PathBuf::from) else { return };
    let options = Options {
        run_dir: folder.join("run"),
        conf_dir: folder.join("net.d"),
        bin_dirs: vec![require::cni_plugins().unwrap()],
    };
    let threads = tokio::runtime::Runtime::new().unwrap();
    threads.block_on(async {
        let _runtime = Runtime::start(&options).await.unwrap();
        std::future::pending::<()>().await;
    });
}

/// The runtime in a process of its own; killed on drop.
struct Life(Child);

impl Drop for Life {
    fn drop(&mut self) {
        // Not to be killed means that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(node: &Node) -> Life {
    let this = std::env::current_exe().unwrap();
    let test = "runtime::tests::kill::as_runtime";
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net={}", node.netns.path().display()))
        .arg(this)
        .args(["--exact", test, "--nocapture"])
        .env(AS_RUNTIME, node.path(""))
        .stdout(Stdio::null());
    Life(command.spawn().unwrap())
}

async fn answers(client: &Client, runtime: &mut Life) {
    while matches!(client.version().await, Err(CallError::Unreachable { .. })) {
        assert_eq!(runtime.0.try_wait().unwrap(), None, "it runs");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn killed_at_any_instant_it_neither_loses_nor_leaks_a_sandbox() {
    require!(available());
    let node = Node::new();
    let client = Client::new(Endpoint::at(node.path("run/socket")));
    for life in 0..LIVES {
        let mut runtime = spawn(&node);
        answers(&client, &mut runtime).await;
        // What an earlier life answered for is there, ready or not; nothing is there twice.
        let all = client.list_sandboxes(PodSandboxFilter::default()).await.unwrap();
        let ready = all.iter().filter(|sandbox| sandbox.state == 0);
        for sandbox in ready {
            let seen = client.sandbox(&sandbox.id).await.unwrap();
            assert_eq!(node.links(seen.netns().unwrap()), ["lo UNKNOWN", "eth0 UP"]);
        }
        let work = async {
            let uid = format!("uid-{life}");
            let made = client.run_sandbox(config("web", &uid, life), "").await;
            if life % 3 != 0 {
                for sandbox in &all {
                    let _ = client.remove_sandbox(&sandbox.id).await;
                }
            }
            made
        };
        // From before the first file is written to after the last answer.
        let instant = Duration::from_millis(u64::from(life) * 7);
        let made = tokio::time::timeout(instant, work).await;
        drop(runtime);
        if let Ok(Ok(id)) = made {
            assert!(node.path("run/sandboxes").join(id).exists(), "it answered and forgot");
        }
    }
    let mut runtime = spawn(&node);
    answers(&client, &mut runtime).await;
    for sandbox in client.list_sandboxes(PodSandboxFilter::default()).await.unwrap() {
        client.remove_sandbox(&sandbox.id).await.unwrap();
    }
    drop(runtime);
    node.assert_empty();
}
