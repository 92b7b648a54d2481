//! A process of the engine, which can be killed at any change of its journal.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use kubewright_node::config::{Source, load};
use kubewright_node::kubeadm::{self, Request};
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};

use crate::world::{World, extras, patience, purpose};

/// Environment variable: file with the order of a child.
pub(crate) const ORDER: &str = "KUBEWRIGHT_TEST_NODE_ORDER";

/// What a child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) root: PathBuf,
    pub(crate) config: PathBuf,
    /// Number of the change of the journal, from 1, right after which it is killed.
    pub(crate) kill_at: Option<usize>,
}

pub(crate) fn main(order: &Path) -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(std::io::stderr)
        .init();
    let order: Order = serde_json::from_slice(&std::fs::read(order).unwrap()).unwrap();
    let loaded = load(&Source { file: Some(order.config.clone()), ..Source::default() }).unwrap();
    let host = World::host_at(&order.root);
    let mut changes = 0;
    let observer = Box::new(move |_: &kubewright_node::journal::Step| {
        changes += 1;
        if order.kill_at == Some(changes) {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    });
    let request = Request {
        host: &host,
        purpose: purpose(&loaded),
        configuration: &loaded.configuration,
        extras: &extras(),
        patience: patience(),
        observer: Some(observer),
        herald: None,
    };
    let done = tokio::runtime::Runtime::new().unwrap().block_on(kubeadm::run(request));
    match done {
        Ok(report) => {
            println!("{}", serde_json::to_string(&report).unwrap());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                eprintln!("{error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Runs a child to its end, or to its death and that of what it ran.
pub(crate) async fn run(world: &World, kill_at: Option<usize>) -> Output {
    let output = run_alone(world, kill_at).await;
    until_free(world).await;
    output
}

/// Waits until nobody is at work on a machine.
pub(crate) async fn until_free(world: &World) {
    let lock = world.root().join("var/lib/kubewright/node/journal.lock");
    let waiting = move || {
        if let Ok(lock) = std::fs::File::open(lock) {
            lock.lock().unwrap();
        }
    };
    tokio::task::spawn_blocking(waiting).await.unwrap();
}

/// Runs a child to its end, or to its death; what it ran may go on.
pub(crate) async fn run_alone(world: &World, kill_at: Option<usize>) -> Output {
    let file = world.root().join(".fake/order.json");
    let order = Order { root: world.root().to_owned(), config: world.config().to_owned(), kill_at };
    std::fs::write(&file, serde_json::to_vec(&order).unwrap()).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ORDER, file);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}
