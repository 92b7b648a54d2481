//! The guard killed at any moment.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kubewright_hostendpoint::guard::record::{self, Found};
use kubewright_hostendpoint::guard::{lock, release};
use kubewright_testkit::require;
use kubewright_testkit::require::{programs, root};

use crate::chains::{FELIX_NFTABLES, FakeFelix, feed};
use crate::lab::{Lab, PROGRAMS};

/// The arguments of a verb, for the process that is going to be killed.
const GUARD: &str = "KUBEWRIGHT_TEST_GUARD";

/// Not a test by itself: this program, started again as the guard.
#[test]
fn guard_process() {
    let Ok(arguments) = std::env::var(GUARD) else {
        return;
    };
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match arguments[0] {
        "lock" => {
            let args = parse(&arguments);
            runtime.block_on(lock::run(&args)).unwrap();
        }
        _ => {
            let args: kubewright_hostendpoint::guard::ReleaseArgs = parse(&arguments);
            let endpoints = args.readiness.local_endpoints().unwrap();
            runtime.block_on(release::run(&args, &endpoints)).unwrap();
        }
    }
}

fn parse<T: clap::Args>(arguments: &[&str]) -> T {
    let matches =
        T::augment_args(clap::Command::new("guard")).try_get_matches_from(arguments).unwrap();
    T::from_arg_matches(&matches).unwrap()
}

fn start(lab: &Lab, arguments: &str) -> Child {
    let this = std::env::current_exe().unwrap();
    lab.node
        .command(this.to_str().unwrap())
        .args(["--exact", "crash::guard_process", "--nocapture"])
        .env(GUARD, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until no process of ours is left in the namespace: an nft that was handed
/// its whole script finishes even when the guard is gone.
fn settle(lab: &Lab) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        // From outside: inside, the question would find itself.
        let pids = Command::new("ip").args(["netns", "pids", lab.node.name()]).output().unwrap();
        if pids.stdout.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "a process stays in the namespace");
        std::thread::yield_now();
    }
}

/// Kills `verb` after ever longer times, up to a bit more than it takes, and checks
/// what is left each time.
fn killed_at_every_moment(
    lab: &Lab,
    rounds: u32,
    verb: &str,
    allowed: impl Fn(Option<String>) -> bool,
) {
    let started = Instant::now();
    assert!(start(lab, verb).wait().unwrap().success());
    let whole = started.elapsed();
    for round in 0..rounds {
        lab.lock();
        let mut guard = start(lab, verb);
        std::thread::sleep(whole * round / (rounds - rounds / 8));
        guard.kill().unwrap();
        guard.wait().unwrap();
        settle(lab);
        let left = lab.table();
        assert!(allowed(left.clone()), "round {round} left half a lock: {left:?}");
        let record = record::read(lab.state.path()).unwrap();
        assert!(matches!(record, Found::Record(_)), "round {round} left {record:?}");
    }
}

#[test]
fn a_killed_release_leaves_the_node_locked_or_released_and_never_half() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    lab.lock();
    let locked = lab.table().unwrap();
    feed(&lab.node, "nft", &["-f", "-"], FELIX_NFTABLES);
    let felix = FakeFelix::on(&lab.node);
    let release = format!(
        "release --interface eth0 --stable-for 0s --felix-url {} --state-dir {}",
        felix.url(),
        lab.state.path().display()
    );
    killed_at_every_moment(&lab, 60, &release, |left| left.is_none_or(|left| left == locked));
    // And it can always be finished.
    assert!(start(&lab, &release).wait().unwrap().success());
    assert_eq!(lab.table(), None);
}

#[test]
fn a_killed_lock_leaves_the_node_locked_as_before_or_as_wanted() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    lab.lock();
    let before = lab.table().unwrap();
    // Longer than a pipe holds, so that a script cut short would be noticed.
    let many: Vec<String> = (0..2000).map(|n| format!("10.{}.{}.0/25", n / 200, n % 200)).collect();
    let lock =
        format!("lock --nodes-from {} --state-dir {}", many.join(","), lab.state.path().display());
    assert!(start(&lab, &lock).wait().unwrap().success());
    let wanted = lab.table().unwrap();
    assert_ne!(before, wanted);
    killed_at_every_moment(&lab, 30, &lock, |left| {
        left.is_some_and(|left| left == before || left == wanted)
    });
}
