#![allow(clippy::unwrap_used)]

use super::*;
use crate::guard::fake::FakeNode;
use crate::guard::felix::FelixState;
use clap::Parser;
use std::path::Path;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: ReleaseArgs,
}

fn args(dir: &Path, arguments: &[&str]) -> ReleaseArgs {
    let state_dir = dir.to_str().unwrap();
    let base =
        ["release", "--state-dir", state_dir, "--poll-interval", "1ms", "--stable-for", "30ms"];
    Command::try_parse_from(base.iter().chain(arguments)).unwrap().args
}

fn recorded(dir: &Path) -> Option<Event> {
    match record::read(dir).unwrap() {
        Found::Record(record) => Some(record.event),
        Found::Nothing => None,
        Found::Corrupt { reason, .. } => panic!("{reason}"),
    }
}

#[tokio::test]
async fn a_protected_node_is_opened_once_it_is_stable() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::in_place();
    assert_eq!(run_with(&args(dir.path(), &[]), &node.edge()).await.unwrap(), Released::Released);
    assert_eq!(node.node().scripts, [release_script()]);
    assert!(node.node().looks >= 2, "one look cannot tell that something held");
    assert_eq!(recorded(dir.path()), Some(Event::Released));
}

#[tokio::test]
async fn it_waits_for_each_thing_in_turn() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::in_place().with(|node| {
        node.endpoints = None;
        node.policed = false;
        node.felix = FelixState::Unreachable { reason: "connection refused".into() };
        node.before_look = |node, looks| match looks {
            3 => node.endpoints = Some(vec![]),
            6 => node.endpoints = Some(vec!["bond0"]),
            9 => node.felix = FelixState::NotReady { status: 503 },
            12 => node.felix = FelixState::Ready,
            15 => node.policed = true,
            _ => {}
        };
    });
    assert_eq!(run_with(&args(dir.path(), &[]), &node.edge()).await.unwrap(), Released::Released);
    assert!(node.node().looks > 15);
}

#[tokio::test]
async fn it_stays_locked_when_time_runs_out() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::in_place().with(|node| node.policed = false);
    let released = run_with(&args(dir.path(), &["--timeout", "50ms"]), &node.edge()).await.unwrap();
    let Released::StillLocked { missing } = &released else { panic!("{released:?}") };
    assert_eq!(missing.len(), 2, "{released}");
    assert_eq!((released.exit_code(), recorded(dir.path())), (1, None));
    assert!(node.node().locked && node.node().scripts.is_empty());
}

#[tokio::test]
async fn the_operator_can_open_it_at_once_and_it_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::in_place().with(|node| node.endpoints = None);
    let released = run_with(&args(dir.path(), &["--now"]), &node.edge()).await.unwrap();
    assert_eq!((&released, released.exit_code()), (&Released::ReleasedByOperator, 0));
    assert!(released.to_string().contains("may be exposed"));
    assert!(!node.node().locked);
    assert_eq!(node.node().looks, 0);
    assert_eq!(recorded(dir.path()), Some(Event::ReleasedByOperator));
}

#[tokio::test]
async fn failing_open_is_opt_in_and_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::in_place().with(|node| node.endpoints = Some(vec![]));
    let released =
        run_with(&args(dir.path(), &["--fail-open-after", "40ms"]), &node.edge()).await.unwrap();
    assert_eq!(released, Released::FailedOpen { missing: vec![Missing::Endpoints] });
    assert_eq!((released.exit_code(), recorded(dir.path())), (1, Some(Event::FailedOpen)));
    assert!(!node.node().locked);
}

#[tokio::test]
async fn a_restarted_release_counts_from_the_lock_and_not_from_another_boot() {
    let dir = tempfile::tempdir().unwrap();
    let clock = BootClock::now().unwrap();
    let long_ago = BootClock { uptime: Duration::ZERO, ..clock.clone() };
    let patience = format!("{}s", clock.uptime.as_secs().max(1));
    let arguments = ["--fail-open-after", patience.as_str(), "--timeout", "50ms"];
    let node = FakeNode::in_place().with(|node| node.policed = false);

    let other_boot = BootClock { boot_id: "another".into(), ..long_ago.clone() };
    Record::new(Event::Locked, &other_boot, Timestamp::now()).write(dir.path()).unwrap();
    let released = run_with(&args(dir.path(), &arguments), &node.edge()).await.unwrap();
    assert!(matches!(released, Released::StillLocked { .. }), "{released:?}");

    Record::new(Event::Locked, &long_ago, Timestamp::now()).write(dir.path()).unwrap();
    let released = run_with(&args(dir.path(), &arguments), &node.edge()).await.unwrap();
    assert!(matches!(released, Released::FailedOpen { .. }), "{released:?}");
}

#[tokio::test]
async fn a_table_that_someone_else_removed_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::in_place().with(|node| {
        node.policed = false;
        node.before_look = |node, looks| node.locked = looks < 3;
    });
    let released = run_with(&args(dir.path(), &[]), &node.edge()).await.unwrap();
    assert!(
        matches!(&released, Released::NotLocked { missing } if missing.len() == 2),
        "{released:?}"
    );
    assert_eq!(released.exit_code(), 1, "the node is exposed");

    let released = run_with(
        &args(dir.path(), &[]),
        &FakeNode::in_place().with(|node| node.locked = false).edge(),
    )
    .await;
    let released = released.unwrap();
    assert_eq!(
        (&released, released.exit_code()),
        (&Released::NotLocked { missing: vec![] }, 0),
        "released before"
    );
}

#[tokio::test]
async fn a_dry_run_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::in_place();
    let released = run_with(&args(dir.path(), &["--dry-run"]), &node.edge()).await.unwrap();
    assert_eq!(released, Released::StillLocked { missing: vec![] });
    assert!(node.node().scripts.is_empty() && recorded(dir.path()).is_none());
}

#[tokio::test]
async fn what_cannot_be_seen_for_good_is_an_error_and_leaves_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let missing = || ProcessError::Missing { program: "nft".into(), package: "nftables" };
    let node = FakeNode::in_place().with(|node| node.nft_fails = Some(missing));
    let error = run_with(&args(dir.path(), &[]), &node.edge()).await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("install nftables"));
    let error = run_with(&args(dir.path(), &["--now"]), &node.edge()).await.unwrap_err();
    assert!(error.to_string().contains("stays locked"), "{error}");
    assert!(node.node().locked);
}

#[tokio::test]
async fn a_record_that_cannot_be_written_does_not_keep_the_node_locked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let node = FakeNode::in_place();
    assert_eq!(
        run_with(&args(&file.join("state"), &[]), &node.edge()).await.unwrap(),
        Released::Released
    );
    assert!(!node.node().locked);
}

#[test]
fn results_are_tagged_for_programs() {
    insta::assert_json_snapshot!([
        Released::Released,
        Released::ReleasedByOperator,
        Released::FailedOpen { missing: vec![Missing::Endpoints] },
        Released::NotLocked { missing: vec![] },
        Released::StillLocked {
            missing: vec![Missing::Felix { reason: "it answers HTTP 503".into() }]
        },
    ]);
}
